"""`import eventtrack` stands at the top of every training script: it stays cheap."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.store import open_store
from tests.tidy.tree import ROOT, plant

# Loaded by the call that needs them, never by the import.
HEAVY = (
    "asyncio",
    "click",
    "http",
    "matplotlib",
    "numpy",
    "pandas",
    "PIL",
    "psutil",
    "pyarrow",
    "rich",
    "sqlite3",
    "textual",
    "watchfiles",
)
# More than `python -c pass` has loaded, the standard library's own included.
MODULES_MAX = 185

SCRIPT = "import sys; before = set(sys.modules); import eventtrack; print(*set(sys.modules)-before)"


def loaded(root: Path) -> set[str]:
    """The modules that `import eventtrack` loads in a new process, the package being in `root`."""
    command = [sys.executable, "-c", SCRIPT]
    return set(subprocess.check_output(command, cwd=root, text=True).split())


def heavy(names: set[str]) -> set[str]:
    """Those of the modules that an import must not load."""
    return {name for name in names if name.split(".")[0] in HEAVY}


def test_importing_loads_nothing_heavy() -> None:
    assert heavy(loaded(ROOT)) == set()


def test_importing_loads_few_modules() -> None:
    assert len(loaded(ROOT)) <= MODULES_MAX


def test_a_program_that_logs_a_metric_loads_what_that_needs(tmp_path: Path) -> None:
    program = (
        f"import sys, eventtrack; eventtrack.set_tracking_uri({str(tmp_path / 'store')!r}); "
        "eventtrack.log_metric('loss', 0.5); print(*sys.modules)"
    )
    command = [sys.executable, "-c", program]
    names = set(subprocess.check_output(command, cwd=ROOT, text=True).split())
    assert heavy(names) == set()
    later = ("outbox", "rest", "store.recorder", "store.traces", "views.blobs", "views.search")
    assert names & {f"eventtrack.{name}" for name in later} == set()
    # Each is a part of the time that every program pays, and few use them.
    slow = {"dataclasses", "hashlib", "inspect", "json", "logging", "secrets", "subprocess"}
    assert names & (slow | {"typing_extensions", "zstandard"}) == set()


def test_a_program_that_reads_what_is_folded_loads_no_folds(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path)) as store:
        store.runs.create("0")
        store.experiments.search()
    program = (
        f"import sys; from eventtrack.store import open_store; s = open_store({str(tmp_path)!r})"
        "; print(len(s.experiments.search()), *sys.modules)"
    )
    command = [sys.executable, "-c", program]
    count, *names = subprocess.check_output(command, cwd=ROOT, text=True).split()
    assert count == "1"
    assert "eventtrack.projections.fold" not in names


def test_all_nouns_of_a_store_can_be_made(tmp_path: Path) -> None:
    """Their modules are named by texts, which no checker of types follows."""
    with contextlib.closing(open_store(tmp_path / "store")) as store, store.at("now") as moment:
        for queries in (store, moment):
            assert all(getattr(queries, name) is not None for name in queries.NOUNS)


@pytest.mark.parametrize("name", ["asyncio", "http.client", "sqlite3", "numpy", "PIL.Image"])
def test_a_heavy_import_is_found(tmp_path: Path, name: str) -> None:
    plant(
        tmp_path,
        {"eventtrack/__init__.py": "import eventtrack.log", "eventtrack/log.py": f"import {name}"},
    )
    names = loaded(tmp_path)
    assert {"eventtrack", "eventtrack.log", name} <= names
    assert name in heavy(names)


def test_what_a_function_imports_is_not_counted(tmp_path: Path) -> None:
    plant(tmp_path, {"eventtrack/__init__.py": "import json\ndef f():\n    import sqlite3"})
    names = loaded(tmp_path)
    assert heavy(names) == set()
    assert "json" in names
