"""The store's fsck: checks envelopes, feeds, journals, views and blobs."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from eventtrack.errors import (
    RESCUE,
    CorruptionError,
    EventtrackError,
    NotFoundError,
    StoreReadOnlyError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import DAMAGED, read
from eventtrack.log import erasure, files, merkle
from eventtrack.log.feeds import Branch
from eventtrack.log.frames import PREAMBLE, scan
from eventtrack.log.orphans import OrphanJournal
from eventtrack.log.protocol import EventLog, Head
from eventtrack.log.structure import find_damage
from eventtrack.projections.digest import digest
from eventtrack.projections.older import builds_in_use
from eventtrack.projections.skipped import FAILED
from eventtrack.store.blobs import hidden_files, live_blobs
from eventtrack.store.clocks import wrong_clocks
from eventtrack.store.engine import Engine
from eventtrack.views.given import read_note
from eventtrack.views.moments import Moment, folded
from eventtrack.views.places import open_regular
from eventtrack.views.records import Record
from eventtrack.views.skips import SkippedEnvelope, skipped_envelopes

Progress = Callable[[int, int], None]
_PAGE = 1024


class Problem(Record):
    """One fault: its place, what it is, and what to do."""

    where: str
    what: str
    hint: str


class CheckReport(Record):
    """Counts of the examined things, and the problems.

    `skipped` has the envelopes without effect. Malformed ones were written so, which is no damage
    of this store. `clocks` has texts about feeds that are ahead of this machine's clock; `hidden`,
    about files that no list shows because their paths lead out, which is no damage either.
    """

    envelopes: int = 0
    events: int = 0
    unknown_events: int = 0
    feeds: int = 0
    journals: int = 0
    blobs: int = 0
    digest: str = ""
    problems: list[Problem] = msgspec.field(default_factory=list)
    skipped: list[SkippedEnvelope] = msgspec.field(default_factory=list)
    clocks: list[str] = msgspec.field(default_factory=list)
    hidden: list[str] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def note(self, where: str, what: str, hint: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(where=where, what=what, hint=hint))


def check_store(engine: Engine, progress: Progress | None = None) -> CheckReport:
    """Examine a whole store; changes nothing.

    - The files: every page, see `check_files`. If a page is damaged, the examination ends there: to
      read on could end the process.
    - The log: every header and payload hash, dense positions, gapless feeds whose times grow, and
      the stored Merkle frontiers.
    - The journals: frames and checksums.
    - The views: a rebuild gives the same digest.
    - The blobs: each has the bytes of its name, and none that is named is missing.
    """
    report = check_files(engine.path)
    if not report.ok:
        return report
    report = check_log(engine, progress)
    _check_set_aside(engine, report)
    _check_locations(engine.path / files.LOCATIONS, report)
    _check_journals(engine.path / files.JOURNAL, report)
    if report.ok:
        _check_views(engine, report)
    _check_skipped(engine, report)
    warnings_by_feed = wrong_clocks(engine.log, engine.log.heads(), engine.clock.now_ms())
    report.clocks = list(warnings_by_feed.values())
    _check_blobs(engine, report)
    if erasure.marker(engine.path / files.LOG).exists():
        report.note(
            "log",
            "a redaction was not finished: what it erased may still be in the file's bytes",
            "run `eventtrack redact --finish`",
        )
    return report


def check_files(path: Path) -> CheckReport:
    """Examine the files of a store that LMDB maps, without LMDB, which dies of a damaged page.

    It checks every page of the log and of the views: its header, the order of its keys, and its
    pointers. It does not read events. Costs about 10 us a page.
    """
    report = CheckReport()
    for what in find_damage(path / files.LOG / "data.mdb") if (path / "FORMAT").exists() else ():
        report.note("log/data.mdb", what, RESCUE)
    for build in builds_in_use(path / files.VIEWS):
        file = build / "data.mdb"
        for what in find_damage(file) if file.exists() else ():
            report.note(
                file.relative_to(path).as_posix(),
                what,
                f"delete the folder {path / files.VIEWS}: the views are folded anew from the log",
            )
    return report


def check_log(engine: Engine, progress: Progress | None = None) -> CheckReport:
    """Examine the log alone, from its first envelope to its last."""
    report = CheckReport()
    _check_log(engine, report, progress)
    return report


def _check_log(engine: Engine, report: CheckReport, progress: Progress | None) -> None:
    feeds = _Feeds(engine.log)
    position = 0
    # Other processes may append meanwhile. The stored frontiers are compared once nobody has
    # appended since they were read.
    stored = engine.log.heads()
    while position < (total := engine.log.head()):
        try:
            envelopes = engine.log.read(position, _PAGE)
        except EventtrackError:
            envelopes = _readable(engine, position, report)
        if not envelopes:
            report.note("log", f"positions {position + 1} to {total} cannot be read", _RESTORE)
            return
        feeds.look()
        for envelope in envelopes:
            if envelope.position != position + 1:
                what = f"position {position + 1} is missing"
                report.note(f"log, position {position + 1}", what, _RESTORE)
            position = envelope.position
            _check_envelope(envelope, feeds, report)
        if progress is not None:
            progress(position, total)
        stored = engine.log.heads()
    feeds.look()
    report.feeds = len(feeds.heads)
    for feed, head in stored.items():
        if feeds.heads.get(feed, _NOTHING) != head:
            where = f"log, feed {feed.hex()}"
            report.note(where, "the stored Merkle frontier is not that of the feed", _RESTORE)


_NOTHING = Head(0, 0, [])
_RESTORE = "restore the store from a copy or from a machine that has synced it"
_UPGRADE = "upgrade eventtrack, then run `eventtrack replay --rebuild`; the event is kept"


def _readable(engine: Engine, position: int, report: CheckReport) -> list[Envelope]:
    """The next envelope alone; if it cannot be read, none, and a problem is noted."""
    try:
        envelope = engine.log.get(position + 1)
        return [envelope] if envelope is not None else []
    except EventtrackError as error:
        report.note(f"log, position {position + 1}", error.message, _RESTORE)
        return []


class _Feeds:
    """The feeds and branches, computed from the envelopes one after the other."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._branches: dict[bytes, Branch] = {}
        self.heads: dict[bytes, Head] = {}
        self.look()

    def look(self) -> None:
        """Take note of branches that other processes began meanwhile."""
        for name, branch in self._log.branches().items():
            if name in self._branches:
                continue
            self._branches[name] = branch
            if self.heads.get(branch.stem, _NOTHING).size >= branch.first:
                last = self._log.read_feed(branch.stem, branch.first - 1, 1) if branch.first else []
                frontier = self._log.frontier(branch.stem, branch.first)
                recorded = last[0].header.recorded if last else 0
                self.heads[name] = Head(branch.first, recorded, frontier)

    def of(self, envelope: Envelope) -> bytes:
        """The feed of an envelope: its replica's, or the branch that holds its position."""
        header = envelope.header
        for feed, branch in self._branches.items():
            mayhap = branch.replica == header.replica and branch.first <= header.index
            if mayhap and self._log.locate(feed, header.index) == envelope.position:
                return feed
        return header.replica

    def add(self, feed: bytes, envelope: Envelope) -> None:
        """Move a feed's head on. A branch that leaves the feed there begins with the same head."""
        head, header = self.heads.get(feed, _NOTHING), envelope.header
        frontier = list(head.frontier)
        merkle.append_leaf(frontier, head.size, envelope.leaf_hash)
        self.heads[feed] = Head(head.size + 1, header.recorded, frontier)
        for name, branch in self._branches.items():
            if (branch.stem, branch.first) == (feed, head.size + 1):
                self.heads[name] = self.heads[feed]


