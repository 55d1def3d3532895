"""The items of a series that count: those of text, histograms and media, perhaps in parts.

The items of nearly all series are stored in one place and count all. Such a series is what is
stored, an `ItemsState`; any other is an `ItemCurve`, as a `Curve` is for points.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from eventtrack.projections import items
from eventtrack.projections.items import Items
from eventtrack.projections.points import shows
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import ItemsPart, ItemsState, RunState, Steps


class ItemCurve:
    """The items of a series in parts.

    Attributes:
        count: The number of items.
        step: The greatest step.
        timestamp_ms: The latest time.
    """

    __slots__ = ("count", "parts", "step", "timestamp_ms")

    def __init__(self, parts: list[ItemsPart]) -> None:
        self.parts = parts
        self.count = sum(part.count for part in parts)
        self.step = max(part.step for part in parts)
        self.timestamp_ms = max(part.timestamp_ms for part in parts)


AnySeries = ItemsState | ItemCurve


def of_run(run: RunState) -> Mapping[str, AnySeries]:
    """The series of a run's own items, by name; those without an item that counts are left out."""
    if not run.layers:
        return run.items
    names = sorted({name for name, _ in stored(run)})
    return {name: ItemCurve(parts) for name in names if (parts := parts_of(run, name))}


def parts_of(run: RunState, name: str) -> list[ItemsPart]:
    """The parts of a series with items that count, of a run's own items."""
    parts = [part for layer in run.layers if (part := layer.items.get(name)) and part.count]
    state = run.items.get(name)
    if state is not None and state.count:
        parts.append(whole(state))
    return parts


def stored(run: RunState) -> Iterator[tuple[str, ItemsState]]:
    """All stored series of a run's own, with their names, whether their items count or not."""
    yield from run.items.items()
    for layer in run.layers:
        yield from ((name, part.items) for name, part in layer.items.items())


def series_in(curve: AnySeries) -> list[ItemsState]:
    """The stored series of which a series consists."""
    return [curve] if isinstance(curve, ItemsState) else [part.items for part in curve.parts]


def whole(state: ItemsState) -> ItemsPart:
    """A part whose items all count."""
    return ItemsPart(state, [], state.count, state.step, state.timestamp_ms)


def counted(rows: Rows, state: ItemsState, hidden: Steps) -> ItemsPart:
    """A part in which some steps are hidden. Costs a look at the steps of all items."""
    if not hidden or not state.count:
        part = whole(state)
        part.hidden = hidden
        return part
    part = ItemsPart(state, hidden)
    for timestamps, steps in items.numbers(rows, state):
        kept = [place for place, step in enumerate(steps) if shows(hidden, step)]
        if kept:
            step, at_ms = max(steps[at] for at in kept), max(timestamps[at] for at in kept)
            part.step = max(part.step, step) if part.count else step
            part.timestamp_ms = max(part.timestamp_ms, at_ms) if part.count else at_ms
            part.count += len(kept)
    return part


def read(rows: Rows, curve: AnySeries, start: int = 0, stop: int | None = None) -> Items:
    """The items `[start, stop)` of a series, in order, with the indexes that slices have."""
    if isinstance(curve, ItemsState):
        return items.read(rows, curve, start, stop)
    start, stop, _ = slice(start, stop).indices(curve.count)
    parts = _apart(rows, curve.parts)
    if parts is None:
        joined = _joined(_shown(rows, part) for part in curve.parts)
        joined.sort()
        return joined.between(start, max(start, stop))
    chosen, first = [], 0
    for part in parts:
        low, high = max(start - first, 0), min(stop - first, part.count)
        if low < high:
            chosen.append(_shown(rows, part, low, high))
        first += part.count
    return _joined(chosen)


def _shown(rows: Rows, part: ItemsPart, start: int = 0, stop: int | None = None) -> Items:
    """The items `[start, stop)` of those that count of a part."""
    if not part.hidden:
        return items.read(rows, part.items, start, stop)
    every = items.read(rows, part.items)
    kept = every.at([at for at, step in enumerate(every.steps) if shows(part.hidden, step)])
    return kept if stop is None else kept.between(start, stop)


def _apart(rows: Rows, parts: list[ItemsPart]) -> list[ItemsPart] | None:
    """The parts in order, if each ends before the next one begins; None if they overlap."""
    begins = []
    for place, part in enumerate(parts):
        if not part.items.ordered:
            return None
        begins.append((items.read(rows, part.items, 0, 1).first(), place))
    ordered = sorted(begins)
    for (_, place), (begin, _) in pairwise(ordered):
        if parts[place].items.last >= begin:
            return None
    return [parts[place] for _, place in ordered]


def _joined(parts: Iterable[Items]) -> Items:
    joined = Items()
    for part in parts:
        joined.extend(part)
    return joined
