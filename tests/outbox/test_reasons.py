"""Reasons on the way to a server: each reaches the server with the change that it explains."""

import uuid
from pathlib import Path

import eventtrack
from eventtrack.rest import TrackingServer, address_of
from tests.outbox.proxy import proxy_to
from tests.server.running import Running, running


def reasons_of(server: Running, run_id: str) -> dict[str, str | None]:
    """The reason of the newest change of each fact of a run, as the pages show it."""
    answer = server.client.get("/api/eventtrack/1/history", params={"run_id": run_id}).json()
    return {
        fact["fact"]: entry["reason"]
        for entry in reversed(answer["entries"])
        for fact in entry["facts"]
    }


def test_reasons_arrive_with_their_changes(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server, proxy_to(server.url) as proxy:
        eventtrack.set_tracking_uri(proxy.url)
        eventtrack.set_experiment(f"reasons {uuid.uuid4().hex}")
        with eventtrack.start_run() as run:
            run_id = run.info.run_id
            eventtrack.flush()
            proxy.close()
            eventtrack.set_tag("plain", "1")
            with eventtrack.reason("größer, 漢字"):
                eventtrack.set_tag("first", "1")
                eventtrack.log_param("lr", 0.1)
            with eventtrack.reason("another one"):
                eventtrack.set_tag("second", "2")
            proxy.open()
        eventtrack.flush()
        reasons = reasons_of(server, run_id)
        assert reasons["tag.plain"] is None
        assert reasons["tag.first"] == reasons["param.lr"] == "größer, 漢字"
        assert reasons["tag.second"] == "another one"
        client = TrackingServer(address_of(server.url))
        with eventtrack.reason("a mistake"):
            client.delete_run(run_id)
        client.close()
        assert reasons_of(server, run_id)["lifecycle"] == "a mistake"


def test_a_header_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        for sent in ("%ff", "x" * 501):
            answer = server.client.post(
                "/api/2.0/mlflow/experiments/create",
                json={"name": "a"},
                headers={"x-eventtrack-reason": sent},
            )
            assert (answer.status_code, answer.json()["error_code"]) == (
                400,
                "INVALID_PARAMETER_VALUE",
            )
