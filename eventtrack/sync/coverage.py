"""Segments by their names: their contents, and the cover of a feed (docs/wire.md, section 4)."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SEGMENT = ".segment"
_NAME = re.compile(
    r"feeds/([0-9a-f]{32})(?:-([0-9a-f]{16})-([0-9a-f]{32}))?/([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{64})(?:-([0-9a-f]{16}))?\.segment"
)
# A name of version 1: only the header says where the segment ends.
_OLD_NAME = re.compile(r"feeds/([0-9a-f]{32})/([0-9a-f]{16})\.segment")


class Chain(NamedTuple):
    """The segments of a feed, or of another end of it.

    Another end has the id `branch`, and begins with the index `first`: earlier envelopes are in
    another chain. See `log.feeds`.
    """

    replica: bytes
    first: int = 0
    branch: bytes = b""

    @property
    def folder(self) -> str:
        """The name of the chain's folder."""
        name = self.replica.hex()
        return f"{name}-{self.first:016x}-{self.branch.hex()}" if self.branch else name


class Segment(NamedTuple):
    """A kept block: envelopes `first` up to `stop` of a feed, whose root at `stop` is `root`.

    `erased` is the `erased_mark` of its missing payloads; None if the name does not tell.
    """

    chain: Chain
    first: int
    stop: int
    root: bytes
    erased: str | None
    name: str
    size: int

    @property
    def envelopes(self) -> int:
        """The number of envelopes."""
        return self.stop - self.first

    def within(self, other: "Segment") -> bool:
        """Whether the other segment holds all envelopes of this segment."""
        return other.first <= self.first and self.stop <= other.stop


def parse_name(name: str, size: int) -> Segment | None:
    """The segment of a name; None if it is no name of a segment."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    replica, begins, branch, first, stop, root, erased = match.groups()
    chain = Chain(bytes.fromhex(replica))
    if branch is not None:
        chain = Chain(bytes.fromhex(replica), int(begins, 16), bytes.fromhex(branch))
    if int(first, 16) >= int(stop, 16):
        return None
    numbers = int(first, 16), int(stop, 16)
    return Segment(chain, *numbers, bytes.fromhex(root), erased or "", name, size)


def parse_old_name(name: str) -> tuple[bytes, int] | None:
    """The feed and the first index of a segment with a name of version 1."""
    match = _OLD_NAME.fullmatch(name)
    return None if match is None else (bytes.fromhex(match[1]), int(match[2], 16))


def segment_name(chain: Chain, first: int, stop: int, root: bytes, erased: str) -> str:
    """The name of a segment."""
    mark = f"-{erased}" if erased else ""
    return f"feeds/{chain.folder}/{first:016x}-{stop:016x}-{root.hex()}{mark}{SEGMENT}"


def erased_mark(indexes: Iterable[int]) -> str:
    """The mark in a name for the payloads that a segment lacks; empty if it lacks none."""
    data = b"".join(index.to_bytes(8, "big") for index in sorted(indexes))
    return hashlib.sha256(data).hexdigest()[:16] if data else ""


def cover(segments: Sequence[Segment], start: int = 0) -> Iterator[Segment]:
    """The fewest segments that hold a feed from index `start` on without a gap."""
    waiting = sorted(
        segments,
        key=lambda segment: (segment.first, segment.stop, segment.erased or "", segment.name),
    )
    best: Segment | None = None
    place = 0
    while True:
        while place < len(waiting) and waiting[place].first <= start:
            if best is None or waiting[place].stop >= best.stop:
                best = waiting[place]
            place += 1
        if best is None or best.stop <= start:
            return
        yield best
        start = best.stop
