"""Density: numbers of events in equal stretches of the log, or of time.

A block of the log, or a stream, that lies within one stretch is counted at once. Only those that
reach over an edge are counted envelope by envelope.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventtrack.clock import recorded_ms
from eventtrack.errors import InvalidValueError
from eventtrack.log.protocol import EventLog
from eventtrack.projections import index, timeline
from eventtrack.projections.rows import end_of
from eventtrack.projections.tables import Reader
from eventtrack.projections.timeline import LOG_BLOCK, Extent, Place
from eventtrack.views.records import Record

AXES = ("position", "time")
BUCKETS_MAX = 4000


class Density(Record):
    """The number of events in each stretch. Stretch `i` begins at `low + i * width`.

    `by` is `position`, or `time`: the recorded time in milliseconds since 1970, by the writer's
    clock. `latest_ms` is the recorded time of the last event of each stretch, None for an empty
    stretch. `events` counts the events of all stretches together.
    """

    by: str
    low: int
    width: int
    events: int
    counts: list[int]
    latest_ms: list[int | None]


class Strip:
    """The stretches of one axis while they are filled: `[low, high)`, at most `buckets` of them."""

    def __init__(self, by: str, low: int, high: int, buckets: int) -> None:
        self.by = by
        self.low = low
        self.width = max(1, -(-(high - low) // buckets))
        if by == "position" and self.width > LOG_BLOCK:
            # Whole blocks of the log then fall into one stretch.
            self.width = -(-self.width // LOG_BLOCK) * LOG_BLOCK
        size = max(0, -(-(high - low) // self.width))
        self.counts = [0] * size
        self.latest = [0] * size
        self.high = low + size * self.width

    def takes(self, extent: Extent) -> bool:
        """Count a whole extent if it lies within a stretch; returns whether it did."""
        first, last = (
            (extent.first, extent.last)
            if self.by == "position"
            else (recorded_ms(extent.earliest), recorded_ms(extent.latest))
        )
        if last < self.low or first >= self.high:
            return True
        bucket = (first - self.low) // self.width
        if first < self.low or (last - self.low) // self.width != bucket:
            return False
        self._add(bucket, extent.events, extent.latest)
        return True

    def take(self, place: Place) -> None:
        """Count one envelope."""
        at = place.position if self.by == "position" else recorded_ms(place.recorded)
        if self.low <= at < self.high:
            self._add((at - self.low) // self.width, place.events, place.recorded)

    def density(self) -> Density:
        """The density counted so far."""
        return Density(
            by=self.by,
            low=self.low,
            width=self.width,
            events=sum(self.counts),
            counts=self.counts,
            latest_ms=[recorded_ms(recorded) if recorded else None for recorded in self.latest],
        )

    def _add(self, bucket: int, events: int, recorded: int) -> None:
        self.counts[bucket] += events
        self.latest[bucket] = max(self.latest[bucket], recorded)


class Asked(NamedTuple):
    """The axis and stretches that were asked for; see `History.density`."""

    by: str
    buckets: int
    low: int | None = None
    high: int | None = None

    def strip(self, extents: Iterable[Extent]) -> Strip:
        """An empty strip over all these extents, or from `low` to `high` if those are given.

        Raises:
            InvalidValueError: There is no such axis, or there are too many stretches.
        """
        if self.by not in AXES or not 0 < self.buckets <= BUCKETS_MAX:
            raise InvalidValueError(
                f"density goes by {' or '.join(AXES)}, in 1 to {BUCKETS_MAX} buckets; "
                f"found {self.by[:40]!r} and {self.buckets}",
                hint="ask for fewer buckets, or for a shorter stretch with low and high",
            )
        by_position = self.by == "position"
        first = last = None
        for extent in extents:
            begin, end = extent[:2] if by_position else extent[2:4]
            first = begin if first is None or begin < first else first
            last = end if last is None or end > last else last
        if first is None or last is None:
            first, last = (1, 0) if by_position else (0, -1)
        elif not by_position:
            first, last = recorded_ms(first), recorded_ms(last)
        low = first if self.low is None else self.low
        return Strip(self.by, low, last + 1 if self.high is None else self.high, self.buckets)


def of_log(reader: Reader, log: EventLog, asked: Asked) -> Density:
    """The density of the whole log."""
    blocks = list(timeline.log_blocks(reader.rows))
    strip = asked.strip(blocks)
    for block in blocks:
        if not strip.takes(block):
            for envelope in timeline.headers_between(log, block.first, block.last):
                strip.take(Place.of(envelope))
    return strip.density()


def of_streams(reader: Reader, numbers: Iterable[int], asked: Asked) -> Density:
    """The density of some streams, by their numbers."""
    with_extents, extents = timeline.extents_of(reader.rows, numbers)
    strip = asked.strip(extents())
    for number, extent in zip(with_extents, extents(), strict=True):
        if not strip.takes(extent):
            for place in timeline.envelopes_of(reader.rows, number):
                strip.take(place)
    return strip.density()


def streams_of_experiment(reader: Reader, experiment: int) -> Iterator[int]:
    """The stream numbers of an experiment, which is given, and of its runs."""
    yield experiment
    name = (index.ATTRIBUTE, "start_time")
    field = reader.field(name)
    if field is None:
        return
    prefix = index.prefix(experiment, field)
    yield from map(index.run_of, reader.rows.keys(index.table_of(name), prefix, end_of(prefix)))