def _check_envelope(envelope: Envelope, feeds: _Feeds, report: CheckReport) -> None:
    header = envelope.header
    where = f"log, position {envelope.position}"
    report.envelopes += 1
    feed = feeds.of(envelope)
    head = feeds.heads.get(feed, _NOTHING)
    if header.index != head.size:
        what = f"index {header.index} of its feed where {head.size} is due"
        report.note(where, what, _RESTORE)
    if header.recorded <= head.recorded:
        report.note(where, "its recorded time is not after the one before in its feed", _RESTORE)
    feeds.add(feed, envelope)
    parts, fault = read(envelope)
    report.events += sum(part.size for part in parts)
    report.unknown_events += sum(part.size for part in parts if part.events is None)
    if fault is not None and fault.kind == DAMAGED:
        named = f"envelope {header.index} of feed {header.replica.hex()}"
        report.note(where, f"{named} is damaged and skipped: {fault.what}", _RESTORE)


def _check_journals(folder: Path, report: CheckReport) -> None:
    for path in sorted(folder.glob("*.journal")):
        report.journals += 1
        # Only a journal that nobody writes can be read to its end; others are their owner's matter.
        try:
            orphan = OrphanJournal.claim(path)
        except StoreReadOnlyError:
            continue  # in a store that can only be read, it may be a living process's
        if orphan is None:
            continue
        damage = ""
        try:
            preamble = orphan.preamble()
            whole = scan(orphan.data, PREAMBLE.size, len(orphan.data), old=preamble.old)
            damage = preamble.damage or whole.damage
        except EventtrackError as error:
            damage = error.message
        finally:
            orphan.close()
        if damage:
            report.note(f"journal {path.name}", damage, "open the store: it keeps what is whole")
    for path in sorted(folder.glob("*.damaged")):
        report.note(
            f"journal {path.name}",
            "it was damaged; every whole frame of it is in the log, the others are not",
            "look at the points of the runs of its time, then delete the file",
        )


