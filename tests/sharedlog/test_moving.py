"""Moves between a store, every engine, and back, through the command line."""

from itertools import pairwise
from pathlib import Path

from eventtrack.store import open_store
from tests.cli.harness import CommandLine
from tests.sync.machines import record_run


def test_a_store_moves_through_all_engines_and_back(
    postgresql_url: str, nats_url: str, bucket_url: str, tmp_path: Path
) -> None:
    call = CommandLine(tmp_path / "none")
    store = open_store(tmp_path / "first")
    run_id = record_run(store, "moved", points=1200)
    store.artifacts.log_bytes(run_id, b"an artifact", "file.txt")
    store.flush()
    for url in (postgresql_url, nats_url, bucket_url):
        made = call("cluster", "init", url, "--json").json
        assert made["format"] == 1
    places = [str(store.path), postgresql_url, nats_url, bucket_url, str(tmp_path / "last")]
    for source, target in pairwise(places):
        moved = call("cluster", "move", source, target, "--json").json
        assert moved["envelopes"] > 0, target
        assert (moved["artifacts"], moved["artifacts_missing"]) == (1, 0), target
        again = call("cluster", "move", source, target, "--json").json
        assert again == {"envelopes": 0, "artifacts": 0, "artifacts_missing": 0}
    last = open_store(tmp_path / "last")
    assert last.runs.get(run_id).data.params == {"lr": "moved"}
    assert len(last.metrics.history(run_id, "loss")) == 1200
    [file] = last.artifacts.list(run_id)
    assert file.path == "file.txt"
    for url in places[1:4]:
        status = call("cluster", "status", url, "--against", str(store.path), "--json").json
        assert status["blocks"] > 0
        assert status["risks"] == []
        assert [copy["feeds"] for copy in status["copies"]] == [[]]
    record_run(store, "news")
    store.flush()
    shown = call("cluster", "status", postgresql_url, "--against", str(store.path))
    assert store.replication.log.replica.hex() in shown.stdout
    assert "apart" in shown.stdout
