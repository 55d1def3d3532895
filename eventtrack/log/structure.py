"""Examines the structure of an LMDB file without LMDB, which a damaged page makes abort or crash.

Every read here is a `pread` that checks its bounds. So a cut file, a page of zeros or a flipped bit
gives a text that says where the damage is, never a signal. Opening a store examines the first pages
of the trees; `eventtrack check` examines all of them. `layout` describes the file.
"""

import os
import struct
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from eventtrack.errors import RESCUE, CorruptionError
from eventtrack.limits import DEATH_PAGES_MAX
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.layout import (
    BRANCH,
    DIRTY,
    IN_OVERFLOW,
    IS_TABLE,
    LEAF,
    MAGIC,
    META,
    META_BYTES,
    META_HEAD,
    META_PAGES,
    META_TAIL,
    NODE,
    NONE,
    NUMBER,
    OVERFLOW,
    PAGE,
    TABLE,
    VERSION,
)
from eventtrack.log.locking import FileLock

# The empty file beside an environment's file that remembers a death.
DEATH_MARK = "doubted"
_KEY_BYTES_MAX = 511
_PAGE_BYTES = (4096, 8192, 16384, 32768, 65536)
# The flag of the list of free pages: its keys are numbers.
_INTEGER_KEYS = 0x08
# The examination stops after this many problems: the file is damaged beyond doubt.
_PROBLEMS_MAX = 20


class _Table(NamedTuple):
    """A tree as the file describes it."""

    name: str
    flags: int
    depth: int
    root: int
    entries: int


class _Meta(NamedTuple):
    """One of the two meta pages at the beginning of a file."""

    transaction: int
    page_bytes: int
    last_page: int
    free: _Table
    main: _Table


class _Page(NamedTuple):
    """A page to examine: its table, number and depth, and the bounds of its keys."""

    table: _Table
    number: int
    depth: int
    low: bytes
    high: bytes | None


class _Damaged(Exception):  # noqa: N818 - a signal within this module
    """The fault of the file, as a clause of a sentence."""


def refuse_damage(path: Path, pages_max: int | None = None) -> None:
    """Examine the file of an environment: its length, meta pages and trees.

    Args:
        pages_max: The most pages of trees to read, those nearest to the roots. All by default.

    Raises:
        CorruptionError: The file is missing, empty, cut or damaged.
    """
    for fault in find_damage(path, pages_max):
        raise CorruptionError(f"cannot open {path}: {fault}", hint=RESCUE)


def refuse_damage_after_a_death(path: Path) -> None:
    """Examine the file of an environment behind a process that died while it read.

    Nearly always somebody killed it, so the first time only the pages nearest to the roots are
    examined, and a mark stays beside the file. A damaged page kills again: behind a second death
    all pages are examined, which takes seconds for each gigabyte, and the mark goes if they are
    whole.

    Raises:
        CorruptionError: The file is damaged, as far as it was examined.
    """
    mark = path.with_name(DEATH_MARK)
    if mark.exists():
        refuse_damage(path)
        mark.unlink(missing_ok=True)
    elif path.stat().st_size <= DEATH_PAGES_MAX * min(_PAGE_BYTES):
        refuse_damage(path)
    else:
        refuse_damage(path, DEATH_PAGES_MAX)
        with suppress(OSError):  # a full disk is no reason not to read
            mark.touch()


def find_damage(path: Path, pages_max: int | None = None) -> list[str]:
    """The faults of an environment's file, each a clause of a sentence; see `refuse_damage`."""
    if not _faults(path, pages_max):
        return []
    # Another process may have committed while the pages were read. Look again, under the lock.
    try:
        lock = FileLock(path)
    except FileNotFoundError:
        return ["the file is missing"]
    except OSError as error:
        raise translate_os_error(error, f"open {path}") from error
    try:
        with lock.held():
            return _faults(path, pages_max)
    finally:
        lock.close()


