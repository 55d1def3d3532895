"""The layout of an LMDB 0.9 file: the structures that `pages`, `structure` and a salvage read.

Taken from lmdb.h and mdb.c of 0.9.36, data version 1, on a 64-bit machine in its own byte order. A
file is pages of one width. The first two are *meta pages*, written in turn: the newer valid one
names the roots of two trees, that of the free pages and that of the table of tables. A *branch*
page lists the pages below it. A *leaf* page lists keys with their values. A value that is too long
for a leaf lies on *overflow* pages.
"""

import struct
from typing import NamedTuple

BRANCH, LEAF, OVERFLOW, META = 1, 2, 4, 8
DIRTY = 0x10  # has a meaning in memory only
IN_OVERFLOW, IS_TABLE = 1, 2
PAGE = struct.Struct("=QHHHH")  # number, padding, flags; lower and upper, or a count of pages
NODE = struct.Struct("=HHHH")  # size of the data, low and high half; flags; size of the key
TABLE = struct.Struct("=IHHQQQQQ")  # padding, flags, depth, four counts, root
NUMBER, POINTER = struct.Struct("=Q"), struct.Struct("=H")
NONE = 2**64 - 1
META_PAGES = 2
META_HEAD = struct.Struct("=IIQQ")  # magic, version, address, size of the map
META_TAIL = struct.Struct("=QQ")  # last page, transaction
MAGIC, VERSION = 0xBEEFC0DE, 1
META_BYTES = PAGE.size + META_HEAD.size + 2 * TABLE.size + META_TAIL.size


class Meta(NamedTuple):
    """A meta page: the transaction that wrote it, and the roots of the trees after it.

    `roots` are the root pages of the free list and of the table of tables.
    """

    transaction: int
    page_bytes: int
    roots: tuple[int, int]
    last_page: int


def read_meta(data: bytes) -> Meta | None:
    """The meta page in the first bytes of `data`; None if there is none of this layout."""
    if len(data) < META_BYTES:
        return None
    magic, version, _, _ = META_HEAD.unpack_from(data, PAGE.size)
    if (magic, version) != (MAGIC, VERSION):
        return None
    place = PAGE.size + META_HEAD.size
    free = TABLE.unpack_from(data, place)
    main = TABLE.unpack_from(data, place + TABLE.size)
    last, transaction = META_TAIL.unpack_from(data, place + 2 * TABLE.size)
    return Meta(transaction, free[0], (free[-1], main[-1]), last)
