"""A remote that only keeps bytes: feeds as segments, artifacts by hash (docs/wire.md, section 4).

Many machines may use the remote at once, and each may die at any instant. So no object is ever
changed: an object with a name is whole, and its name says what it holds. A machine that finds a
name taken lists again, and continues behind the segments there. `replacing` makes room without
breaking these rules.
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
from eventtrack.log.blocks import PREFIX_BYTES, Block, read_header
from eventtrack.spaces.space import Entry, Space
from eventtrack.store.blobs import not_as_named
from eventtrack.sync import chains
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

FORMAT = "eventtrack remote 2\n"
_OLD_FORMAT = "eventtrack remote 1\n"
_FORMAT_NAME = "REMOTE"
_FEEDS = "feeds"
# Names in a store's folder.
_OF_STORE = {"FORMAT", "log"}
_IS_STORE = (
    "it is a store of its own: name an empty folder, with which both stores sync, or reach that "
    "store with ssh://HOST/FOLDER or through its server"
)
# Attempts to list again when segments vanish during a read, or when a taken name is not listed:
# other machines replace segments, and that comes to an end.
_ATTEMPTS = 10


class NoSegmentsError(RemoteError):
    """The place holds no remote, or something else."""


class SegmentRemote:
    """A `Remote` in a `Space`.

    Args:
        create: Whether to make a remote in an empty place, for a push.

    Raises:
        NoSegmentsError: There is no remote, or the place holds something else.
        FormatTooNewError: A later eventtrack made the remote.
    """

    def __init__(self, space: Space, *, create: bool = False) -> None:
        self.space = space
        # The segments of the last listing, and those added since.
        self._feeds: dict[Chain, dict[str, Segment]] | None = None
        self._ends: dict[Chain, tuple[int, bytes]] = {}
        self._old: dict[str, Segment] = {}
        # Feeds that grew through this object and were not searched for small segments since.
        self.grown: set[Chain] = set()
        _prepare(space, create=create)

    @property
    def place(self) -> str:
        """The address of the remote, for messages: a path or a URL."""
        return self.space.place

    def heads(self) -> list[FeedHead]:
        """Every feed of the remote, by the names of its segments."""
        self._feeds = None
        ends = ((chain, self.end(chain)) for chain in self.feeds())
        return [FeedHead(chain.replica, *end) for chain, end in ends if end[0] > chain.first]

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads among `heads` that stand for the beginning, or all, of a feed of the remote."""
        return chains.known_heads(self, heads)

    def feeds(self) -> list[Chain]:
        """The chains that have listed segments; the feed of a replica comes before its branches."""
        return sorted(self._listed())

    def segments(self, chain: Chain) -> list[Segment]:
        """The listed segments of a chain, replaced segments included."""
        return [*self._listed().get(chain, {}).values()]

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The blocks beyond `have`, feed by feed, from the segment in which `have` ends."""
        damage: ChecksumError | None = None
        for chain, start in chains.starts(self, have).items():
            try:
                yield from self._blocks(chain, start)
            except ChecksumError as error:
                damage = damage or error  # raised when the other feeds have come
        if damage is not None:
            raise damage

    def append(self, block: Block) -> None:
        """Add a segment behind those there; envelopes that they hold already are left out."""
        for _ in range(_ATTEMPTS):
            chain, size = chains.place_of(self, block)
            if block.header.stop <= size:
                return
            if block.header.first < size:
                block = block.behind(size)
            if self.keep(block, chain):
                self.grown.add(chain)
                return
            # The segments there by now belong to the same feed, so go on behind them.
        raise RemoteError(
            f"{self.space.place} says that a segment is there and does not list it",
            hint="does it list what was just written, as S3 does? Then sync again",
        )

    def keep(self, block: Block, chain: Chain) -> bool:
        """Make a segment of a block. If another machine was faster, list again and return False."""
        name = name_of(block, chain)
        if not self.space.create(name, block.data):
            self._look(chain)
            return False
        segment = parse_name(name, len(block.data))
        if segment is not None:
            self._listed().setdefault(chain, {})[name] = segment
        return True

    def drop(self, segments: Sequence[Segment]) -> None:
        """Delete replaced segments."""
        self.space.delete([segment.name for segment in segments])
        for segment in segments:
            self._listed().get(segment.chain, {}).pop(segment.name, None)

    def load(self, segment: Segment) -> Block:
        """The block of a segment, verified.

        Raises:
            NotFoundError: Another segment has replaced it by now.
            ChecksumError: The segment is damaged, or its contents do not match its name.
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
        """Nothing to do: each segment was durable before it got its name."""

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts among `digests` that the remote holds."""
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
        """Close the space."""
        self.space.close()

    def end(self, chain: Chain) -> tuple[int, bytes]:
        """The size of a feed in the remote, and its root."""
        size, root = self._ends.get(chain, (chain.first, merkle.EMPTY_ROOT))
        beyond = [segment for segment in self.segments(chain) if segment.stop > size]
        for segment in cover(beyond, size):
            size, root = segment.stop, segment.root
        self._ends[chain] = size, root
        return size, root

    def _blocks(self, chain: Chain, size: int) -> Iterator[Block]:
        """The blocks of a chain from the segment that holds `size` on, without later overlaps."""
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
        self._listed()[chain] = {segment.name: segment for segment in known if segment is not None}
        self._ends.pop(chain, None)

    def _known(self, entry: Entry) -> Segment | None:
        segment = parse_name(*entry) or self._old.get(entry.name)
        named = parse_old_name(entry.name) if segment is None else None
        if named is None:
            return segment
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
    """The name of a block's segment in a chain."""
    return segment_name(chain, *_extent(block), erased_mark(lacking(block)))


def lacking(block: Block) -> list[int]:
    """The indexes of the envelopes of a block that have no payload."""
    envelopes = (Envelope(data) for data in block.envelopes)
    return [envelope.header.index for envelope in envelopes if not envelope.payload]


def _prepare(space: Space, *, create: bool) -> None:
    try:
        text = space.read(_FORMAT_NAME).decode(errors="replace")
    except NotFoundError:
        if not create:
            raise NoSegmentsError(
                f"there is no remote at {space.place}",
                hint="is the disk mounted, is the address right? `eventtrack push` makes one where "
                "there is none",
            ) from None
        others = space.roots() - {_FEEDS, "blobs", _FORMAT_NAME}
        if others:
            raise NoSegmentsError(
                f"cannot use {space.place} as a remote: it already holds {min(others)!r}",
                hint=_IS_STORE if others >= _OF_STORE else "choose an empty place or a new name",
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
        # Before adding names that an older eventtrack would not see: so it asks for an upgrade.
        space.replace(_FORMAT_NAME, FORMAT.encode())


def _blob(digest: bytes) -> str:
    name = digest.hex()
    return f"blobs/{name[:2]}/{name}"


def _verified(digest: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a blob; raises behind the last piece if they have another hash."""
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk
    if hasher.digest() != digest:
        raise not_as_named(digest, hasher.digest())
