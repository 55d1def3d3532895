"""A store as a remote of others, and its service over a pair of pipes (docs/wire.md, section 5)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from eventtrack._version import __version__
from eventtrack.errors import EventtrackError, RemoteError
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.store.replication import Replication
from eventtrack.sync import frames
from eventtrack.sync.exchange import blocks_of
from eventtrack.sync.importing import Importer
from eventtrack.sync.known import KnownFeeds, ranges_beyond
from eventtrack.sync.protocol import FeedHead, Remote, Selective
from eventtrack.sync.selection import Selection, SendersChooser, leaves_out

PROTOCOL = 1
# The first words of a serving process: they end the greeting of the login shell.
GREETING = b"eventtrack sync 1\n"
_COPY_BYTES = 2**20


class StoreRemote:
    """A `Remote` that is another store, open in this process."""

    def __init__(self, store: Store) -> None:
        self._source: Replication = store.replication
        self._importer = Importer(self._source)
        self._wanted = Selection()

    def choose(self, wanted: Selection) -> None:
        """Bring only the payloads of a selection."""
        self._wanted = wanted

    def heads(self) -> list[FeedHead]:
        """Every end of every feed of the store, with the first payload that others left out."""
        chosen = leaves_out(self._source)
        known = self._known()
        return known.tips(whole={} if chosen else self._source.log.unfilled())

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads among `heads` that stand for envelopes of the store."""
        known = self._known()
        return [head for head in heads if known.find(head) is not None]

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The store's blocks beyond `have`, in the order of arrival."""
        log = self._source.log
        blocks = blocks_of(log, ranges_beyond(log, self._known(), have))
        if not self._wanted:
            return blocks
        keeps = SendersChooser(self._source, self._wanted)
        return (block.without(lambda envelope: not keeps(envelope)) for block in blocks)

    def append(self, block: Block) -> None:
        """Take a block; it is verified before it is committed."""
        self._importer.add(block)

    def flush(self) -> None:
        """Commit the taken blocks.

        Raises:
            ConflictError: Envelopes before a block are missing here.
            CorruptionError: A block is damaged or of another history.
        """
        importer, self._importer = self._importer, Importer(self._source)
        importer.flush()
        for error in importer.refused.values():
            raise error

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts among `digests` that the store holds."""
        return {digest for digest in digests if self._source.blobs.holds(digest)}

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes."""
        with self._source.blobs.open(digest) as stream:
            while chunk := stream.read(_COPY_BYTES):
                yield chunk

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Keep an artifact."""
        self._source.blobs.receive(digest, chunks)

    def close(self) -> None:
        """Nothing to do: the store belongs to the caller and stays open."""

    def _known(self) -> KnownFeeds:
        return KnownFeeds(self._source.log, self._source.heads())


def serve(open_store: Callable[[bool], Store], source: BinaryIO, sink: BinaryIO) -> None:
    """Answer a peer's messages until it goes away.

    Args:
        open_store: Opens the store; called with whether to make it if it is not there.
    """
    sink.write(GREETING)
    sink.flush()
    session = _Session(source, sink)
    try:
        kind, body = frames.read_frame(source)
        with session.told():
            protocol, _, create = frames.decode(body, tuple[int, str, bool])
            if kind != frames.HELLO or protocol != PROTOCOL:
                raise RemoteError(
                    f"the peer speaks version {protocol} of the sync protocol, this eventtrack "
                    f"({__version__}) version {PROTOCOL}",
                    hint="upgrade the older of the two with `pip install -U eventtrack`",
                )
            session.remote = StoreRemote(open_store(create))
            session.answer(frames.HELLO, frames.encode((PROTOCOL, __version__)))
        while session.remote is not None:
            session.serve_one(session.remote)
    except (frames.Ended, BrokenPipeError):
        return  # the peer has got everything, or will come again


class _Session:
    """The messages of one peer, answered one after the other."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.remote: Remote | None = None
        self._source = source
        self._sink = sink
        # Blocks come without waiting for answers: the error of a block is sent at the flush.
        self._failed: EventtrackError | None = None

    def serve_one(self, remote: Remote) -> None:
        """Read a message and answer it."""
        kind, body = frames.read_frame(self._source)
        if kind == frames.APPEND:
            self._append(remote, body)
            return
        with self.told():
            if kind == frames.HEADS:
                self.answer(frames.HEADS, frames.encode_heads(remote.heads()))
            elif kind == frames.KNOWN:
                known = remote.known(frames.decode_heads(body))
                self.answer(frames.KNOWN, frames.encode_heads(known))
            elif kind == frames.READ:
                for block in remote.read(frames.decode_heads(body)):
                    frames.write_frame(self._sink, frames.BLOCK, block.data)
                self.answer(frames.END)
            elif kind == frames.CHOOSE and isinstance(remote, Selective):
                remote.choose(frames.decode(body, Selection))
                self.answer(frames.DONE)
            elif kind == frames.FLUSH:
                failed, self._failed = self._failed, None
                remote.flush()
                if failed is not None:
                    raise failed
                self.answer(frames.DONE)
            elif kind == frames.PRESENT:
                present = remote.present_blobs(frames.decode(body, list[bytes]))
                self.answer(frames.PRESENT, frames.encode(sorted(present)))
            elif kind == frames.GET:
                frames.write_chunks(self._sink, remote.get_blob(body))
                self._sink.flush()
            elif kind == frames.PUT:
                self._put(remote, body)
            else:
                raise RemoteError(
                    f"a message {kind!r} is not known here", hint="upgrade eventtrack"
                )

    def answer(self, kind: bytes, body: bytes = b"") -> None:
        """Send a message at once."""
        frames.write_frame(self._sink, kind, body)
        self._sink.flush()

    @contextmanager
    def told(self) -> Iterator[None]:
        """In the block, an error goes to the peer as the failure of its request."""
        try:
            yield
        except EventtrackError as error:
            self.answer(frames.FAILED, frames.encode_failure(error))

    def _append(self, remote: Remote, body: bytes) -> None:
        if self._failed is None:
            try:
                remote.append(Block.decode(body))
            except EventtrackError as error:
                self._failed = error

    def _put(self, remote: Remote, digest: bytes) -> None:
        chunks = frames.read_chunks(self._source)
        try:
            remote.put_blob(digest, chunks)
        finally:
            for _ in chunks:  # read the rest, which is on its way even after a failure
                pass
        self.answer(frames.DONE)
