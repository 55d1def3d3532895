"""The port behind which every way to another store lies: a folder, a file, a pipe (docs/wire.md).

A remote holds blocks of feeds and artifacts by their hash. It need not understand either, so a
folder or a bucket will do. What comes from one is never trusted: `importing` verifies it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from eventtrack.sync.blocks import Block
from eventtrack.sync.selection import Selection


class FeedHead(NamedTuple):
    """How much of a feed somebody has: its first `size` envelopes, whose Merkle root is `root`.

    `whole` is the first index whose payload was left out and is welcome; None where none is.
    """

    replica: bytes
    size: int
    root: bytes
    whole: int | None = None


class Source(Protocol):
    """Where feeds come from.

    Raises:
        RemoteError: From any call: the other side cannot be reached, or refuses.
    """

    def heads(self) -> list[FeedHead]:
        """Every feed that it holds, as far as it holds it; of one that forked, each end.

        Costs a few hundred bytes a feed.
        """
        ...

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """Those of the heads that stand for what it holds, or for a beginning of that."""
        ...

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """What it holds beyond `have`, feed by feed without gaps.

        Several heads may have one replica: a feed that two copies wrote to has several ends. One of
        size 0 asks for all of a feed. Where it knows none of a replica's heads, it gives nothing.
        Blocks may begin before what `have` names; they may be in any order of feeds, and should
        be in the order in which their first envelopes arrived there.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """A remote that is a store: it can leave payloads out, and take them in later."""

    def choose(self, wanted: Selection) -> None:
        """Let later reads bring the payloads of this selection only; of all else the headers.

        That saves bytes on the way, no more: whoever reads decides again. It may do nothing.
        """
        ...


class Remote(Source, Protocol):
    """Another place that holds feeds. Used by one thread at a time.

    Raises:
        RemoteError: From any call: the other side cannot be reached, or refuses.
    """

    def append(self, block: Block) -> None:
        """Give it a block of a feed that it holds up to `block.header.first` or further.

        Where the block differs from what is there, both are kept.

        Doing it again changes nothing. Durable after `flush`.
        """
        ...

    def flush(self) -> None:
        """Return when everything that was given is durable there."""
        ...

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of the artifacts, named by SHA-256, that it holds."""
        ...

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes, in pieces; the caller verifies them.

        Raises:
            NotFoundError: It does not hold it.
        """
        ...

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Give it an artifact, whole and durable when this returns. Again changes nothing."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
