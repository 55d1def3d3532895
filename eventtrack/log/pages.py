"""Writes zeros over the unused bytes of an LMDB file.

LMDB leaves old bytes where they were: in free pages, and in the gaps of pages in use. This module
walks the trees from the newest meta page (`layout`) to learn which bytes are in use.
"""

import mmap
import os
import sys
from collections.abc import Iterator

from eventtrack.errors import StoreError
from eventtrack.log import layout
from eventtrack.log.layout import Meta


def clear_unused(file: int) -> int:
    """Write zeros over all bytes that no table holds; returns the number of changed pages.

    Meanwhile nobody may write, or read an older state of the file than its newest.

    Raises:
        StoreError: The file has another layout; nothing was changed.
    """
    size = os.fstat(file).st_size
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as data:
        meta = _newest(data)
        used = dict(_pages(data, meta))
        changed = 0
        width, number = meta.page_bytes, layout.META_PAGES
        nothing = bytes(width)
        while number * width < size:
            holes, count = used.get(number, ([(0, width)], 1))
            for start, stop in holes:
                place = number * width + start
                if data[place : place + stop - start] != nothing[: stop - start]:
                    os.pwrite(file, nothing[: stop - start], place)
                    changed += 1
            number += count
    os.fsync(file)
    return changed


def _newest(data: mmap.mmap) -> Meta:
    """The meta page of the newest transaction. The second lies one page behind the first."""
    first = _meta(data, 0)
    second = _meta(data, first.page_bytes)
    return max(first, second)


def _meta(data: mmap.mmap, place: int) -> Meta:
    meta = layout.read_meta(data[place : place + layout.META_BYTES])
    if meta is None or sys.maxsize < layout.NONE // 2:
        raise StoreError(
            "cannot clean the log's file: it is not laid out as LMDB 0.9 does",
            hint="sync into a new store and delete this one",
        )
    return meta


def _pages(data: mmap.mmap, meta: Meta) -> Iterator[tuple[int, tuple[list[tuple[int, int]], int]]]:
    """Each page in use: its number, its unused intervals, and how many pages it spans."""
    width = meta.page_bytes
    waiting = [root for root in meta.roots if root != layout.NONE]
    while waiting:
        number = waiting.pop()
        place = number * width
        own_number, _, flags, lower, upper = layout.PAGE.unpack_from(data, place)
        kind = flags & ~layout.DIRTY
        if own_number != number or kind not in {layout.BRANCH, layout.LEAF}:
            raise StoreError(
                f"cannot clean the log's file: page {number} is none that LMDB 0.9 writes there",
                hint="run `eventtrack check`; nothing was changed",
            )
        yield number, ([(lower, upper)], 1)
        for pointer in range(layout.PAGE.size, lower, 2):
            node = place + int.from_bytes(
                data[place + pointer : place + pointer + 2], sys.byteorder
            )
            low, high, more, key_bytes = layout.NODE.unpack_from(data, node)
            if kind == layout.BRANCH:
                waiting.append(low | high << 16 | more << 32)
                continue
            value = node + layout.NODE.size + key_bytes
            if more & layout.IN_OVERFLOW:
                [first] = layout.NUMBER.unpack_from(data, value)
                stop = layout.PAGE.size + (low | high << 16)
                count = -(-stop // width)
                yield first, ([(stop, count * width)], count)
            elif more & layout.IS_TABLE:
                root = layout.TABLE.unpack_from(data, value)[-1]
                waiting += [root] if root != layout.NONE else []