def _check_set_aside(engine: Engine, report: CheckReport) -> None:
    """Note the payloads that were set aside as damaged and have not come again."""
    for path in sorted((engine.path / files.LOG).glob(f"*{files.DAMAGED}")):
        replica, _, index = path.stem.partition("-")
        for position in engine.log.locate_all(bytes.fromhex(replica), int(index)):
            envelope = engine.log.get(position)
            erased = envelope and engine.log.erased_in(
                bytes.fromhex(replica), int(index), int(index) + 1
            )
            if envelope is not None and not envelope.payload and not erased:
                report.note(
                    f"log, position {position}",
                    f"the payload of envelope {index} of replica {replica} was damaged and set "
                    f"aside as {path.name}",
                    "pull from a machine that has it; if there is none, `eventtrack redact "
                    f"{position}.0` lets what follows it be synced",
                )


def _check_locations(folder: Path, report: CheckReport) -> None:
    for note in sorted(folder.glob("[0-9a-f]*")):
        try:
            read_note(note)
        except OSError as error:
            report.note(f"location {note.name}", f"it cannot be read: {error}", _RESTORE)
        except CorruptionError as error:
            report.note(f"location {note.name}", error.message, error.hint)


def _check_views(engine: Engine, report: CheckReport) -> None:
    try:
        with engine.views.read() as reader:
            report.digest = digest(reader)
            moment = Moment(position=engine.log.head())
        with folded(engine.log, moment) as build, build.read() as reader:
            rebuilt = digest(reader)
    except EventtrackError as error:
        report.note("views", error.message, error.hint)
        return
    except Exception as error:  # they have no checksums: what a wrong bit makes of them may be any
        report.note("views", f"they cannot be read: {error!r}", "run `eventtrack replay --rebuild`")
        return
    if rebuilt != report.digest and engine.log.head() == moment.position:
        report.note("views", "they differ from the log", "run `eventtrack replay --rebuild`")


def _check_skipped(engine: Engine, report: CheckReport) -> None:
    try:
        with engine.read() as reader:
            report.skipped = skipped_envelopes(reader)
    except EventtrackError as error:
        report.note("views", error.message, error.hint)
        return
    for skipped in report.skipped:
        if skipped.kind == FAILED:
            report.note(f"views, position {skipped.position}", str(skipped), _UPGRADE)


def _check_blobs(engine: Engine, report: CheckReport) -> None:
    folder = engine.path / files.BLOBS
    present: set[str] = set()
    for path in sorted(folder.glob("??/*")):
        report.blobs += 1
        present.add(path.name)
        try:
            with open_regular(path) as file:
                whole = hashlib.file_digest(file, "sha256").hexdigest() == path.name
        except NotFoundError:  # a pipe or a link
            whole = False
        if not whole:
            report.note(f"blob {path.name}", "its bytes are not what was logged", _RESTORE)
    try:
        with engine.read() as reader:
            named = {digest.hex(): what for digest, what in live_blobs(reader).items()}
            report.hidden = hidden_files(reader)
    except EventtrackError as error:
        report.note("views", error.message, error.hint)
        return
    except Exception as error:  # they have no checksums: what a wrong bit makes of them may be any
        report.note("views", f"they cannot be read: {error!r}", "run `eventtrack replay --rebuild`")
        return
    for digest_hex in sorted(set(named) - present):
        report.note(
            f"blob {digest_hex}",
            f"the bytes of {named[digest_hex]} are missing",
            _RESTORE,
        )
