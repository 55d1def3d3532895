"""Redactions reach the servers by themselves, and the engine when an administrator says so."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.cluster.erasing import Erased, erase
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.making import open_shared_log
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.store import Store
from eventtrack.sync import Ways, synchronize
from tests.cluster.processes import Lab, cluster_of
from tests.cluster.servers import Server, new_shelf
from tests.contracts.shared_log import everything
from tests.server.running import Running

SECRET = "correct-horse-battery"


def holds_secret(shelf: Shelf) -> bool:
    """Whether the engine has the bytes."""
    return any(SECRET.encode() in block.data for block, _ in shelf.places if block is not None)


def test_a_redaction_is_obeyed_by_servers_and_then_by_the_engine(tmp_path: Path) -> None:
    shelf = new_shelf()
    ada, ben = Server(tmp_path / "ada", shelf), Server(tmp_path / "ben", shelf)
    run_id = ada.store.runs.create("0").info.run_id
    ada.store.runs.set_tags(run_id, {"password": SECRET})
    kept = ada.store.runs.create("0", run_name="kept").info.run_id
    assert ben.catch_up().store.runs.get(run_id).data.tags["password"] == SECRET
    assert holds_secret(shelf)
    [*_, envelope] = ada.store.feeds.of_stream(f"run/{run_id}")
    ada.store.redaction.redact_envelopes([envelope], "a password")
    for server in (ada, ben):
        assert "password" not in server.catch_up().store.runs.get(run_id).data.tags
    assert holds_secret(shelf)
    log = MemorySharedLog(shelf)
    assert erase(log) == Erased(blocks=1, envelopes=1)
    assert not holds_secret(shelf)
    assert erase(log) == Erased(0, 0)
    eve = Server(tmp_path / "eve", shelf)
    assert eve.digest() == ada.digest() == ben.digest()
    assert eve.store.runs.get(kept).info.run_name == "kept"
    assert all(Block.decode(block.data) for block, _ in shelf.places if block is not None)
    for server in (ada, ben, eve):
        server.cache.close()


@pytest.mark.slow
def test_garbage_that_a_store_collected_is_gone_from_all_servers(tmp_path: Path, lab: Lab) -> None:
    ada, ben = lab.ada, lab.ben
    gone, kept = (ada.new_run()["run_id"] for _ in range(2))
    for run_id, data in ((gone, SECRET), (kept, "kept")):
        ada.post("runs/set-tag", run_id=run_id, key="note", value=data)
        path = artifact(run_id)
        assert ada.client.put(path, content=data.encode()).status_code == 200
        assert ben.client.get(path).text == data
    ben.post("runs/delete", run_id=gone)
    laptop = Store(tmp_path / "laptop")
    synchronize(laptop, lab.url, Ways())
    found = laptop.garbage.find()
    assert [thing.id for thing in found.garbage] == [gone]
    laptop.garbage.erase(found.garbage)
    synchronize(laptop, lab.url, Ways())
    for server in (ada, ben):
        assert is_gone(server, gone)
        tags = server.get("runs/get", run_id=kept)["run"]["data"]["tags"]
        assert {"key": "note", "value": "kept"} in tags
        assert server.client.get(artifact(kept)).text == "kept"
        # Answers change first; then the bytes are overwritten.
        within_s = time.monotonic() + 30
        while any(SECRET.encode() in each.read_bytes() for each in files_of(server)):
            assert time.monotonic() < within_s
            time.sleep(0.1)
    with closing(open_shared_log(lab.url)) as log:
        assert erase(log).envelopes > 0
        assert not any(SECRET.encode() in entry.data for entry in everything(log, limit=500))
    if lab.engine != "postgresql":
        return
    with cluster_of(tmp_path, lab.url, "new") as [new]:
        assert is_gone(new, gone)
        assert new.client.get(artifact(kept)).text == "kept"


def artifact(run_id: str) -> str:
    """The address of a run's file."""
    return f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/note.txt"


def is_gone(server: Running, run_id: str) -> bool:
    """Whether a server knows neither a run nor its file."""
    asked = server.client.get("/api/2.0/mlflow/runs/get", params={"run_id": run_id})
    return asked.status_code == 404 and server.client.get(artifact(run_id)).status_code == 404


def files_of(server: Running) -> list[Path]:
    """The files of a server's log, views and artifacts."""
    return [path for path in server.store.rglob("*") if path.is_file()]
