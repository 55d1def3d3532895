"""The rows of the index for metrics of runs for which points of others count: forks and merges."""

from collections.abc import Iterator
from heapq import merge

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader

_FORKED = (index.ATTRIBUTE, index.JOINED)


class ForkRows:
    """The index holds a run's own points. Of these, few as they are, the curves are read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._forks: dict[int, dict[bytes, RunState]] = {}  # by experiment, then by run number

    def joined(
        self,
        rows: Iterator[bytes],
        experiment: int,
        name: FieldName,
        first: bytes,
        beyond: bytes,
        *,
        reverse: bool,
    ) -> Iterator[bytes]:
        """Rows of a metric in an experiment from `first` to before `beyond`, forks included.

        Args:
            rows: The same rows of the index.
        """
        forks = self._of(experiment)
        if not forks:
            return rows
        own: list[bytes] = []
        for number, run in forks.items():
            for value in self.values(run, name):
                row = first[:8] + value + number
                if first <= row < beyond:
                    own.append(row)
        own.sort(reverse=reverse)
        return merge((row for row in rows if row[-4:] not in forks), own, reverse=reverse)

    def values(self, run: RunState, name: FieldName) -> tuple[bytes, ...]:
        """The values of a run in a field, as the index encodes them."""
        if name[0] != index.METRIC or not run.is_joined:
            return index.values(run, name)
        curve = self._reader.curve(run, name[1])
        return () if curve is None else (index.encode_number(curve.value),)

    def _of(self, experiment: int) -> dict[bytes, RunState]:
        known = self._forks.get(experiment)
        if known is None:
            runs = joined_runs(self._reader, experiment)
            known = {run.number.to_bytes(4, "big"): run for run in runs}
            self._forks[experiment] = known
        return known


def joined_runs(reader: Reader, experiment: int) -> list[RunState]:
    """The runs of an experiment, by its number, for which points of other runs count."""
    field = reader.field(_FORKED)
    if field is None:
        return []
    prefix = index.prefix(experiment, field)
    rows = reader.rows.keys(index.table_of(_FORKED), prefix, end_of(prefix))
    runs = (reader.run_by_number(index.run_of(row)) for row in rows)
    return [run for run in runs if run is not None]
