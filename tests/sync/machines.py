"""Machines with a store each, and what tests of sync do to them."""

import shutil
import sys
from pathlib import Path

import lmdb

from eventtrack.clock import ManualClock
from eventtrack.events.envelope import Envelope
from eventtrack.ids import SeededIds
from eventtrack.log.blocks import Block
from eventtrack.log.filesystem import file_identity
from eventtrack.store import Store
from eventtrack.sync import SyncReport, Ways, synchronize
from eventtrack.sync.blocks import feed_blocks
from eventtrack.views.history.feeds import ForkEnd
from eventtrack.views.records import Metric

PULL, PUSH = Ways(push=False), Ways(pull=False)
NOW_MS = 1_700_000_000_000


def memory() -> str | None:
    """A file system in memory, if there is one, for hundreds of stores that are thrown away."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() else None


def machine(folder: Path, *, clock: ManualClock | None = None) -> Store:
    """A store in a folder, with ids that follow from the folder's name."""
    return Store(folder, clock=clock or ManualClock(NOW_MS), ids=SeededIds(folder.name))


def reopened(folder: Path, seed: str) -> Store:
    """A store that is there already, opened with ids that it has not drawn yet."""
    return Store(folder, clock=ManualClock(NOW_MS + 60_000), ids=SeededIds(seed))


def record_run(store: Store, name: str = "run", points: int = 3) -> str:
    """A run with a param, a tag and some points; returns its id."""
    run_id = store.runs.create("0", run_name=name).info.run_id
    store.runs.log_params(run_id, {"lr": name})
    store.runs.set_tags(run_id, {"machine": name})
    rows = [
        Metric(key="loss", value=1 / (1 + step), timestamp=step, step=step)
        for step in range(points)
    ]
    store.runs.log_batch(run_id, metrics=rows)
    return run_id


def sync(store: Store, remote: Path | str, ways: Ways | None = None) -> SyncReport:
    """One round with a folder, or what a URL names."""
    return synchronize(store, str(remote), ways or Ways())


def envelopes(store: Store) -> dict[tuple[bytes, int, bytes], bytes]:
    """Every envelope of a store by its name in the world; none is there twice."""
    every = store.replication.log.read(0, 10**6)
    named = {(one.header.replica, one.header.index, one.mark): one.data for one in every}
    assert len(named) == len(every)
    return named


def blocks(store: Store) -> list[Block]:
    """Everything that a store holds, one block for each feed."""
    heads = store.replication.heads()
    return [
        block
        for replica, head in sorted(heads.items())
        for block in feed_blocks(store.replication.log, replica, 0, head.size, head)
    ]


def block_of(store: Store, first: int, stop: int) -> Block:
    """A part of a store's own feed as one block."""
    log = store.replication.log
    ones: list[Envelope] = log.read_feed(log.replica, first, stop - first)
    return Block.make(log.replica, first, log.frontier(log.replica, first), ones)


def told(store: Store) -> list[tuple[str, int, list[ForkEnd]]]:
    """The forks of a store without what differs between machines."""
    found = store.feeds.forks()
    for end in (end for fork in found for end in fork.ends):
        end.position = 0
    return [(fork.replica, fork.index, fork.ends) for fork in found]


def copy_of(store: Store, folder: Path) -> Path:
    """A backup: the store's folder as it is now."""
    store.flush()
    shutil.copytree(store.path, folder)
    return folder


def snapshot_of(store: Store, folder: Path) -> Path:
    """A copy that does not notice that it is one, as of a virtual machine with its disk."""
    copy_of(store, folder)
    file = folder / "log" / "data.mdb"
    environment = lmdb.open(str(file.parent), max_dbs=16)
    meta = environment.open_db(b"meta")
    with environment.begin(write=True) as txn:
        txn.put(b"home", file_identity(file), db=meta)
    environment.close()
    return folder


def restore(backup: Path, folder: Path) -> None:
    """Put a backup back in its place, as restoring a disk's image does: the files stay the same."""
    for source in (path for path in backup.rglob("*") if path.is_file()):
        target = folder / source.relative_to(backup)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("r+b" if target.exists() else "wb") as file:
            file.write(source.read_bytes())
            file.truncate()


def plain_ssh(folder: Path) -> tuple[Path, Path]:
    """A command that runs here what ssh would run there, and an eventtrack for it to run."""
    program = folder / "eventtrack-there"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m eventtrack "$@"\n')
    script = folder / "ssh"
    script.write_text(
        '#!/bin/sh\n[ "$1" = -- ] || exit 9\necho "Welcome to $2"\nexec sh -c "exec $3"\n'
    )
    for file in (program, script):
        file.chmod(0o755)
    return script, program
