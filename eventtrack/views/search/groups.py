"""Runs in groups by the value of a field: how many each group has, and figures of their numbers.

The index tells it all, so no run is decoded but those with long texts and those for which points of
others count. Figures are as the pages reckon them for the runs that they hold.
"""

import math
from collections import Counter
from collections.abc import Sequence

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.views.records import Record
from eventtrack.views.search.rows import NUMBERS_AMONG_TEXTS, IndexRows, Number
from eventtrack.views.search.values import texts_of
from eventtrack.waiting import checked


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


def groups_of(
    rows: IndexRows, matches: set[Number], by: FieldName, columns: Sequence[FieldName]
) -> list[RunGroup]:
    """The groups of the matching runs by a field of texts, the largest first."""
    values: dict[Number, str | None] = dict.fromkeys(matches)
    for key in checked(rows.rows(by)):
        number, value = key[-4:], index.value_of(key)
        if number in matches:
            text, whole = index.decode_text(value)
            values[number] = text if whole else texts_of(rows.state(number), by)[0]
    sizes = Counter(values.values())
    figures = [_figures(rows, values, column) for column in columns]
    return [
        RunGroup(value=value, runs=runs, figures=[column.get(value) for column in figures])
        for value, runs in sizes.most_common()
    ]


def _figures(
    rows: IndexRows, values: dict[Number, str | None], column: FieldName
) -> dict[str | None, Figures]:
    """The figures of a column by group."""
    numbers: dict[str | None, list[float]] = {}
    others: Counter[str | None] = Counter()
    is_metric = column[0] == index.METRIC
    for key in checked(rows.rows(column) if is_metric else rows.rows(column, *NUMBERS_AMONG_TEXTS)):
        if key[-4:] in values:
            group, number = values[key[-4:]], index.decode_number(index.value_of(key))
            if math.isfinite(number):
                numbers.setdefault(group, []).append(number)
            else:
                others[group] += 1
    if not is_metric:
        # Each number among texts has a row as a text, too.
        texts = (values[key[-4:]] for key in checked(rows.rows(column)) if key[-4:] in values)
        others = Counter(texts)
        others.subtract({group: len(part) for group, part in numbers.items()})
    return {
        group: _described(part, others[group])
        for group, part in numbers.items()
        if is_metric or not others[group]
    }


def _described(numbers: list[float], others: int) -> Figures:
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
