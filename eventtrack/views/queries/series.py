"""Reads many series at once: first the figures of each, then its points."""

from collections.abc import Iterator

from eventtrack.projections import picking
from eventtrack.projections.curves import AnyCurve
from eventtrack.projections.points import Points
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader


class Series:
    """One metric of one run. Its points can be read within the block that gave it.

    Attributes:
        run_id: The run.
        key: The metric.
        began_ms: The start time of the run, in milliseconds since 1970.
        count: The number of logged points. If the series is out of order, reading drops repeats, so
            there may be fewer points.
        last_step: The greatest step.
        last_ms: The latest time, if the series is in order.
    """

    __slots__ = ("_curve", "_reader", "began_ms", "count", "key", "last_ms", "last_step", "run_id")

    def __init__(self, reader: Reader, run: RunState, key: str, curve: AnyCurve) -> None:
        self._reader = reader
        self._curve = curve
        self.run_id = run.run_id
        self.key = key
        self.began_ms = run.start_ms
        self.count = curve.count
        self.last_step = curve.step
        self.last_ms = curve.last_timestamp_ms

    def first(self) -> tuple[int, int]:
        """The step and time of the point stored first; in an ordered series, the earliest."""
        return self._reader.first_point(self._curve)

    def pieces(self) -> Iterator[picking.Piece] | None:
        """Its chunks, which are in order; None where they may not be: then read `points`."""
        state = picking.climbing(self._curve)
        return None if state is None else picking.pieces(self._reader.rows, state)

    def points(self) -> Points:
        """All points in order of (timestamp, step, value)."""
        return self._reader.history(self._curve)
