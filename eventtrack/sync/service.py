"""Sync as one calls it: a store, a remote by its name or URL, and which way."""

import contextlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.errors import AlreadyExistsError, CorruptionError, EventtrackError
from eventtrack.log import files
from eventtrack.store import Store, open_store
from eventtrack.store.replication import Replication
from eventtrack.sync.artifacts import pull_artifacts, push_artifacts
from eventtrack.sync.exchange import pull, push
from eventtrack.sync.protocol import FeedHead, Remote
from eventtrack.sync.remotes import (
    DEFAULT_REMOTE,
    RemoteAddress,
    Remotes,
    absolute_url,
    open_remote,
)
from eventtrack.sync.replacing import replace_segments
from eventtrack.sync.report import Progress, SyncReport
from eventtrack.sync.segments import SegmentRemote
from eventtrack.sync.selection import Chooser, Selection
from eventtrack.sync.status import note_failure, note_success


class Ways(NamedTuple):
    """What a sync is to move. `wanted` is whose payloads are pulled: None for the remote's own."""

    pull: bool = True
    push: bool = True
    artifacts: bool = True
    wanted: Selection | None = None


BOTH_WAYS = Ways()


def synchronize(
    store: Store,
    remote: str | None = None,
    ways: Ways = BOTH_WAYS,
    progress: Progress | None = None,
) -> SyncReport:
    """Exchange what either side lacks with a remote, named or by its URL.

    What was exchanged is durable on both sides. May be stopped at any instant and called again; if
    nothing is missing it moves nothing.

    Args:
        remote: None for the store's only remote, or the one called `origin`.

    Raises:
        NotFoundError: There is no such remote.
        RemoteError: The other side failed. What was exchanged before stays.
        CorruptionError: What came is damaged. Nothing of it was taken.
    """
    remotes = Remotes(store.replication)
    address = remotes.resolve(remote)
    try:
        with contextlib.closing(open_remote(address.url, create=ways.push)) as other:
            return exchange(store, other, remotes, address, ways, progress)
    except EventtrackError as error:
        note_failure(remotes, address, error)
        raise


def exchange(
    store: Store,
    other: Remote,
    remotes: Remotes,
    address: RemoteAddress,
    ways: Ways,
    progress: Progress | None = None,
    *,
    next_in_s: float | None = None,
) -> SyncReport:
    """One round with a remote that is open; `next_in_s` says when there is to be another."""
    report = SyncReport()
    here = store.replication
    theirs = other.heads()
    damage: CorruptionError | None = None
    if ways.pull:
        try:
            _pull(here, other, theirs, remotes, address, ways, report, progress)
        except CorruptionError as error:
            damage = error  # of some feed: that is no reason to keep what is here to ourselves
        if ways.artifacts:
            file = remotes.ledger(address, "pulled")
            pull_artifacts(here, other, file, report.pulled, progress)
    if ways.push:
        # Files go before the events that name them: whoever has the event can have the file.
        if ways.artifacts:
            file = remotes.ledger(address, "pushed")
            if not theirs:
                file.unlink(missing_ok=True)  # an empty place, perhaps where another one was
            push_artifacts(here, other, file, report.pushed, progress)
        given = push(here, other, theirs, report, progress)
        theirs = [*theirs, *(FeedHead(replica, size, b"") for replica, size in given.items())]
        if isinstance(other, SegmentRemote):
            # What only keeps bytes does not obey redactions by itself.
            replace_segments(other, here.log, here.heads())
    if damage is None:
        note_success(remotes, address, report, theirs, next_in_s=next_in_s)
    if report.forks:
        remotes.note_forks(report.forks)
        if here.log.replica.hex() in report.forks:
            # Nobody takes any more of this copy's feed, so what comes next goes into another.
            here.receive(lambda transaction: transaction.renew_replica())
    if damage is not None:
        raise damage
    return report


def _pull(
    here: Replication,
    other: Remote,
    theirs: list[FeedHead],
    remotes: Remotes,
    address: RemoteAddress,
    ways: Ways,
    report: SyncReport,
    progress: Progress | None,
) -> None:
    """Pull what is wanted; what was left out before is asked for again if other things were."""
    wanted = address.wanted if ways.wanted is None else ways.wanted
    note, said = remotes.ledger(address, "wanted"), msgspec.json.encode(wanted)
    if not wanted:
        pull(here, other, theirs, report, progress)
    else:
        fill = not note.exists() or note.read_bytes() != said
        keeps = Chooser(here, wanted)
        pull(here, other, theirs, report, progress, keeps=keeps, fill=fill)
    if wanted or note.exists():
        note.write_bytes(said)


def clone(
    url: str, folder: Path, ways: Ways = BOTH_WAYS, progress: Progress | None = None
) -> tuple[Store, SyncReport]:
    """A new store in a folder with everything that a remote holds, which becomes its `origin`.

    The new store writes a feed of its own. If this is stopped, `synchronize` goes on with it.

    Raises:
        AlreadyExistsError: There is a store in that folder.
        RemoteError: There is no such remote; no store was made.
    """
    target = absolute_url(url)
    with contextlib.closing(open_remote(target)) as other:
        if (folder / "FORMAT").exists():
            raise AlreadyExistsError(
                f"there is a store at {folder} already",
                hint="choose another folder, or sync that store: `eventtrack sync URL`",
            )
        files.prepare(folder, create=True)
        # Not made by `open_store`, which would begin its history with an experiment.
        store = open_store(folder, source="cli", create=False)
        remotes = Remotes(store.replication)
        address = remotes.add(DEFAULT_REMOTE, target, ways.wanted)
        pulling = ways._replace(push=False)
        return store, exchange(store, other, remotes, address, pulling, progress)
