"""The standing of each stream to a moment: before it, across it, or after it.

A question about a moment asks this for each stream whose rows it meets, and then knows where the
rows of the moment are (docs/past.md draws four streams). The answer is one number, the stream's
*bound*: the position at which its rows of the moment end.

    stream     standing                   bound
    run/a      before                     ABOVE_ALL
    run/b      across, with a kept row    the position at which its row was kept
    run/c      across, folded anew        0
    run/d      after                      0

Streams are classified in blocks of 256. A block that lies wholly before or after the moment is
settled without a look at its streams; any other block is classified when a question first touches
it. So a moment costs little before the first question, however much has happened since.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import EventLog
from eventtrack.projections import kept, timeline
from eventtrack.projections.tables import Reader
from eventtrack.projections.timeline import BLOCK_BYTES, LOG_BLOCK, Extent

# The bound of a stream before the moment: all its rows came below it.
ABOVE_ALL = 2**64
_RUN = "run/"
# A run that a search folds anew had not rested when it was touched again. So between its last
# envelope of the moment and its next envelope lie at most this many blocks of the log.
_NEAR_BLOCKS = kept.REST_POSITIONS // LOG_BLOCK + 1


class Bounds(NamedTuple):
    """A moment: envelopes up to a position here and up to a recorded hybrid time, both included."""

    position: int
    recorded: int

    def include(self, position: int, recorded: int) -> bool:
        """Whether an envelope belongs to the moment."""
        return position <= self.position and recorded <= self.recorded

    def include_all(self, extent: Extent) -> bool:
        """Whether all envelopes of an extent belong to the moment."""
        return self.include(extent.last, extent.latest)

    def may_include_some(self, extent: Extent) -> bool:
        """Whether an envelope of an extent may belong to the moment."""
        return self.include(extent.first, extent.earliest)


class Standing:
    """The standing of all streams to a moment, in one transaction of the live views.

    Streams are named by their local numbers, as 4 bytes.

    Args:
        live: The live views. A later reader of the same transaction may replace it.
    """

    def __init__(self, live: Reader, log: EventLog, moment: Bounds) -> None:
        self.live = live
        self._log = log
        self._moment = moment
        # Blocks of streams, by the first bytes of the streams' numbers.
        self.blocks_before: set[bytes] = set()
        self._blocks_after: set[bytes] = set()
        for block, whole in timeline.blocks(live.rows):
            if moment.include_all(whole):
                self.blocks_before.add(block)
            elif not moment.may_include_some(whole):
                self._blocks_after.add(block)
        # Of the streams in classified blocks.
        self._bounds: dict[bytes, int] = {}
        self._to_fold: set[bytes] = set()  # across the moment without a kept row
        self._runs_to_fold: set[bytes] | None = None

    def bound(self, number: bytes) -> int:
        """The bound of a stream; classifies the stream's block if that is not done yet."""
        known = self._bounds.get(number)
        if known is not None:
            return known
        block = number[:BLOCK_BYTES]
        if block in self.blocks_before:
            return ABOVE_ALL
        if block in self._blocks_after:
            return 0
        self._classify(block)
        # A stream without envelopes, which others only name, has no row that could be newer.
        return self._bounds.setdefault(number, ABOVE_ALL)

    def is_before(self, number: bytes) -> bool:
        """Whether all envelopes of a stream belong to the moment: its live rows show it."""
        return self.bound(number) == ABOVE_ALL

    def is_across(self, number: bytes) -> bool:
        """Whether a stream has envelopes of the moment and envelopes beyond it."""
        return 0 < self.bound(number) < ABOVE_ALL or number in self._to_fold

    def kept_row(self, number: bytes) -> bytes | None:
        """The row that was kept of a run across the moment; None for any other stream.

        A run without it either had no row at the moment, or is one of `runs_to_fold`.
        """
        bound = self.bound(number)
        return kept.row_of(self.live.rows, number, bound) if 0 < bound < ABOVE_ALL else None

    def runs_to_fold(self) -> set[bytes]:
        """The runs across the moment without a kept row, which a search folds anew."""
        if self._runs_to_fold is None:
            candidates = {*self._runs_around(), *timeline.disordered(self.live.rows)}
            across = {number for number in candidates if self.is_across(number)}
            self._runs_to_fold = {number for number in across if not self.bound(number)}
        return self._runs_to_fold

    def streams_across(self) -> set[bytes]:
        """All streams across the moment, with a kept row or without."""
        return {
            number
            for block, _ in timeline.blocks(self.live.rows)
            if block not in self.blocks_before and block not in self._blocks_after
            for number, _ in timeline.extents(self.live.rows, block)
            if self.is_across(number)
        }

    def positions(self, number: bytes) -> Iterator[int]:
        """The positions of a stream's envelopes that belong to the moment."""
        for place in timeline.envelopes_of(self.live.rows, int.from_bytes(number, "big")):
            if self._moment.include(place.position, place.recorded):
                yield place.position

    def last_position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        for block in sorted(timeline.log_blocks(self.live.rows), reverse=True):
            if self._moment.include_all(block):
                return block.last
            if self._moment.may_include_some(block):
                envelopes = self._included(block)
                if envelopes:
                    return envelopes[-1].position
        return 0

    def reuse(self, neighbour: "Standing") -> None:
        """Reuse the answers of a near moment of the same transaction.

        A stream has the same standing to both moments if both include the same of its envelopes. So
        walking through many moments classifies each stream once. If the moments are not near,
        nothing is reused.
        """
        ours, theirs = self._moment, neighbour._moment  # noqa: SLF001 - of the same class
        blocks = [
            block
            for block in timeline.log_blocks(self.live.rows)
            if may_differ(ours, theirs, block)
        ]
        if len(blocks) > _NEAR_BLOCKS:
            return
        names = {
            envelope.header.stream
            for block in blocks
            for envelope in timeline.headers_between(self._log, block.first, block.last)
            if ours.include(envelope.position, envelope.header.recorded)
            != theirs.include(envelope.position, envelope.header.recorded)
        }
        numbers = {(self.live.number(name) or 0).to_bytes(4, "big") for name in names}
        # Another thread may be classifying for the neighbour. It adds to these two in the other
        # order, so every bound copied here has its mark in the second copy.
        self._bounds = neighbour._bounds.copy()  # noqa: SLF001
        self._to_fold = neighbour._to_fold.copy()  # noqa: SLF001
        # A block is classified as a whole, so a block with a difference is forgotten as a whole.
        for block in {number[:BLOCK_BYTES] for number in numbers}:
            for number, _ in timeline.extents(self.live.rows, block):
                self._bounds.pop(number, None)
                self._to_fold.discard(number)

    def _classify(self, block: bytes) -> None:
        """Find the bounds of all streams of a block."""
        bounds: dict[bytes, int] = {}
        across: dict[bytes, Extent] = {}
        for number, extent in timeline.extents(self.live.rows, block):
            if self._moment.include_all(extent):
                bounds[number] = ABOVE_ALL
            else:
                bounds[number] = 0
                if self._has_begun(number, extent):
                    across[number] = extent
        to_fold = set(across)
        # The kept rows of a stream come in order of their positions. The first that was kept beyond
        # the moment decides; later ones show later states.
        for number, row in kept.versions(self.live.rows, block):
            whole = across.get(number)
            if whole is None or self._moment.include(row.position, row.recorded):
                continue
            del across[number]
            # The kept row covers the stream's first envelopes. Use it only if the moment includes
            # exactly those.
            is_prefix = whole.ordered or whole.latest <= self._moment.recorded
            if is_prefix and self._moment.include(row.last, row.latest):
                bounds[number] = row.position
                to_fold.discard(number)
        # Each in one step, and in this order: see `reuse`.
        self._to_fold |= to_fold
        self._bounds.update(bounds)

    def _has_begun(self, number: bytes, extent: Extent) -> bool:
        """Whether an envelope of a stream belongs to the moment."""
        if not self._moment.may_include_some(extent):
            return False
        # If only the position or only the time cuts the stream, its first or earliest envelope
        # belongs to the moment. If both cut it, no single envelope may fulfil both: look.
        one_cut = self._moment.position >= extent.last or self._moment.recorded >= extent.latest
        return one_cut or next(self.positions(number), 0) > 0

    def _runs_around(self) -> Iterator[bytes]:
        """The runs with an envelope shortly before the moment's end.

        Each has an envelope of the moment in a block of the log, and at most `_NEAR_BLOCKS` further
        on comes a block with envelopes beyond the moment.
        """
        blocks = list(timeline.log_blocks(self.live.rows))
        names: set[str] = set()
        # Walking backwards: the place of the nearest block ahead with envelopes beyond the moment.
        beyond = -_NEAR_BLOCKS - 1
        for place in reversed(range(len(blocks))):
            block = blocks[place]
            if not self._moment.include_all(block):
                beyond = place
            is_near = beyond >= 0 and beyond - place <= _NEAR_BLOCKS
            if is_near and self._moment.may_include_some(block):
                names.update(envelope.header.stream for envelope in self._included(block))
        for name in names:
            number = self.live.number(name) if name.startswith(_RUN) else None
            if number is not None:
                yield number.to_bytes(4, "big")

    def _included(self, block: Extent) -> list[Envelope]:
        """The envelopes of a block of the log that belong to the moment."""
        return [
            envelope
            for envelope in timeline.headers_between(self._log, block.first, block.last)
            if self._moment.include(envelope.position, envelope.header.recorded)
        ]


def may_differ(older: Bounds, newer: Bounds, extent: Extent) -> bool:
    """Whether two moments may include different envelopes of an extent."""
    if older.include_all(extent) and newer.include_all(extent):
        return False
    return older.may_include_some(extent) or newer.may_include_some(extent)
