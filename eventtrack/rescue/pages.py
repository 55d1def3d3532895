"""A damaged LMDB file, read page by page.

LMDB itself follows pointers, and ends the process at a bad page. This module looks at every page,
free pages included: LMDB writes changed pages elsewhere, so an older copy of a damaged page often
survives.
"""

from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.log import layout
from eventtrack.log.layout import Meta, read_meta
from eventtrack.rescue.damaged import DamagedFile

# LMDB uses the page size of the system, at most 32 KiB; some systems have pages of 16 or 64 KiB.
_WIDTHS = (4096, 8192, 16384, 32768, 65536)
_NODES, _VALUE = 1, 2  # the contents of a page of the newest state
_VOTERS = 2048  # pages that are looked at to find the width if no meta page tells it


class Row(NamedTuple):
    """A key and its value on a leaf page; `place` is the value's, `is_live` means newest state."""

    place: int
    is_live: bool
    key: bytes
    value: bytes


class Pages:
    """The pages of a file. `broken` are the numbers of pages that the newest state needs and lacks.

    `is_whole` is False if pages of the newest state are broken, or if the newest state is not
    known: then nobody can say that there was nothing more.
    """

    def __init__(self, file: DamagedFile) -> None:
        self._file = file
        self.broken: list[int] = []
        self.width, metas = _width(file)
        self.count = -(-file.size // self.width)
        self._live = bytearray(self.count)
        if metas:
            self._walk(max(metas))
        self.is_whole = len(metas) == layout.META_PAGES and not self.broken

    def rows(self) -> Iterator[Row]:
        """The rows of all leaf pages, without values on overflow pages."""
        for number in range(layout.META_PAGES, self.count):
            data = self._file.read(number * self.width, self.width)
            if _kind(data, number) == layout.LEAF:
                for node in _nodes(data):
                    if not node.flags:
                        place = number * self.width + node.place
                        yield Row(place, bool(self._live[number]), node.key, node.value)

    def is_live_overflow(self, place: int) -> bool:
        """Whether a value of the newest state begins at `place`, on pages of its own."""
        number, offset = divmod(place, self.width)
        return offset == layout.PAGE.size and self._live[number] == _VALUE

    def _walk(self, meta: Meta) -> None:
        """Visit the pages of the newest state, each once, however many pointers lead to it."""
        waiting = [root for root in meta.roots if root != layout.NONE]
        while waiting:
            number = waiting.pop()
            if number < self.count and self._live[number]:
                continue
            data = self._file.read(number * self.width, self.width)
            kind = _kind(data, number)
            if kind not in {layout.BRANCH, layout.LEAF} or len(data) < self.width:
                self.broken.append(number)
                continue
            self._live[number] = _NODES
            if kind == layout.BRANCH:
                waiting += _children(data)
                continue
            for node in _nodes(data):
                if node.flags & layout.IN_OVERFLOW:
                    self._visit_overflow(*layout.NUMBER.unpack_from(node.value))
                elif node.flags & layout.IS_TABLE and len(node.value) >= layout.TABLE.size:
                    root = layout.TABLE.unpack_from(node.value)[-1]
                    waiting += [root] if root != layout.NONE else []

    def _visit_overflow(self, number: int) -> None:
        head = self._file.read(number * self.width, layout.PAGE.size)
        if number < self.count and _kind(head, number) == layout.OVERFLOW:
            self._live[number] = _VALUE
        else:
            self.broken.append(number)


def _kind(data: bytes, number: int) -> int:
    """The kind that a page says it is; 0 if it does not bear its own number."""
    if len(data) < layout.PAGE.size:
        return 0
    named, _, flags, _, _ = layout.PAGE.unpack_from(data)
    return flags & ~layout.DIRTY if named == number else 0


class _Node(NamedTuple):
    flags: int
    place: int  # of the value, in its page
    key: bytes
    value: bytes


def _nodes(data: bytes) -> Iterator[_Node]:
    """The nodes of a leaf page that lie within the page.

    For a value on overflow pages, the node holds the number of the first such page.
    """
    for node in _places(data):
        low, high, flags, key_bytes = layout.NODE.unpack_from(data, node)
        start = node + layout.NODE.size + key_bytes
        size = layout.NUMBER.size if flags & layout.IN_OVERFLOW else low | high << 16
        if start + size <= len(data):
            yield _Node(flags, start, data[start - key_bytes : start], data[start : start + size])


def _children(data: bytes) -> Iterator[int]:
    for node in _places(data):
        low, high, more, _ = layout.NODE.unpack_from(data, node)
        yield low | high << 16 | more << 32


def _places(data: bytes) -> Iterator[int]:
    """The places of the nodes of a page."""
    _, _, _, lower, _ = layout.PAGE.unpack_from(data)
    stop = min(lower, len(data) - 1)
    for pointer in range(layout.PAGE.size, stop, layout.POINTER.size):
        [node] = layout.POINTER.unpack_from(data, pointer)
        if layout.PAGE.size <= node <= len(data) - layout.NODE.size:
            yield node


def _width(file: DamagedFile) -> tuple[int, list[Meta]]:
    """The bytes of a page, and the readable meta pages."""
    first = read_meta(file.read(0, layout.META_BYTES))
    metas = [first] if first is not None and first.page_bytes in _WIDTHS else []
    # The second meta page lies one page behind the first. If that is gone, each width is tried.
    for width in [meta.page_bytes for meta in metas] or _WIDTHS:
        second = read_meta(file.read(width, layout.META_BYTES))
        if second is not None and second.page_bytes == width:
            metas.append(second)
    if metas:
        return metas[0].page_bytes, metas
    return max(_WIDTHS, key=lambda width: _votes(file, width)), []


def _votes(file: DamagedFile, width: int) -> float:
    """The share of pages that bear their own number, if pages have this width."""
    count = min(_VOTERS, file.size // width)
    named = sum(
        _kind(file.read(number * width, layout.PAGE.size), number) in {1, 2, 4}
        for number in range(layout.META_PAGES, count)
    )
    return named / count if count else 0.0
