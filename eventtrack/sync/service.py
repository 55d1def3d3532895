"""The calls that sync: a store with a remote, by its name or URL, in one or both directions."""

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
    """The things that a sync moves.

    `wanted` selects the payloads to pull; None uses the selection kept with the remote. `given`
    selects the payloads to push.
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
    """Exchange with a remote everything that either side lacks.

    Everything exchanged is durable on both sides. The call may be stopped at any instant and
    repeated; if nothing is missing, it moves nothing.

    Args:
        remote: A name or a URL. None for the store's only remote, or the remote `origin`.

    Raises:
        NotFoundError: There is no such remote.
        RemoteError: The other side failed. Everything exchanged before stays.
        CorruptionError: A feed or an artifact came damaged. It was not taken; the others were.
    """
    remotes = Remotes(store.replication)
    address = remotes.resolve(remote)
    if ways.push:
        store.gather()
    try:
        with contextlib.closing(open_remote(address.url, create=ways.push)) as other:
            return exchange(store, other, remotes, address, ways, progress)
    except EventtrackError as error:
        if not isinstance(error, UsageError):  # a mistyped address is no failing remote
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
    """Do one round with an open remote; the next round is due in `next_in_s` seconds."""
    report = SyncReport()
    here = store.replication
    theirs = other.heads()
    damage: CorruptionError | None = None
    if ways.pull:
        try:
            _pull(here, other, theirs, remotes, address, ways, report, progress)
        except CorruptionError as error:
            damage = error  # concerns some feed: the rest of the round goes on
        if ways.artifacts:
            file = remotes.ledger(address, "pulled")
            pull_artifacts(here, other, file, report.pulled, progress)
    if ways.push:
        given = _push(here, other, theirs, remotes, address, ways, report, progress)
        theirs = [*theirs, *(FeedHead(replica, size, b"") for replica, size in given.items())]
        if isinstance(other, SegmentRemote):
            # A place that only keeps bytes does not obey redactions by itself.
            replace_segments(other, here.log, here.heads())
    report.clocks = wrong_clocks(here.log, here.heads(), here.now_ms())
    if isinstance(other, HttpRemote) and (warning := other.clock_told(here.now_ms())):
        report.clocks[here.log.replica.hex()] = warning
    if damage is None:
        note_success(remotes, address, report, theirs, next_in_s=next_in_s)
    if report.forks:
        remotes.note_forks(report.forks)
        if here.log.replica.hex() in report.forks:
            # Another copy writes to the same feed, so this copy's next events go into a new feed.
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
    """Push the selection `given`.

    Payloads left out before go again if the selection has changed, or a run was moved into it.
    """
    drops, kind, keeps = None, "pushed", None
    note, said = remotes.ledger(address, "given"), msgspec.json.encode(ways.given)
    if ways.given:
        if not isinstance(other, Selective):
            raise InvalidValueError(
                f"cannot push a part to {address.url}: what it is given it keeps as it is",
                hint="push a part to a store, by ssh:// or https://, which can be given the rest "
                "later; or push everything",
            )
        chosen = keeps = SendersChooser(here, ways.given)
        kind = f"pushed-{hashlib.sha256(said).hexdigest()[:16]}"
        if note.exists() and note.read_bytes() == said:
            theirs = [head._replace(whole=None) for head in theirs]

        def drops(envelope: Envelope) -> bool:
            return not chosen(envelope)

    file = remotes.ledger(address, kind)

    def give(theirs: list[FeedHead], *, anew: bool) -> dict[bytes, int]:
        # Files go before the events that name them: a store that has the event can get the file.
        if anew:
            file.unlink(missing_ok=True)  # the notes are about less, or about an earlier place
        if ways.artifacts:
            push_artifacts(here, other, file, report.pushed, progress, drops=drops)
        return push(here, other, theirs, report, progress, drops=drops)

    given = give(theirs, anew=not theirs and ways.artifacts)
    if keeps is not None and keeps.joined:
        note.unlink(missing_ok=True)  # if this breaks off, the next push fills
        given |= give(other.heads(), anew=True)
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
    """Pull the wanted selection. Ask again for payloads left out before if it has changed."""
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
        while keeps.joined:
            note.unlink(missing_ok=True)  # if this breaks off, the next round fills
            keeps.joined = False
            pull(here, other, theirs, report, progress, keeps=keeps, fill=True)
    if wanted or note.exists():
        note.write_bytes(said)


def clone(
    url: str, folder: Path, ways: Ways = BOTH_WAYS, progress: Progress | None = None
) -> tuple[Store, SyncReport]:
    """Make a new store with everything that a remote holds; the remote becomes its `origin`.

    The new store writes a feed of its own. If this call is stopped, `synchronize` continues it.

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
