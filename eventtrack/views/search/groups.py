"""Runs in groups by the value of a field: how many each group has, and figures of their numbers.

The index tells it all, so no run is decoded but those with long texts and those for which points of
others count. Figures are as the pages reckon them for the runs that they hold.
"""

import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.views.records import Record
from eventtrack.views.search.rows import NUMBERS_AMONG_TEXTS, IndexRows, Number
from eventtrack.views.search.values import texts_of
from eventtrack.waiting import checked

# Numbers of matches that are joined at once.
_BATCH = 4096
# The places of no group, and of the group of the matches without a value.
_NO_MATCH, _WITHOUT = -1, 0


class Figures(Record):
    """Figures of a column in a group, of its `many` finite numbers; `others` counts the rest."""

    mean: float
    std: float
    min: float
    max: float
    many: int
    others: int


class RunGroup(Record):
    """The runs with a value, None for runs without one, and their figures for each column.

    A column has no figures if none of its values is a number, or if it has texts besides.
    """

    value: str | None
    runs: int
    figures: list[Figures | None]


class _Groups:
    """The groups of the matches: the place of each run's group, by the run's number.

    It has 4 bytes for each number between the least and the greatest, however many runs match.
    """

    def __init__(self, matches: Iterable[Number]) -> None:
        numbers = array("I")
        left = iter(matches)
        while batch := list(islice(left, _BATCH)):
            numbers.frombytes(b"".join(batch))
        if sys.byteorder == "little":
            numbers.byteswap()
        self._least = min(numbers, default=0)
        self._places = array("i", [_NO_MATCH]) * (max(numbers, default=-1) - self._least + 1)
        for number in numbers:
            self._places[number - self._least] = _WITHOUT
        self.values: list[str | None] = [None]
        self._known: dict[str | None, int] = {None: _WITHOUT}

    def place(self, value: str | None) -> int:
        """The place of the group of a value."""
        place = self._known.setdefault(value, len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place

    def sizes(self) -> list[int]:
        """The number of runs of each group."""
        counts = Counter(self._places)
        return [counts[place] for place in range(len(self.values))]

    def of(self, key: bytes) -> int:
        """The place of the group of an index row's run; negative if the run is no match."""
        place = int.from_bytes(key[-4:], "big") - self._least
        return self._places[place] if 0 <= place < len(self._places) else _NO_MATCH

    def put(self, key: bytes, place: int) -> None:
        """Put the run of an index row, which is a match, into a group."""
        self._places[int.from_bytes(key[-4:], "big") - self._least] = place


def groups_of(
    rows: IndexRows, matches: Iterable[Number], by: FieldName, columns: Sequence[FieldName]
) -> list[RunGroup]:
    """The groups of the matching runs by a field of texts, the largest first."""
    groups = _Groups(matches)
    last, place, whole = b"", _WITHOUT, True
    for key in checked(rows.rows(by)):
        if groups.of(key) < 0:
            continue
        value = index.value_of(key)
        if value != last:  # rows come in order of their values
            text, whole = index.decode_text(value)
            place, last = groups.place(text) if whole else _WITHOUT, value
        if not whole:
            place = groups.place(texts_of(rows.state(key[-4:]), by)[0])
        groups.put(key, place)
    figures = [_figures(rows, groups, column) for column in columns]
    in_order = [
        RunGroup(value=value, runs=runs, figures=[column.get(place) for column in figures])
        for place, (value, runs) in enumerate(zip(groups.values, groups.sizes(), strict=True))
        if runs
    ]
    return sorted(in_order, key=lambda group: -group.runs)


def _figures(rows: IndexRows, groups: _Groups, column: FieldName) -> dict[int, Figures]:
    """The figures of a column, by the place of the group."""
    numbers: dict[int, array[float]] = {}
    others: Counter[int] = Counter()
    is_metric = column[0] == index.METRIC
    last, number = b"", 0.0
    for key in checked(rows.rows(column) if is_metric else rows.rows(column, *NUMBERS_AMONG_TEXTS)):
        place = groups.of(key)
        if place < 0:
            continue
        value = index.value_of(key)
        if value != last:
            number, last = index.decode_number(value), value
        if math.isfinite(number):
            part = numbers.get(place)
            if part is None:
                part = numbers[place] = array("d")
            part.append(number)
        else:
            others[place] += 1
    if not is_metric:
        # Each number among texts has a row as a text, too.
        others = Counter(
            place for key in checked(rows.rows(column)) if (place := groups.of(key)) >= 0
        )
        others.subtract({place: len(part) for place, part in numbers.items()})
    return {
        place: _described(part, others[place])
        for place, part in numbers.items()
        if is_metric or not others[place]
    }


def _described(numbers: "array[float]", others: int) -> Figures:
    many = len(numbers)
    mean = sum(numbers) / many
    return Figures(
        mean=mean,
        std=math.sqrt(sum((number - mean) * (number - mean) for number in numbers) / many),
        min=min(numbers),
        max=max(numbers),
        many=many,
        others=others,
    )
