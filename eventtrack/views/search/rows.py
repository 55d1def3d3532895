"""The rows of the search index over some experiments, and the runs that they name."""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain, dropwhile, islice

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.views.filters.trees import OrderTerm
from eventtrack.views.search.forks import ForkRows
from eventtrack.views.search.values import is_numeric, name_of
from eventtrack.waiting import check

Number = bytes
Bounds = tuple[bytes, bytes]
STARTS = (index.ATTRIBUTE, "start_time")
# Above all texts of a field, below the numbers of its texts.
TEXTS_END = b"\xfd" + b"\xff" * 69
NUMBERS_AMONG_TEXTS = (index.AMONG_TEXTS, index.AMONG_TEXTS + b"\xff" * 8)
_LAST_NUMBER = index.NUMBER + b"\xff" * 8


class IndexRows:
    """The index rows of the runs of some experiments, within one read of the views.

    Args:
        experiments: No other runs are read.
        artifact_uri: Gives the URI of a run's files: that attribute is in no index.
        base: Rows of the same read, which have runs decoded already.
    """

    def __init__(
        self,
        reader: Reader,
        experiments: Sequence[ExperimentState],
        artifact_uri: Callable[[RunState], str],
        base: "IndexRows | None" = None,
    ) -> None:
        self.reader = reader
        self.experiments = {state.number: state for state in experiments}
        self.artifact_uri = artifact_uri
        self.states: dict[Number, RunState] = {} if base is None else base.states
        self.forks: ForkRows = ForkRows(reader) if base is None else base.forks

    def state(self, number: Number) -> RunState:
        """The run of a row."""
        state = self.states.get(number)
        if state is None:
            check()
            state = self.reader.run_by_number(int.from_bytes(number, "big"))
            assert state is not None, "the index names a run that is not there"
            self.states[number] = state
        return state

    def values(self, number: Number, name: FieldName) -> tuple[bytes, ...]:
        """The values of a run in a field, as the index encodes them."""
        return self.forks.values(self.state(number), name)

    def all(self) -> set[Number]:
        """The numbers of all runs."""
        return {key[-4:] for key in self.rows(STARTS)}

    def of(self, experiment: int, name: FieldName) -> set[Number]:
        """The numbers of the runs of an experiment that have a value of a field."""
        return {key[-4:] for key in self.scan(experiment, name, b"", TEXTS_END)}

    def rows(self, name: FieldName, first: bytes = b"", last: bytes = TEXTS_END) -> Iterator[bytes]:
        """The rows of a field with values in `[first, last]`, experiment by experiment."""
        return chain.from_iterable(
            [self.scan(number, name, first, last) for number in self.experiments]
        )

    def walk(self, term: OrderTerm, start: bytes | None = None) -> Iterator[bytes]:
        """The rows of a field in the order of a term, experiments merged.

        Of texts that are numbers, a term of `numbers` has only the rows of the numbers.

        Args:
            start: The value to begin with; None for all.
        """
        name, reverse = name_of(term.field), not term.ascending
        if is_numeric(term.field):
            return self._numbers(name, (index.NUMBER, _LAST_NUMBER), start, reverse=reverse)
        if not term.numbers:
            return self._texts(name, start, reverse=reverse)
        if start is None or start[:1] == index.AMONG_TEXTS:
            numbers = self._from(name, NUMBERS_AMONG_TEXTS, start, reverse=reverse)
            texts = self._texts(name, None, reverse=reverse)
        else:
            numbers, texts = iter(()), self._texts(name, start, reverse=reverse)
        return chain(numbers, (key for key in texts if not _is_number(key)))

    def _numbers(
        self, name: FieldName, bounds: Bounds, start: bytes | None, *, reverse: bool
    ) -> Iterator[bytes]:
        nans = self._merged(name, index.NAN, index.NAN, reverse=False)
        if start == index.NAN:
            return nans
        return chain(self._from(name, bounds, start, reverse=reverse), nans)

    def _from(
        self, name: FieldName, bounds: Bounds, start: bytes | None, *, reverse: bool
    ) -> Iterator[bytes]:
        first, last = bounds
        if start is not None:
            first, last = (first, start) if reverse else (start, last)
        return self._merged(name, first, last, reverse=reverse)

    def _texts(self, name: FieldName, start: bytes | None, *, reverse: bool) -> Iterator[bytes]:
        rows = self._from(name, (b"", TEXTS_END), start, reverse=reverse)
        if start is None or not reverse:
            return rows
        # Longer texts may begin with the same bytes.
        return dropwhile(lambda key: index.value_of(key) > start, rows)

    def scan(
        self, experiment: int, name: FieldName, first: bytes, last: bytes, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """The rows of a field in an experiment with values in `[first, last]`, both included.

        Runs no Python code per row: that would take a third of a search's time.
        """
        check()
        field = self.reader.field(name)
        if field is None:
            return iter(())
        prefix = index.prefix(experiment, field)
        # Greater than every row of `last`: 5 bytes of 0xff, where a run number has 4.
        beyond = prefix + last + b"\xff" * 5
        rows = self.reader.rows.keys(index.table_of(name), prefix + first, beyond, reverse=reverse)
        if name[0] != index.METRIC:
            return rows
        bounds = prefix + first, beyond
        return self.forks.joined(rows, experiment, name, *bounds, reverse=reverse)

    def _merged(
        self, name: FieldName, first: bytes, last: bytes, *, reverse: bool
    ) -> Iterator[bytes]:
        walks = [
            self.scan(number, name, first, last, reverse=reverse) for number in self.experiments
        ]
        if len(walks) == 1:
            return walks[0]
        return merge(*walks, key=index.value_of, reverse=reverse)


def _is_number(key: bytes) -> bool:
    """Whether the text of a row is a number, which then has a row of its own."""
    text, whole = index.decode_text(index.value_of(key))
    return whole and index.number_of(text) is not None


class TooManyRows(Exception):  # noqa: N818 - a signal to go another way, not an error for callers
    """A filter reads more rows than it may."""


class BoundedRows(IndexRows):
    """The same rows, but not more than `left` of them in all."""

    def __init__(self, base: IndexRows, left: int) -> None:
        super().__init__(base.reader, list(base.experiments.values()), base.artifact_uri, base)
        self._left = left

    def rows(self, name: FieldName, first: bytes = b"", last: bytes = TEXTS_END) -> Iterator[bytes]:
        """See `IndexRows`.

        Raises:
            TooManyRows: There are more.
        """
        rows = list(islice(super().rows(name, first, last), self._left + 1))
        self._left -= len(rows)
        if self._left < 0:
            raise TooManyRows
        return iter(rows)


class BatchRows(IndexRows):
    """The rows of some runs alone, made from the runs."""

    def __init__(self, base: IndexRows, numbers: Sequence[Number]) -> None:
        super().__init__(base.reader, list(base.experiments.values()), base.artifact_uri, base)
        self._batch = numbers

    def all(self) -> set[Number]:
        """See `IndexRows`."""
        return set(self._batch)

    def rows(self, name: FieldName, first: bytes = b"", last: bytes = TEXTS_END) -> Iterator[bytes]:
        """See `IndexRows`."""
        beyond = last + b"\xff" * 5
        for number in self._batch:
            for value in self.values(number, name):
                if first <= value + number < beyond:
                    yield bytes(8) + value + number
