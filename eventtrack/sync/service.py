"""Sync as one calls it: a store, a remote by its name or URL, and which way."""

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.errors import (
    AlreadyExistsError,
    CorruptionError,
    EventtrackError,
    InvalidValueError,
    UsageError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.log import files
from eventtrack.log.checked import encode_checked
from eventtrack.store import Store, open_store
from eventtrack.store.clocks import wrong_clocks
from eventtrack.store.replication import Replication
from eventtrack.sync.artifacts import pull_artifacts, push_artifacts
from eventtrack.sync.exchange import pull, push
from eventtrack.sync.http import HttpRemote
from eventtrack.sync.protocol import FeedHead, Remote, Selective
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
from eventtrack.sync.selection import Chooser, Selection, SendersChooser
from eventtrack.sync.status import note_failure, note_success


class Ways(NamedTuple):
    """What a sync is to move.

    `wanted` is whose payloads are pulled: None for the remote's own. `given` is whose are pushed.
    """

    pull: bool = True
    push: bool = True
    artifacts: bool = True
    wanted: Selection | None = None
    given: Selection = Selection()


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
        if not isinstance(error, UsageError):  # a mistyped address is no remote that fails
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
        given = _push(here, other, theirs, remotes, address, ways, report, progress)
        theirs = [*theirs, *(FeedHead(replica, size, b"") for replica, size in given.items())]
        if isinstance(other, SegmentRemote):
            # What only keeps bytes does not obey redactions by itself.
            replace_segments(other, here.log, here.heads())
    report.clocks = wrong_clocks(here.log, here.heads(), here.now_ms())
    if isinstance(other, HttpRemote) and (told := other.clock_told(here.now_ms())):
        report.clocks[here.log.replica.hex()] = told
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


def _push(
    here: Replication,
    other: Remote,
    theirs: list[FeedHead],
    remotes: Remotes,
    address: RemoteAddress,
    ways: Ways,
    report: SyncReport,
    progress: Progress | None,
) -> dict[bytes, int]:
    """Push what is given. What it left out before is only given again if other things are now."""
    drops, kind = None, "pushed"
    note, said = remotes.ledger(address, "given"), msgspec.json.encode(ways.given)
    if ways.given:
        if not isinstance(other, Selective):
            raise InvalidValueError(
                f"cannot push a part to {address.url}: what it is given it keeps as it is",
                hint="push a part to a store, by ssh:// or https://, which can be given the rest "
                "later; or push everything",
            )
        keeps = SendersChooser(here, ways.given)
        kind = f"pushed-{hashlib.sha256(said).hexdigest()[:16]}"
        if note.exists() and note.read_bytes() == said:
            theirs = [head._replace(whole=None) for head in theirs]

        def drops(envelope: Envelope) -> bool:
            return not keeps(envelope)

    # Files go before the events that name them: whoever has the event can have the file.
    if ways.artifacts:
        file = remotes.ledger(address, kind)
        if not theirs:
            file.unlink(missing_ok=True)  # an empty place, perhaps where another one was
        push_artifacts(here, other, file, report.pushed, progress, drops=drops)
    given = push(here, other, theirs, report, progress, drops=drops)
    if ways.given or note.exists():
        note.write_bytes(said)
    return given


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
    note, said = remotes.ledger(address, "wanted"), encode_checked(wanted)
    if not wanted:
        pull(here, other, theirs, report, progress)
    else:
        fill = not note.exists() or note.read_bytes() != said
        keeps = Chooser(here, wanted)
        if isinstance(other, Selective):
            other.choose(wanted)
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
