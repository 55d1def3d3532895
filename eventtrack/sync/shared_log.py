"""A shared log as a remote: feeds as the log's blocks, artifacts where its servers share them.

The log knows places, and a remote knows feeds. So a `LogSpace` shows the blocks under the names of
segments (docs/wire.md, section 4), and the code for remotes of segments does the rest. The names
follow from the headers of all blocks: they are read once in a process, then only the news.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from eventtrack.errors import ChecksumError, ConflictError, NotFoundError, RemoteError
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block, BlockHeader, read_header
from eventtrack.log.feeds import branch_id
from eventtrack.sharedlog.artifacts import open_artifacts
from eventtrack.sharedlog.making import open_shared_log
from eventtrack.sharedlog.news import takes_away
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.spaces.space import Entry
from eventtrack.store.shared_blobs import SharedBlobs
from eventtrack.sync.blocks import pieces
from eventtrack.sync.coverage import Chain, segment_name
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.segments import FORMAT, SegmentRemote

_FORMAT_NAME = "REMOTE"


class Index:
    """The blocks of a log by the names of segments, as far as they were read."""

    def __init__(self) -> None:
        self.through = 0
        self.places: dict[str, tuple[int, int]] = {}  # place and size, by name
        self.last: dict[bytes, int] = {}  # the place of each replica's last block
        # By replica, each end of its feed: the chain, its size and its root there.
        self._ends: dict[bytes, dict[Chain, tuple[int, bytes]]] = {}
        # By replica, its blocks: the chain, the first index, the stop, the name.
        self._parts: dict[bytes, list[tuple[Chain, int, int, str]]] = {}

    def follow(self, log: SharedLog) -> None:
        """Read the headers of all blocks up to the end of the log."""
        end = log.end()
        while self.through < end:
            page = log.read(self.through)
            for place, data in page.entries:
                self._add(log, place, data)
            if page.through == self.through:
                log.wait(self.through, 0.1)  # another node answers, which lags behind
            self.through = page.through

    def block(self, log: SharedLog, name: str) -> bytes:
        """The bytes of a block.

        Raises:
            NotFoundError: There is no block of that name.
        """
        place, _ = self.places.get(name, (0, 0))
        entries = log.read(place - 1, 1).entries if place else []
        if not entries or entries[0].place != place:
            raise NotFoundError(f"{log.url} has no block {name}", hint="sync again")
        return entries[0].data

    def _add(self, log: SharedLog, place: int, data: bytes) -> None:
        try:
            header = read_header(data)[0]
        except ChecksumError as error:
            raise ChecksumError(
                f"the block at place {place} of {log.url} is damaged: {error.message}",
                hint="`eventtrack cluster check` says what is damaged, `eventtrack cluster repair` "
                "restores it",
            ) from error
        chain = self._chain_of(log, header, data)
        ends = self._ends.setdefault(header.replica, {})
        if header.stop > ends.get(chain, (0, b""))[0]:
            ends[chain] = header.stop, header.root
        name = segment_name(chain, header.first, header.stop, header.root, "")
        if name not in self.places:
            self.places[name] = place, len(data)
            part = chain, header.first, header.stop, name
            self._parts.setdefault(header.replica, []).append(part)
        self.last[header.replica] = place

    def _chain_of(self, log: SharedLog, header: BlockHeader, data: bytes) -> Chain:
        """The end of the feed that a block continues; a new end if its envelopes differ."""
        ends = self._ends.get(header.replica, {})
        before = header.first, merkle.root(header.frontier)
        for chain, end in ends.items():
            if end == before:
                return chain
        if not ends:
            return Chain(header.replica)
        block = Block.decode(data)
        for chain, first, stop, name in self._parts[header.replica]:
            if first <= header.first < stop:
                known = Block.decode(self.block(log, name)).envelopes[header.first - first]
                if Envelope(known).header_bytes == Envelope(block.envelopes[0]).header_bytes:
                    return chain
        root = merkle.root(block.frontier_at(header.first + 1))
        return Chain(header.replica, header.first, branch_id(header.replica, header.first, root))


# By the id of a log, so that each round of a process reads only the news.
_indexes: dict[str, Index] = {}


class LogSpace:
    """A `Space` over a shared log. Used by one thread at a time."""

    def __init__(self, log: SharedLog, artifacts: Callable[[], SharedBlobs]) -> None:
        self._log = log
        self._open_artifacts = artifacts
        self._artifacts: SharedBlobs | None = None
        self._index = _indexes.setdefault(log.description.id, Index())

    @property
    def place(self) -> str:
        """The address of the log."""
        return self._log.url

    def make(self) -> None:
        """Nothing to do: `eventtrack cluster init` made the log."""

    def roots(self) -> set[str]:
        """The first parts of all names."""
        return {_FORMAT_NAME, "feeds", "blobs"}

    def list(self, folder: str) -> list[Entry]:
        """The blocks below a folder of names."""
        self._index.follow(self._log)
        prefix = f"{folder}/"
        return [
            Entry(name, size)
            for name, (_, size) in self._index.places.items()
            if name.startswith(prefix)
        ]

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a block."""
        if name == _FORMAT_NAME:
            return FORMAT.encode()
        return self._index.block(self._log, name)[:limit]

    def create(self, name: str, data: bytes) -> bool:
        """Append a block, as facts of its replica; False if the log has news of that feed."""
        block = Block.decode(data)
        if name in self._index.places:
            return False
        parts = list(pieces(block, self._log.block_bytes_max))
        try:
            for piece in parts:
                last = self._index.last.get(block.header.replica, 0)
                place = self._log.append(piece, last=last, decides=takes_away(piece))
                self._index.last[block.header.replica] = place
        except ConflictError:
            self._index.follow(self._log)
            return False
        return len(parts) == 1  # parts have other names, which the caller has to list

    def replace(self, name: str, data: bytes) -> None:
        """Refuse: a log keeps what was appended."""
        raise RemoteError(f"cannot replace {name} in {self.place}", hint="upgrade")

    def delete(self, names: Sequence[str]) -> None:
        """Refuse to delete blocks, as `replace` does."""
        if names:
            self.replace(names[0], b"")

    def present(self, names: Sequence[str]) -> set[str]:
        """The names that artifacts have."""
        return {name for name in names if self._blobs().holds(_digest(name))}

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of an artifact."""
        return self._blobs().get(_digest(name))

    def upload(self, name: str, chunks: Iterable[bytes]) -> None:
        """Bring an artifact there."""
        descriptor, path = tempfile.mkstemp(prefix="eventtrack-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
            self._blobs().put(_digest(name), Path(path))
        finally:
            Path(path).unlink()

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _blobs(self) -> SharedBlobs:
        if self._artifacts is None:
            self._artifacts = self._open_artifacts()
        return self._artifacts


class SharedLogRemote:
    """A `Remote` that is a shared log."""

    def __init__(self, log: SharedLog, artifacts: Callable[[], SharedBlobs]) -> None:
        self._segments = SegmentRemote(LogSpace(log, artifacts))

    def heads(self) -> list[FeedHead]:
        """The head of every feed; reads the headers of all blocks, and later of the news."""
        return self._segments.heads()

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads that the log knows."""
        return self._segments.known(heads)

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The blocks beyond `have`."""
        return self._segments.read(have)

    def append(self, block: Block) -> None:
        """Append a block, unless the log has it."""
        self._segments.append(block)

    def flush(self) -> None:
        """Nothing to do: a majority of the engine had each block when its append returned."""

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts that the servers of the log share."""
        return self._segments.present_blobs(digests)

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes."""
        return self._segments.get_blob(digest)

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Add an artifact."""
        self._segments.put_blob(digest, chunks)

    def close(self) -> None:
        """Close the connections."""
        self._segments.close()


def open_log_remote(url: str) -> SharedLogRemote:
    """The shared log at a URL as a remote."""
    log = open_shared_log(url)
    return SharedLogRemote(log, lambda: open_artifacts(url, log.description.artifacts))


def _digest(name: str) -> bytes:
    return bytes.fromhex(name.rpartition("/")[2])
