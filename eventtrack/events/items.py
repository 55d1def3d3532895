"""Events of series that hold no numbers: text, histograms and media of a run.

One event has any number of items of one series: each line of a console would otherwise cost an
event of its own. The order of items is in docs/format.md, section 9.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from eventtrack.events.bounds import Int64, Mark, Natural, Sha256
from eventtrack.events.types import Event


class Text(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One item of text. The source is `stdout` or `stderr` for lines of a console."""

    text: str
    source: str = ""


class Histogram(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One histogram: the count `i` is of values in `[edges[i], edges[i + 1])`."""

    edges: list[float]
    counts: list[float]

    @property
    def is_sound(self) -> bool:
        """Whether the numbers are finite, edges ascend, and there is one more edge than counts."""
        edges, counts = self.edges, self.counts
        return (
            0 < len(counts) == len(edges) - 1
            and are_finite(edges)
            and are_finite(counts)
            and edges == sorted(edges)
        )


class Medium(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One image, sound, video, page or other file; its bytes are the blob of that hash."""

    media_type: str
    size: Natural
    sha256: Sha256
    name: str | None = None
    caption: str | None = None

    @property
    def blob(self) -> bytes:
        """The SHA-256 of the blob that holds the bytes."""
        return self.sha256


class TextLogged(Event, frozen=True):
    """Lines of text of one series. A single step or timestamp holds for all of them."""

    key: str
    lines: list[str]
    steps: Int64 | list[Int64]
    timestamps_ms: Int64 | list[Int64]
    source: str = ""

    @property
    def items(self) -> list[Text]:
        """The lines, with their source."""
        if len(self.lines) == 1:  # a call for each line is common
            return [Text(self.lines[0], self.source)]
        return [Text(line, self.source) for line in self.lines]

    @staticmethod
    def flaw_of(events: Sequence["TextLogged"]) -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        return _uneven((event, len(event.lines)) for event in events)


class HistogramsLogged(Event, frozen=True):
    """Histograms of one series. A single step or timestamp holds for all of them.

    Two edges around several counts are the ends of even edges; here they become all edges.
    """

    key: str
    histograms: list[Histogram]
    steps: Int64 | list[Int64]
    timestamps_ms: Int64 | list[Int64]

    def __post_init__(self) -> None:
        """Put all edges in the place of ends."""
        for place, histogram in enumerate(self.histograms):
            edges, counts = histogram.edges, histogram.counts
            if len(edges) == 2 and len(counts) > 1:
                every = even_edges(edges[0], edges[1], len(counts))
                self.histograms[place] = Histogram(every, counts)

    @property
    def items(self) -> list[Histogram]:
        """The histograms."""
        return self.histograms

    @staticmethod
    def flaw_of(events: Sequence["HistogramsLogged"]) -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        for event in events:
            if not all(histogram.is_sound for histogram in event.histograms):
                return "edges and counts of a histogram do not fit together"
        return _uneven((event, len(event.histograms)) for event in events)


class MediaLogged(Event, frozen=True):
    """Media of one series. A single step or timestamp holds for all of them."""

    key: str
    files: list[Medium]
    steps: Int64 | list[Int64]
    timestamps_ms: Int64 | list[Int64]

    @property
    def items(self) -> list[Medium]:
        """The files."""
        return self.files

    @staticmethod
    def flaw_of(events: Sequence["MediaLogged"]) -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        return _uneven((event, len(event.files)) for event in events)


class CallsReceived(Event, frozen=True):
    """The items beside it came from another store, by calls with these marks."""

    marks: list[Mark]


def even_edges(low: float, high: float, count: int) -> list[float]:
    """The edges of `count` stretches of equal width, as numpy's `linspace` has them.

    A zero among them is positive, so equal ends give the same bits.
    """
    return _even_edges(low, high, count).copy()


@lru_cache(64)  # a series of histograms has the same edges again and again
def _even_edges(low: float, high: float, count: int) -> list[float]:
    width = (high - low) / count
    edges = [low + width * place for place in range(count)]
    edges.append(high + 0.0)
    return edges


def with_all_edges(body: list[Any]) -> list[Any]:
    """The body of a `HistogramsLogged` of version 1, as version 2 has it.

    Raises:
        ValueError: Edges are missing, which no body of version 1 may leave out.
    """
    if not all(len(edges) == len(counts) + 1 for edges, counts in body[1]):
        raise ValueError("edges and counts of a histogram do not fit together")
    return body


def are_finite(numbers: list[float]) -> bool:
    """Whether no number is infinite or NaN."""
    # The sum tells in a tenth of the time, but sums of great numbers overflow.
    return isfinite(sum(numbers)) or all(map(isfinite, numbers))


ItemsLogged = TextLogged | HistogramsLogged | MediaLogged


def _uneven(counted: Iterable[tuple[ItemsLogged, int]]) -> str | None:
    """The fault of the first event whose steps or timestamps are not as many as its items."""
    for event, count in counted:
        steps, times = event.steps, event.timestamps_ms
        if (
            not count
            or (type(steps) is list and len(steps) != count)
            or (type(times) is list and len(times) != count)
        ):
            return f"{count} items come with another number of steps or timestamps"
    return None
