"""Finds the new items of a series of text, histograms or media, and makes the events for them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from eventtrack import limits
from eventtrack.events.items import (
    Histogram,
    HistogramsLogged,
    ItemsLogged,
    MediaLogged,
    Medium,
    Text,
    TextLogged,
)
from eventtrack.facts.run import HISTOGRAM, MEDIA, TEXT
from eventtrack.projections import item_curves
from eventtrack.projections.tables import Reader
from eventtrack.store.intake.forms import IncomingItems, IncomingMedium

# A step, a timestamp and a value.
Row = tuple[int, int, Text | Histogram | Medium]

_EVENT_ITEMS = 512
_FACTS = {Text: TEXT, Histogram: HISTOGRAM, Medium: MEDIA}
_encode = msgspec.msgpack.Encoder().encode


def rows_of(items: IncomingItems, keep: Callable[[Path | bytes], tuple[bytes, int]]) -> list[Row]:
    """The items as events have them.

    Args:
        keep: Stores the bytes of a medium durably; returns their SHA-256 and their number.
    """

    def value_of(value: Text | Histogram | IncomingMedium) -> Text | Histogram | Medium:
        if not isinstance(value, IncomingMedium):
            return value
        digest, size = keep(value.content)
        return Medium(value.media_type, size, digest, value.name, value.caption)

    values = map(value_of, items.values)
    return list(zip(items.steps, items.timestamps, values, strict=True))


def new_rows(reader: Reader, run_id: str, key: str, rows: Sequence[Row]) -> list[Row]:
    """The items that a run's series lacks: each as often as it is given, less as often as known."""
    run, name = reader.run(run_id), _FACTS[type(rows[0][2])].called(key)
    there: Counter[tuple[int, int, bytes]] = Counter()
    # Withdrawn items are here too.
    for known in () if run is None else item_curves.stored(run):
        if known[0] == name:
            items = reader.items_of(known[1])
            there.update(zip(items.steps, items.timestamps, map(bytes, items.values), strict=True))
    new: list[Row] = []
    for row in rows:
        named = (row[0], row[1], _encode(row[2]))
        if there[named]:
            there[named] -= 1
        else:
            new.append(row)
    return new


def item_events(key: str, rows: Sequence[Row]) -> Iterator[ItemsLogged]:
    """Events of bounded size that record items."""
    part: list[Row] = []
    size = 0
    for row in rows:
        length = len(_encode(row[2]))
        if part and (
            len(part) == _EVENT_ITEMS
            or size + length > limits.ITEMS_EVENT_BYTES_MAX
            or _source(part[0]) != _source(row)
        ):
            yield _event(key, part)
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield _event(key, part)


def _source(row: Row) -> str:
    return row[2].source if isinstance(row[2], Text) else ""


def _event(key: str, rows: list[Row]) -> ItemsLogged:
    steps, times = [row[0] for row in rows], [row[1] for row in rows]
    values = [row[2] for row in rows]
    if isinstance(values[0], Text):
        lines = [value.text for value in values if isinstance(value, Text)]
        return TextLogged(key, lines, steps, times, values[0].source)
    if isinstance(values[0], Histogram):
        histograms = [value for value in values if isinstance(value, Histogram)]
        return HistogramsLogged(key, histograms, steps, times)
    return MediaLogged(key, [value for value in values if isinstance(value, Medium)], steps, times)
