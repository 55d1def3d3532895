"""Text, histograms and media of a run that is being read, gathered series by series."""

import hashlib
import mimetypes
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eventtrack import limits
from eventtrack.events.items import Histogram, Text
from eventtrack.store.intake import IncomingItems, IncomingMedium
from eventtrack.transfer.settings import number

# The key of a program's output, as `store.items.CONSOLE` has it.
CONSOLE = "console"
_HTML, _BYTES = "text/html", "application/octet-stream"


class LoggedItems:
    """The items of one run. Bytes of media wait in a temporary folder, not in memory."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, type], IncomingItems] = {}
        self._spool: tempfile.TemporaryDirectory[str] | None = None

    def text(self, key: str, step: int, time_ms: int, text: str, source: str = "") -> bool:
        """Take a text; False if it is too long to be an item."""
        clean = text.encode("utf-8", "replace")
        if len(clean) > limits.TEXT_ITEM_BYTES_MAX:
            return False
        self.add(key, step, time_ms, Text(clean.decode(), source))
        return True

    def histogram(
        self, key: str, step: int, time_ms: int, edges: Sequence[Any], counts: Sequence[Any]
    ) -> bool:
        """Take a histogram; False if its numbers make none."""
        numbers = [*map(number, edges)], [*map(number, counts)]
        made = Histogram(*([item for item in column if item is not None] for column in numbers))
        if (len(made.edges), len(made.counts)) != (len(edges), len(counts)) or not made.is_sound:
            return False
        self.add(key, step, time_ms, made)
        return True

    def medium(
        self,
        key: str,
        step: int,
        time_ms: int,
        content: Path | bytes,
        media_type: str | None = None,
        caption: str | None = None,
    ) -> None:
        """Take a medium: the path of its file, or its bytes with their media type."""
        name = None
        if isinstance(content, bytes):
            content = self._spooled(content)
        else:
            name = content.name
            media_type = media_type or mimetypes.guess_type(name)[0]
        item = IncomingMedium(content, media_type or _BYTES, name, caption)
        self.add(key, step, time_ms, item)

    def logged(
        self, key: str, step: int, time_ms: int, value: Mapping[str, Any], root: Path
    ) -> bool:
        """Take a value that W&B or Trackio logged as media; False for those without a place.

        Args:
            key: The name of the series.
            step: The step.
            time_ms: The time.
            value: The mapping with the media's `_type`.
            root: The folder that has the files; files outside of it are not taken.
        """
        kind = str(value.get("_type", ""))
        if kind.endswith("histogram"):
            edges, counts = _binned(value)
            return self.histogram(key, step, time_ms, edges, counts)
        if kind.endswith(".markdown") and isinstance(value.get("_value"), str):
            return self.text(key, step, time_ms, value["_value"])
        files = [(root / path, caption) for path, caption in _named(value)]
        if not files or not all(_is_within(file, root) for file, _ in files):
            return False
        for file, caption in files:
            media_type = _HTML if kind.startswith("html") else None
            self.medium(key, step, time_ms, file, media_type, caption)
        return True

    def drop_from(self, step: int) -> int:
        """Drop the items from a step on; the answer is their number."""
        dropped = 0
        for items in self._series.values():
            kept = [place for place, at in enumerate(items.steps) if at < step]
            dropped += len(items.steps) - len(kept)
            items.steps = [items.steps[place] for place in kept]
            items.timestamps = [items.timestamps[place] for place in kept]
            items.values = [items.values[place] for place in kept]  # type: ignore[assignment]
        return dropped

    def times(self) -> tuple[int, int] | None:
        """The first and the last time, in milliseconds; None without an item."""
        times = [time_ms for items in self._series.values() for time_ms in items.timestamps]
        return (min(times), max(times)) if times else None

    def counts(self) -> dict[str, int]:
        """The number of items of each series, by its name."""
        counts: Counter[str] = Counter()
        for items in self._series.values():
            counts[items.key] += len(items.steps)
        return dict(counts)

    def series(self) -> Iterator[IncomingItems]:
        """All series; afterwards the temporary folder is gone."""
        try:
            yield from self._series.values()
        finally:
            if self._spool is not None:
                self._spool.cleanup()
                self._spool = None

    def add(
        self, key: str, step: int, time_ms: int, value: Text | Histogram | IncomingMedium
    ) -> None:
        """Take an item as it is."""
        items = self._series.setdefault((key, type(value)), IncomingItems(key))
        items.steps.append(step)
        items.timestamps.append(time_ms)
        items.values.append(value)  # type: ignore[arg-type]

    def _spooled(self, content: bytes) -> Path:
        if self._spool is None:
            self._spool = tempfile.TemporaryDirectory(prefix="eventtrack-import-")
        path = Path(self._spool.name, hashlib.sha256(content).hexdigest())
        if not path.exists():
            path.write_bytes(content)
        return path


def _binned(value: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Edges and counts of a histogram of W&B or Trackio."""
    counts, edges, packed = value.get("values"), value.get("bins"), value.get("packedBins")
    if isinstance(packed, Mapping):
        low, size = number(packed.get("min")), number(packed.get("size"))
        count = number(packed.get("count"))
        if low is not None and size is not None and count is not None and 0 < count < 2**20:
            edges = [low + size * place for place in range(int(count) + 1)]
    return (
        edges if isinstance(edges, list) else [],
        counts if isinstance(counts, list) else [],
    )


def _named(value: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The paths of the files that a value names, each with its caption."""
    path = value.get("path", value.get("file_path"))
    if isinstance(path, str):
        yield path, _caption(value.get("caption"))
        return
    names, given = value.get("filenames"), value.get("captions")
    captions = given if isinstance(given, list) else []
    for place, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str):
            yield name, _caption(captions[place]) if place < len(captions) else None
    for inner in value.values():
        for item in inner if isinstance(inner, list) else ():
            if isinstance(item, Mapping) and "path" in item:
                yield from _named(item)


def _caption(caption: Any) -> str | None:
    return caption if isinstance(caption, str) and caption else None


def _is_within(file: Path, root: Path) -> bool:
    try:
        whole = file.resolve()
        return whole.is_relative_to(root.resolve()) and whole.is_file()
    except (OSError, ValueError):
        return False
