"""The port for all ways to another store: a folder, a file, a pipe, a server (docs/wire.md).

A remote holds blocks of feeds, and artifacts by their hash. It need not understand either, so a
folder or a bucket will do. Nothing from a remote is trusted: `importing` verifies it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from eventtrack.log.blocks import Block
from eventtrack.sync.selection import Selection


class FeedHead(NamedTuple):
    """The part of a feed that a side has: its first `size` envelopes, with Merkle root `root`.

    `whole` is the first index whose payload was left out and is welcome; None if there is none.
    """

    replica: bytes
    size: int
    root: bytes
    whole: int | None = None


class Source(Protocol):
    """A place that feeds come from.

    Raises:
        RemoteError: From any call: the other side cannot be reached, or refuses.
    """

    def heads(self) -> list[FeedHead]:
        """The head of every feed that the source holds; for a forked feed, of each end.

        Costs a few hundred bytes a feed.
        """
        ...

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads among `heads` that stand for the beginning, or all, of a feed of the source."""
        ...

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The blocks beyond `have`, without gaps within a feed.

        Several heads may have one replica: a feed that two copies wrote to has several ends. A head
        of size 0 asks for all of a feed. For a replica with no known head the source gives nothing.
        Blocks may begin before the end that `have` names. Feeds may come in any order; the best is
        the order in which the first envelopes of the blocks arrived there.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A remote that is a store: it can leave payloads out, and take them in later."""

    def choose(self, wanted: Selection) -> None:
        """Let later reads bring payloads only of this selection, and headers of all else.

        This only saves bytes on the way: the reader decides again. It may do nothing.
        """
        ...


class Remote(Source, Protocol):
    """Another place that holds feeds. Used by one thread at a time.

    Raises:
        RemoteError: From any call: the other side cannot be reached, or refuses.
    """

    def append(self, block: Block) -> None:
        """Give the remote a block of a feed that it holds up to `block.header.first` or further.

        If the block differs from the envelopes there, both are kept.

        A second call with the same block changes nothing. Durable after `flush`.
        """
        ...

    def flush(self) -> None:
        """Return when all given blocks are durable there."""
        ...

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts among `digests` (SHA-256) that the remote holds."""
        ...

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes, in pieces; the caller verifies them.

        Raises:
            NotFoundError: The remote does not hold the artifact.
        """
        ...

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Give the remote an artifact; durable on return. A second call changes nothing."""
        ...

    def close(self) -> None:
        """Close the connection to the remote."""
        ...
