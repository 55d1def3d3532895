"""A shared log in a bucket: one object for each block, named by its place.

An object is made only if its name is free, so the next free place is the condition of an append.
Whoever finds it taken reads what is there and tries the next place. Nothing tells of news: readers
ask again and again, faster while there is news.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

import msgspec

from eventtrack.errors import (
    AlreadyExistsError,
    CorruptionError,
    FormatTooNewError,
    InvalidStateError,
    NotFoundError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.limits import FRAME_BYTES_MAX, READ_BYTES_MAX
from eventtrack.log.blocks import PREFIX_BYTES, Block, BlockHeader, read_header
from eventtrack.sharedlog.protocol import (
    LOG_FORMAT,
    PAGE_BLOCKS,
    Announcement,
    Description,
    EngineState,
    Entry,
    Page,
)
from eventtrack.sharedlog.refusals import closed, conflict, is_same, missing_place, refuse_large
from eventtrack.spaces.bucket import BucketSpace

_LOG, _REMOTE, _PLACES, _SERVERS = "LOG", "REMOTE", "places", "servers"
_MAGIC = b"ETPLACE1"
_DECIDES, _FACTS, _EMPTY = b"d", b"f", b"e"
_START = len(_MAGIC) + 1
# Objects that are fetched at once.
_AT_ONCE = 16
# Headers that are remembered, so that an append need not read what this process has read.
_HEADS_MAX = 65_536
_RESOLVE_S = 8.0
_PAUSE_S, _PAUSE_S_MAX = 0.05, 1.0
_SERVERS_MAX, _SERVER_BYTES_MAX = 1000, 4096


class _Head(NamedTuple):
    header: BlockHeader | None
    decides: bool


class BucketLog:
    """A `SharedLog` in a bucket with conditional writes.

    Args:
        url: `s3://BUCKET/PREFIX`; endpoint and credentials come from the environment.

    Raises:
        NotFoundError: There is no log.
        FormatTooNewError: A later eventtrack made the log.
    """

    def __init__(self, url: str) -> None:
        self._space = BucketSpace(url)
        self.url = self._space.place
        self.block_bytes_max = FRAME_BYTES_MAX
        self.description = _description(self._space)
        self._is_open = True
        self._lock = threading.Lock()
        # Guarded by the lock: the greatest place that is known, and the newest headers.
        self._end: int | None = None
        self._heads: OrderedDict[int, _Head] = OrderedDict()
        self._appending = threading.Lock()
        self._readers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="shared-log")

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block, unless there is news behind `last` or `seen`."""
        self._refuse_closed()
        refuse_large(block, self.block_bytes_max, self.url)
        data = _MAGIC + (_DECIDES if decides else _FACTS) + block.data
        examined = last if seen is None else min(last, seen)
        deadline = time.monotonic() + _RESOLVE_S
        was_sent = False
        with self._appending:
            while True:
                try:
                    if (end := self._known_end()) is None or was_sent:
                        end = self.end()
                    place = self._find(block, examined, end, last, seen)
                    if place is None:
                        place, was_sent = max(end, examined) + 1, True
                        if not self._space.create(_name(place), data):
                            examined = max(end, examined)
                            continue
                    self._note(place, _Head(block.header, decides))
                    return place
                except RemoteUnavailableError as error:
                    if time.monotonic() > deadline:
                        error.sent = was_sent
                        raise
                    time.sleep(_PAUSE_S)

    def tail(self, replica: bytes) -> Entry | None:
        """The last block of a replica. Reads the headers of all blocks behind it."""
        self._refuse_closed()
        for place in range(self.end(), 0, -1):
            header = self._head(place).header
            if header is not None and header.replica == replica:
                data = self._object(place)
                return None if data is None else Entry(place, data)
        return None

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place."""
        self._refuse_closed()
        wanted: list[int] = []
        size = 0
        for entry in self._space.list_behind(_PLACES, _name(after), limit):
            if wanted and size + entry.size > READ_BYTES_MAX:
                break
            wanted.append(_place(entry.name))
            size += entry.size
        if not wanted:
            return Page([], after)
        objects = list(self._readers.map(self._object, wanted))
        with self._lock:
            self._end = max(self._end or 0, wanted[-1])
        found_blocks = zip(wanted, objects, strict=True)
        return Page([Entry(place, data) for place, data in found_blocks if data], wanted[-1])

    def end(self) -> int:
        """The greatest place: listings of a bucket are never old."""
        self._refuse_closed()
        end = self._known_end()
        if end is None:
            end = self._gallop()
        while entries := self._space.list_behind(_PLACES, _name(end), 1000):
            end = _place(entries[-1].name)
            if len(entries) < 1000:
                break
        with self._lock:
            self._end = max(self._end or 0, end)
            return self._end

    def is_empty(self, place: int) -> bool:
        """False: every place is that of a block."""
        return False

    def wait(self, after: int, timeout_s: float) -> None:
        """Ask for the end again and again, with pauses that grow from 50 ms to a second."""
        deadline = time.monotonic() + timeout_s
        pause = _PAUSE_S
        while self.end() <= after:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(2 * pause, _PAUSE_S_MAX)

    def replace(self, place: int, block: Block | None) -> None:
        """Write the object of a place anew."""
        end = self.end()
        if not 0 < place <= end:
            raise missing_place(self.url, place, end)
        # Whether the place decides is no longer of interest: whoever decides has read beyond it.
        data = _MAGIC + (_EMPTY if block is None else _FACTS + block.data)
        self._space.replace(_name(place), data)
        with self._lock:
            self._heads.pop(place, None)

    def state(self) -> EngineState:
        """The number and the size of the objects."""
        self._refuse_closed()
        entries = self._space.list(_PLACES)
        size = sum(entry.size - _START for entry in entries)
        return EngineState("a bucket", len(entries), size, [], [])

    def describe(self) -> Description:
        """Read the object that describes the log."""
        self._refuse_closed()
        return _description(self._space)

    def change_key(self, access_key: str) -> None:
        """Write the object that describes the log anew."""
        described = msgspec.structs.replace(self.describe(), access_key=access_key)
        self._space.replace(_LOG, msgspec.json.encode(described))

    def announce(self, announcement: Announcement) -> None:
        """Write this server's object."""
        name = hashlib.sha256(announcement.name.encode()).hexdigest()[:32]
        self._space.replace(f"{_SERVERS}/{name}", msgspec.json.encode(announcement))

    def announced(self) -> list[Announcement]:
        """Read the objects of all servers."""
        entries = self._space.list_behind(_SERVERS, f"{_SERVERS}/", _SERVERS_MAX)
        servers = []
        for entry in entries:
            with suppress(NotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                data = self._space.read(entry.name, _SERVER_BYTES_MAX)
                servers.append(msgspec.json.decode(data, type=Announcement))
        return servers

    def close(self) -> None:
        """End the threads that fetch."""
        self._is_open = False
        self._readers.shutdown(wait=False)

    def _find(
        self, block: Block, examined: int, end: int, last: int, seen: int | None
    ) -> int | None:
        """The place of the block if it is there already.

        Raises:
            ConflictError: There is news behind `last` or `seen`.
        """
        places = range(examined + 1, end + 1)
        heads = list(zip(places, self._readers.map(self._head, places), strict=True))
        own = [
            (place, head.header)
            for place, head in heads
            if place > last and head.header and head.header.replica == block.header.replica
        ]
        for place, header in own:
            if is_same(header, block.header):
                return place
        news = [place for place, _ in own]
        if seen is not None:
            news += [place for place, head in heads if place > seen and head.decides]
        if news:
            raise conflict(self.url, block, min(news))
        return None

    def _head(self, place: int) -> _Head:
        with self._lock:
            known = self._heads.get(place)
        if known is not None:
            return known
        try:
            start = self._space.read(_name(place), _START + PREFIX_BYTES)
        except NotFoundError:
            return _Head(None, decides=False)  # a gap: readers notice it
        head = _head_of(start)
        self._note(place, head)
        return head

    def _object(self, place: int) -> bytes | None:
        """The block at a place, None for an empty place. What is no block is for the reader."""
        try:
            data = self._space.read(_name(place))
        except NotFoundError:
            return None
        self._note(place, _head_of(data))
        return data[_START:] if data.startswith(_MAGIC) else data

    def _note(self, place: int, head: _Head) -> None:
        with self._lock:
            self._heads[place] = head
            self._end = max(self._end or 0, place) if self._end is not None else None
            while len(self._heads) > _HEADS_MAX:
                self._heads.popitem(last=False)

    def _known_end(self) -> int | None:
        with self._lock:
            return self._end

    def _gallop(self) -> int:
        """A place near the end, found with few listings: 20 for a million objects."""
        low, step = 0, 1024
        while self._space.list_behind(_PLACES, _name(low + step), 1):
            low, step = low + step, step * 2
        while step > 1024:
            step //= 2
            if self._space.list_behind(_PLACES, _name(low + step), 1):
                low += step
        return low

    def _refuse_closed(self) -> None:
        if not self._is_open:
            raise closed(self.url)


def is_log(url: str) -> bool:
    """Whether there is a shared log at an address, of whatever format."""
    return _LOG in BucketSpace(url).roots()


def make(url: str, description: Description, replicas: int, *, risky: bool) -> None:
    """Make the object that describes a new log. The bucket keeps its own copies.

    Raises:
        AlreadyExistsError: There is a log, a remote, or something else.
        InvalidStateError: The bucket does not refuse to make an object twice.
    """
    space = BucketSpace(url)
    roots = space.roots()
    if roots:
        what = "a remote" if _REMOTE in roots else "a shared log" if _LOG in roots else "objects"
        raise AlreadyExistsError(
            f"cannot make a shared log at {space.place}: there is {what} already",
            hint="choose another prefix; `eventtrack cluster status` shows a log that is there",
        )
    data = msgspec.json.encode(description)
    if not space.create(_LOG, data):
        raise AlreadyExistsError(
            f"there is a shared log at {space.place} already",
            hint="`eventtrack cluster status` shows it",
        )
    if space.create(_LOG, data):
        space.delete([_LOG])
        raise InvalidStateError(
            f"{space.place} would lose blocks: it writes an object twice that must not be there",
            hint="use a bucket with conditional writes (If-None-Match), as S3 has them",
        )


def _description(space: BucketSpace) -> Description:
    try:
        data = space.read(_LOG)
    except NotFoundError as error:
        if _REMOTE in space.roots():
            raise RemoteError(
                f"{space.place} is a remote and no shared log",
                hint="choose another prefix, and make a log there with `eventtrack cluster init`",
            ) from error
        raise NotFoundError(
            f"there is no shared log at {space.place}",
            hint=f"make it: eventtrack cluster init {space.place}",
        ) from error
    try:
        description = msgspec.json.decode(data, type=Description)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteError(
            f"{space.place}/{_LOG} does not describe a shared log: {error}",
            hint="another program made it; choose another prefix",
        ) from error
    if description.format > LOG_FORMAT:
        raise FormatTooNewError(
            f"cannot open the shared log at {space.place}: it has format {description.format}, "
            f"this eventtrack reads {LOG_FORMAT}",
            hint="upgrade with `pip install -U eventtrack`; nothing was changed",
        )
    return description


def _head_of(data: bytes) -> _Head:
    """The header of an object's block. A damaged object has none: readers notice it."""
    try:
        header = read_header(data[_START:])[0] if data.startswith(_MAGIC) else None
    except (CorruptionError, FormatTooNewError):
        header = None
    return _Head(header, data[len(_MAGIC) : _START] == _DECIDES)


def _name(place: int) -> str:
    return f"{_PLACES}/{place:016x}"


def _place(name: str) -> int:
    try:
        return int(name.rpartition("/")[2], 16)
    except ValueError as error:
        raise RemoteError(
            f"the object {name} is not a place of a shared log",
            hint="another program made it; delete it",
        ) from error
