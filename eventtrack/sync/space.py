"""The port behind which a place that only keeps bytes lies: a folder, a bucket (docs/wire.md, 4).

Objects have names of parts with slashes between them, and are whole when they have them. What
feeds and artifacts are, `segments` knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from eventtrack.errors import ChecksumError, RemoteError
from eventtrack.limits import FRAME_BYTES_MAX

# Of an object that is read whole. Segments are blocks, and artifacts are streamed.
OBJECT_BYTES_MAX = FRAME_BYTES_MAX
# Of one listing, which is held in memory: some hundred MiB.
LISTED_MAX = 2_000_000


class Entry(NamedTuple):
    """An object that is there: its name and how many bytes it has."""

    name: str
    size: int


class Space(Protocol):
    """Named objects. Used by one thread at a time, and by any number of processes at once.

    Raises:
        RemoteError: From any call: the place cannot be reached, or refuses.
    """

    @property
    def place(self) -> str:
        """Where it is, for messages: a path or a URL."""
        ...

    def make(self) -> None:
        """Make it where there is nothing yet; nothing happens where there is."""
        ...

    def roots(self) -> set[str]:
        """The first parts of all names; none where there is no such place yet."""
        ...

    def list(self, folder: str) -> list[Entry]:
        """Every object whose name begins with `folder` and a slash, in no order.

        A bucket answers a thousand at a time.
        """
        ...

    def read(self, name: str, limit: int | None = None) -> bytes:
        """An object's bytes, or the first `limit` of them.

        Raises:
            NotFoundError: There is none of that name, or no longer.
            ChecksumError: It is longer than `OBJECT_BYTES_MAX`, or nothing with bytes in it.
        """
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Make an object, durable when this returns; False when the name is taken."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Make an object, or put it in the place of the one that is there, at once."""
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; one that is gone already is as good."""
        ...

    def present(self, names: Sequence[str]) -> set[str]:
        """Those of the names that objects have."""
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """An object's bytes in pieces, in bounded memory.

        Raises:
            NotFoundError: There is none of that name.
        """
        ...

    def upload(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make an object of pieces, in bounded memory; one that is there may be left or replaced.

        If `chunks` raises, so does this, and there is no object.
        """
        ...

    def close(self) -> None:
        """Sweep up after processes that died, and let go of it."""
        ...


def bounded(entries: Iterable[Entry], place: str) -> list[Entry]:
    """A listing in memory.

    Raises:
        RemoteError: It has more than `LISTED_MAX` entries.
    """
    found = []
    for entry in entries:
        found.append(entry)
        if len(found) > LISTED_MAX:
            raise RemoteError(
                f"{place} holds more than {LISTED_MAX:,} objects",
                hint="is this the address of a remote? `eventtrack push` makes a new one elsewhere",
            )
    return found


def refuse_long(size: int, name: str) -> None:
    """Refuse an object that is longer than any that is read whole.

    Raises:
        ChecksumError: It is.
    """
    if size > OBJECT_BYTES_MAX:
        raise ChecksumError(
            f"{name} has {size} bytes, and no segment has more than {OBJECT_BYTES_MAX}",
            hint="delete it; the next sync of a machine that has its envelopes writes them anew",
        )
