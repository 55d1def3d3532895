"""The port for a place that only keeps bytes: a folder, a bucket (docs/wire.md, section 4).

A name has parts with slashes between them; an object that has its name is whole. `segments` knows
which objects make feeds and artifacts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from eventtrack.errors import ChecksumError, RemoteError
from eventtrack.limits import FRAME_BYTES_MAX

# The largest object that is read whole. Segments are blocks, and artifacts are streamed.
OBJECT_BYTES_MAX = FRAME_BYTES_MAX
# The most entries in one listing, which is held in memory: some hundred MiB.
LISTED_MAX = 2_000_000


class Entry(NamedTuple):
    """An object in a space: its name and its size in bytes."""

    name: str
    size: int


class Space(Protocol):
    """Named objects. Used by one thread at a time, and by any number of processes at once.

    Raises:
        RemoteError: From any call: the place cannot be reached, or refuses.
    """

    @property
    def place(self) -> str:
        """The address of the space, for messages: a path or a URL."""
        ...

    def make(self) -> None:
        """Make the space, unless it is there."""
        ...

    def roots(self) -> set[str]:
        """The first parts of all names; empty if the space is not there yet."""
        ...

    def list(self, folder: str) -> list[Entry]:
        """Every object whose name begins with `folder` and a slash, in no order.

        A bucket answers a thousand at a time.
        """
        ...

    def read(self, name: str, limit: int | None = None) -> bytes:
        """An object's bytes, or the first `limit` of them.

        Raises:
            NotFoundError: There is no object of that name, or no longer.
            ChecksumError: The object is longer than `OBJECT_BYTES_MAX`, or is no regular file.
        """
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Make an object, durable when this returns; False when the name is taken."""
        ...

    def replace(self, name: str, data: bytes) -> None:
        """Make an object, or replace the object of that name, in one step."""
        ...

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; an object that is gone already is no error."""
        ...

    def present(self, names: Sequence[str]) -> set[str]:
        """The names among `names` that objects have."""
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """An object's bytes in pieces, in bounded memory.

        Raises:
            NotFoundError: There is no object of that name.
        """
        ...

    def upload(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make an object of pieces, in bounded memory.

        An object of that name may be left or replaced. If `chunks` raises, so does this, and no new
        object is made.
        """
        ...

    def close(self) -> None:
        """Sweep up after processes that died, and close the space."""
        ...


def bounded(entries: Iterable[Entry], place: str) -> list[Entry]:
    """A listing in memory.

    Raises:
        RemoteError: The listing has more than `LISTED_MAX` entries.
    """
    listing = []
    for entry in entries:
        listing.append(entry)
        if len(listing) > LISTED_MAX:
            raise RemoteError(
                f"{place} holds more than {LISTED_MAX:,} objects",
                hint="is this the address of a remote? `eventtrack push` makes a new one elsewhere",
            )
    return listing


def refuse_long(size: int, name: str) -> None:
    """Refuse an object that is too long to be read whole.

    Raises:
        ChecksumError: The object has more than `OBJECT_BYTES_MAX` bytes.
    """
    if size > OBJECT_BYTES_MAX:
        raise ChecksumError(
            f"{name} has {size} bytes, and no segment has more than {OBJECT_BYTES_MAX}",
            hint="delete it; the next sync of a machine that has its envelopes writes them anew",
        )
