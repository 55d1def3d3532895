"""The log and a run's history as of a moment, and the log verified by the server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import Running, running

OWN = "/api/eventtrack/1/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a store with a run of three tags."""
    with running(tmp_path_factory.mktemp("past") / "store") as server:
        run_id = server.new_run()["run_id"]
        for number in range(3):
            server.post("runs/set-tag", run_id=run_id, key=f"tag-{number}", value="x")
        yield server


def events(server: Running, **query: Any) -> list[dict[str, Any]]:
    """The answer to a question about the log."""
    found: list[dict[str, Any]] = ask(server, "log", **query)["events"]
    return found


def ask(server: Running, path: str, **query: Any) -> dict[str, Any]:
    """The answer to a query, which has to be 200."""
    answer = server.client.get(f"{OWN}{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_log_of_a_moment_ends_with_it(server: Running) -> None:
    everything = events(server)
    for event in everything:
        for at in (position_of(event), iso(event["recorded_ms"])):
            found = events(server, at=at)
            assert found[-1] == everything[-1]
            assert event in found
            assert all(one["recorded_ms"] <= event["recorded_ms"] for one in found)
        assert events(server, at=position_of(event), limit=1)[0] in everything
    assert events(server, at="0") == []
    stream = everything[0]["stream"]
    [newest] = events(server, at=position_of(everything[1]), limit=1, stream=stream)
    assert newest == everything[1]


def test_a_history_of_a_moment_ends_with_it(server: Running) -> None:
    newest = events(server, type="run.tags_set")
    subject = newest[0]["stream"]
    whole = ask(server, "history", subject=subject)["entries"]
    assert (
        ask(server, "history", subject=subject, at=position_of(newest[1]))["entries"] == whole[1:]
    )
    assert ask(server, "history", subject=subject, at="0")["entries"] == []


def test_what_is_no_moment_is_refused(server: Running) -> None:
    for path in ("log", "history?run_id=" + "0" * 32):
        answer = server.client.get(f"{OWN}{path}", params={"at": "soon"})
        assert answer.status_code in (400, 404)


def test_the_server_verifies_its_log_and_claims_nothing_before(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        server.new_run()
        assert server.client.get(f"{OWN}verification").json()["verified"] is None
        assert server.client.post(f"{OWN}verify").status_code == 202
        deadline = time.monotonic() + 60
        found: dict[str, Any] = {"running": True}
        while found["running"] and time.monotonic() < deadline:
            server.new_run()  # what is appended meanwhile is no problem
            found = server.client.get(f"{OWN}verification").json()
        assert found["problems"] == []
        assert found["verified"] > 0
        assert found["finished_ms"] > 0


def iso(ms: int) -> str:
    """A time as pages write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03}Z"


def position_of(event: dict[str, Any]) -> str:
    """The position of an event, as a moment."""
    return str(event["address"]).partition(".")[0]
