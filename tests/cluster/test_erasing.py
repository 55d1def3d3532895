"""Redactions reach the servers by themselves, and the engine when an administrator says so."""

from pathlib import Path

from eventtrack.cluster.erasing import Erased, erase
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from tests.cluster.servers import Server, new_shelf

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
