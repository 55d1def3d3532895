"""Many series at once: what is known of each before its points are read, and then these."""

from eventtrack.projections.points import Points
from eventtrack.projections.state import MetricState, RunState
from eventtrack.projections.tables import Reader


class Series:
    """One metric of one run. Its points can be read within the block that gave it.

    Attributes:
        run_id: The run.
        key: The metric.
        began_ms: When the run began, in milliseconds since 1970.
        count: How many points were logged. Of a series that is out of order they are read with
            their repeats gone, and then may be fewer.
        last_step: The greatest step.
        last_ms: The latest time, where the series is in order.
    """

    __slots__ = ("_reader", "_state", "began_ms", "count", "key", "last_ms", "last_step", "run_id")

    def __init__(self, reader: Reader, run: RunState, key: str, state: MetricState) -> None:
        self._reader = reader
        self._state = state
        self.run_id = run.run_id
        self.key = key
        self.began_ms = run.start_ms
        self.count = state.count
        self.last_step = state.step
        self.last_ms = state.last_timestamp_ms

    def first(self) -> tuple[int, int]:
        """Step and time of the first point that is stored, of a series in order the earliest."""
        return self._reader.first_point(self._state)

    def points(self) -> Points:
        """All points in order of (timestamp, step, value)."""
        return self._reader.history(self._state)
