"""Sinks: the fast way to log to one run, through the journal and without a decision for each call.

A sink asks once whether the run is active, and again after a deletion in this process. A forked
child finds a journal of its own.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from eventtrack.log.journal import Journal
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run

# The number of sinks kept for callers who name the run with each call, as MlflowClient's do.
SINKS_MAX = 1024

_attaching = threading.Lock()  # one thread of a forked child at a time finds a journal for a sink


def _after_fork_in_child() -> None:
    global _attaching
    _attaching = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)


class Sink(ABC):
    """The base of sinks. Thread-safe.

    `_append` takes a slot, a body and the slot's seed. If it raises `JournalDisowned`, the sink
    calls `_attach_anew` and appends again.
    """

    __slots__ = ("__weakref__", "_append", "_context", "_journal", "_run_id")

    def __init__(self, context: StoreContext, run_id: str) -> None:
        self._context = context
        self._run_id = run_id
        self._attach(context.engine.journal())
        context.note_sink(self)

    @abstractmethod
    def _define(self, journal: Journal) -> None:
        """Define the sink's slots in a journal."""

    @abstractmethod
    def _slots(self) -> tuple[int, ...]:
        """The slots that the sink has defined."""

    def revoke(self) -> None:
        """Note that the run may have been deleted: calls ask, until the run turns out active."""
        self._append = self._append_if_active

    def __del__(self) -> None:
        journal = getattr(self, "_journal", None)
        if journal is not None:
            for slot in self._slots():
                journal.retire(slot)

    def _append_if_active(self, slot: int, body: bytes, seed: int) -> None:
        with self._context.engine.read() as reader:
            active_run(self._context, reader, self._run_id)
        self._append = self._journal.append
        self._append(slot, body, seed)

    def _attach_anew(self) -> None:
        with _attaching:
            journal = self._context.engine.journal()
            if journal is not self._journal:
                self._attach(journal)

    def _attach(self, journal: Journal) -> None:
        self._define(journal)
        # Set last: a thread that sees the new journal's method also sees the slots to go with it.
        self._journal, self._append = journal, journal.append


S = TypeVar("S", bound=Sink)


class Sinks(Generic[S]):
    """The sinks of one kind, shared by all callers of a store."""

    def __init__(self, context: StoreContext, make: Callable[[StoreContext, str], S]) -> None:
        self._context = context
        self._make = make
        # By run id, the oldest first. Changed by single, atomic dictionary calls.
        self._sinks: dict[str, S] = {}
        context.note_sink(self)

    def of(self, run_id: str) -> S:
        """The sink of an active run.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted.
        """
        sinks = self._sinks
        sink = sinks.get(run_id)
        if sink is None:
            with self._context.engine.read() as reader:
                active_run(self._context, reader, run_id)
            sink = sinks.setdefault(run_id, self._make(self._context, run_id))
            while len(sinks) > SINKS_MAX:
                sinks.pop(next(iter(sinks)), None)
        return sink

    def revoke(self) -> None:
        """Hand out no sink without a decision, after a deletion."""
        self._sinks.clear()
