"""Sentences that a tired reader understands at once, as far as a test can tell.

A docstring begins with its subject, a thing is called by its name, and prose is as wide as a page.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import FUNCTIONS, ROOT, Module, modules, plant

# A sentence that begins so keeps its subject for later. "Whether" is fine: it names an answer.
OPENINGS = re.compile(
    r"(?:What|Whatever|Where|Wherever|Who|Whoever|Whom|Whose|Which|How|Of|Those|That which)\b"
)
# Names that say nothing of the thing.
NO_NAMES = ("one", "ones", "found", "told")
NO_NAME_OF_SCRIPTS = re.compile(r"\b(?:const|let)\s+(?:one|ones|found|told)\b|[(,]\s*one\s*[,)]")
PROSE_COLUMNS_MAX = 100


def inverted_docstrings(root: Path) -> list[str]:
    """Docstrings of the package that do not begin with their subject."""
    return [
        f"{place}: {text.splitlines()[0]}"
        for module in modules(root, "eventtrack")
        for place, text in docstrings(module)
        if OPENINGS.match(text)
    ]


def docstrings(module: Module) -> Iterator[tuple[str, str]]:
    """Every docstring of a module, with the place that it belongs to."""
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            text = ast.get_docstring(node)
            line = 1 if isinstance(node, ast.Module) else node.lineno
            if text:
                yield f"{module.path.as_posix()}:{line}", text


def empty_names(root: Path) -> list[str]:
    """Variables and parameters of the package whose names say nothing."""
    return [
        f"{place}: {name}"
        for module in modules(root, "eventtrack")
        for place, name in bound_names(module)
        if name in NO_NAMES
    ]


def bound_names(module: Module) -> Iterator[tuple[str, str]]:
    """Every variable that a module sets and every parameter that it declares, with its place."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield module.at(node), node.id
        elif isinstance(node, ast.arg):
            yield f"{module.path.as_posix()}:{node.lineno}", node.arg


def empty_names_of_scripts(root: Path) -> list[str]:
    """The same in the pages' scripts, as far as a pattern can tell."""
    return [
        f"{path.relative_to(root).as_posix()}:{number}: {match[0]}"
        for path in sorted((root / "eventtrack" / "web" / "static").rglob("*.js"))
        if "vendor" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in NO_NAME_OF_SCRIPTS.finditer(line)
    ]


def wide_prose(root: Path) -> list[str]:
    """Lines of the documents that are wider than a page; tables, code and bare links may be."""
    problems = []
    for document in [root / "README.md", *sorted((root / "eventtrack" / "docs").rglob("*.md"))]:
        in_code = False
        for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1):
            in_code ^= line.startswith("```")
            stripped = line.strip()
            may_be_wide = in_code or stripped.startswith(("|", "```", "![")) or " " not in stripped
            if len(line) > PROSE_COLUMNS_MAX and not may_be_wide:
                name = document.relative_to(root).as_posix()
                problems.append(f"{name}:{number}: {len(line)} columns")
    return problems


def test_docstrings_begin_with_their_subject() -> None:
    assert inverted_docstrings(ROOT) == []


def test_variables_are_called_by_their_names() -> None:
    assert empty_names(ROOT) == []


def test_variables_of_the_pages_are_called_by_their_names() -> None:
    assert empty_names_of_scripts(ROOT) == []


def test_the_prose_of_the_documents_is_as_wide_as_a_page() -> None:
    assert wide_prose(ROOT) == []


@pytest.mark.parametrize(
    "opening", ["What it is.", "Where it is.", "How many.", "Of all, the last."]
)
def test_a_docstring_without_its_subject_is_found(tmp_path: Path, opening: str) -> None:
    plant(tmp_path, {"eventtrack/log/a.py": f'"""{opening}"""\ndef f():\n    """Whether."""'})
    assert inverted_docstrings(tmp_path) == [f"eventtrack/log/a.py:1: {opening}"]


@pytest.mark.parametrize(
    "line", ["for one in runs: pass", "found = 1", "def f(told): pass", "[one for one in runs]"]
)
def test_an_empty_name_is_found(tmp_path: Path, line: str) -> None:
    plant(tmp_path, {"eventtrack/log/a.py": line})
    assert len(empty_names(tmp_path)) == 1


def test_an_empty_name_of_a_script_is_found(tmp_path: Path) -> None:
    static = tmp_path / "eventtrack" / "web" / "static"
    static.mkdir(parents=True)
    lines = (
        "runs.map((run) => run);\nruns.map((one) => 1);\nconst found = 1;\nconst founding = 2;\n"
    )
    (static / "a.js").write_text(lines, encoding="utf-8")
    assert empty_names_of_scripts(tmp_path) == [
        "eventtrack/web/static/a.js:2: (one)",
        "eventtrack/web/static/a.js:3: const found",
    ]


def test_wide_prose_is_found(tmp_path: Path) -> None:
    wide = "word " * 21
    text = f"{wide}\n| {wide} |\n```\n{wide}\n```\n{'x' * 120}\nshort\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert wide_prose(tmp_path) == ["README.md:1: 105 columns"]
