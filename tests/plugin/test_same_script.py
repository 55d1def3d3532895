"""The same script prints the same on MLflow's own SQL store, on ours, and on MLflow's server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

from tests.plugin.server import Server

SCRIPT = Path(__file__).with_name("scripts.py")


def printed(uri: str, folder: Path) -> list[str]:
    """What the script prints, line by line."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", SCRIPT, uri],
        cwd=folder,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # MLflow's client names runs' pages on a server's own lines.
    return [line for line in done.stdout.splitlines() if "http://" not in line]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the script prints on MLflow's SQL store."""
    folder = tmp_path_factory.mktemp("sql")
    return printed(f"sqlite:///{folder}/mlflow.db", folder)


@pytest.mark.slow
def test_on_our_store(expected: list[str], tmp_path: Path) -> None:
    assert printed("eventtrack:store", tmp_path) == expected
    assert len(expected) > 35


@pytest.mark.slow
def test_through_mlflows_server_on_our_store(expected: list[str], tmp_path: Path) -> None:
    with Server(tmp_path / "server", own_files=False) as server:
        assert printed(server.uri, tmp_path / "client") == expected
