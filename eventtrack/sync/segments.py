"""A remote that only keeps bytes: feeds as segments, artifacts by hash (docs/wire.md, section 4).

Many machines may use it at once, and any of them may die at any instant. So nothing in it is ever
changed: what has a name is whole, and says in its name what it holds. Who finds a name taken lists
again, and goes on behind what is there. `replacing` makes room without breaking that.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from eventtrack.errors import (
    ChecksumError,
    EventtrackError,
    FormatTooNewError,
    NotFoundError,
    RemoteError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.store.blobs import not_as_named
from eventtrack.sync import chains
from eventtrack.sync.blocks import PREFIX_BYTES, Block, read_header
from eventtrack.sync.coverage import (
    Chain,
    Segment,
    cover,
    erased_mark,
    parse_name,
    parse_old_name,
    segment_name,
)
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.space import Entry, Space

FORMAT = "eventtrack remote 2\n"
_OLD_FORMAT = "eventtrack remote 1\n"
_FORMAT_NAME = "REMOTE"
_FEEDS = "feeds"
# How often to list again when segments vanish while they are read, or names that are taken are not
# there: others replace them, and that comes to an end.
_ATTEMPTS = 10


class SegmentRemote:
    """A `Remote` in a `Space`.

    Args:
        create: Whether to make it where there is none, for a push.

    Raises:
        RemoteError: There is none, or something else is there.
        FormatTooNewError: A later eventtrack made it.
    """

    def __init__(self, space: Space, *, create: bool = False) -> None:
        self.space = space
        # What the last listing showed, and what was added since.
        self._feeds: dict[Chain, dict[str, Segment]] | None = None
        self._ends: dict[Chain, tuple[int, bytes]] = {}
        self._old: dict[str, Segment] = {}
        # Feeds that grew through this object and were not looked through for small segments since.
        self.grown: set[Chain] = set()
        _prepare(space, create=create)

    @property
    def place(self) -> str:
        """Where it is, for messages: a path or a URL."""
        return self.space.place

    def heads(self) -> list[FeedHead]:
        """Every feed that it holds: by the names of its segments."""
        self._feeds = None
        ends = ((chain, self.end(chain)) for chain in self.feeds())
        return [FeedHead(chain.replica, *end) for chain, end in ends if end[0] > chain.first]

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """Those of the heads that stand for what it holds, or for a beginning of that."""
        return chains.known_heads(self, heads)

    def feeds(self) -> list[Chain]:
        """The feeds of which segments are there, as far as it was seen, the whole ones first."""
        return sorted(self._listed())

    def segments(self, chain: Chain) -> list[Segment]:
        """The segments of a feed that were seen, those that others stand in for included."""
        return [*self._listed().get(chain, {}).values()]

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """What it holds beyond `have`, feed by feed, from the segment in which that ends."""
        damage: ChecksumError | None = None
        for chain, start in chains.starts(self, have).items():
            try:
                yield from self._blocks(chain, start)
            except ChecksumError as error:
                damage = damage or error  # told when the other feeds have come
        if damage is not None:
            raise damage

    def append(self, block: Block) -> None:
        """Add a segment behind those that are there; what they hold already is left out."""
        for _ in range(_ATTEMPTS):
            chain, size = chains.place_of(self, block)
            if block.header.stop <= size:
                return
            if block.header.first < size:
                block = block.behind(size)
            if self.keep(block, chain):
                self.grown.add(chain)
                return
            # What is there by now is the same feed, so go on behind it.
        raise RemoteError(
            f"{self.space.place} says that a segment is there and does not list it",
            hint="does it list what was just written, as S3 does? Then sync again",
        )

    def keep(self, block: Block, chain: Chain) -> bool:
        """Make a segment of a block. False if somebody else was faster, and then lists again."""
        name = name_of(block, chain)
        if not self.space.create(name, block.data):
            self._look(chain)
            return False
        segment = parse_name(name, len(block.data))
        if segment is not None:
            self._listed().setdefault(chain, {})[name] = segment
        return True

    def drop(self, segments: Sequence[Segment]) -> None:
        """Delete segments: those that others stand in for."""
        self.space.delete([one.name for one in segments])
        for one in segments:
            self._listed().get(one.chain, {}).pop(one.name, None)

    def load(self, segment: Segment) -> Block:
        """The block that a segment is, verified.

        Raises:
            NotFoundError: Another one stands in for it by now.
            ChecksumError: It is damaged, or is not what its name says.
        """
        try:
            block = Block.decode(self.space.read(segment.name))
        except ChecksumError as error:
            raise ChecksumError(
                f"{self._place(segment)} is damaged: {error.message}",
                hint="delete it; the next sync of a machine that has these envelopes writes them "
                "anew",
            ) from error
        if (block.header.replica, *_extent(block)) != (segment.chain.replica, *segment[1:4]):
            raise self._misnamed(self._place(segment), block.header.first, block.header.replica)
        return block

    def flush(self) -> None:
        """Nothing to do: each segment was durable before it had its name."""

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the artifacts that it holds."""
        names = {_blob(digest): digest for digest in digests}
        return {names[name] for name in self.space.present(list(names))} if names else set()

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes."""
        return self.space.stream(_blob(digest))

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Add an artifact."""
        self.space.upload(_blob(digest), _verified(digest, chunks))

    def drop_blobs(self, digests: Sequence[bytes]) -> None:
        """Delete artifacts."""
        self.space.delete([_blob(digest) for digest in digests])

    def close(self) -> None:
        """Let go of it."""
        self.space.close()

    def end(self, chain: Chain) -> tuple[int, bytes]:
        """How much of a feed is there, and its root."""
        size, root = self._ends.get(chain, (chain.first, merkle.EMPTY_ROOT))
        beyond = [one for one in self.segments(chain) if one.stop > size]
        for segment in cover(beyond, size):
            size, root = segment.stop, segment.root
        self._ends[chain] = size, root
        return size, root

    def _blocks(self, chain: Chain, size: int) -> Iterator[Block]:
        """A feed from the segment in which `size` lies, without overlaps behind that."""
        place, attempts = size, 0
        while True:
            try:
                for segment in cover(self.segments(chain), place):
                    block = self.load(segment)
                    if size < place and block.header.first < place:
                        block = block.behind(place)
                    yield block
                    place = segment.stop
                return
            except NotFoundError:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
                self._look(chain)

    def _listed(self) -> dict[Chain, dict[str, Segment]]:
        if self._feeds is None:
            self._feeds, self._ends = {}, {}
            for entry in self.space.list(_FEEDS):
                segment = self._known(entry)
                if segment is not None:
                    self._feeds.setdefault(segment.chain, {})[segment.name] = segment
        return self._feeds

    def _look(self, chain: Chain) -> None:
        """List a feed's segments again."""
        entries = self.space.list(f"{_FEEDS}/{chain.folder}")
        known = [self._known(entry) for entry in entries]
        self._listed()[chain] = {one.name: one for one in known if one is not None}
        self._ends.pop(chain, None)

    def _known(self, entry: Entry) -> Segment | None:
        found = parse_name(*entry) or self._old.get(entry.name)
        named = parse_old_name(entry.name) if found is None else None
        if named is None:
            return found
        try:
            header, _ = read_header(self.space.read(entry.name, PREFIX_BYTES))
        except NotFoundError:
            return None
        if (header.replica, header.first) != named:
            raise self._misnamed(f"{self.space.place}/{entry.name}", header.first, header.replica)
        old = Segment(Chain(named[0]), named[1], header.stop, header.root, None, *entry)
        self._old[entry.name] = old
        return old

    def _place(self, segment: Segment) -> str:
        return f"{self.space.place}/{segment.name}"

    def _misnamed(self, place: str, first: int, replica: bytes) -> EventtrackError:
        return ChecksumError(
            f"{place} holds envelopes from {first} of replica {replica.hex()}: somebody renamed it",
            hint="give it back its name, or delete it: the next sync of a machine that has these "
            "envelopes writes them anew",
        )


