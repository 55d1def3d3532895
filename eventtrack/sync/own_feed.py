"""Publishes the feed that a store itself writes to a shared log, and reads nothing else of the log.

The log says how far it has the feed, by the feed's last block. What lies behind is appended, with
the artifacts that it names before it.
"""

from collections.abc import Callable

from eventtrack.errors import ConflictError, NotFoundError, RemoteError
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Envelope
from eventtrack.limits import SHARED_BLOCK_BYTES_MAX
from eventtrack.log import merkle
from eventtrack.log.blocks import Block, read_header
from eventtrack.sharedlog.news import takes_away
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store.replication import Replication
from eventtrack.store.shared_blobs import SharedBlobs
from eventtrack.sync.blocks import feed_blocks, pieces


def _quietly(place: int, feed: str, unpublished: int) -> None:
    """Tell nobody."""


class OwnFeed:
    """The feed of a store in a shared log. Used by one thread at a time."""

    def __init__(self, store: Replication, log: SharedLog, blobs: SharedBlobs) -> None:
        self._store = store
        self._log = log
        self._blobs = blobs
        # The feed, its size in the log, and the place of its last block there.
        self._there: tuple[bytes, int, int] | None = None

    def publish(self, tell: Callable[[int, str, int], None] | None = None) -> None:
        """Append everything that the log lacks of the feed; durable on a majority on return.

        Args:
            tell: Called behind each block, and when the log refuses one: with the place of the last
                block in the log, the feed in hex, and the number of its envelopes that the log
                lacks.

        Raises:
            ConflictError: The log has another history of this feed, or more of it.
            RemoteError: The log does not answer; the next call goes on where this one ended.
        """
        feed = self._store.log.replica
        head = self._store.heads().get(feed)
        if head is None:
            return
        if self._there is None or self._there[0] != feed:
            self._there = self._found(feed, head.size)
        _, size, last = self._there
        tell = tell or _quietly
        try:
            for whole in feed_blocks(self._store.log, feed, size, head.size, head):
                for block in pieces(whole, min(self._log.block_bytes_max, SHARED_BLOCK_BYTES_MAX)):
                    self._share(block)
                    last = self._log.append(block, last=last, decides=takes_away(block))
                    size = block.header.stop
                    self._there = feed, size, last
                    tell(last, feed.hex(), head.size - size)
        except RemoteError:
            tell(last, feed.hex(), head.size - size)
            raise

    def _found(self, feed: bytes, size: int) -> tuple[bytes, int, int]:
        tail = self._log.tail(feed)
        if tail is None:
            return feed, 0, 0
        header = read_header(tail.data)[0]
        ours = self._store.log.frontier(feed, header.stop) if header.stop <= size else []
        if merkle.root(ours) != header.root:
            raise ConflictError(
                f"{self._log.url} has another history of replica {feed.hex()} than this store",
                hint="sync with it once: both are kept",
            )
        return feed, header.stop, tail.place

    def _share(self, block: Block) -> None:
        for data in block.envelopes:
            for digest in blobs_named(Envelope(data)):
                try:
                    self._store.blobs.open(digest).close()
                except NotFoundError:
                    continue  # erased, or never here
                self._blobs.put(digest, self._store.blobs.path(digest))
