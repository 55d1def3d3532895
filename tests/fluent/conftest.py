"""A store of its own for each test, and scripts that use it from another process."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import eventtrack

ROOT = Path(__file__).resolve().parents[2]

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / "store"


@pytest.fixture
def mlflow(store_path: Path) -> ModuleType:
    """`import eventtrack as mlflow`, with the test's store chosen."""
    eventtrack.set_tracking_uri(store_path)
    return eventtrack


@pytest.fixture
def script(tmp_path: Path, store_path: Path) -> Script:
    """Runs a text as a program of its own, on the test's store unless `env` says otherwise."""

    def run(text: str, **env: str) -> "subprocess.CompletedProcess[str]":
        path = tmp_path / "train.py"
        path.write_text(textwrap.dedent(text))
        inherited = {name: value for name, value in os.environ.items() if "MLFLOW" not in name}
        inherited |= {"PYTHONPATH": str(ROOT), "EVENTTRACK_URI": str(store_path)}
        return subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            env=inherited | env,
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run
