"""Runs in order: each term of an order is a walk of an index, its ties are ordered by the next.

A walk can begin behind a place: it seeks the place's values in the index, so a page costs the same
wherever it is.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby, islice

from eventtrack.projections import index
from eventtrack.views.filters.trees import Field, OrderTerm
from eventtrack.views.search.places import NONE, OTHER, VALUE, Key, Place
from eventtrack.views.search.rows import IndexRows, Number
from eventtrack.views.search.sets import ManyDeleted
from eventtrack.views.search.values import is_cut, is_indexed, is_numeric, name_of, texts_of

# Up to this many matches are decoded and sorted; larger sets are read in index order. In small
# stores the limit is lower: decoding one run costs as much as walking ROWS_A_RUN index rows.
SORTED_MAX = 512
ROWS_A_RUN = 64
# Runs that are decoded to see whether they have a value before all values are read.
LOOKS_MAX = 512
NEWEST_FIRST = OrderTerm(Field("attribute", "start_time"), False)
# The fields of which every run has a value.
_ALWAYS = ("start_time", "status", "run_name", "user_id")


def complete(order: Sequence[OrderTerm]) -> list[OrderTerm]:
    """The terms of an order, newest first at the end."""
    terms = list(order)
    if all(term.field != NEWEST_FIRST.field for term in terms):
        terms.append(NEWEST_FIRST)
    return terms


class Ordering:
    """Orders within one read of the views.

    Args:
        rows: The rows of all runs.
        left_out: Runs that no order has.
    """

    def __init__(self, rows: IndexRows, left_out: set[Number] | ManyDeleted) -> None:
        self._rows = rows
        self._left_out = left_out

    def page(
        self,
        matches: set[Number] | None,
        terms: Sequence[OrderTerm],
        skip: int,
        after: Place | None,
    ) -> Iterator[Number]:
        """The runs in order without the first `skip`, those behind `after` if that is given.

        Args:
            matches: The runs to order; None for all.
        """
        if matches is not None:
            return islice(self._ordered(self._without_left_out(matches), terms, after), skip, None)
        if skip and is_indexed(terms[0].field) and not self._left_out:
            return self._skipped(terms, skip)
        return islice(self._ordered(None, terms, after), skip, None)

    def place(self, number: Number, terms: Sequence[OrderTerm]) -> Place:
        """The place of a run."""
        keys = [self._key(number, term) for term in terms]
        return Place(keys, self._rows.state(number).run_id)

    def _ordered(
        self, matches: set[Number] | None, terms: Sequence[OrderTerm], after: Place | None = None
    ) -> Iterator[Number]:
        if not terms:
            return self._sorted(matches or (), terms, after)
        if matches is not None and (self._are_few(matches) or not is_indexed(terms[0].field)):
            return self._sorted(matches, terms, after)
        if not is_indexed(terms[0].field):
            return self._sorted(self._without_left_out(self._rows.all()), terms, after)
        return self._walked(matches, terms, after)

    def _are_few(self, matches: set[Number]) -> bool:
        """Whether decoding and sorting the matches costs less than walking an index."""
        runs = self._rows.reader.rows.count("runs")
        return len(matches) <= min(SORTED_MAX, runs // ROWS_A_RUN)

    def _sorted(
        self, matches: Iterable[Number], terms: Sequence[OrderTerm], after: Place | None
    ) -> Iterator[Number]:
        numbers = sorted(matches, key=lambda number: self._rows.state(number).run_id)
        for term in reversed(terms):
            keys = {number: self._key(number, term) for number in numbers}
            numbers.sort(key=lambda number: keys[number][1], reverse=not term.ascending)
            numbers.sort(key=lambda number: keys[number][0])
        if after is not None:
            numbers = [number for number in numbers if self._is_behind(number, terms, after)]
        return iter(numbers)

    def _is_behind(self, number: Number, terms: Sequence[OrderTerm], place: Place) -> bool:
        for term, known in zip(terms, place.keys, strict=True):
            key = self._key(number, term)
            if key[0] != known[0]:
                return key[0] > known[0]
            if key[1] != known[1]:
                return (key[1] > known[1]) == term.ascending
        return self._rows.state(number).run_id > place.run_id

    def _key(self, number: Number, term: OrderTerm) -> Key:
        """The class and the value. Only values of a class follow the direction."""
        field, state, name = term.field, self._rows.state(number), name_of(term.field)
        if not is_indexed(field):
            text = state.run_id if field.key == "run_id" else self._rows.artifact_uri(state)
            return VALUE, text.encode()
        values = self._rows.values(number, name)
        if not values:
            return NONE, b""
        if is_numeric(field):
            return (OTHER if values[0] == index.NAN else VALUE), values[0]
        if term.numbers and values[-1][:1] == index.AMONG_TEXTS:
            return VALUE, values[-1]
        whole = texts_of(state, name)[0].encode("utf-8", "surrogatepass")
        return (OTHER if term.numbers else VALUE), whole

    def _walked(
        self, matches: set[Number] | None, terms: Sequence[OrderTerm], after: Place | None
    ) -> Iterator[Number]:
        term, rest = terms[0], terms[1:]
        start = None if after is None else _start(term, after.keys[0])
        behind = None if after is None else Place(after.keys[1:], after.run_id)
        if after is None or after.keys[0][0] != NONE:
            walk = self._among(matches, self._rows.walk(term, start))
            for value, rows in groupby(walk, key=index.value_of):
                numbers = {key[-4:] for key in rows}
                is_first = value == start
                if after is not None and is_first and is_cut(term.field, value):
                    yield from self._sorted(numbers, terms, after)
                elif len(numbers) > 1 and is_cut(term.field, value):
                    yield from self._sorted(numbers, terms, None)
                elif len(numbers) > 1 or is_first:
                    yield from self._ordered(numbers, rest, behind if is_first else None)
                else:
                    yield from numbers
            behind = None
        yield from self._without_value(matches, terms, behind)

    def _skipped(self, terms: Sequence[OrderTerm], skip: int) -> Iterator[Number]:
        """All runs in order without the first `skip`, which are counted, not looked at."""
        walk = zip(islice(self._rows.walk(terms[0], None), skip), count(1), strict=False)
        last = deque(walk, maxlen=1)
        key, passed = last[0] if last else (b"", 0)
        if passed < skip:
            return islice(self._without_value(None, terms, None), skip - passed, None)
        # The rows that were passed end within a group of equal values: begin with that group.
        again = self._rows.walk(terms[0], index.value_of(key))
        inside = 1 + next(place for place, row in enumerate(again) if row == key)
        return self._without_first(terms, index.value_of(key), inside)

    def _without_first(
        self, terms: Sequence[OrderTerm], start: bytes, skip: int
    ) -> Iterator[Number]:
        term = terms[0]
        for value, rows in groupby(self._rows.walk(term, start), key=index.value_of):
            numbers = {key[-4:] for key in rows}
            if is_cut(term.field, value):
                group = self._sorted(numbers, terms, None)
            else:
                group = iter(numbers) if len(numbers) == 1 else self._ordered(numbers, terms[1:])
            yield from islice(group, skip, None)
            skip = 0
        yield from self._without_value(None, terms, None)

    def _without_value(
        self, matches: set[Number] | None, terms: Sequence[OrderTerm], after: Place | None
    ) -> Iterator[Number]:
        """The runs that have no value of the first term, by the other terms."""
        field, name = terms[0].field, name_of(terms[0].field)
        if field.kind == "attribute" and field.key in _ALWAYS:
            return
        if matches is not None:
            missing = matches - {key[-4:] for key in self._rows.rows(name)}
            yield from self._ordered(missing, terms[1:], after)
            return
        looks, valued = 0, set[Number]()
        for number in self._ordered(None, terms[1:], after):
            looks += 1
            if looks <= LOOKS_MAX:
                if not self._rows.values(number, name):
                    yield number
                continue
            valued = valued or {key[-4:] for key in self._rows.rows(name)}
            if number not in valued:
                yield number

    def _without_left_out(self, numbers: set[Number]) -> set[Number]:
        if isinstance(self._left_out, ManyDeleted):
            return self._left_out.left_by(numbers)
        return numbers - self._left_out

    def _among(self, matches: set[Number] | None, walk: Iterator[bytes]) -> Iterator[bytes]:
        if matches is not None:
            return (key for key in walk if key[-4:] in matches)
        if self._left_out:
            return (key for key in walk if key[-4:] not in self._left_out)
        return walk


def _start(term: OrderTerm, key: Key) -> bytes:
    """The index value with which a walk behind a place begins."""
    if is_numeric(term.field) or (term.numbers and key[0] == VALUE):
        return key[1]
    return index.encode_text(key[1].decode("utf-8", "surrogatepass"))
