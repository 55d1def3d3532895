"""Metrics: logged through the journal, read as points or as arrays."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from eventtrack import validate
from eventtrack.errors import UsageError
from eventtrack.events.envelope import Draft
from eventtrack.events.histories import PointsWithdrawn
from eventtrack.lazy import lazy
from eventtrack.log.frames import slot_seed
from eventtrack.log.journal import Journal, JournalDisowned
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run, points_allowed
from eventtrack.store.sinks import Sink, Sinks
from eventtrack.views.queries.metrics import MetricQueries

# For calls that record points durably, or withdraw them: see `store.runs`.
if TYPE_CHECKING:
    from eventtrack.store import points as point_checks
    from eventtrack.store import recorder, withdrawals
    from eventtrack.store.points import PointLike
    from eventtrack.store.recorder import Prepared
else:
    point_checks = lazy("eventtrack.store.points")
    recorder = lazy("eventtrack.store.recorder")
    withdrawals = lazy("eventtrack.store.withdrawals")

_encode = msgspec.msgpack.Encoder().encode
_now_ns = time.time_ns
# The number of logged points between two looks at the backlog.
_RELIEVE_EVERY = 65_536


class MetricSink(Sink):
    """The fast way to log points of one run. Thread-safe.

    When a method returns, the point survives `kill -9`, and every read shows it. It survives a
    power cut once it is in the log: within 10 seconds where points are few, else at once.
    """

    __slots__ = ("_countdown", "_keys", "_seed", "_seed_many", "_slot", "_slot_many")

    def __init__(self, context: StoreContext, run_id: str) -> None:
        self._keys: set[str] = set()  # names that passed validation
        self._countdown = _RELIEVE_EVERY
        super().__init__(context, run_id)

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
            self._countdown = _RELIEVE_EVERY
            self._context.engine.relieve()
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
            self._countdown = _RELIEVE_EVERY
            self._context.engine.relieve()
        try:
            self._append(self._slot_many, _encode((keys, values, step, at_ms)), self._seed_many)
        except JournalDisowned:
            self._attach_anew()
            self._append(self._slot_many, _encode((keys, values, step, at_ms)), self._seed_many)

    def _define(self, journal: Journal) -> None:
        stream = f"run/{self._run_id}"
        self._slot = journal.define(stream, "run.metric_logged", 1)
        self._slot_many = journal.define(stream, "run.metrics_logged", 1)
        self._seed, self._seed_many = slot_seed(self._slot), slot_seed(self._slot_many)

    def _slots(self) -> tuple[int, ...]:
        return self._slot, self._slot_many


class Metrics(MetricQueries):
    """The metrics of a store's runs."""

    _context: StoreContext

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._sinks = Sinks(context, MetricSink)

    def sink(self, run_id: str) -> MetricSink:
        """The sink of an active run, shared by all callers.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted.
        """
        return self._sinks.of(run_id)

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

    def prepare(
        self, run_id: str, points: "Sequence[PointLike]", *, typed: bool = False
    ) -> "Prepared":
        """Check points of one run, at least one, and make them ready for `record`.

        Args:
            typed: See `points_event`.

        Raises:
            InvalidValueError: A point is not allowed.
        """
        event = point_checks.points_event(points, typed=typed)
        return recorder.Prepared.of(f"run/{validate.run_id(run_id)}", event)

    def record(
        self, prepared: "Sequence[Prepared]", *, journal: bool = False
    ) -> list[UsageError | None]:
        """Log the points of several calls durably, together, each call by itself.

        Args:
            journal: See `Recorder.record`.

        Returns for each call the reason of its refusal (no such run, or a deleted run); None if its
        points are in the log.
        """
        allow = points_allowed(self._context)
        return self._context.recorder.record(prepared, allow, journal=journal)

    def record_unasked(self, prepared: "Sequence[Prepared]") -> list[bool]:
        """Log points of a server that has not asked for news; see `Recorder.record_unasked`."""
        return self._context.recorder.record_unasked(prepared)

    def withdraw(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> bool:
        """Withdraw points of a run: they stay on record, but no longer count.

        It holds for the points that the log has of the run by now; points that come later count.
        Costs the same for a few points as for millions. `History.undo` takes it back.

        Args:
            keys: Names of metrics; None for all.
            first_step: The first step that is withdrawn; None for the least there is.
            last_step: The last step that is withdrawn; None for the greatest there is.

        Returns:
            Whether there is anything to withdraw; otherwise nothing is recorded.

        Raises:
            NotFoundError: There is no such run, or it has no such metric.
            InvalidValueError: The run is deleted, or the last step comes before the first.
        """
        clean = withdrawals.clean_keys(keys)
        steps = withdrawals.steps_of(first_step, last_step)
        self._context.engine.gather()  # a withdrawal covers what the log has

        def decide(reader: Reader) -> tuple[bool, list[Draft]]:
            run = active_run(self._context, reader, run_id)
            taken = withdrawals.withdrawal(reader, run, clean, steps)
            if taken is None:
                return False, []
            event = PointsWithdrawn(taken, self._context.engine.clock.now_ms())
            return True, [Draft.of(f"run/{run_id}", event)]

        return self._context.engine.execute(decide)

    def rewind(self, run_id: str, step: int, keys: Sequence[str] | None = None) -> bool:
        """Withdraw all points of a run with a step greater than `step`; see `withdraw`."""
        first = withdrawals.after(step)
        return first is not None and self.withdraw(run_id, keys, first)
