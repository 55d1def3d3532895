"""Records of text, histograms and media of a run, read out of the views."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from eventtrack import collector
from eventtrack.events.items import Medium, Text
from eventtrack.facts.run import HISTOGRAM, MEDIA, TEXT
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.items import Items
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.views.records import Record

# The fact of each kind of series; the name of a kind is that of its fact.
KINDS = MappingProxyType({fact.name: fact for fact in (TEXT, HISTOGRAM, MEDIA)})


class ItemSeries(Record):
    """A series of text, histograms or media of a run, and its figures.

    Attributes:
        kind: `text`, `histogram` or `media`.
        key: Its name.
        count: The number of items.
        step: The greatest step.
        timestamp: The latest time, in milliseconds since 1970.
    """

    kind: str
    key: str
    count: int
    step: int
    timestamp: int


class TextItem(Record):
    """A line of text; `source` is `stdout` or `stderr` for lines of a console."""

    text: str
    step: int
    timestamp: int
    source: str = ""


class HistogramItem(Record):
    """A histogram: the count `i` is of values in `[edges[i], edges[i + 1])`."""

    edges: list[float]
    counts: list[float]
    step: int
    timestamp: int


class MediaItem(Record):
    """An image, a sound, a video, a page or another file; `sha256` names its bytes, in hex."""

    media_type: str
    size: int
    sha256: str
    step: int
    timestamp: int
    name: str | None = None
    caption: str | None = None


Item = TextItem | HistogramItem | MediaItem


def series_of(reader: Reader, run: RunState) -> list[ItemSeries]:
    """The series of a run that are no metrics, in order of kind and key."""
    series: list[ItemSeries] = []
    for name, state in sorted(reader.series(run).items()):
        kind, _, key = name.partition(".")
        series.append(
            ItemSeries(
                kind=kind,
                key=key,
                count=state.count,
                step=state.step,
                timestamp=state.timestamp_ms,
            )
        )
    return series


def items_of(
    reader: Reader, kind: str, series: AnySeries, start: int = 0, stop: int | None = None
) -> list[Item]:
    """The items of a series in order; `start` and `stop` are as in a slice."""
    with collector.paused():
        return _RECORDS[kind](reader.items_of(series, start, stop))


def _texts(items: Items) -> list[Item]:
    return [
        TextItem(text=value.text, step=step, timestamp=timestamp, source=value.source)
        for value, step, timestamp in zip(
            _decode_texts(items.packed), items.steps, items.timestamps, strict=True
        )
    ]


class _Histogram(msgspec.Struct, array_like=True, gc=False):
    """A histogram whose edges are not decoded yet."""

    edges: msgspec.Raw
    counts: list[float]


def _histograms(items: Items) -> list[Item]:
    histograms = _decode_histograms(items.packed)
    made: list[Item] = []
    # Most edges are those of the histogram before. A copy costs a tenth of decoding them.
    packed, edges = msgspec.Raw(), list[float]()
    for value, step, timestamp in zip(histograms, items.steps, items.timestamps, strict=True):
        if value.edges != packed:
            packed, edges = value.edges, _decode_edges(value.edges)
        made.append(
            HistogramItem(edges=edges.copy(), counts=value.counts, step=step, timestamp=timestamp)
        )
    return made


def _media(items: Items) -> list[Item]:
    return [
        MediaItem(
            media_type=value.media_type,
            size=value.size,
            sha256=value.sha256.hex(),
            step=step,
            timestamp=timestamp,
            name=value.name,
            caption=value.caption,
        )
        for value, step, timestamp in zip(
            _decode_media(items.packed), items.steps, items.timestamps, strict=True
        )
    ]


_decode_texts = msgspec.msgpack.Decoder(list[Text]).decode
_decode_histograms = msgspec.msgpack.Decoder(list[_Histogram]).decode
_decode_edges = msgspec.msgpack.Decoder(list[float]).decode
_decode_media = msgspec.msgpack.Decoder(list[Medium]).decode
_RECORDS: Mapping[str, Callable[[Items], list[Any]]] = {
    TEXT.name: _texts,
    HISTOGRAM.name: _histograms,
    MEDIA.name: _media,
}
