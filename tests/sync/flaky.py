"""What lies between machines, and goes away at any moment."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from eventtrack.errors import RemoteUnavailableError
from eventtrack.log.blocks import Block
from eventtrack.spaces.space import Space
from eventtrack.sync.protocol import FeedHead, Remote


class Flaky:
    """A remote that goes away after so many calls."""

    def __init__(self, remote: Remote, calls: int) -> None:
        self._remote = remote
        self._left = calls

    def _call(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise RemoteUnavailableError("gone")

    def heads(self) -> list[FeedHead]:
        self._call()
        return self._remote.heads()

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        self._call()
        return self._remote.known(heads)

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        for block in self._remote.read(have):
            self._call()
            yield block

    def append(self, block: Block) -> None:
        self._call()
        self._remote.append(block)

    def flush(self) -> None:
        self._call()
        self._remote.flush()

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        self._call()
        return self._remote.present_blobs(digests)

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        self._call()
        return self._remote.get_blob(digest)

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        self._call()
        self._remote.put_blob(digest, chunks)

    def close(self) -> None:
        self._remote.close()


class FlakySpace:
    """A place that goes away after so many calls; what was written before is there."""

    def __init__(self, space: Space, calls: int) -> None:
        self._space = space
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        if name in ("place", "close"):
            return getattr(self._space, name)
        self._left -= 1
        if self._left < 0:
            raise RemoteUnavailableError("gone")
        return getattr(self._space, name)
