"""A shared log in a list, for tests: too simple to be wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from eventtrack.log.blocks import Block
from eventtrack.sharedlog.protocol import (
    PAGE_BLOCKS,
    Announcement,
    Description,
    EngineState,
    Entry,
    Page,
)
from eventtrack.sharedlog.refusals import closed, conflict, is_same, missing_place, refuse_large


class Shelf:
    """The state that all `MemorySharedLog`s of one log share."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.changed = threading.Condition()
        # Guarded by `changed`: for each place from 1 on, the block and whether it decides.
        self.places: list[tuple[Block | None, bool]] = []
        self.servers: dict[str, Announcement] = {}


class MemorySharedLog:
    """A `SharedLog` in this process. Several on one shelf are several servers.

    Args:
        block_bytes_max: The size of the largest block that it takes.
    """

    def __init__(self, shelf: Shelf, *, block_bytes_max: int = 8 * 2**20) -> None:
        self._shelf = shelf
        self._is_open = True
        self.url = "memory:"
        self.description = shelf.description
        self.block_bytes_max = block_bytes_max

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block, unless there is news behind `last` or `seen`."""
        refuse_large(block, self.block_bytes_max, self.url)
        header = block.header
        with self._places() as places:
            blocks = [(place, *entry) for place, entry in enumerate(places, 1)]
            own = [
                (place, other)
                for place, other, _ in blocks[last:]
                if other is not None and other.header.replica == header.replica
            ]
            for place, other in own:
                if is_same(other.header, header):
                    return place
            decided = [
                place for place, other, is_decision in blocks[seen:] if other and is_decision
            ]
            news = [place for place, _ in own] + (decided if seen is not None else [])
            if news:
                raise conflict(self.url, block, min(news))
            places.append((block, decides))
            self._shelf.changed.notify_all()
            return len(places)

    def tail(self, replica: bytes) -> Entry | None:
        """The last block of a replica."""
        with self._places() as places:
            for place in range(len(places), 0, -1):
                block = places[place - 1][0]
                if block is not None and block.header.replica == replica:
                    return Entry(place, block.data)
            return None

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place."""
        with self._places() as places:
            through = max(after, min(len(places), after + limit))
            entries = [
                Entry(place, block.data)
                for place, (block, _) in enumerate(places[after:through], after + 1)
                if block is not None
            ]
            return Page(entries, through)

    def end(self) -> int:
        """The number of blocks."""
        with self._places() as places:
            return len(places)

    def is_empty(self, place: int) -> bool:
        """False: every place is that of a block."""
        return False

    def wait(self, after: int, timeout_s: float) -> None:
        """Wait for an append."""
        with self._places() as places:
            self._shelf.changed.wait_for(lambda: len(places) > after, timeout_s)

    def replace(self, place: int, block: Block | None) -> None:
        """Put another block at a place."""
        with self._places() as places:
            if not 0 < place <= len(places):
                raise missing_place(self.url, place, len(places))
            places[place - 1] = (block, places[place - 1][1])

    def state(self) -> EngineState:
        """The number and the size of the blocks, which end with the process."""
        with self._places() as places:
            blocks = [block for block, _ in places if block is not None]
        size = sum(len(block.data) for block in blocks)
        return EngineState("memory", len(blocks), size, [], ["it ends with the process"])

    def describe(self) -> Description:
        """The description as the shelf has it now."""
        with self._places():
            return self._shelf.description

    def change_key(self, access_key: str) -> None:
        """Let the shelf have another key."""
        with self._places():
            before = self._shelf.description
            self._shelf.description = msgspec.structs.replace(before, access_key=access_key)

    def announce(self, announcement: Announcement) -> None:
        """Keep what a server says of itself."""
        with self._places():
            self._shelf.servers[announcement.name] = announcement

    def announced(self) -> list[Announcement]:
        """All that servers said of themselves."""
        with self._places():
            return list(self._shelf.servers.values())

    def close(self) -> None:
        """Refuse further calls."""
        self._is_open = False

    @contextmanager
    def _places(self) -> Iterator[list[tuple[Block | None, bool]]]:
        if not self._is_open:
            raise closed(self.url)
        with self._shelf.changed:
            yield self._shelf.places
