"""The machine under a store: decisions go down into the log once, reads come up from the views.

A decision runs as the only writer. It sees views that are caught up with the log, and returns the
events that follow. These are appended and synced before the call returns. So if two processes
decide at the same time, the second sees the events of the first. Points take the journal instead.
"""

import contextlib
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, TypeVar

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import (
    DiskFullError,
    EventtrackError,
    InvalidStateError,
    ProjectionError,
    StoreClosedError,
    StoreError,
)
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.ids import IdSource, RandomIds
from eventtrack.limits import BATCH_MAP_BYTES_FREE
from eventtrack.log import files
from eventtrack.log.adopting import Adopter
from eventtrack.log.again import run_again
from eventtrack.log.drain import Bell, Drainer
from eventtrack.log.environment import MapFull
from eventtrack.log.filesystem import translating
from eventtrack.log.journal import Journal, JournalFile
from eventtrack.log.living import LivingJournals
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.protocol import Publisher
from eventtrack.log.temporary import own_folder, remove_folder
from eventtrack.log.transaction import LmdbTransaction
from eventtrack.log.translation import read_only
from eventtrack.projections import raised
from eventtrack.projections.ahead import Ahead
from eventtrack.projections.build import Fold, StaleBuild
from eventtrack.projections.runner import Views
from eventtrack.projections.tables import Reader
from eventtrack.store.reasons import REASON
from eventtrack.store.session import AUTHOR, describe
from eventtrack.store.shared_blobs import SharedBlobs

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
        publisher: Publisher | None = None,
        shared_blobs: SharedBlobs | None = None,
    ) -> None:
        files.prepare(path, create=create)
        self._publisher = publisher
        self.shared_blobs = shared_blobs
        self.path = path
        self.source = source
        self.clock = clock or SystemClock()
        self.ids = ids or RandomIds()
        # A cache of a cluster is written by its server alone: nothing else would be published.
        self.readonly = not files.is_writable(path) or (files.is_cache(path) and not publisher)
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
        """The session of the present author; the log has it from the first event on."""
        return self.session_of(AUTHOR.get())

    def execute(self, decide: Decision[Result]) -> Result:
        """Decide as the only writer and append the events durably, or raise and write nothing.

        Raises:
            StoreReadOnlyError: The store cannot be written.
        """
        return self.append(decide)[0]

    def append(self, decide: Decision[Result]) -> tuple[Result, list[Envelope]]:
        """The result of `execute`, and the envelopes that it appended.

        Within a batch nobody else sees these before the batch ends, not even a reader of the log.
        """
        self._check_writable()
        batch = getattr(self._local, "batch", None)
        if batch is not None:
            self._take(*batch)
            return self._decide(decide, *batch)
        self.views.catch_up()

        def attempt() -> tuple[Result, list[Envelope]]:
            with self._writing() as (fold, transaction):
                return self._decide(decide, fold, transaction)

        try:
            return run_again(attempt)
        except (StaleBuild, ProjectionError):
            # The log was replaced meanwhile, or has an event that the views set aside.
            if self._drainer is not None:
                self._drainer.flush()
            self.views.catch_up()
            return run_again(attempt)

    @property
    def in_batch(self) -> bool:
        """Whether this thread is within a batch."""
        self._check_open()
        return getattr(self._local, "batch", None) is not None

    @contextmanager
    def appending(self) -> Iterator[tuple[LmdbTransaction, int]]:
        """A write transaction of the log alone, with the head before it. Not within a batch.

        For events that change no decision: the views are left behind.
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
        if self.in_batch:
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
        """The present views, with everything that processes of this machine have logged."""
        if self.in_batch:
            self._take(*self._local.batch)
            yield self._local.batch[0].tables
            return
        self._adopt()
        if self._drainer is not None:
            self._drainer.flush()
        with self._ahead.read() as reader:
            yield reader

    def gather(self) -> None:
        """Put what this machine's processes have logged into the log: for those who read it."""
        self.flush()
        if not self.readonly and not self.in_batch:
            self.journals.move()

    def journal(self) -> Journal:
        """This process's journal, made on first use."""
        journal = self._journal
        if journal is None:
            self._check_writable()
            # Points are no decisions, so the session of their author is opened here.
            copy_context().run(self._open_own_session)
            with self._opening:
                self._check_open()
                if self._journal is None:
                    self._start_journal()
                journal = self._journal
        assert journal is not None
        return journal

    def relieve(self) -> None:
        """Help to drain if points are logged faster than the disk takes them."""
        if self._drainer is not None and not self.in_batch:
            self._drainer.relieve()

    def flush(self) -> None:
        """Put all that this process has logged into the log, durably; in a batch, when it ends."""
        if self.in_batch:
            self._take(*self._local.batch)
        elif self._drainer is not None:
            self._drainer.flush()

    def close(self) -> None:
        """Wait for the calls of other threads, flush, and let go of all files.

        The engine cannot be used afterwards. Everything logged is then in the log or, if the log
        cannot be written, in a journal that the next process to open the store adopts.

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
            # These wait for other threads, whose transactions may still read the journal.
            self.views.close()
            self.log.close()
            if self._own_views is not None:
                remove_folder(self._own_views)
            if self._journal is not None:
                self._journal.close()

    @translating("open the store")
    def _open(self) -> None:
        self._local = threading.local()
        self._session = self.ids.id128()
        self._sessions: dict[str, bytes] = {}
        self._journal: Journal | None = None
        self._drainer: Drainer | None = None
        options: Any = {"readonly": self.readonly, "publisher": self._publisher, "create": False}
        self.log = LmdbLog(self.path / files.LOG, clock=self.clock, ids=self.ids, **options)
        self._adopter = None if self.readonly else Adopter(self.log, self.path / files.JOURNAL)
        self._adopt()
        # If the store cannot be written, this process folds views of its own.
        self._own_views = own_folder("eventtrack-views-") if self.readonly else None
        views = self._own_views or self.path / files.VIEWS
        self.views = Views(views, self.log, lambda: self.ids.id128().hex()[:8])
        self.journals = LivingJournals(self.log, self.path / files.JOURNAL)
        self._ahead = Ahead(self.views, self.journals)
        # A process forked by multiprocessing runs no exit handlers except multiprocessing's own.
        # This only flushes: that process waits for its threads later, and they may still log.
        if endings := sys.modules.get("multiprocessing.util"):
            endings.Finalize(self, _flush_at_exit, (weakref.ref(self),), exitpriority=0)
        # Set last: a thread of a forked child that sees it uses what was opened here.
        self._forked = False

    def _adopt(self) -> None:
        if self._adopter is not None:
            self._adopter.look()

    def _start_journal(self) -> None:
        bell = Bell()
        journal = Journal(self.path / files.JOURNAL, self._session, self.ids.id128, bell.ring)
        self._drainer = Drainer(self.log, journal, self._session, bell)
        self._journal = journal

    @contextmanager
    def _writing(self) -> Iterator[tuple[Fold, LmdbTransaction]]:
        """Write transactions of the views and then of the log, caught up.

        The log commits first: after a crash the views can be behind the log, never ahead of it.
        """
        committed = False
        try:
            with self.views.begin() as fold:
                with self.log.begin(decides=True) as transaction:
                    # Earlier points of this process go first: its events keep their order.
                    marks = self._take(fold, transaction)
                    yield fold, transaction
                    marks = self._take(fold, transaction) or marks
                    change = transaction.id()
                committed = True
            self.views.note_caught_up(fold, change)
        except (MapFull, StoreError) as error:
            # The log has the events. Raising would say that nothing was written, and a retry would
            # write them twice. The next read lets the views catch up, or says why they cannot.
            if not committed:
                raise
            if isinstance(error, MapFull):
                error.environment.grow()
        if self._drainer is not None:
            self._drainer.settle(marks)

    def _take(self, fold: Fold, transaction: LmdbTransaction) -> Marks:
        """Take the journal into a transaction, and fold the transaction's envelopes."""
        marks = self._drainer.take(transaction) if self._drainer is not None else []
        if transaction.head() > fold.position:
            fold.catch_up(transaction)
        return marks

    def _decide(
        self, decide: Decision[Result], fold: Fold, transaction: LmdbTransaction
    ) -> tuple[Result, list[Envelope]]:
        result, drafts = decide(fold.tables)
        if (reason := REASON.get()) is not None:
            drafts = [draft.explained(reason) for draft in drafts]
        if drafts and decide != self._open_session:
            drafts = [*self._open_session(fold.tables)[1], *drafts]
        session, pending, appended = self.session, list[Envelope](), list[Envelope]()
        for draft in drafts:
            after = raised.superseded(fold.tables, transaction, draft)
            if after is not None and pending:
                # Earlier drafts of this decision come before, too.
                fold.apply(transaction, pending, own=True)
                after, pending = raised.superseded(fold.tables, transaction, draft), []
            pending.append(transaction.append(draft, session, after))
            appended.append(pending[-1])
        fold.apply(transaction, pending, own=True)
        return result, appended

    def _open_session(self, reader: Reader) -> tuple[None, list[Draft]]:
        """The decision that opens the session of the present author, once."""
        session = self.session
        if reader.session(session) is not None:
            return None, []
        facts = describe(self.source, self.clock.now_ms(), AUTHOR.get())
        return None, [Draft.of(f"session/{session.hex()}", facts)]

    def _open_own_session(self) -> None:
        AUTHOR.set(None)
        REASON.set(None)
        self.execute(self._open_session)

    def session_of(self, author: str | None) -> bytes:
        """The session of an author, or of this process for None; each has one, made atomically."""
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
        """Let go of the parent's files, in a forked child; the first use opens them anew."""
        if self._journal is not None:
            self._journal.disown()
        self._journal = self._drainer = None
        self._opening = threading.RLock()
        self._local = threading.local()
        self._forked = True


def _flush_at_exit(reference: "weakref.ref[Engine]") -> None:
    engine = reference()
    if engine is not None and not engine.closed and not engine._forked:  # noqa: SLF001 - ours
        with contextlib.suppress(EventtrackError):  # the points stay in the journal
            engine.flush()


_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        engine._forget_parent()  # noqa: SLF001 - this module's own


os.register_at_fork(after_in_child=_after_fork_in_child)
