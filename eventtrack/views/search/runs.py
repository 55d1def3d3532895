"""Search over runs: filters become sets by index scans, orders become walks of an index.

No run is decoded to be tested: the index holds every value that a filter can ask for. Only long
texts are read from the run. A run is named by its 4-byte number, which also ends each index row.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain, groupby, islice

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState, effective_lifecycle
from eventtrack.projections.tables import Reader
from eventtrack.views.filters.trees import (
    And,
    Comparison,
    Expression,
    Field,
    Not,
    Or,
    OrderTerm,
)
from eventtrack.views.records import LifecycleStage, ViewType
from eventtrack.views.search.forks import ForkRows
from eventtrack.views.search.values import (
    encoded,
    is_cut,
    is_indexed,
    is_numeric,
    text_test,
    texts_of,
)
from eventtrack.waiting import check

Number = bytes
# Up to this many matches are decoded and sorted; larger sets are read in index order. In small
# stores the limit is lower: decoding one run costs as much as walking ROWS_A_RUN index rows.
SORTED_MAX = 512
ROWS_A_RUN = 64
_KINDS = {
    "metric": index.METRIC,
    "param": index.PARAM,
    "tag": index.TAG,
    "attribute": index.ATTRIBUTE,
    "dataset": index.DATASET,
}
_NEWEST_FIRST = OrderTerm(Field("attribute", "start_time"), False)
# Above all texts of a field, below the numbers of its texts.
_TEXTS_END = b"\xfd" + b"\xff" * 69
_NUMBERS = (index.AMONG_TEXTS, index.AMONG_TEXTS + b"\xff" * 8)
_STARTS = (index.ATTRIBUTE, "start_time")


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
        self._reader = reader
        self._experiments = {state.number: state for state in experiments}
        self._artifact_uri = artifact_uri
        self._states: dict[Number, RunState] = {}
        self._forks = ForkRows(reader)

    def find(
        self,
        expression: Expression | None,
        view_type: int,
        order: Sequence[OrderTerm],
        start: int,
        stop: int,
    ) -> list[RunState]:
        """The matches `[start, stop)`, ordered as asked, then newest first, then by run id."""
        matches = self._viewed(view_type, None if expression is None else self._matches(expression))
        terms = list(order)
        if all(term.field != _NEWEST_FIRST.field for term in terms):
            terms.append(_NEWEST_FIRST)
        numbers = self._ordered(matches, terms)
        return [self._state(number) for number in islice(numbers, start, stop)]

    def count(self, expression: Expression | None, view_type: int) -> int:
        """The number of all matches that `find` can return. Decodes no run."""
        matches = self._viewed(view_type, None if expression is None else self._matches(expression))
        return len(self._all() if matches is None else matches)

    def newest(self, attribute: str) -> int | None:
        """The greatest `start_time` or `end_time`, in milliseconds; None if no run has any."""
        walk = self._walk(
            (index.ATTRIBUTE, attribute), OrderTerm(Field("attribute", attribute), False)
        )
        number = next((key[-4:] for key in walk), None)
        if number is None:
            return None
        state = self._state(number)
        return state.start_ms if attribute == "start_time" else state.end_ms[0]

    def oldest_start(self) -> float | None:
        """The earliest start of a run after 1970, in milliseconds; None without such a run."""
        rows = self._rows(_STARTS, index.encode_number(1.0), index.NUMBER + b"\xff" * 8)
        return min(
            (index.decode_number(index.value_of(key)) for key in islice(rows, 1)), default=None
        )

    def starts(self, low: float, high: float) -> list[float]:
        """The starts of runs within `[low, high]`, deleted runs too. Decodes no run."""
        rows = self._rows(_STARTS, index.encode_number(low), index.encode_number(high))
        return [index.decode_number(index.value_of(key)) for key in rows]

    # Filters: every expression is a set of run numbers.

    def _matches(self, expression: Expression) -> set[Number]:
        if isinstance(expression, And):
            sets = sorted((self._matches(part) for part in expression.parts), key=len)
            return set.intersection(*sets)
        if isinstance(expression, Or):
            return set().union(*(self._matches(part) for part in expression.parts))
        if isinstance(expression, Not):
            return self._all() - self._matches(expression.part)
        return self._compare(expression)

    def _compare(self, comparison: Comparison) -> set[Number]:
        field, operator, value = comparison.field, comparison.operator, comparison.value
        name = (_KINDS[field.kind], field.key)
        if field.kind == "attribute" and field.key in ("run_id", "artifact_uri"):
            return self._compare_unindexed(comparison)
        if operator == "IS NOT NULL":
            return {key[-4:] for key in self._rows(name)}
        if operator == "IS NULL":
            return self._all() - {key[-4:] for key in self._rows(name)}
        if is_numeric(field):
            return self._compare_number(name, operator, value)
        if isinstance(value[0] if isinstance(value, tuple) else value, float):
            if operator in ("!=", "NOT IN"):
                opposite = "=" if operator == "!=" else "IN"
                numbers = self._compare_number(name, opposite, value, index.AMONG_TEXTS)
                return {key[-4:] for key in self._rows(name)} - numbers
            return self._compare_number(name, operator, value, index.AMONG_TEXTS)
        if operator == "=":
            return self._equal_text(name, str(value))
        test = text_test(operator, value)
        return {
            key[-4:]
            for key in self._rows(name)
            if any(test(text) for text in self._texts(key, name))
        }

    def _compare_number(
        self, name: FieldName, operator: str, value: object, mark: bytes = index.NUMBER
    ) -> set[Number]:
        """The runs with a number as asked for; `mark` begins the values of numbers in the index."""
        if operator in ("IN", "NOT IN", "!="):
            wanted = value if isinstance(value, tuple) else (value,)
            equal = {mark + encoded(number)[1:] for number in wanted}
            inside = operator == "IN"
            rows = self._rows(name) if mark == index.NUMBER else self._rows(name, *_NUMBERS)
            return {key[-4:] for key in rows if (index.value_of(key) in equal) == inside}
        low, high = value if isinstance(value, tuple) else (value, value)
        first, last = mark + encoded(low)[1:], mark + encoded(high)[1:]
        strict = operator in ("<", ">")
        bound = first if strict else b""
        if operator in ("<", "<="):
            first = mark
        elif operator in (">", ">="):
            last = mark + b"\xff" * 8
        return {
            key[-4:]
            for key in self._rows(name, first, last)
            if not strict or index.value_of(key) != bound
        }

    def _equal_text(self, name: FieldName, text: str) -> set[Number]:
        value = index.encode_text(text)
        # All rows that begin with the value; a longer row belongs to a longer text.
        size = len(index.row(0, 0, value, 0))
        rows = self._rows(name, value, value)
        if value[-1:] == index.WHOLE:
            return {key[-4:] for key in rows if len(key) == size}
        return {key[-4:] for key in rows if len(key) == size and text in self._texts(key, name)}

    def _texts(self, key: bytes, name: FieldName) -> list[str]:
        text, whole = index.decode_text(index.value_of(key))
        return [text] if whole else texts_of(self._state(key[-4:]), name)

    def _compare_unindexed(self, comparison: Comparison) -> set[Number]:
        operator, value = comparison.operator, comparison.value
        if value is None:  # every run has an id and a URI for its files
            return self._all() if operator == "IS NOT NULL" else set()
        if comparison.field.key == "run_id" and operator in ("=", "IN"):
            wanted = value if isinstance(value, tuple) else (value,)
            numbers = (self._reader.number(f"run/{run_id}") for run_id in wanted)
            keys = {number.to_bytes(4, "big") for number in numbers if number is not None}
            return keys & self._all()
        test = text_test(operator, value)
        if comparison.field.key == "run_id":
            return {number for number in self._all() if test(self._state(number).run_id)}
        return {number for number in self._all() if test(self._artifact_uri(self._state(number)))}

    def _viewed(self, view_type: int, matches: set[Number] | None) -> set[Number] | None:
        """Reduce `matches` (None: all runs) to the lifecycle stages asked for."""
        if view_type == ViewType.ALL:
            return matches
        deleted = self._deleted()
        if view_type == ViewType.DELETED_ONLY:
            return deleted if matches is None else deleted & matches
        if not deleted:
            return matches
        return (self._all() if matches is None else matches) - deleted

    def _deleted(self) -> set[Number]:
        name = (index.ATTRIBUTE, "lifecycle_stage")
        own = {key[-4:] for key in self._rows(name)}
        plain = [state for state in self._experiments.values() if not state.lifecycle[1]]
        if len(plain) == len(self._experiments):
            return self._equal_text(name, LifecycleStage.DELETED) if own else set()
        by_id = {state.experiment_id: state for state in self._experiments.values()}
        numbers: set[Number] = set()
        for number in self._all():
            state = self._state(number)
            if effective_lifecycle(state, by_id.get(state.experiment)) == LifecycleStage.DELETED:
                numbers.add(number)
        return numbers

    def _all(self) -> set[Number]:
        return {key[-4:] for key in self._rows((index.ATTRIBUTE, "start_time"))}

    # Orders: every term is a walk of an index; the next terms order runs of equal value.

    def _ordered(self, matches: set[Number] | None, terms: list[OrderTerm]) -> Iterator[Number]:
        if not terms:
            yield from sorted(matches or (), key=lambda number: self._state(number).run_id)
        elif matches is not None and (self._are_few(matches) or not is_indexed(terms[0].field)):
            yield from self._sorted(matches, terms)
        elif not is_indexed(terms[0].field):
            yield from self._sorted(self._all(), terms)
        else:
            yield from self._walked(matches, terms)

    def _are_few(self, matches: set[Number]) -> bool:
        """Whether decoding and sorting the matches costs less than walking an index."""
        runs = self._reader.rows.count("runs")
        return len(matches) <= min(SORTED_MAX, runs // ROWS_A_RUN)

    def _sorted(self, matches: set[Number], terms: list[OrderTerm]) -> Iterator[Number]:
        numbers = sorted(matches, key=lambda number: self._state(number).run_id)
        for term in reversed(terms):
            keys = {
                number: self._sort_key(number, term.field, numbers=term.numbers)
                for number in numbers
            }
            numbers.sort(key=lambda number: keys[number][1], reverse=not term.ascending)
            numbers.sort(key=lambda number: keys[number][0])
        return iter(numbers)

    def _sort_key(self, number: Number, field: Field, *, numbers: bool) -> tuple[int, bytes]:
        """Class and value: 0 a value, 1 NaN or a text among numbers, 2 none.

        Only values follow the direction.
        """
        state, name = self._state(number), (_KINDS[field.kind], field.key)
        if not is_indexed(field):
            text = state.run_id if field.key == "run_id" else self._artifact_uri(state)
            return 0, text.encode()
        values = self._forks.values(state, name)
        if not values:
            return 2, b""
        if is_numeric(field):
            return (1 if values[0] == index.NAN else 0), values[0]
        if numbers and values[-1][:1] == index.AMONG_TEXTS:
            return 0, values[-1]
        return int(numbers), texts_of(state, name)[0].encode("utf-8", "surrogatepass")

    def _walked(self, matches: set[Number] | None, terms: list[OrderTerm]) -> Iterator[Number]:
        term = terms[0]
        name = (_KINDS[term.field.kind], term.field.key)
        seen: set[Number] = set()
        walk = self._walk(name, term)
        if matches is not None:
            walk = (key for key in walk if key[-4:] in matches)
        for value, rows in groupby(walk, key=index.value_of):
            numbers = {key[-4:] for key in rows}
            if term.numbers:
                numbers -= seen  # a run with a number has a text as well
            seen |= numbers
            if len(numbers) == 1:
                yield from numbers
            elif is_cut(term.field, value):
                yield from self._sorted(numbers, terms)
            else:
                yield from self._ordered(numbers, terms[1:])
        missing = (self._all() if matches is None else matches) - seen
        if missing:
            yield from self._ordered(missing, terms[1:])

    def _walk(self, name: FieldName, term: OrderTerm) -> Iterator[bytes]:
        """The rows of a field in the order of a term, experiments merged, NaN last."""
        if not is_numeric(term.field):
            texts = self._merged(name, not term.ascending, b"", _TEXTS_END)
            if not term.numbers:
                return texts
            return chain(self._merged(name, not term.ascending, *_NUMBERS), texts)
        numbers = (index.NUMBER, index.NUMBER + b"\xff" * 8)
        return chain(
            self._merged(name, not term.ascending, *numbers),
            self._merged(name, False, index.NAN, index.NAN),
        )

    def _merged(self, name: FieldName, reverse: bool, first: bytes, last: bytes) -> Iterator[bytes]:
        walks = [
            self._scan(number, name, first, last, reverse=reverse) for number in self._experiments
        ]
        if len(walks) == 1:
            return walks[0]
        return merge(*walks, key=index.value_of, reverse=reverse)

    def _rows(
        self, name: FieldName, first: bytes = b"", last: bytes = _TEXTS_END
    ) -> Iterator[bytes]:
        return chain.from_iterable(
            [self._scan(number, name, first, last) for number in self._experiments]
        )

    def _scan(
        self, experiment: int, name: FieldName, first: bytes, last: bytes, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """The rows of a field with values in `[first, last]`, both included.

        Runs no Python code per row: that would take a third of a search's time.
        """
        check()
        field = self._reader.field(name)
        if field is None:
            return iter(())
        prefix = index.prefix(experiment, field)
        # Greater than every row of `last`: 5 bytes of 0xff, where a run number has 4.
        beyond = prefix + last + b"\xff" * 5
        rows = self._reader.rows.keys("index", prefix + first, beyond, reverse=reverse)
        if name[0] != index.METRIC:
            return rows
        bounds = prefix + first, beyond
        return self._forks.joined(rows, experiment, name, *bounds, reverse=reverse)

    def _state(self, number: Number) -> RunState:
        state = self._states.get(number)
        if state is None:
            check()
            state = self._reader.run_by_number(int.from_bytes(number, "big"))
            assert state is not None, "the index names a run that is not there"
            self._states[number] = state
        return state
