"""Redacted payloads leave every engine, and the proofs hold."""

from pathlib import Path

import pytest

from eventtrack.sharedlog.making import open_shared_log
from eventtrack.store import open_store
from tests.cli.harness import CommandLine
from tests.contracts.shared_log import everything
from tests.sync.machines import record_run


@pytest.mark.parametrize("engine", ["postgresql_url", "nats_url", "bucket_url"])
def test_what_was_redacted_is_erased_from_every_engine(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url: str = request.getfixturevalue(engine)
    call = CommandLine(tmp_path / "store")
    store = open_store(tmp_path / "store")
    secret = "a secret that nobody may keep"
    record_run(store, "kept")
    run_id = record_run(store, "redacted")
    store.runs.set_tags(run_id, {"note": secret})
    store.flush()
    call("cluster", "init", url)
    call("cluster", "move", str(store.path), url)
    assert call("cluster", "erase", url, "--json").json == {"blocks": 0, "envelopes": 0}
    call("redact", run_id, "--reason", "a promise", "--yes")
    call("cluster", "move", str(store.path), url)
    log = open_shared_log(url)
    assert any(secret.encode() in entry.data for entry in everything(log))
    erased = call("cluster", "erase", url, "--json").json
    assert erased["envelopes"] > 0
    assert erased["blocks"] > 0
    assert not any(secret.encode() in entry.data for entry in everything(log))
    log.close()
    assert call("cluster", "check", url, "--against", str(store.path), "--json").json["ok"]
    assert call("cluster", "erase", url, "--json").json == {"blocks": 0, "envelopes": 0}
    call("cluster", "move", url, str(tmp_path / "again"))
    assert len(open_store(tmp_path / "again").runs.search(["0"])) == len(store.runs.search(["0"]))
