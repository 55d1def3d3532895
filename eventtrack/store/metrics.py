"""Metrics: logged through the journal, read as points or as arrays."""

import os
import threading
import time
from collections.abc import Mapping, Sequence

import msgspec

from eventtrack import validate
from eventtrack.errors import UsageError
from eventtrack.events.envelope import Draft
from eventtrack.log.frames import slot_seed
from eventtrack.log.journal import Journal, JournalDisowned
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run, points_allowed
from eventtrack.store.points import PointLike, points_event
from eventtrack.store.recorder import Prepared
from eventtrack.store.session import AUTHOR
from eventtrack.views.queries.metrics import MetricQueries

_encode = msgspec.msgpack.Encoder().encode
_now_ns = time.time_ns
# The number of logged points between two looks at the backlog.
_RELIEVE_EVERY = 65_536
# The number of sinks kept for callers who name the run with each point, as MlflowClient's do.
SINKS_MAX = 1024


_attaching = threading.Lock()  # one thread of a forked child at a time finds a journal for a sink


def _after_fork_in_child() -> None:
    global _attaching
    _attaching = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)


class MetricSink:
    """The fast way to log points of one run. Thread-safe.

    When a method returns, the point survives `kill -9`; a moment later it is in the log.
    """

    __slots__ = (
        "__weakref__",
        "_append",
        "_context",
        "_countdown",
        "_journal",
        "_keys",
        "_run_id",
        "_seed",
        "_seed_many",
        "_slot",
        "_slot_many",
    )

    def __init__(self, context: StoreContext, run_id: str) -> None:
        self._context = context
        self._run_id = run_id
        self._keys: set[str] = set()  # names that passed validation
        self._countdown = _RELIEVE_EVERY
        self._attach(context.engine.journal())
        context.note_sink(self)

    def log(
        self, key: str, value: float, step: int | None = None, timestamp: int | None = None
    ) -> None:
        """Log one point. `step` defaults to 0, `timestamp` (milliseconds since 1970) to now.

        Raises:
            InvalidValueError: Name, value, step or time is not allowed; nothing was written.
        """
        if type(key) is not str or key not in self._keys:
            key = validate.metric_key(key)
            self._keys.add(key)
        if type(value) is not float:
            value = validate.metric_value(key, value)
        if type(step) is not int:
            step = 0 if step is None else validate.int64("step", step)
        elif not -0x8000000000000000 <= step <= 0x7FFFFFFFFFFFFFFF:
            validate.int64("step", step)
        at_ms = _now_ns() // 1_000_000 if timestamp is None else validate.timestamp_ms(timestamp)
        self._countdown -= 1
        if self._countdown <= 0:
            self._relieve()
        try:
            self._append(self._slot, _encode((key, value, step, at_ms)), self._seed)
        except JournalDisowned:
            self._attach_anew()
            self._append(self._slot, _encode((key, value, step, at_ms)), self._seed)

    def log_many(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one point of each of several metrics, in one event.

        Raises:
            InvalidValueError: A name, a value, the step or the time is not allowed; nothing was
                written.
        """
        keys = list(validate.mapping("metrics", metrics))
        if not keys:
            return
        if set(map(type, keys)) != {str} or not self._keys.issuperset(keys):
            keys = [validate.metric_key(key) for key in keys]
            self._keys.update(keys)
        values = list(metrics.values())
        if set(map(type, values)) != {float}:
            values = [validate.metric_value(*pair) for pair in zip(keys, values, strict=True)]
        step = 0 if step is None else validate.int64("step", step)
        at_ms = _now_ns() // 1_000_000 if timestamp is None else validate.timestamp_ms(timestamp)
        self._countdown -= len(keys)
        if self._countdown <= 0:
            self._relieve()
        try:
            self._append(self._slot_many, _encode((keys, values, step, at_ms)), self._seed_many)
        except JournalDisowned:
            self._attach_anew()
            self._append(self._slot_many, _encode((keys, values, step, at_ms)), self._seed_many)

    def revoke(self) -> None:
        """Note that the run may have been deleted: calls ask, until the run turns out active."""
        self._append = self._append_if_active

    def __del__(self) -> None:
        journal = getattr(self, "_journal", None)
        if journal is not None:
            journal.retire(self._slot)
            journal.retire(self._slot_many)

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
        stream = f"run/{self._run_id}"
        self._slot = journal.define(stream, "run.metric_logged", 1)
        self._slot_many = journal.define(stream, "run.metrics_logged", 1)
        self._seed, self._seed_many = slot_seed(self._slot), slot_seed(self._slot_many)
        # Set last: a thread that sees the new journal's method also sees the slots to go with it.
        self._journal, self._append = journal, journal.append

    def _relieve(self) -> None:
        self._countdown = _RELIEVE_EVERY
        self._context.engine.relieve()


class Metrics(MetricQueries):
    """The metrics of a store's runs."""

    _context: StoreContext

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        # By run id, the oldest first. Changed by single, atomic dictionary calls.
        self._sinks: dict[str, MetricSink] = {}
        context.note_sink(self)

    def sink(self, run_id: str) -> MetricSink:
        """The sink of an active run, shared by all callers.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted.
        """
        sinks = self._sinks
        sink = sinks.get(run_id)
        if sink is None:
            with self._context.engine.read() as reader:
                active_run(self._context, reader, run_id)
            sink = sinks.setdefault(run_id, MetricSink(self._context, run_id))
            while len(sinks) > SINKS_MAX:
                sinks.pop(next(iter(sinks)), None)
        return sink

    def revoke(self) -> None:
        """Hand out no sink without a decision, after a deletion."""
        self._sinks.clear()

    def log(
        self,
        run_id: str,
        key: str,
        value: float,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one point of a run; see `MetricSink.log`."""
        self.sink(run_id).log(key, value, step, timestamp)

    def prepare(self, run_id: str, points: Sequence[PointLike]) -> Prepared:
        """Check points of one run, at least one, and make them ready for `record`.

        Raises:
            InvalidValueError: A point is not allowed.
        """
        return Prepared(
            Draft.of(f"run/{validate.run_id(run_id)}", points_event(points)), AUTHOR.get()
        )

    def record(self, prepared: Sequence[Prepared]) -> list[UsageError | None]:
        """Log the points of several calls in one durable commit, each call by itself.

        Returns for each call the reason of its refusal (no such run, or a deleted run); None if its
        points are in the log.
        """
        return self._context.recorder.record(prepared, points_allowed(self._context))
