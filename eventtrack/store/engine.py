"""The machine under a store: decisions go down into the log once, reads come up from the views.

A decision runs as the only writer. It sees views that are caught up with the log, says which
events follow, and those are appended and synced before the call returns; so of two processes that
decide at once, the second sees what the first did. Points take the journal instead.
"""

import contextlib
import math
import os
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import (
    DiskFullError,
    EventtrackError,
    EventtrackWarning,
    InvalidStateError,
    ProjectionError,
    StoreClosedError,
    StoreError,
)
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.ids import IdSource, RandomIds
from eventtrack.limits import BATCH_MAP_BYTES_FREE
from eventtrack.log import files
from eventtrack.log.drain import Drainer, adopt_orphans
from eventtrack.log.environment import MapFull, run_growing
from eventtrack.log.filesystem import translating
from eventtrack.log.journal import Journal, JournalFile
from eventtrack.log.lmdb_log import LmdbLog, LmdbTransaction
from eventtrack.log.orphans import clear_drafts
from eventtrack.log.temporary import own_folder, remove_folder
from eventtrack.log.translation import read_only
from eventtrack.projections import raised
from eventtrack.projections.build import Fold, StaleBuild
from eventtrack.projections.runner import Views
from eventtrack.projections.tables import Reader
from eventtrack.store.session import AUTHOR, describe

Result = TypeVar("Result")
Marks = list[tuple[JournalFile, int]]
# A decision: reads the state, returns the answer and the events that make it so.
Decision = Callable[[Reader], tuple[Result, list[Draft]]]


