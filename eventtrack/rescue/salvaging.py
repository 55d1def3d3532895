"""A new store from a damaged store: everything that can be proved, and the contents of remotes.

The damaged store is only read. The new store is made beside its future place and gets its name when
it is whole. So a killed salvage leaves nothing that could be mistaken for its result.
"""

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventtrack.errors import (
    AlreadyExistsError,
    DiskFullError,
    EventtrackError,
    InvalidValueError,
    StoreMissingError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.limits import IMPORT_COMMIT_BYTES_MAX
from eventtrack.log import files
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.log.protocol import LogTransaction
from eventtrack.rescue.belongings import take_blobs, take_files
from eventtrack.rescue.damaged import DamagedFile
from eventtrack.rescue.finds import Find, Finds
from eventtrack.rescue.journals import take_journals
from eventtrack.rescue.losses import note_losses, note_lost_artifacts
from eventtrack.rescue.report import Gap, SalvageReport
from eventtrack.rescue.scanning import scan_log
from eventtrack.rescue.strays import Strays
from eventtrack.rescue.trunks import Roots, trunk_of
from eventtrack.store import Store
from eventtrack.sync import Progress, Ways, synchronize

_PULL = Ways(push=False)


def salvage(
    old: Path, new: Path, remotes: Sequence[str] = (), progress: Progress | None = None
) -> SalvageReport:
    """Make a store at `new` from the damaged store at `old`, and from remotes.

    Every envelope whose payload has the hash in its header is taken. Up to the first gap of its
    feed it keeps its name; behind a gap it comes into a new feed. The points in journals come too,
    and all artifacts whose bytes have their hash. The rest is pulled from `remotes`, by URL, and
    from the remotes that the damaged store knew.

    Needs memory for about 100 bytes an envelope, and disk for the new store and a third of it more.

    Raises:
        StoreMissingError: Nothing of a store is at `old`.
        AlreadyExistsError: Something is at `new`.
        InvalidValueError: `new` lies in `old`.
        DiskFullError: Nothing was made.
    """
    if not any((old / name).is_dir() for name in (files.LOG, files.JOURNAL, files.BLOBS)):
        raise StoreMissingError(
            f"nothing of a store is at {old}", hint="name the folder of the damaged store"
        )
    if old.resolve() in new.resolve().parents:
        raise InvalidValueError(
            f"cannot salvage into {new}: it lies in the damaged store, which is left as it is",
            hint="name a folder beside it, on another disk if this one is failing",
        )
    report = SalvageReport()
    with _draft(new) as draft, tempfile.TemporaryDirectory(dir=draft.parent) as scratch:
        files.prepare(draft, create=True)
        store = Store(draft, source="salvage", create=False)
        try:
            _Salvage(old, store, Path(scratch), report, progress).run(remotes)
        finally:
            store.close()
    return report


class _Salvage:
    """One salvage under way."""

    def __init__(
        self,
        old: Path,
        store: Store,
        scratch: Path,
        report: SalvageReport,
        progress: Progress | None,
    ) -> None:
        self._old = old
        self._store = store
        self._scratch = scratch
        self._report = report
        self._progress = progress

    def run(self, remotes: Sequence[str]) -> None:
        """Do the whole salvage."""
        names = take_files(self._old, self._store, self._report)
        take_blobs(self._old, self._store, self._report)
        data = self._old / files.LOG / "data.mdb"
        try:
            file = DamagedFile(data)
        except EventtrackError as error:
            self._report.note(error.message)
            self._report.is_end_known = False
            self._ask([*remotes, *names])
        else:
            with file:
                finds, roots = Finds(self._scratch, file), Roots()
                try:
                    scan_log(file, finds, roots, self._report, self._progress)
                    self._rebuild(finds, roots, [*remotes, *names])
                finally:
                    finds.close()
        take_journals(self._old / files.JOURNAL, self._store, self._report)
        self._store.experiments.ensure_default()
        note_losses(self._old, self._store, self._scratch, self._report)
        note_lost_artifacts(self._store, self._report)

    def _rebuild(self, finds: Finds, roots: Roots, remotes: Sequence[str]) -> None:
        # Trunks are taken before the pull, so that remotes only send missing envelopes; and after
        # the pull, because these may close a gap.
        self._take_trunks(finds, roots)
        self._ask(remotes)
        self._take_trunks(finds, roots)
        strays = Strays(self._store, finds)
        self._append(strays.renamed())
        self._report.moved = strays.count
        self._note_gaps(finds, roots)

    def _take_trunks(self, finds: Finds, roots: Roots) -> None:
        heads = self._store.replication.heads()
        for replica in finds.replicas():
            head = heads.get(replica)
            start, frontier = (head.size, head.frontier) if head is not None else (0, [])
            finds.take(trunk_of(finds, replica, roots, start, frontier).ids)
        self._report.repaired = finds.repaired
        self._append((find, finds.envelope(find).data) for find in finds.taken())
        finds.settle()

    def _append(self, envelopes: Iterator[tuple[Find, bytes]]) -> None:
        """Put envelopes into the new store, some megabytes in one commit.

        A feed ends before an envelope that the log refuses.
        """
        stopped: set[bytes] = set()
        batch: list[tuple[Find, bytes]] = []

        def work(transaction: LogTransaction) -> list[Find]:
            return [find for find, data in batch if self._taken(transaction, data, stopped)]

        def commit() -> None:
            taken = self._store.replication.receive(work)
            self._report.envelopes += len(taken)
            self._report.events += sum(find.events for find in taken)
            batch.clear()

        size = 0
        for find, data in envelopes:
            batch.append((find, data))
            size += len(data)
            if size > IMPORT_COMMIT_BYTES_MAX:
                commit()
                size = 0
        if batch:
            commit()

    def _taken(self, transaction: LogTransaction, data: bytes, stopped: set[bytes]) -> bool:
        replica = Envelope(data).header.replica
        try:
            return replica not in stopped and transaction.append_foreign(data) is not None
        except EventtrackError as error:
            stopped.add(replica)
            self._report.note(error.message)
            return False

    def _ask(self, remotes: Sequence[str]) -> None:
        """Pull missing envelopes and artifacts from remotes. A failing remote is noted, no more."""
        for url in dict.fromkeys(remotes):
            try:
                pulled = synchronize(self._store, url, _PULL, self._progress).pulled
            except EventtrackError as error:
                self._report.note(f"the remote {url} was of no help: {error.message}")
                continue
            self._report.remote_envelopes += pulled.envelopes
            self._report.remote_artifacts += pulled.artifacts

    def _note_gaps(self, finds: Finds, roots: Roots) -> None:
        """Report the envelopes that were written and are lost."""
        heads, log = self._store.replication.heads(), self._store.replication.log
        lost: dict[bytes, dict[int, Find]] = {}
        for find in finds.broken():
            known = log.get(log.locate(find.replica, find.index) or 0)
            if known is None or not known.payload:
                lost.setdefault(find.replica, {})[find.index] = find
        for feed in sorted({*finds.replicas(), *roots.feeds()} - roots.branches):
            here = heads[feed].size if feed in heads else 0
            whole = finds.indexes(feed, here)
            headers = lost.get(feed, {})
            stop = max(roots.size(feed), *(index + 1 for index in headers), finds.size(feed), here)
            # A header in the feed whose payload is gone is a gap of its own.
            for index in sorted(index for index in headers if index < here):
                self._report.add_gap(_gap(feed, index, index + 1, headers))
            first = here
            for index in (*whole, stop):
                if index > first:
                    self._report.add_gap(_gap(feed, first, index, headers))
                first = max(first, index + 1)


def _gap(feed: bytes, first: int, stop: int, headers: dict[int, Find]) -> Gap:
    streams: dict[str, int] = {}
    for index in (index for index in headers if first <= index < stop):
        find = headers[index]
        streams[find.stream] = streams.get(find.stream, 0) + find.events
    return Gap(replica=feed.hex(), first=first, stop=stop, streams=streams)


@contextmanager
def _draft(new: Path) -> Iterator[Path]:
    """A folder that gets the name `new` if the block succeeds, and else is removed.

    A folder that a killed salvage left is emptied first.
    """
    draft = new.with_name(f".{new.name}.salvage")
    try:
        if new.exists() and (not new.is_dir() or any(new.iterdir())):
            raise AlreadyExistsError(
                f"cannot salvage into {new}: something is there",
                hint="name a folder that does not exist, or an empty one",
            )
        new.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(exist_ok=True)
        lock = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for entry in draft.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            yield draft / "store"
            sync_folder(draft)
            (draft / "store").rename(new)
            sync_folder(new.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            os.close(lock)
    except BlockingIOError as error:
        raise AlreadyExistsError(
            f"another process salvages into {new}", hint="wait for it, or name another folder"
        ) from error
    except OSError as error:
        raise translate_os_error(error, f"make a store at {new}") from error
    except sqlite3.OperationalError as error:
        raise DiskFullError(
            f"cannot make a store at {new}: {error}",
            hint="free some space, or name a folder on another disk; nothing was changed",
        ) from error