def last_transaction(path: Path) -> int:
    """The number of the newest commit; 0 if there is none, or no file that can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return _Examination(descriptor).transaction
    except (_Damaged, OSError):
        return 0
    finally:
        os.close(descriptor)


def _faults(path: Path, pages_max: int | None) -> list[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return ["the file is missing"]
    except OSError as error:
        raise translate_os_error(error, f"open {path}") from error
    try:
        return list(_Examination(descriptor).run(pages_max))
    except _Damaged as damaged:
        return [str(damaged)]
    except OSError as error:
        raise translate_os_error(error, f"read {path}") from error
    finally:
        os.close(descriptor)


class _Examination:
    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._size = os.fstat(descriptor).st_size
        self._used: set[int] = set()
        self._meta = self._newest_meta()
        self._left: dict[str, int] = {}  # entries of each table that were not examined yet
        self._free: list[bytes] = []
        self._freed_last = 0

    @property
    def transaction(self) -> int:
        """The number of the newest commit."""
        return self._meta.transaction

    def run(self, pages_max: int | None) -> Iterator[str]:
        """The problems, beginning with the pages nearest to the roots."""
        meta = self._meta
        # A sound file may be short of last pages, but never of a page in use. Examine all of them.
        if self._size < (meta.last_page + 1) * meta.page_bytes:
            pages_max = None
        waiting: deque[_Page] = deque()
        for table in (meta.free, meta.main):
            self._expect(waiting, table)
        problems = examined = 0
        while waiting and problems < _PROBLEMS_MAX:
            if examined == pages_max:
                return
            examined += 1
            page = waiting.popleft()
            try:
                self._examine(page, waiting)
            except _Damaged as damaged:
                problems += 1
                yield f"page {page.number}, of {page.table.name}, {damaged}"
        if not problems:
            yield from self._miscounted()
            yield from self._wrongly_free()

    def _newest_meta(self) -> _Meta:
        if self._size == 0:
            raise _Damaged("the file is empty")
        first = self._read_meta(0, _PAGE_BYTES[0])
        second = self._read_meta(1, first.page_bytes)
        if first.page_bytes != second.page_bytes:
            raise _Damaged("its two first pages disagree on the size of a page")
        older, newer = sorted((first, second))
        # Consecutive transactions write the two meta pages in turn.
        in_turn = newer.transaction - older.transaction == 1 and not first.transaction % 2
        if not in_turn and newer.transaction:
            raise _Damaged(
                f"its two first pages are of the transactions {first.transaction} and "
                f"{second.transaction}, which do not follow each other"
            )
        return newer

    def _read_meta(self, number: int, page_bytes: int) -> _Meta:
        data = os.pread(self._file, META_BYTES, number * page_bytes)
        if len(data) < META_BYTES:
            raise _Damaged(f"the file was cut to {self._size} bytes")
        place, _, flags, _, _ = PAGE.unpack_from(data)
        magic, version, _, _ = META_HEAD.unpack_from(data, PAGE.size)
        if (place, flags & ~DIRTY, magic, version) != (number, META, MAGIC, VERSION):
            raise _Damaged(
                f"page {number}, which says what is where, is damaged or no page of LMDB"
            )
        at = PAGE.size + META_HEAD.size
        free = _table("the list of free pages", data, at)
        main = _table("the list of tables", data, at + TABLE.size)
        last, transaction = META_TAIL.unpack_from(data, at + 2 * TABLE.size)
        [page_bytes] = struct.unpack_from("=I", data, at)
        if page_bytes not in _PAGE_BYTES or free.flags != _INTEGER_KEYS or main.flags:
            raise _Damaged(f"page {number}, which says what is where, is damaged")
        return _Meta(transaction, page_bytes, last, free, main)

    def _expect(self, waiting: deque[_Page], table: _Table) -> None:
        self._left[table.name] = table.entries
        if table.root != NONE:
            waiting.append(_Page(table, table.root, 1, b"", None))

    def _examine(self, page: _Page, waiting: deque[_Page]) -> None:
        width = self._meta.page_bytes
        data = self._read(page.number)
        _, _, flags, lower, upper = PAGE.unpack_from(data)
        kind = flags & ~DIRTY
        due = LEAF if page.depth == page.table.depth else BRANCH
        if kind != due or not PAGE.size < lower <= upper <= width or lower % 2:
            raise _Damaged("is not laid out as one")
        pointers = memoryview(data)[PAGE.size : lower].cast("H")
        if min(pointers) < upper or max(pointers) > width - NODE.size:
            raise _Damaged("has entries outside of itself")
        reversed_keys = page.table is self._meta.free and sys.byteorder == "little"
        before = page.low
        children: list[tuple[bytes, int]] = []
        has_plain_values = page.table not in (self._meta.free, self._meta.main)
        for place, node in enumerate(pointers):
            low, high, more, key_bytes = NODE.unpack_from(data, node)
            value = node + NODE.size + key_bytes
            if key_bytes > _KEY_BYTES_MAX or value > width:
                raise _Damaged("has entries outside of itself")
            key = data[node + NODE.size : value]
            if reversed_keys:
                key = key[::-1]
            if kind == BRANCH:
                if place and not before < key:
                    raise _Damaged("has keys out of order")
                before = key if place else page.low
                children.append((before, low | high << 16 | more << 32))
                continue
            if not (before < key or (place == 0 and before == key)):
                raise _Damaged("has keys out of order")
            before = key
            if has_plain_values and not more and value + (low | high << 16) <= width:
                continue  # nearly all: a value in the page itself
            self._examine_value(page, data, (value, low | high << 16, more), key, waiting)
        if page.high is not None and before >= page.high:
            raise _Damaged("has keys out of order")
        if kind == LEAF:
            self._left[page.table.name] -= len(pointers)
        ends = [*(key for key, _ in children[1:]), page.high]
        for (first, number), end in zip(children, ends, strict=False):
            waiting.append(_Page(page.table, number, page.depth + 1, first, end))

    def _examine_value(
        self,
        page: _Page,
        data: bytes,
        value: tuple[int, int, int],
        key: bytes,
        waiting: deque[_Page],
    ) -> None:
        place, size, more = value
        content = b""
        if more == IN_OVERFLOW and place + NUMBER.size <= len(data):
            [first] = NUMBER.unpack_from(data, place)
            content = self._read_long(first, size, whole=page.table is self._meta.free)
        elif more & IN_OVERFLOW or place + size > len(data):
            raise _Damaged("has entries outside of itself")
        else:
            content = data[place : place + size]
        if page.table is self._meta.free:
            self._free.append(content)
            self._freed_last = max(self._freed_last, int.from_bytes(key, "big"))
        if more == IS_TABLE and page.table is self._meta.main and size == TABLE.size:
            table = _table(f"the table {key.decode(errors='replace')!r}", data, place)
            if table.flags:
                raise _Damaged("has entries of a kind that is not used")
            self._expect(waiting, table)
        elif more & ~IN_OVERFLOW:
            raise _Damaged("has entries of a kind that is not used")

    def _read(self, number: int) -> bytes:
        """A page that may be used only here."""
        width = self._meta.page_bytes
        self._use(number, 1)
        data = os.pread(self._file, width, number * width)
        if PAGE.unpack_from(data)[0] != number:
            raise _Damaged("is none that was written there")
        return data

    def _read_long(self, first: int, size: int, *, whole: bool) -> bytes:
        """A value on overflow pages; empty unless `whole`, which only checks that it is there."""
        width = self._meta.page_bytes
        needed = -(-(PAGE.size + size) // width)
        self._use(first, needed)
        data = os.pread(self._file, PAGE.size + (size if whole else 0), first * width)
        number, _, flags, low, high = PAGE.unpack_from(data)
        # A shorter value may have replaced a longer one, and keeps its pages.
        spare = (low | high << 16) - needed
        if number != first or flags & ~DIRTY != OVERFLOW or spare < 0:
            raise _Damaged(f"has a value on page {first}, which is none that was written there")
        if spare:
            self._use(first + needed, spare)
        return data[PAGE.size :]

    def _use(self, first: int, count: int) -> None:
        if first < META_PAGES or first + count - 1 > self._meta.last_page:
            raise _Damaged(f"leads to page {first}, which is none of the file's")
        if (first + count) * self._meta.page_bytes > self._size:
            raise _Damaged(f"leads behind the end of the file, which was cut to {self._size} bytes")
        span = range(first, first + count)
        if not self._used.isdisjoint(span):
            raise _Damaged(f"leads to page {first}, which is in use elsewhere")
        self._used.update(span)

    def _miscounted(self) -> Iterator[str]:
        """Tables whose number of entries differs from the number beside their root."""
        for name, left in self._left.items():
            if left:
                yield f"{name[:1].upper()}{name[1:]} lacks {left} entries"

    def _wrongly_free(self) -> Iterator[str]:
        """Faults of the list of free pages. A commit writes over every page that is listed."""
        number = NUMBER.size
        free: set[int] = set()
        for row in self._free:
            pages = memoryview(row).cast("Q") if len(row) % number == 0 else memoryview(b"")
            if not len(pages) or len(pages) <= pages[0]:
                yield "The list of free pages is damaged"
                return
            listed = pages[1 : 1 + pages[0]]
            if not free.isdisjoint(listed) or not self._used.isdisjoint(listed):
                yield "The list of free pages has pages that are in use"
                return
            free.update(listed)
        if free and not META_PAGES <= min(free) <= max(free) <= self._meta.last_page:
            yield "The list of free pages has pages that are none of the file's"
        # Each commit but the first frees pages, and lists them under its own number.
        newest = self._meta.transaction
        if newest > 1 and self._freed_last != newest:
            yield f"its newest state says that it is of transaction {newest}, and is of another"


def _table(name: str, data: bytes, place: int) -> _Table:
    _, flags, depth, _, _, _, entries, root = TABLE.unpack_from(data, place)
    return _Table(name, flags, depth, root, entries)