def _extent(block: Block) -> tuple[int, int, bytes]:
    return block.header.first, block.header.stop, block.header.root


def name_of(block: Block, chain: Chain) -> str:
    """The name of the segment that a block is in a chain."""
    return segment_name(chain, *_extent(block), erased_mark(lacking(block)))


def lacking(block: Block) -> list[int]:
    """Which envelopes of a block have no payload, by their indexes."""
    envelopes = (Envelope(data) for data in block.envelopes)
    return [one.header.index for one in envelopes if not one.payload]


def _prepare(space: Space, *, create: bool) -> None:
    try:
        text = space.read(_FORMAT_NAME).decode(errors="replace")
    except NotFoundError:
        if not create:
            raise RemoteError(
                f"there is no remote at {space.place}",
                hint="is the disk mounted, is the address right? `eventtrack push` makes one where "
                "there is none",
            ) from None
        others = space.roots() - {_FEEDS, "blobs", _FORMAT_NAME}
        if others:
            raise RemoteError(
                f"cannot use {space.place} as a remote: it already holds {min(others)!r}",
                hint="choose an empty place or a new name",
            ) from None
        space.make()
        space.create(_FORMAT_NAME, FORMAT.encode())
        text = FORMAT
    if text not in (FORMAT, _OLD_FORMAT):
        raise FormatTooNewError(
            f"cannot use {space.place} as a remote: its {_FORMAT_NAME} says {text[:40]!r}",
            hint="upgrade with `pip install -U eventtrack`; nothing was changed",
        )
    if text == _OLD_FORMAT and create:
        # Before anything that an older eventtrack would not see: it is told to upgrade.
        space.replace(_FORMAT_NAME, FORMAT.encode())


def _blob(digest: bytes) -> str:
    name = digest.hex()
    return f"blobs/{name[:2]}/{name}"


def _verified(digest: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a blob; raises behind the last one if they have another hash."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    if hasher.digest() != digest:
        raise not_as_named(digest, hasher.digest())
