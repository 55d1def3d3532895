"""Nested names of other trackers as flat ones, and rows of nested values as series and texts.

`{"val": {"loss": 1}}` is `val.loss`. A tracker may also have a flat name `val.loss`: that is
another metric.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eventtrack.projections.points import Points
from eventtrack.store.intake import IncomingFile
from eventtrack.transfer.settings import Paths, number
from eventtrack.transfer.source import Series

TEXTS_FILE = "imported/texts.json"

Path = tuple[str, ...]
Leaf = tuple[Path, Any]
# A text with when it was logged: `step`, `time` (milliseconds since 1970), `text`.
Entry = dict[str, Any]


def leaves(values: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no mapping or an empty mapping, by its path."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def put(tree: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value in nested mappings; it replaces the value that was there."""
    for key in path[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            below = tree[key] = {}
        tree = below
    tree[path[-1]] = value


def remove(tree: dict[str, Any], path: Path) -> None:
    """Take a value out of nested mappings, with all below it."""
    for key in path[:-1]:
        below = tree.get(key)
        if not isinstance(below, dict):
            return
        tree = below
    tree.pop(path[-1], None)


def without_media(row: Iterable[Leaf]) -> tuple[list[Leaf], list[tuple[Path, dict[str, Any]]]]:
    """The values that are no media, and the media by their paths: images, histograms, tables.

    Media are mappings with a `_type`; everything else in such a mapping belongs to them.
    """
    row = list(row)
    media: dict[Path, dict[str, Any]] = {
        path[:-1]: {} for path, _ in row if path[-1] == "_type" and len(path) > 1
    }
    if not media:
        return row, []
    kept: list[Leaf] = []
    for path, value in row:
        above = next((path[:n] for n in range(1, len(path)) if path[:n] in media), None)
        if above is None:
            kept.append((path, value))
        else:
            put(media[above], path[len(above) :], value)
    return kept, [(path, value) for path, value in media.items() if value]


class Rows:
    """The series and texts of one run, filled row by row."""

    def __init__(self) -> None:
        self.names = Paths()
        self._points: dict[str, Points] = {}
        self._texts: dict[str, list[Entry]] = {}

    def row(self, step: int, time_ms: int, values: Iterable[tuple[Path, Any]]) -> None:
        """Take a row of values by their paths; every value that is no number is a text."""
        for path, value in sorted(values, key=_depth):
            point = value if type(value) is float else number(value)
            if point is None:
                self.text(self.names.name(path), {"step": step, "time": time_ms, "text": value})
            else:
                self.point(self.names.name(path), step, time_ms, point)

    def point(self, name: str, step: int, time_ms: int, value: float) -> None:
        """Take one point."""
        points = self._points.get(name)
        if points is None:
            points = self._points[name] = Points()
        points.steps.append(step)
        points.timestamps.append(time_ms)
        points.values.append(value)

    def text(self, name: str, entry: Entry) -> None:
        """Take one text."""
        self._texts.setdefault(name, []).append(entry)

    def copy_to(self, other: "Rows", last_step: int) -> None:
        """Give the points and texts up to a step to another run."""
        for name, points in self._points.items():
            rows = zip(points.steps, points.timestamps, points.values, strict=True)
            for step, time_ms, value in rows:
                if step <= last_step:
                    other.point(name, step, time_ms, value)
        for name, entries in self._texts.items():
            for entry in entries:
                if entry["step"] <= last_step:
                    other.text(name, entry)

    def drop_behind(self, last_step: int) -> int:
        """Drop all points and texts after a step; the answer is their number."""
        dropped = 0
        for points in self._points.values():
            kept = [place for place, step in enumerate(points.steps) if step <= last_step]
            dropped += len(points) - len(kept)
            points.steps = array("q", [points.steps[place] for place in kept])
            points.timestamps = array("q", [points.timestamps[place] for place in kept])
            points.values = array("d", [points.values[place] for place in kept])
        for name, entries in self._texts.items():
            self._texts[name] = [entry for entry in entries if entry["step"] <= last_step]
            dropped += len(entries) - len(self._texts[name])
        return dropped

    def last(self, name: str) -> float | None:
        """The last value that was taken for a metric."""
        points = self._points.get(name)
        return points.values[-1] if points else None

    def last_texts(self) -> dict[str, Any]:
        """The last text of each name that is not None."""
        last = {}
        for name, entries in self._texts.items():
            texts = [entry["text"] for entry in entries if entry["text"] is not None]
            if texts:
                last[name] = texts[-1]
        return last

    def times(self) -> tuple[int, int] | None:
        """The first and the last time of any point or text; None without any."""
        times = [time for points in self._points.values() for time in points.timestamps]
        times += [entry["time"] for entries in self._texts.values() for entry in entries]
        return (min(times), max(times)) if times else None

    def series(self) -> Series:
        """All series, by name."""
        yield from sorted((name, points) for name, points in self._points.items() if points)

    def files(self) -> Iterator[IncomingFile]:
        """A file with all texts, each with its step and time; none without texts."""
        yield from texts_file(self._texts)


def texts_file(texts: Mapping[str, list[Entry]]) -> Iterator[IncomingFile]:
    """The file that keeps every logged text; no file if there are no texts."""
    full = {name: entries for name, entries in texts.items() if entries}
    if full:
        data = json.dumps(full, ensure_ascii=False, indent=1, sort_keys=True)
        yield IncomingFile(TEXTS_FILE, data.encode("utf-8", "replace"))


def _depth(leaf: tuple[Path, Any]) -> int:
    return -len(leaf[0])
