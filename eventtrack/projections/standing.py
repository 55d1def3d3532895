"""How each stream of now stands to a moment: as it was, not begun, kept as it was, or in between.

Whole blocks of streams are settled at once; of the others each is looked at when somebody asks for
it. So a moment costs little before the first question, however much has happened since.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import LogReader
from eventtrack.projections import kept, timeline
from eventtrack.projections.kept import Kept
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


class Standing:
    """The streams of one transaction of the live views, as they stand to a moment.

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
        self._stands: dict[bytes, bool | None] = {}
        self._kept: dict[bytes, Kept | None] = {}
        self._unkept: set[bytes] | None = None

    def is_same(self, number: bytes) -> bool:
        """Whether a stream is now as it was then."""
        return number[:BLOCK_BYTES] in self.same or self._stand(number) is True

    def is_between(self, number: bytes) -> bool:
        """Whether a stream had begun, and was touched since."""
        return self._stand(number) is None

    def kept(self, number: bytes) -> Kept | None:
        """What was kept of a run that is in between: its row of then. None where nothing was.

        That is, it had no row then, or is one of `unkept`.
        """
        if number not in self._kept:
            self._kept[number] = self._find(number) if self.is_between(number) else None
        return self._kept[number]

    def unkept(self) -> set[bytes]:
        """The numbers of the runs of which nothing tells the state of then but their envelopes."""
        if self._unkept is None:
            found = {number for number in self._near() if self.is_between(number)}
            found |= {one for one in timeline.disordered(self.live) if self.is_between(one)}
            self._unkept = {number for number in found if self.kept(number) is None}
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

    def _stand(self, number: bytes) -> bool | None:
        """True for a stream that is as it was, False for one that had not begun, None between."""
        block = number[:BLOCK_BYTES]
        if block in self.same:
            return True
        if block in self._later:
            return False
        if number not in self._stands:
            extent = timeline.extent_of(self.live, int.from_bytes(number, "big"))
            # Nothing has touched a stream that is only spoken of.
            is_same = extent is None or self._until.hold(extent)
            self._stands[number] = True if is_same else None if self._has_begun(number) else False
        return self._stands[number]

    def _has_begun(self, number: bytes) -> bool:
        extent = timeline.extent_of(self.live, int.from_bytes(number, "big"))
        if extent is None or not self._until.touch(extent):
            return False
        one_cut = self._until.position >= extent.last or self._until.recorded >= extent.latest
        return one_cut or next(self.positions(number), 0) > 0

    def _find(self, number: bytes) -> Kept | None:
        extent = timeline.extent_of(self.live, int.from_bytes(number, "big"))
        by_position = extent is not None and extent.latest <= self._until.recorded
        if extent is None or not (extent.ordered or by_position):
            return None  # what belongs to the moment is not what came first
        after = self._until.position if by_position else 0
        for one in kept.versions(self.live, number, after):
            if not self._until.include(one.position, one.recorded):
                return one if self._until.include(one.last, one.latest) else None
        return None

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