class Engine:
    """One open store in one process. Thread-safe; opens itself anew in a forked child."""

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        create: bool,
        clock: Clock | None = None,
        ids: IdSource | None = None,
    ) -> None:
        files.prepare(path, create=create)
        self.path = path
        self.source = source
        self.clock = clock or SystemClock()
        self.ids = ids or RandomIds()
        self.readonly = not files.is_writable(path)
        self._closed = False
        self._opening = threading.RLock()
        self._open()
        _engines.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def session(self) -> bytes:
        """The session of whoever acts now; it stands in the log from the first event on."""
        return self.session_of(AUTHOR.get())

    def execute(self, decide: Decision[Result]) -> Result:
        """Decide as the only writer and append what follows durably, or raise and write nothing.

        Raises:
            StoreReadOnlyError: The store cannot be written.
        """
        self._check_writable()
        batch = getattr(self._local, "batch", None)
        if batch is not None:
            self._take(*batch)
            return self._decide(decide, *batch)
        self.views.catch_up()

        def attempt() -> Result:
            with self._writing() as (fold, transaction):
                return self._decide(decide, fold, transaction)

        try:
            return run_growing(attempt)
        except (StaleBuild, ProjectionError):
            if self._drainer is not None:
                self._drainer.flush()
            self.views.catch_up()
            return run_growing(attempt)

    @property
    def in_batch(self) -> bool:
        """Whether this thread is within a batch."""
        self._check_open()
        return getattr(self._local, "batch", None) is not None

    @contextmanager
    def appending(self) -> Iterator[tuple[LmdbTransaction, int]]:
        """The log's writer alone, for what changes no decision: the views are left behind.

        Not within a batch. Gives the transaction and the head that was committed before it.
        """
        self._check_writable()
        with self.log.begin() as transaction:
            head = transaction.head()
            marks = self._drainer.take(transaction) if self._drainer is not None else []
            yield transaction, head
        if self._drainer is not None:
            self._drainer.settle(marks)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let all decisions of the block, on this thread, share one durable commit.

        Other writers wait until the block ends; if it raises, nothing of it was written.
        """
        self._check_writable()
        if getattr(self._local, "batch", None) is not None:
            yield  # within another batch: one commit for both
            return
        self.views.catch_up()
        self.log.environment.make_room(BATCH_MAP_BYTES_FREE)
        self.views.make_room(BATCH_MAP_BYTES_FREE)
        try:
            with self._writing() as (fold, transaction):
                self._local.batch = (fold, transaction)
                yield
        except MapFull as error:
            raise DiskFullError(
                f"the batch does not fit into the free part of the map of {self.path}",
                hint="nothing of it was written; use several smaller batches",
            ) from error
        finally:
            self._local.batch = None

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views as of now: everything that this process logged before is in them."""
        self._check_open()
        batch = getattr(self._local, "batch", None)
        if batch is not None:
            self._take(*batch)
            yield batch[0].tables
            return
        self._adopt()
        if self._drainer is not None:
            self._drainer.flush()
        with self.views.read() as reader:
            yield reader

    def journal(self) -> Journal:
        """This process's journal, made on first use."""
        journal = self._journal
        if journal is None:
            self._check_writable()
            # Points are no decisions, so the session that names their author opens here.
            copy_context().run(self._open_own_session)
            with self._opening:
                self._check_open()
                if self._journal is None:
                    self._start_journal()
                journal = self._journal
        assert journal is not None
        return journal

    def relieve(self) -> None:
        """Help to drain when points are logged faster than the disk takes them."""
        if self._drainer is not None and getattr(self._local, "batch", None) is None:
            self._drainer.relieve()

    def flush(self) -> None:
        """Everything logged so far by this process is in the log, durably.

        Within a batch of this thread it is durable when the batch ends.
        """
        self._check_open()
        batch = getattr(self._local, "batch", None)
        if batch is not None:
            self._take(*batch)
        elif self._drainer is not None:
            self._drainer.flush()

    def close(self) -> None:
        """Flush and let go of all files, once what other threads have begun is done.

        The engine cannot be used afterwards. What returned before is in the log or, when that
        cannot be written, in a journal that the next to open the store adopts.

        Raises:
            InvalidStateError: Within a batch of this thread.
        """
        if getattr(self._local, "batch", None) is not None:
            raise InvalidStateError(
                f"cannot close {self.path} within a batch", hint="close it after the block"
            )
        with self._opening:
            was_open, self._closed = not (self._closed or self._forked), True
        if not was_open:
            return
        try:
            if self._journal is not None:
                self._journal.seal()
            if self._drainer is not None:
                self._drainer.close()
                self._drainer.flush()
        finally:
            # These wait for transactions of other threads, which may still read the journal.
            self.views.close()
            self.log.close()
            if self._own_views is not None:
                remove_folder(self._own_views)
            if self._journal is not None:
                self._journal.close()

    @translating("open the store")
    def _open(self) -> None:
        self._local = threading.local()
        self._forked = False
        self._session = self.ids.id128()
        self._sessions: dict[str, bytes] = {}
        self._journal: Journal | None = None
        self._drainer: Drainer | None = None
        options = {"create": False, "readonly": self.readonly}
        self.log = LmdbLog(self.path / files.LOG, clock=self.clock, ids=self.ids, **options)
        self._adopt_at = math.inf if self.readonly else 0.0
        if not self.readonly:
            clear_drafts(self.path / files.JOURNAL)
        self._adopt()
        # Of a store that cannot be written, this process folds views of its own.
        self._own_views = own_folder("eventtrack-views-") if self.readonly else None
        views = self._own_views or self.path / files.VIEWS
        self.views = Views(views, self.log, lambda: self.ids.id128().hex()[:8])
        # A process that multiprocessing forked ends without exit handlers, save its own. This only
        # flushes: threads of that process are waited for later, and may still log.
        endings = sys.modules.get("multiprocessing.util")
        if endings is not None:
            endings.Finalize(self, _flush_at_exit, (weakref.ref(self),), exitpriority=0)

    def _adopt(self) -> None:
        """Move what processes left that have died since into the log, without looking too often.

        A look costs some microseconds for each writing process; a twentieth of the time at most.
        """
        began = time.monotonic()
        if began < self._adopt_at:
            return
        adopted = 0
        try:
            adopted = adopt_orphans(self.log, self.path / files.JOURNAL)
        except StoreError as error:
            # On a full disk, say. It stays where it is, and what the log has can still be read.
            warnings.warn(
                f"the journals of processes that died stay as they are for now: {error}",
                EventtrackWarning,
                stacklevel=2,
            )
        ended = time.monotonic()
        self._adopt_at = ended + (0.0 if adopted else 20 * (ended - began))

    def _start_journal(self) -> None:
        wake = threading.Event()
        journal = Journal(self.path / files.JOURNAL, self._session, self.ids.id128, wake.set)
        self._drainer = Drainer(self.log, journal, self._session, wake)
        self._journal = journal

    @contextmanager
    def _writing(self) -> Iterator[tuple[Fold, LmdbTransaction]]:
        """The views' and then the log's writer, caught up; the log commits first.

        So the views can be behind the log after a crash, never ahead of it.
        """
        committed = False
        try:
            with self.views.begin() as fold:
                with self.log.begin() as transaction:
                    # What this process logged before goes first: its own events keep their order.
                    marks = self._take(fold, transaction)
                    yield fold, transaction
                    marks = self._take(fold, transaction) or marks
                    change = transaction.id()
                committed = True
            self.views.note_caught_up(fold, change)
        except (MapFull, StoreError) as error:
            # The log has it: to raise would be to say that nothing was written, and to try again
            # would be to write it twice. The views catch up, or say why not, when they are read.
            if not committed:
                raise
            if isinstance(error, MapFull):
                error.environment.grow()
        if self._drainer is not None:
            self._drainer.settle(marks)

    def _take(self, fold: Fold, transaction: LmdbTransaction) -> Marks:
        """Take the journal into a transaction and fold all that it then holds."""
        marks = self._drainer.take(transaction) if self._drainer is not None else []
        if transaction.head() > fold.position:
            fold.catch_up(transaction)
        return marks

    def _decide(self, decide: Decision[Result], fold: Fold, transaction: LmdbTransaction) -> Result:
        result, drafts = decide(fold.tables)
        if drafts and decide != self._open_session:
            drafts = [*self._open_session(fold.tables)[1], *drafts]
        session, pending = self.session, list[Envelope]()
        for draft in drafts:
            after = raised.superseded(fold.tables, transaction, draft)
            if after is not None and pending:
                fold.apply(pending, own=True)  # what this decision wrote comes before, too
                after, pending = raised.superseded(fold.tables, transaction, draft), []
            pending.append(transaction.append(draft, session, after))
        fold.apply(pending, own=True)
        return result

    def _open_session(self, reader: Reader) -> tuple[None, list[Draft]]:
        """The decision to say who writes, once."""
        session = self.session
        if reader.session(session) is not None:
            return None, []
        facts = describe(self.source, self.clock.now_ms(), AUTHOR.get())
        return None, [Draft.of(f"session/{session.hex()}", facts)]

    def _open_own_session(self) -> None:
        AUTHOR.set(None)
        self.execute(self._open_session)

    def session_of(self, author: str | None) -> bytes:
        """The session of an author, None for this process: one for each, and atomically made."""
        if author is None:
            return self._session
        return self._sessions.get(author) or self._sessions.setdefault(author, self.ids.id128())

    def _check_open(self) -> None:
        if self._forked:
            with self._opening:
                if self._forked:
                    self._open()
        if self._closed:
            raise StoreClosedError(
                f"the store {self.path} was closed", hint="open it again with open_store()"
            )

    def _check_writable(self) -> None:
        self._check_open()
        if self.readonly:
            raise read_only(self.path)

    def _forget_parent(self) -> None:
        """In a forked child: let go of what belongs to the parent; open anew on first use."""
        if self._journal is not None:
            self._journal.disown()
        self._journal = self._drainer = None
        self._opening = threading.RLock()
        self._local = threading.local()
        self._forked = True


def _flush_at_exit(reference: "weakref.ref[Engine]") -> None:
    engine = reference()
    if engine is not None and not engine.closed and not engine._forked:  # noqa: SLF001 - ours
        with contextlib.suppress(EventtrackError):  # it stays in the journal
            engine.flush()


_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        engine._forget_parent()  # noqa: SLF001 - this module's own


os.register_at_fork(after_in_child=_after_fork_in_child)
