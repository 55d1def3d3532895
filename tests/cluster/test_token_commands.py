"""The commands that give and revoke tokens of real servers over real engines."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.processes import cluster_of
from tests.server.running import Running

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on the administrator's machine; returns its answer, or its error."""

    def run(*words: str, fails: bool = False) -> str:
        # The fixtures of engines add what is needed to reach them, maybe after this began.
        environment = {**os.environ, "EVENTTRACK_STATE": str(tmp_path / "admin")}
        done = subprocess.run(
            [sys.executable, "-m", "eventtrack", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout.strip()

    return run


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgresql", "nats", "bucket"])
def test_the_commands_give_and_revoke_tokens_of_real_servers(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str, run: Run
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    run("cluster", "init", url)
    [key] = (tmp_path / "admin" / "access").iterdir()
    assert key.stat().st_mode & 0o077 == 0
    assert "already" in run("cluster", "init", url, fails=True)
    assert list((tmp_path / "admin" / "access").iterdir()) == [key]
    with cluster_of(tmp_path, url, "ada", "ben") as servers:
        first = run("token", "create", "alice", "--cluster", url)
        assert [status(server, first) for server in servers] == [200, 200]
        assert [status(server, "eventtrack_x") for server in servers] == [401, 401]
        key.rename(tmp_path / "moved.pem")
        assert "is not here" in run("token", "revoke", "alice", "--cluster", url, fails=True)
        assert "alice" in run("token", "list", "--cluster", url)
        run("token", "revoke", "alice", "--cluster", url, "--key", str(tmp_path / "moved.pem"))
        assert [status(server, first) for server in servers] == [401, 401]


@pytest.mark.slow
def test_a_server_for_other_machines_asks_for_a_token_from_the_start(
    tmp_path: Path, postgresql_url: str, run: Run
) -> None:
    run("cluster", "init", postgresql_url)
    beyond = ("--host", "0.0.0.0")
    with cluster_of(tmp_path, postgresql_url, "ada", arguments=beyond) as [server]:
        assert status(server, "") == 401
        token = run("token", "create", "alice", "--cluster", postgresql_url)
        assert status(server, token) == 200


def status(server: Running, token: str) -> int:
    """The status of a read with a token."""
    return server.client.get(
        "/api/2.0/mlflow/experiments/get",
        params={"experiment_id": "0"},
        headers={"authorization": f"Bearer {token}"} if token else {},
    ).status_code
