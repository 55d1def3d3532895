"""Search over runs: filters become sets of runs (`sets`), orders become walks (`ordering`).

A filter whose rows are many is first tried on the runs that the order gives first. If many of them
match, the page is full long before the whole set would be there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from eventtrack.projections import index
from eventtrack.projections.counts import RunCounts, of_experiment
from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.views.filters.trees import Expression, OrderTerm
from eventtrack.views.records import ViewType
from eventtrack.views.search.groups import RunGroup, groups_of
from eventtrack.views.search.ordering import Ordering, complete
from eventtrack.views.search.places import TEXT_BYTES_MAX, Place
from eventtrack.views.search.rows import (
    STARTS,
    BatchRows,
    BoundedRows,
    IndexRows,
    Number,
    TooManyRows,
)
from eventtrack.views.search.sets import ManyDeleted, RunSets

# A filter that reads up to this many index rows becomes a set at once.
SET_ROWS_MAX = 20_000
# As many deleted runs are read at once; of more, each run of a page is looked up.
DELETED_READ_MAX = 1000
# Otherwise it is tried on this many runs first; decoding them takes about 20 ms.
TRIED_MAX = 1024
TRIED_AT_ONCE = 128


class RunSearch:
    """One search, within one read of the views.

    Args:
        experiments: The experiments to search; no other runs are read.
        artifact_uri: Gives the URI of a run's files: that attribute is in no index.
    """

    def __init__(
        self,
        reader: Reader,
        experiments: Sequence[ExperimentState],
        artifact_uri: Callable[[RunState], str],
    ) -> None:
        self._rows = IndexRows(reader, experiments, artifact_uri)
        self._sets = RunSets(self._rows)
        self._matching: tuple[Expression | None, set[Number]] = (None, set())
        self._deleted: set[Number] | None = None

    def find(
        self,
        expression: Expression | None,
        view_type: int,
        order: Sequence[OrderTerm],
        start: int,
        stop: int,
        after: Place | None = None,
    ) -> list[RunState]:
        """The runs of `numbers`."""
        numbers = self.numbers(expression, view_type, order, start, stop, after)
        return [self._rows.state(number) for number in numbers]

    def numbers(
        self,
        expression: Expression | None,
        view_type: int,
        order: Sequence[OrderTerm],
        start: int,
        stop: int,
        after: Place | None = None,
    ) -> list[Number]:
        """The matches `[start, stop)`, ordered as asked, then newest first, then by run id.

        Args:
            after: Counts the matches from behind this place of the order.
        """
        terms = complete(order)
        return list(
            islice(self._in_order(expression, view_type, terms, start, after), stop - start)
        )

    def state(self, number: Number) -> RunState:
        """The run of a number."""
        return self._rows.state(number)

    @property
    def remark(self) -> str:
        """The reason why a search of many runs was slow, and what to do; "" for nothing."""
        if not self._sets.swept or self._rows.reader.rows.count("runs") <= SET_ROWS_MAX:
            return ""
        names = " and ".join(sorted(self._sets.swept))
        return (
            f"The filter looked at {names} of every run. Faster are = and a LIKE whose pattern "
            "begins with text, as in 'sweep-%'."
        )

    def place(self, run: RunState, order: Sequence[OrderTerm]) -> Place | None:
        """The place of a run in an order; None if it is too long for a token."""
        number = run.number.to_bytes(4, "big")
        place = Ordering(self._rows, set()).place(number, complete(order))
        return place if all(len(value) <= TEXT_BYTES_MAX for _, value in place.keys) else None

    def count(self, expression: Expression | None, view_type: int) -> int:
        """The number of all matches that `find` can return. Decodes no run.

        Without an expression the numbers are kept, and nothing is counted.
        """
        if expression is None and (kept := self.kept_counts()) is not None:
            shown = {
                ViewType.ALL: kept.runs,
                ViewType.DELETED_ONLY: kept.deleted,
                ViewType.ACTIVE_ONLY: kept.runs - kept.deleted,
            }
            return shown[view_type]
        return len(self._all_matches(expression, view_type))

    def groups(
        self,
        expression: Expression | None,
        view_type: int,
        by: FieldName,
        columns: Sequence[FieldName],
    ) -> list[RunGroup]:
        """All matches in groups; see `groups_of`. Walks the index rows of each field once."""
        return groups_of(self._rows, self._each_match(expression, view_type), by, columns)

    def kept_counts(self) -> RunCounts | None:
        """The numbers of all runs that the views keep; None if they do not decide.

        That is so at a moment, and for an experiment that was deleted or restored.
        """
        kept = []
        for number, experiment in self._rows.experiments.items():
            counts = of_experiment(self._rows.reader.rows, number)
            if counts is None or experiment.lifecycle[1]:
                return None
            kept.append(counts)
        return RunCounts(*map(sum, zip(*kept, strict=True))) if kept else RunCounts()

    def oldest_start(self) -> float | None:
        """The earliest start of a run after 1970, in milliseconds; None without such a run."""
        rows = self._rows.rows(STARTS, index.encode_number(1.0), index.NUMBER + b"\xff" * 8)
        return min(
            (index.decode_number(index.value_of(key)) for key in islice(rows, 1)), default=None
        )

    def starts(self, low: int, width: int, stretches: int) -> list[int]:
        """The numbers of runs of one experiment that began in equal stretches of time, deleted too.

        Costs a walk of the index over those runs; none of them is decoded.
        """
        counts = [0] * stretches
        last = index.encode_number(low + width * stretches - 1)
        place = 0
        while place < stretches:
            rows = self._rows.rows(STARTS, index.encode_number(low + place * width), last)
            starts = (index.decode_number(index.value_of(key)) for key in islice(rows, 1))
            # Seek the next stretch that has a run.
            place = min((int(start - low) // width for start in starts), default=stretches)
            if place < stretches:
                first = index.encode_number(low + place * width)
                end = index.encode_number(low + (place + 1) * width - 1)
                counts[place] = sum(1 for _ in self._rows.rows(STARTS, first, end))
                place += 1
        return counts

    def _in_order(
        self,
        expression: Expression | None,
        view_type: int,
        terms: Sequence[OrderTerm],
        start: int,
        after: Place | None,
    ) -> Iterator[Number]:
        left_out = self._left_out() if view_type == ViewType.ACTIVE_ONLY else set[Number]()
        ordering = Ordering(self._rows, left_out)
        if view_type == ViewType.DELETED_ONLY:
            deleted = self._deleted_runs()
            matches = deleted if expression is None else deleted & self._matches(expression)
            return ordering.page(matches, terms, start, after)
        if expression is None:
            return ordering.page(None, terms, start, after)
        few = self._matches_of_few_rows(expression)
        if few is None and not start:
            return self._tried(expression, ordering, terms, after)
        return ordering.page(self._matches(expression), terms, start, after)

    def _tried(
        self,
        expression: Expression,
        ordering: Ordering,
        terms: Sequence[OrderTerm],
        after: Place | None,
    ) -> Iterator[Number]:
        """The matches in order: tried on the first runs, then by the set of all matches."""
        walk = ordering.page(None, terms, 0, after)
        passed = 0
        for _ in range(0, TRIED_MAX, TRIED_AT_ONCE):
            batch = list(islice(walk, TRIED_AT_ONCE))
            if not batch:
                return
            matches = RunSets(BatchRows(self._rows, batch)).matching(expression)
            passed += len(matches)
            yield from (number for number in batch if number in matches)
        yield from ordering.page(self._matches(expression), terms, passed, after)

    def _matches_of_few_rows(self, expression: Expression) -> set[Number] | None:
        """The matches of an expression; None if that reads too many rows."""
        try:
            matches = RunSets(BoundedRows(self._rows, SET_ROWS_MAX)).matching(expression)
        except TooManyRows:
            return None
        self._matching = expression, matches
        return matches

    def _all_matches(self, expression: Expression | None, view_type: int) -> set[Number]:
        matches = self._rows.all() if expression is None else self._matches(expression)
        if view_type == ViewType.ALL:
            return matches
        deleted = matches & self._deleted_runs()
        return deleted if view_type == ViewType.DELETED_ONLY else matches - deleted

    def _each_match(self, expression: Expression | None, view_type: int) -> Iterable[Number]:
        """The numbers of all matches; without an expression there is no set of them in memory."""
        if expression is not None or view_type == ViewType.DELETED_ONLY:
            return self._all_matches(expression, view_type)
        deleted = self._deleted_runs() if view_type == ViewType.ACTIVE_ONLY else set[Number]()
        return (key[-4:] for key in self._rows.rows(STARTS) if key[-4:] not in deleted)

    def _matches(self, expression: Expression) -> set[Number]:
        if self._matching[0] is not expression:
            self._matching = expression, self._sets.matching(expression)
        return self._matching[1]

    def _left_out(self) -> set[Number] | ManyDeleted:
        kept = self.kept_counts()
        if kept is None or kept.deleted <= DELETED_READ_MAX:
            return self._deleted_runs()
        return ManyDeleted(self._rows, self._deleted_runs)

    def _deleted_runs(self) -> set[Number]:
        if self._deleted is None:
            self._deleted = self._sets.deleted()
        return self._deleted
