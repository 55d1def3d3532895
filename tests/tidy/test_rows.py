"""LMDB is spoken by the log and by the rows of the views; everything above reads through ports."""

import ast
from pathlib import Path

from tests.tidy.tree import ROOT, Module, modules, plant

# Names of LMDB's handles.
HANDLES = ("txn", "cursor")
# The modules of the views that open LMDB's transactions. `rows` alone speaks with them, and for one
# of its tables `shared_rows`.
OPENERS = (
    "eventtrack.projections.build",
    "eventtrack.projections.past",
    "eventtrack.projections.rows",
    "eventtrack.projections.shared_rows",
)
# It reads SQLite databases of other trackers, which have cursors too.
OF_SQLITE = ("eventtrack.transfer.database",)
# Reading, now or then: types alone say here who may do what.
OF_READING = (
    *("kept", "past", "past_rows", "rows", "standing", "tables", "timeline"),
    *("context", "moments", "open_moments", "source", "nouns"),
)


def handles(module: Module) -> list[int]:
    """The lines of a module that name a handle of LMDB."""
    return sorted(
        node.lineno
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id in HANDLES)
        or (isinstance(node, ast.Attribute) and node.attr in HANDLES)
        or (isinstance(node, ast.arg) and node.arg in HANDLES)
    )


def raw_readers(root: Path) -> list[str]:
    """Places above the log and the rows that name a transaction or a cursor."""
    return [
        f"{module.path.as_posix()}:{line}: read through `Rows` instead"
        for module in modules(root, "eventtrack")
        if not module.name.startswith("eventtrack.log.")
        and module.name not in (*OPENERS, *OF_SQLITE)
        for line in handles(module)
    ]


def test_nothing_above_the_rows_speaks_lmdb() -> None:
    assert raw_readers(ROOT) == []


def test_a_cursor_above_the_rows_is_found(tmp_path: Path) -> None:
    text = "def first(reader):\n    return reader.txn.cursor('runs')"
    plant(tmp_path, {"eventtrack/views/a.py": text, "eventtrack/log/b.py": text})
    assert raw_readers(tmp_path) == [
        "eventtrack/views/a.py:2: read through `Rows` instead",
        "eventtrack/views/a.py:2: read through `Rows` instead",
    ]


def test_the_modules_of_reading_convince_the_type_checker_without_exceptions() -> None:
    for module in modules(ROOT, "eventtrack"):
        if module.name.split(".")[-1] in OF_READING:
            assert "type: ignore" not in module.text, module.name
