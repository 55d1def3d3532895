"""Feeds in the log's tables, and the branches of feeds that two copies wrote to.

Two copies that write under one replica id make one feed with two ends: a virtual machine's
snapshot, say, or a backup that was written to before it was synced. The log keeps both ends. The
end that comes second is a feed of its own, a *branch*. It begins at the first difference; all
before that belongs to its *stem* and is not stored again:

    stem    0  1  2  3  4  5
    branch           3' 4'      `first` is 3; the stem's rows hold indexes 0 to 2

Any index of a branch may be named: these functions find the feed whose rows hold it
(docs/format.md, section 6).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.hashing import sha256
from eventtrack.limits import READ_BYTES_MAX
from eventtrack.log import merkle, rows
from eventtrack.log.environment import Transaction

TABLE = "branches"
FEED_ID_BYTES = 16
_NAME_PREFIX = b"eventtrack branch\x00"
# Beyond every index: the end of the last piece of a feed.
_END = 2**64


class Branch(NamedTuple):
    """A feed that shares its beginning with another feed, its stem.

    The envelopes of both bear the id of `replica`. `first` is the index of the first envelope that
    is the branch's own.
    """

    replica: bytes
    stem: bytes
    first: int


def branch_id(replica: bytes, first: int, root: bytes) -> bytes:
    """The id of a branch whose first own envelope has the index `first`: 16 bytes.

    Args:
        root: The Merkle root of the first `first + 1` envelopes. It fixes the whole history up to
            there, so every machine gives the same branch the same id.
    """
    digest = sha256(_NAME_PREFIX + replica + rows.key_of(first) + root)
    return digest.digest()[:FEED_ID_BYTES]


def find_branch(txn: Transaction, tables: dict[str, Any], feed: bytes) -> Branch | None:
    """The branch that a feed is; None for a feed that is no branch."""
    value = txn.get(feed, db=tables[TABLE])
    return None if value is None else Branch(*msgspec.msgpack.decode(value))


def branches(txn: Transaction, tables: dict[str, Any]) -> dict[bytes, Branch]:
    """Every branch, by its id."""
    return {
        bytes(feed): Branch(*msgspec.msgpack.decode(value))
        for feed, value in txn.cursor(tables[TABLE])
    }


def add_branch(
    txn: Transaction,
    tables: dict[str, Any],
    stem: bytes,
    frontier: list[bytes],
    envelope: Envelope,
) -> bytes:
    """Write down a branch that begins with an envelope; returns the branch's id.

    A branch that was written down before keeps its stem.

    Args:
        frontier: The stem's Merkle frontier before that envelope.
    """
    header, with_first = envelope.header, list(frontier)
    merkle.append_leaf(with_first, header.index, envelope.leaf_hash)
    feed = branch_id(header.replica, header.index, merkle.root(with_first))
    branch = Branch(header.replica, stem, header.index)
    txn.put(feed, msgspec.msgpack.encode(branch), db=tables[TABLE], overwrite=False)
    return feed


def holder(txn: Transaction, tables: dict[str, Any], feed: bytes, index: int) -> bytes:
    """The feed whose rows hold an index of a feed: itself, its stem, or a stem further down."""
    while (branch := find_branch(txn, tables, feed)) is not None and index < branch.first:
        feed = branch.stem
    return feed


def locate(txn: Transaction, tables: dict[str, Any], feed: bytes, index: int) -> int | None:
    """The position of an envelope of a feed; None if it is not here."""
    name = holder(txn, tables, feed, index) + rows.key_of(index)
    value = txn.get(name, db=tables["feeds"])
    return None if value is None else int.from_bytes(value, "big")


def locate_all(txn: Transaction, tables: dict[str, Any], replica: bytes, index: int) -> list[int]:
    """The positions of all envelopes that bear a replica's id and an index: one for each branch."""
    known = branches(txn, tables)
    own = [feed for feed, branch in known.items() if branch.replica == replica]
    positions = (locate(txn, tables, feed, index) for feed in (replica, *own))
    return list(dict.fromkeys(position for position in positions if position is not None))


def read(
    txn: Transaction, tables: dict[str, Any], feed: bytes, start: int, limit: int
) -> list[Envelope]:
    """At most `limit` envelopes of a feed from index `start` on; fewer, to bound memory."""
    envelopes: list[Envelope] = []
    size = 0
    for holder, _, stop in _pieces(txn, tables, feed):
        places = txn.cursor(tables["feeds"])
        more = start < stop and places.set_range(holder + rows.key_of(start))
        while more and len(envelopes) < limit and size <= READ_BYTES_MAX:
            name, position = places.item()
            if name != holder + rows.key_of(start) or start >= stop:
                break
            envelope = rows.get(txn, tables, int.from_bytes(position, "big"))
            if envelope is None:
                break
            envelopes.append(envelope)
            size += len(envelope.data)
            start += 1
            more = places.next()
    return envelopes


def frontier(txn: Transaction, tables: dict[str, Any], feed: bytes, size: int) -> list[bytes]:
    """The Merkle frontier of a feed as it was at `size`, at most its size here."""
    tiles = list(_tiles(txn, tables, feed, size // merkle.TILE_LEAVES))
    leaves = _leaves(txn, tables, feed, len(tiles) * merkle.TILE_LEAVES, size)
    return merkle.frontier_of(tiles, leaves)


def _pieces(txn: Transaction, tables: dict[str, Any], feed: bytes) -> list[tuple[bytes, int, int]]:
    """The pieces of a feed, in order: the feed whose rows hold it, its first index, its stop."""
    pieces: list[tuple[bytes, int, int]] = []
    stop = _END
    while (branch := find_branch(txn, tables, feed)) is not None:
        if branch.first < stop:
            pieces.append((feed, branch.first, stop))
            stop = branch.first
        feed = branch.stem
    return [(feed, 0, stop), *reversed(pieces)]


def _tiles(txn: Transaction, tables: dict[str, Any], feed: bytes, wanted: int) -> Iterator[bytes]:
    """The roots of a feed's first tiles: at most `wanted`, up to the first missing tile."""
    number = 0
    for holder, _, stop in _pieces(txn, tables, feed):
        last = min(wanted, stop // merkle.TILE_LEAVES)
        cursor = txn.cursor(tables["tiles"])
        more = number < last and cursor.set_range(holder + rows.key_of(number))
        while more and number < last and cursor.key() == holder + rows.key_of(number):
            yield cursor.value()
            number += 1
            more = cursor.next()
        if number < last:
            return


def _leaves(
    txn: Transaction, tables: dict[str, Any], feed: bytes, start: int, stop: int
) -> Iterator[bytes]:
    while start < stop:
        envelopes = read(txn, tables, feed, start, stop - start)
        if not envelopes:
            return
        for envelope in envelopes:
            yield envelope.leaf_hash
        start += len(envelopes)
