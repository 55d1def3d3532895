"""The commands that give and revoke tokens of real servers, and change the key that does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.harness import CommandLine
from tests.cluster.processes import cluster_of, wait_ready
from tests.server.running import Running, running

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on the administrator's machine; returns its answer, or its error."""
    call = CommandLine(tmp_path / "none")

    def run(*words: str, code: int = 0) -> str:
        answer = call(*words, code=code)
        return answer.stderr if code else answer.stdout.strip()

    return run


@pytest.mark.slow
def test_the_commands_give_and_revoke_tokens_of_real_servers(
    tmp_path: Path, postgresql_url: str, run: Run
) -> None:
    url, keys = postgresql_url, tmp_path / "state" / "access"
    run("cluster", "init", url)
    [key] = keys.iterdir()
    assert key.stat().st_mode & 0o077 == 0
    assert "already" in run("cluster", "init", url, code=4)
    assert list(keys.iterdir()) == [key]
    beyond = ("--cluster", url, "--host", "0.0.0.0")
    with (
        cluster_of(tmp_path, url, "ada") as [ada],
        running(tmp_path / "ben", *beyond, log=tmp_path / "ben.log") as ben,
    ):
        wait_ready(ben)
        # A server for other machines asks for a token from the start.
        assert (status(ada, ""), status(ben, "")) == (200, 401)
        first = run("token", "create", "alice", "--cluster", url)
        assert [status(server, first) for server in (ada, ben)] == [200, 200]
        assert [status(server, "eventtrack_x") for server in (ada, ben)] == [401, 401]
        key.rename(tmp_path / "moved.pem")
        assert "is not here" in run("token", "revoke", "alice", "--cluster", url, code=3)
        assert "alice" in run("token", "list", "--cluster", url)
        # The old key was lost: a new one takes over what it gave, and gives and revokes from now.
        run("cluster", "key", url)
        assert status(ada, first) == 200
        second = run("token", "create", "bob", "--cluster", url)
        assert status(ben, second) == 200
        run("token", "revoke", "alice", "--cluster", url)
        assert [status(server, first) for server in (ada, ben)] == [401, 401]
        old = ("--key", str(tmp_path / "moved.pem"))
        assert "is not the key" in run("token", "create", "eve", "--cluster", url, *old, code=2)


def status(server: Running, token: str) -> int:
    """The status of a read with a token."""
    return server.client.get(
        "/api/2.0/mlflow/experiments/get",
        params={"experiment_id": "0"},
        headers={"authorization": f"Bearer {token}"} if token else {},
    ).status_code
