"""How each stream of now stands to a moment: as it was, not begun, kept as it was, or in between.

Whole blocks of streams are settled at once; of the others each is looked at when somebody asks for
it. So a moment costs little before the first question, however much has happened since.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import LogReader
from eventtrack.projections import kept, timeline
from eventtrack.projections.tables import Reader
from eventtrack.projections.timeline import BLOCK_BYTES, LOG_BLOCK, Extent

_RUN = "run/"
# Two envelopes of a run of which only one belongs to a moment, and between which nothing was kept,
# lie within so many blocks of the log.
_NEAR_BLOCKS = kept.REST_POSITIONS // LOG_BLOCK + 1


class Bounds(NamedTuple):
    """Envelopes up to a position here that were recorded by a hybrid time, both included."""

    position: int
    recorded: int

    def include(self, position: int, recorded: int) -> bool:
        """Whether an envelope is one of them."""
        return position <= self.position and recorded <= self.recorded

    def hold(self, extent: Extent) -> bool:
        """Whether all of an extent is within."""
        return self.include(extent.last, extent.latest)

    def touch(self, extent: Extent) -> bool:
        """Whether anything of an extent may be within."""
        return self.include(extent.first, extent.earliest)


# The bound of a stream that is now as it was: every row of it is older.
SAME = 2**64


class Standing:
    """The streams of one transaction of the live views, as they stand to a moment.

    Each has a bound: its rows of the moment are those that came at a position below. It is `SAME`
    for what is as it was, 0 for what had not begun or has to be folded, and for a run of which
    a row was kept the position that this one was kept at.

    Args:
        live: The views of now. To be replaced by a later reader of the same.
    """

    def __init__(self, live: Reader, log: LogReader, until: Bounds) -> None:
        self.live = live
        self._log = log
        self._until = until
        # The first bytes of the numbers of blocks of which all streams are as they were, or of
        # which none had begun.
        self.same: set[bytes] = set()
        self._later: set[bytes] = set()
        for block, whole in timeline.blocks(live):
            if until.hold(whole):
                self.same.add(block)
            elif not until.touch(whole):
                self._later.add(block)
        self._bounds: dict[bytes, int] = {}
        self._bare: set[bytes] = set()  # had begun, were touched since, and nothing was kept
        self._unkept: set[bytes] | None = None

    def take_over(self, neighbour: "Standing") -> None:
        """Know of the streams what a moment near this one knows, within the same transaction.

        A stream stands to both alike if both hold the same of its envelopes. What is asked about is
        so found out but once, when many moments are looked at one after the other.
        """
        blocks = [one for one in timeline.log_blocks(self.live) if self._may_differ(neighbour, one)]
        if len(blocks) > _NEAR_BLOCKS:
            return
        one, two = self._until, neighbour._until  # noqa: SLF001 - of the same class
        names = {
            envelope.header.stream
            for block in blocks
            for envelope in timeline.envelopes_between(self._log, block.first, block.last)
            if one.include(envelope.position, envelope.header.recorded)
            != two.include(envelope.position, envelope.header.recorded)
        }
        numbers = {(self.live.number(name) or 0).to_bytes(4, "big") for name in names}
        # In this order: another thread may be looking at the neighbour, and adds in the other.
        self._bounds = neighbour._bounds.copy()  # noqa: SLF001
        self._bare = neighbour._bare.copy()  # noqa: SLF001
        # Whole blocks are known or not: of those where something differs nothing is taken over.
        for block in {number[:BLOCK_BYTES] for number in numbers}:
            for number, _ in timeline.extents(self.live, block):
                self._bounds.pop(number, None)
                self._bare.discard(number)

    def _may_differ(self, neighbour: "Standing", block: Extent) -> bool:
        bounds = self._until, neighbour._until  # noqa: SLF001
        both_hold = all(one.hold(block) for one in bounds)
        return not both_hold and any(one.touch(block) for one in bounds)

    def bound(self, number: bytes) -> int:
        """The bound of a stream."""
        known = self._bounds.get(number)
        if known is not None:
            return known
        block = number[:BLOCK_BYTES]
        if block in self.same:
            return SAME
        if block in self._later:
            return 0
        self._classify(block)
        # Nothing has touched a stream that is only spoken of.
        return self._bounds.setdefault(number, SAME)

    def is_same(self, number: bytes) -> bool:
        """Whether a stream is now as it was then."""
        return self.bound(number) == SAME

    def is_between(self, number: bytes) -> bool:
        """Whether a stream had begun, and was touched since."""
        return 0 < self.bound(number) < SAME or number in self._bare

    def kept(self, number: bytes) -> bytes | None:
        """The row of a run that was touched since, as it was. None where nothing was kept.

        That is, it had no row then, or is one of `unkept`.
        """
        bound = self.bound(number)
        return kept.row_of(self.live, number, bound) if 0 < bound < SAME else None

    def unkept(self) -> set[bytes]:
        """The numbers of the runs of which nothing tells the state of then but their envelopes."""
        if self._unkept is None:
            found = {number for number in self._near() if self.is_between(number)}
            found |= {one for one in timeline.disordered(self.live) if self.is_between(one)}
            self._unkept = {number for number in found if not self.bound(number)}
        return self._unkept

    def all_between(self) -> set[bytes]:
        """The numbers of all streams that had begun and were touched since."""
        return {
            number
            for block, _ in timeline.blocks(self.live)
            if block not in self.same and block not in self._later
            for number, _ in timeline.extents(self.live, block)
            if self.is_between(number)
        }

    def positions(self, number: bytes) -> Iterator[int]:
        """Where the envelopes of a stream are that belong to the moment."""
        for place in timeline.envelopes_of(self.live, int.from_bytes(number, "big")):
            if self._until.include(place.position, place.recorded):
                yield place.position

    def last_position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        for block in sorted(timeline.log_blocks(self.live), reverse=True):
            if self._until.hold(block):
                return block.last
            if self._until.touch(block):
                found = [one.position for one in self._within(block)]
                if found:
                    return found[-1]
        return 0

    def _classify(self, block: bytes) -> None:
        """Find the bounds of all streams of a block."""
        bounds: dict[bytes, int] = {}
        touched: dict[bytes, Extent] = {}
        for number, extent in timeline.extents(self.live, block):
            if self._until.hold(extent):
                bounds[number] = SAME
            else:
                bounds[number] = 0
                if self._has_begun(number, extent):
                    touched[number] = extent
        bare = set(touched)
        for number, one in kept.versions(self.live, block):
            whole = touched.get(number)
            if whole is None or self._until.include(one.position, one.recorded):
                continue
            del touched[number]  # what was kept later is of later
            # What belongs to the moment has to be what came first, for the row is of that.
            came_first = whole.ordered or whole.latest <= self._until.recorded
            if came_first and self._until.include(one.last, one.latest):
                bounds[number] = one.position
                bare.discard(number)
        # Each at once, and in this order: see `take_over`.
        self._bare |= bare
        self._bounds.update(bounds)

    def _has_begun(self, number: bytes, extent: Extent) -> bool:
        if not self._until.touch(extent):
            return False
        one_cut = self._until.position >= extent.last or self._until.recorded >= extent.latest
        return one_cut or next(self.positions(number), 0) > 0

    def _near(self) -> Iterator[bytes]:
        """The numbers of runs with an envelope of the moment that one beyond it may follow soon."""
        blocks = list(timeline.log_blocks(self.live))
        names: set[str] = set()
        beyond = -_NEAR_BLOCKS - 1  # how far back the next block is that has such a one
        for place in reversed(range(len(blocks))):
            block = blocks[place]
            if not self._until.hold(block):
                beyond = place
            if beyond >= 0 and beyond - place <= _NEAR_BLOCKS and self._until.touch(block):
                names.update(one.header.stream for one in self._within(block))
        for name in names:
            number = self.live.number(name) if name.startswith(_RUN) else None
            if number is not None:
                yield number.to_bytes(4, "big")

    def _within(self, block: Extent) -> list[Envelope]:
        """The envelopes of a block of the log that belong to the moment."""
        return [
            one
            for one in timeline.envelopes_between(self._log, block.first, block.last)
            if self._until.include(one.position, one.header.recorded)
        ]
