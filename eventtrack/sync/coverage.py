"""Segments by their names: what each holds, and which make up a feed (docs/wire.md, section 4)."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SEGMENT = ".segment"
_NAME = re.compile(
    r"feeds/([0-9a-f]{32})(?:-([0-9a-f]{16})-([0-9a-f]{32}))?/([0-9a-f]{16})-([0-9a-f]{16})-([0-9a-f]{64})(?:-([0-9a-f]{16}))?\.segment"
)
# Version 1: the header says where such a one ends.
_OLD_NAME = re.compile(r"feeds/([0-9a-f]{32})/([0-9a-f]{16})\.segment")


class Chain(NamedTuple):
    """The segments of a feed, or of another end of it.

    Such an end has the id `branch`, and begins with the index `first`: what stands before it is in
    another chain. See `log.feeds`.
    """

    replica: bytes
    first: int = 0
    branch: bytes = b""

    @property
    def folder(self) -> str:
        """What its folder is called."""
        name = self.replica.hex()
        return f"{name}-{self.first:016x}-{self.branch.hex()}" if self.branch else name


class Segment(NamedTuple):
    """A block that is kept: envelopes `first` up to `stop` of a feed, whose root there is `root`.

    `erased` is `erased_mark` of the payloads that it lacks; None where the name does not tell.
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
        """How many envelopes it holds."""
        return self.stop - self.first

    def within(self, other: "Segment") -> bool:
        """Whether the other holds all envelopes of this one."""
        return other.first <= self.first and self.stop <= other.stop


def parse_name(name: str, size: int) -> Segment | None:
    """The segment of a name; None where it is the name of something else."""
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
    """What a name says of the payloads that a segment lacks; empty where it lacks none."""
    data = b"".join(index.to_bytes(8, "big") for index in sorted(indexes))
    return hashlib.sha256(data).hexdigest()[:16] if data else ""


def cover(segments: Sequence[Segment], start: int = 0) -> Iterator[Segment]:
    """Segments that hold a feed from index `start` on without a gap, the fewest that do."""
    waiting = sorted(segments, key=lambda one: (one.first, one.stop, one.erased or "", one.name))
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
