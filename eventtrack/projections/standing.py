"""The standing of each stream to a moment: wholly before it, wholly after it, or across it.

`past` asks this to decide whether live rows show the moment; docs/past.md has a picture. Streams
are classified in blocks of 256. A block that lies wholly before or after the moment is settled
without a look at its streams; any other block is classified when a question first touches it. So a
moment costs little before the first question, however much has happened since.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import LogReader
from eventtrack.projections import kept, timeline
from eventtrack.projections.tables import Reader
from eventtrack.projections.timeline import BLOCK_BYTES, LOG_BLOCK, Extent

_RUN = "run/"
# Take a run across a moment without a kept row. Between its last envelope of the moment and its
# next one lie at most this many blocks of the log, or the next one would have kept a row.
_NEAR_BLOCKS = kept.REST_POSITIONS // LOG_BLOCK + 1


class Bounds(NamedTuple):
    """A moment: envelopes up to a position here and up to a recorded hybrid time, both included."""

    position: int
    recorded: int

    def include(self, position: int, recorded: int) -> bool:
        """Whether an envelope belongs to the moment."""
        return position <= self.position and recorded <= self.recorded

    def hold(self, extent: Extent) -> bool:
        """Whether all envelopes of an extent belong to the moment."""
        return self.include(extent.last, extent.latest)

    def touch(self, extent: Extent) -> bool:
        """Whether an envelope of an extent may belong to the moment."""
        return self.include(extent.first, extent.earliest)


# The bound of a stream that lies wholly before the moment: all its rows came below it.
BEFORE = 2**64


class Standing:
    """The standing of all streams to a moment, in one transaction of the live views.

    Each stream has a *bound*: its rows at the moment are those that came at a position below the
    bound. The bound is

    - `BEFORE` for a stream wholly before the moment;
    - for a run across the moment with a kept row, the position at which that row was kept;
    - 0 for all others: those wholly after the moment, and those that have to be folded anew.

    Args:
        live: The live views. A later reader of the same transaction may replace it.
    """

    def __init__(self, live: Reader, log: LogReader, until: Bounds) -> None:
        self.live = live
        self._log = log
        self._until = until
        # Blocks of streams, by the first bytes of the streams' numbers: those wholly before the
        # moment, and those wholly after it.
        self.blocks_before: set[bytes] = set()
        self._blocks_after: set[bytes] = set()
        for block, whole in timeline.blocks(live.rows):
            if until.hold(whole):
                self.blocks_before.add(block)
            elif not until.touch(whole):
                self._blocks_after.add(block)
        self._bounds: dict[bytes, int] = {}
        self._to_fold: set[bytes] = set()  # streams across the moment without a kept row
        self._unkept: set[bytes] | None = None

    def take_over(self, neighbour: "Standing") -> None:
        """Reuse the answers of a near moment of the same transaction.

        A stream has the same standing to both moments if both hold the same of its envelopes. So
        walking through many moments classifies each stream once. If the moments are not near,
        nothing is reused.
        """
        blocks = [
            block
            for block in timeline.log_blocks(self.live.rows)
            if self._may_differ(neighbour, block)
        ]
        if len(blocks) > _NEAR_BLOCKS:
            return
        ours, theirs = self._until, neighbour._until  # noqa: SLF001 - of the same class
        names = {
            envelope.header.stream
            for block in blocks
            for envelope in timeline.envelopes_between(self._log, block.first, block.last)
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

    def _may_differ(self, neighbour: "Standing", block: Extent) -> bool:
        """Whether two moments may hold different envelopes of a block of the log."""
        moments = self._until, neighbour._until  # noqa: SLF001
        both_hold = all(moment.hold(block) for moment in moments)
        return not both_hold and any(moment.touch(block) for moment in moments)

    def bound(self, number: bytes) -> int:
        """The bound of a stream; classifies the stream's block if that is not done yet."""
        known = self._bounds.get(number)
        if known is not None:
            return known
        block = number[:BLOCK_BYTES]
        if block in self.blocks_before:
            return BEFORE
        if block in self._blocks_after:
            return 0
        self._classify(block)
        # A stream without envelopes, which others only name, has no row that could be newer.
        return self._bounds.setdefault(number, BEFORE)

    def is_before(self, number: bytes) -> bool:
        """Whether a stream lies wholly before the moment: its live rows show it as it was."""
        return self.bound(number) == BEFORE

    def is_across(self, number: bytes) -> bool:
        """Whether a stream has envelopes of the moment and envelopes beyond it."""
        return 0 < self.bound(number) < BEFORE or number in self._to_fold

    def kept(self, number: bytes) -> bytes | None:
        """The kept row of a run across the moment: the run as it was. None if there is none.

        Without a kept row, the run either had no row at the moment, or is in `unkept`.
        """
        bound = self.bound(number)
        return kept.row_of(self.live.rows, number, bound) if 0 < bound < BEFORE else None

    def unkept(self) -> set[bytes]:
        """The numbers of runs across the moment without a kept row, which a search folds anew."""
        if self._unkept is None:
            across = {number for number in self._near() if self.is_across(number)}
            across |= {
                number for number in timeline.disordered(self.live.rows) if self.is_across(number)
            }
            self._unkept = {number for number in across if not self.bound(number)}
        return self._unkept

    def all_across(self) -> set[bytes]:
        """The numbers of all streams across the moment, with a kept row or without."""
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
            if self._until.include(place.position, place.recorded):
                yield place.position

    def last_position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        for block in sorted(timeline.log_blocks(self.live.rows), reverse=True):
            if self._until.hold(block):
                return block.last
            if self._until.touch(block):
                envelopes = self._within(block)
                if envelopes:
                    return envelopes[-1].position
        return 0

    def _classify(self, block: bytes) -> None:
        """Find the bounds of all streams of a block."""
        bounds: dict[bytes, int] = {}
        across: dict[bytes, Extent] = {}
        for number, extent in timeline.extents(self.live.rows, block):
            if self._until.hold(extent):
                bounds[number] = BEFORE
            else:
                bounds[number] = 0
                if self._has_begun(number, extent):
                    across[number] = extent
        to_fold = set(across)
        # Per stream, kept rows come in order of their positions. The first that was kept beyond the
        # moment decides; later ones show later states.
        for number, row in kept.versions(self.live.rows, block):
            whole = across.get(number)
            if whole is None or self._until.include(row.position, row.recorded):
                continue
            del across[number]
            # The kept row covers the stream's first envelopes. Use it only if the moment includes
            # exactly those.
            is_prefix = whole.ordered or whole.latest <= self._until.recorded
            if is_prefix and self._until.include(row.last, row.latest):
                bounds[number] = row.position
                to_fold.discard(number)
        # Each in one step, and in this order: see `take_over`.
        self._to_fold |= to_fold
        self._bounds.update(bounds)

    def _has_begun(self, number: bytes, extent: Extent) -> bool:
        """Whether an envelope of a stream belongs to the moment."""
        if not self._until.touch(extent):
            return False
        # If only the position or only the time cuts the stream, its first or earliest envelope
        # belongs to the moment. If both cut it, no single envelope may fulfil both: look.
        one_cut = self._until.position >= extent.last or self._until.recorded >= extent.latest
        return one_cut or next(self.positions(number), 0) > 0

    def _near(self) -> Iterator[bytes]:
        """The numbers of all runs that may be in `unkept`, as far as their envelopes came in order.

        Such a run has an envelope of the moment in a block of the log, and at most `_NEAR_BLOCKS`
        further on comes a block with envelopes beyond the moment.
        """
        blocks = list(timeline.log_blocks(self.live.rows))
        names: set[str] = set()
        # Walking backwards: the place of the nearest block ahead with envelopes beyond the moment.
        beyond = -_NEAR_BLOCKS - 1
        for place in reversed(range(len(blocks))):
            block = blocks[place]
            if not self._until.hold(block):
                beyond = place
            if beyond >= 0 and beyond - place <= _NEAR_BLOCKS and self._until.touch(block):
                names.update(envelope.header.stream for envelope in self._within(block))
        for name in names:
            number = self.live.number(name) if name.startswith(_RUN) else None
            if number is not None:
                yield number.to_bytes(4, "big")

    def _within(self, block: Extent) -> list[Envelope]:
        """The envelopes of a block of the log that belong to the moment."""
        return [
            envelope
            for envelope in timeline.envelopes_between(self._log, block.first, block.last)
            if self._until.include(envelope.position, envelope.header.recorded)
        ]
