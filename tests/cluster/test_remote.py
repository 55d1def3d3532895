"""A shared log as a remote: push, pull, sync and clone, with no server in between."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.sharedlog.artifacts import SpaceBlobs
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from eventtrack.spaces.folder import FolderSpace
from eventtrack.store import Store
from eventtrack.sync import Remotes, Ways, clone, synchronize
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.service import exchange
from eventtrack.sync.shared_log import SharedLogRemote
from tests.cluster.processes import Lab
from tests.sync.machines import envelopes, machine, record_run, reopened

Sync = Callable[[Store], bool]


@pytest.fixture
def sync(tmp_path: Path, request: pytest.FixtureRequest) -> Sync:
    """One round of a store with a log in memory, which takes small blocks only."""
    shelf = Shelf(Description(f"log of {request.node.name}", 0))
    blobs = SpaceBlobs(lambda: FolderSpace(tmp_path / "artifacts"))

    def one_round(store: Store) -> bool:
        log = MemorySharedLog(shelf, block_bytes_max=4096)
        with contextlib.closing(SharedLogRemote(log, lambda: blobs)) as remote:
            address = RemoteAddress(name="log", url="memory:")
            report = exchange(store, remote, Remotes(store.replication), address, Ways())
        return report.changed

    return one_round


def test_stores_exchange_over_a_log(tmp_path: Path, sync: Sync) -> None:
    ada, ben = machine(tmp_path / "ada"), machine(tmp_path / "ben")
    for number in range(3):
        run_id = record_run(ada, f"run {number}", points=100)
        ada.artifacts.log_bytes(run_id, f"file {number}".encode(), "notes.txt")
    assert sync(ada)
    assert sync(ben)
    assert envelopes(ben).items() >= envelopes(ada).items()
    with ben.artifacts.open(run_id, "notes.txt") as file:
        assert file.read() == b"file 2"
    record_run(ben, "answer")
    assert sync(ben)
    assert sync(ada)
    assert ada.maintenance.digest() == ben.maintenance.digest()
    assert not sync(ada)
    assert not sync(ben)


def test_both_ends_of_a_fork_are_kept(tmp_path: Path, sync: Sync) -> None:
    import shutil

    ada = machine(tmp_path / "ada")
    record_run(ada, "before")
    sync(ada)
    ada.close()
    shutil.copytree(tmp_path / "ada", tmp_path / "kept")
    ada = reopened(tmp_path / "ada", "ada again")
    record_run(ada, "after")
    sync(ada)
    ada.close()
    shutil.rmtree(tmp_path / "ada")
    shutil.copytree(tmp_path / "kept", tmp_path / "ada")
    restored = reopened(tmp_path / "ada", "restored")
    record_run(restored, "restored")
    ben = machine(tmp_path / "ben")
    for _ in range(2):
        sync(restored)
        sync(ben)
    assert ben.maintenance.digest() == restored.maintenance.digest()
    names = {run.info.run_name for run in ben.runs.search(["0"])}
    assert names == {"before", "after", "restored"}


@pytest.mark.slow
def test_a_log_and_its_servers_take_part(tmp_path: Path, lab: Lab) -> None:
    url, server = lab.url, lab.ada
    ada = machine(tmp_path / f"ada of {lab.engine}")
    run_id = record_run(ada, "from a laptop", points=2000)
    synchronize(ada, url, Ways())
    assert server.get("runs/get", run_id=run_id)["run"]["info"]["run_name"] == "from a laptop"
    server.post("runs/set-tag", run_id=run_id, key="seen", value="yes")
    eve = machine(tmp_path / f"eve of {lab.engine}")
    pushed = record_run(eve, "through a server", points=2000)
    synchronize(eve, server.url, Ways())
    assert eve.runs.get(run_id).data.tags["seen"] == "yes"
    synchronize(ada, url, Ways())
    assert ada.runs.get(run_id).data.tags["seen"] == "yes"
    assert ada.runs.get(pushed).info.run_name == "through a server"
    ben, _ = clone(url, tmp_path / "ben", Ways())
    assert ben.maintenance.digest() == ada.maintenance.digest()
