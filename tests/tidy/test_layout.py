"""A file is where one looks for it."""

from pathlib import Path

from tests.tidy.tree import ROOT, plant

# Folders of tests that mirror no package: see each one's first file.
CROSS_CUTTING = (
    *("attack", "browser", "compat", "contracts", "crash", "golden", "matrix", "properties"),
    "tidy",
)


def misplaced_tests(root: Path) -> list[str]:
    """Files of tests/ that mirror nothing of the package.

    `tests/log/` mirrors the package `eventtrack/log/`, `tests/test_ids.py` the module
    `eventtrack/ids.py`; conftest.py may stand anywhere.
    """
    problems = []
    for file in sorted((root / "tests").rglob("*.py")):
        path = file.relative_to(root / "tests")
        if path.name == "conftest.py":
            continue
        if len(path.parts) == 1:
            mirrored = root / "eventtrack" / path.name.removeprefix("test_")
            is_placed = path.name.startswith("test_") and mirrored.is_file()
        else:
            package = root / "eventtrack" / path.parts[0] / "__init__.py"
            is_placed = path.parts[0] in CROSS_CUTTING or package.is_file()
        if not is_placed:
            problems.append(f"tests/{path.as_posix()}: mirrors nothing in eventtrack/")
    return problems


def unmarked_packages(root: Path) -> list[str]:
    """Folders with modules but no `__init__.py`: a wheel would leave them out."""
    folders = {file.parent for file in (root / "eventtrack").rglob("*.py")}
    return [
        f"{folder.relative_to(root).as_posix()}: no __init__.py"
        for folder in sorted(folders)
        if not (folder / "__init__.py").is_file()
    ]


def test_every_test_is_where_one_looks_for_it() -> None:
    assert misplaced_tests(ROOT) == []


def test_every_folder_of_modules_is_a_package() -> None:
    assert unmarked_packages(ROOT) == []


def test_a_misplaced_test_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "eventtrack/ids.py": "",
            "eventtrack/log/__init__.py": "",
            "tests/conftest.py": "",
            "tests/crash/test_kill.py": "",
            "tests/log/deep/test_a.py": "",
            "tests/lag/test_a.py": "",
            "tests/test_ids.py": "",
            "tests/test_idols.py": "",
        },
    )
    assert misplaced_tests(tmp_path) == [
        "tests/lag/test_a.py: mirrors nothing in eventtrack/",
        "tests/test_idols.py: mirrors nothing in eventtrack/",
    ]


def test_a_folder_of_modules_without_init_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"eventtrack/__init__.py": "", "eventtrack/log/a.py": ""})
    (tmp_path / "eventtrack" / "docs").mkdir()
    assert unmarked_packages(tmp_path) == ["eventtrack/log: no __init__.py"]
