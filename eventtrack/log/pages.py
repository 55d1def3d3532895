"""The pages of an LMDB file: which bytes of it hold something, and zeros over all others.

LMDB leaves old bytes where they were: in free pages, and in the gaps of pages in use. This walks
the trees from the newest meta page as LMDB 0.9 lays them out (lmdb.h and mdb.c of 0.9.36, data
version 1, on a 64-bit machine with its own byte order), and nothing else here depends on that.
"""

import mmap
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.errors import StoreError

_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4
_DIRTY = 0x10  # only means something in memory
_IN_OVERFLOW, _IS_TABLE = 1, 2
_PAGE = struct.Struct("=QHHHH")  # number, padding, flags; lower and upper, or a count of pages
_NODE = struct.Struct("=HHHH")  # size of the data, low and high half; flags; size of the key
_META = struct.Struct("=IIQQ")  # magic, version, address, size of the map
_TABLE = struct.Struct("=IHHQQQQQ")  # padding, flags, depth, four counts, root
_TAIL = struct.Struct("=QQ")  # last page, transaction
_NUMBER, _POINTER = struct.Struct("=Q"), struct.Struct("=H")
_MAGIC, _VERSION, _NONE = 0xBEEFC0DE, 1, 2**64 - 1
_META_PAGES = 2


class _Meta(NamedTuple):
    transaction: int
    page_bytes: int
    roots: tuple[int, int]  # of the free list and of the table of tables


def clear_unused(file: int) -> int:
    """Write zeros over all bytes that no table holds; returns how many pages were changed.

    Nobody may write meanwhile, nor read an older state of the file than its newest.

    Raises:
        StoreError: The file is of another layout; nothing was changed.
    """
    size = os.fstat(file).st_size
    with mmap.mmap(file, size, access=mmap.ACCESS_READ) as data:
        meta = _newest(data)
        used = dict(_pages(data, meta))
        changed = 0
        width, number = meta.page_bytes, _META_PAGES
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


def _newest(data: mmap.mmap) -> _Meta:
    """The meta page of the newest transaction. The second lies one page behind the first."""
    first = _meta(data, 0)
    second = _meta(data, first.page_bytes)
    return max(first, second)


def _meta(data: mmap.mmap, place: int) -> _Meta:
    place += _PAGE.size
    magic, version, _, _ = _META.unpack_from(data, place)
    if (magic, version) != (_MAGIC, _VERSION) or sys.maxsize < _NONE // 2:
        raise StoreError(
            "cannot clean the log's file: it is not laid out as LMDB 0.9 does",
            hint="sync into a new store and delete this one",
        )
    place += _META.size
    free = _TABLE.unpack_from(data, place)
    main = _TABLE.unpack_from(data, place + _TABLE.size)
    _, transaction = _TAIL.unpack_from(data, place + 2 * _TABLE.size)
    return _Meta(transaction, free[0], (free[-1], main[-1]))


def _pages(data: mmap.mmap, meta: _Meta) -> Iterator[tuple[int, tuple[list[tuple[int, int]], int]]]:
    """Each page in use: its number, its unused intervals, and how many pages it spans."""
    width = meta.page_bytes
    waiting = [root for root in meta.roots if root != _NONE]
    while waiting:
        number = waiting.pop()
        place = number * width
        found, _, flags, lower, upper = _PAGE.unpack_from(data, place)
        kind = flags & ~_DIRTY
        if found != number or kind not in {_BRANCH, _LEAF}:
            raise StoreError(
                f"cannot clean the log's file: page {number} is none that LMDB 0.9 writes there",
                hint="run `eventtrack check`; nothing was changed",
            )
        yield number, ([(lower, upper)], 1)
        for pointer in range(_PAGE.size, lower, 2):
            node = place + int.from_bytes(
                data[place + pointer : place + pointer + 2], sys.byteorder
            )
            low, high, more, key_bytes = _NODE.unpack_from(data, node)
            if kind == _BRANCH:
                waiting.append(low | high << 16 | more << 32)
                continue
            value = node + _NODE.size + key_bytes
            if more & _IN_OVERFLOW:
                [first] = _NUMBER.unpack_from(data, value)
                stop = _PAGE.size + (low | high << 16)
                count = -(-stop // width)
                yield first, ([(stop, count * width)], count)
            elif more & _IS_TABLE:
                root = _TABLE.unpack_from(data, value)[-1]
                waiting += [root] if root != _NONE else []
