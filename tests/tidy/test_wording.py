"""What must not stand in the source: leftovers, paths of one machine, prints."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT, modules, plant

# A letter in brackets keeps a pattern from finding itself.
LEFTOVER = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X])\b")
# At the start of a path, so that `{folder}/work` and `example.org/work` may stay.
MACHINE_PATH = re.compile(r"(?:(?<=file://)|(?<![\w./~}-]))/(?:root|work|opt|tmp/v)(?![\w-])")

# As a text of its own: `mlflow.runName`, not a module's name and not a sentence about one.
MLFLOW_NAME = re.compile(r"mlflow\.\w+(?:\.\w+)*")


def texts(root: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project that is text and its own."""
    files = [root / "README.md", root / "pyproject.toml", root / ".gitignore"]
    for folder in ("eventtrack", "tests", "tools", ".ci"):
        files += sorted((root / folder).rglob("*"))
    for file in files:
        # What others wrote and we may not change has its own test: tests/web/test_vendor.py.
        if file.is_file() and not {"__pycache__", "vendor"}.intersection(file.parts):
            try:
                yield file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def matches(root: Path, pattern: re.Pattern[str]) -> list[str]:
    """Every place where the pattern matches."""
    return [
        f"{path}:{number}: {match[0]}"
        for path, text in texts(root)
        for number, line in enumerate(text.splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


def prints(root: Path) -> list[str]:
    """Calls of `print` outside the command line: a library is silent."""
    return [
        f"{module.at(node)}: print"
        for module in modules(root, "eventtrack")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not module.name.startswith("eventtrack.cli")
    ]


def names_in_two_modules(root: Path) -> list[str]:
    """MLflow's names of tags that more than one module writes out: they belong into `tags.py`."""
    places: dict[str, set[str]] = {}
    for module in modules(root, "eventtrack"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and MLFLOW_NAME.fullmatch(str(node.value)):
                places.setdefault(str(node.value), set()).add(module.name)
    return [
        f"{name}: {', '.join(sorted(found))}"
        for name, found in sorted(places.items())
        if len(found) > 1
    ]


def test_nothing_is_left_over() -> None:
    assert matches(ROOT, LEFTOVER) == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert matches(ROOT, MACHINE_PATH) == []


def test_the_library_is_silent() -> None:
    assert prints(ROOT) == []


def test_a_name_of_mlflow_is_written_in_one_module() -> None:
    assert names_in_two_modules(ROOT) == []


def test_a_name_of_mlflow_in_two_modules_is_found(tmp_path: Path) -> None:
    line = '"""Of `mlflow.runName`."""\nNAME = "mlflow.runName"'
    plant(tmp_path, {"eventtrack/a.py": line, "eventtrack/b.py": line, "eventtrack/c.py": ""})
    assert names_in_two_modules(tmp_path) == ["mlflow.runName: eventtrack.a, eventtrack.b"]


@pytest.mark.parametrize("marker", ["todo", "fixme", "xxx"])
@pytest.mark.parametrize("path", ["eventtrack/docs/a.md", ".ci/run", "README.md"])
def test_a_leftover_is_found(tmp_path: Path, marker: str, path: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"one\n# {marker.upper()}: two\n", encoding="utf-8")
    assert matches(tmp_path, LEFTOVER) == [f"{path}:2: {marker.upper()}"]


@pytest.mark.parametrize("folder", ["root", "work", "opt", "tmp/v"])
@pytest.mark.parametrize("line", ['open("{}/x")', "file://{}/x", "cd {}", "`{}`"])
def test_a_path_of_one_machine_is_found(tmp_path: Path, folder: str, line: str) -> None:
    plant(tmp_path, {"tools/a.py": line.format(f"/{folder}")})
    assert matches(tmp_path, MACHINE_PATH) == [f"tools/a.py:1: /{folder}"]


@pytest.mark.parametrize("line", ["example.org/work", "/optional", "/tmp/values", "{root}/work"])
def test_other_paths_may_stay(tmp_path: Path, line: str) -> None:
    plant(tmp_path, {"tools/a.py": line})
    assert matches(tmp_path, MACHINE_PATH) == []


def test_a_print_is_found_outside_the_cli(tmp_path: Path) -> None:
    plant(
        tmp_path, {"eventtrack/cli/a.py": "print(1)", "eventtrack/log/b.py": "if x:\n    print(1)"}
    )
    assert prints(tmp_path) == ["eventtrack/log/b.py:2: print"]
