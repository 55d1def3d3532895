"""Feeds in the log's tables, with the branches of those that were written twice.

Two copies that wrote under one replica id (a virtual machine's snapshot, a backup that was written
to before it was synced) make one feed with two ends. The log keeps both: what came second is a
feed of its own, a *branch*. It begins where the two differ; what stands before is its *stem*'s and
is not stored again. Any index of a branch may be named: these functions find whose rows hold it
(docs/format.md, section 6).
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.limits import READ_BYTES_MAX
from eventtrack.log import merkle, rows
from eventtrack.log.environment import Transaction

TABLE = "branches"
FEED_ID_BYTES = 16
_NAME_PREFIX = b"eventtrack branch\x00"
# Beyond every index: where the last piece of a feed ends.
_END = 2**64


class Branch(NamedTuple):
    """A feed that shares its beginning with another one.

    Its envelopes bear the id of `replica`, as those of its stem do; `first` is the index of the
    first that is not the stem's.
    """

    replica: bytes
    stem: bytes
    first: int


def branch_id(replica: bytes, first: int, root: bytes) -> bytes:
    """The id of the branch whose first own envelope has that index: 16 bytes.

    Args:
        root: The Merkle root of the first `first + 1` envelopes. It fixes the whole history up to
            there, so a branch has one id wherever the histories part in the same place.
    """
    digest = hashlib.sha256(_NAME_PREFIX + replica + rows.key_of(first) + root)
    return digest.digest()[:FEED_ID_BYTES]


def find_branch(txn: Transaction, tables: dict[str, Any], feed: bytes) -> Branch | None:
    """What a feed branched off from; None for one that is whole."""
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
    """Write down that a feed has another end, which begins with an envelope; returns its id.

    Args:
        frontier: The stem's before that envelope.
    """
    header, with_first = envelope.header, list(frontier)
    merkle.append_leaf(with_first, header.index, envelope.leaf_hash)
    feed = branch_id(header.replica, header.index, merkle.root(with_first))
    branch = Branch(header.replica, stem, header.index)
    txn.put(feed, msgspec.msgpack.encode(branch), db=tables[TABLE])
    return feed


def holder(txn: Transaction, tables: dict[str, Any], feed: bytes, index: int) -> bytes:
    """The feed in whose rows an index of a feed stands: its own, or those of what it left."""
    while (branch := find_branch(txn, tables, feed)) is not None and index < branch.first:
        feed = branch.stem
    return feed


def locate(txn: Transaction, tables: dict[str, Any], feed: bytes, index: int) -> int | None:
    """The position of an envelope of a feed; None when it is not here."""
    name = holder(txn, tables, feed, index) + rows.key_of(index)
    value = txn.get(name, db=tables["feeds"])
    return None if value is None else int.from_bytes(value, "big")


def locate_all(txn: Transaction, tables: dict[str, Any], replica: bytes, index: int) -> list[int]:
    """The positions of all envelopes that bear a replica's id and an index: one a branch."""
    own = [feed for feed, one in branches(txn, tables).items() if one.replica == replica]
    found = (locate(txn, tables, feed, index) for feed in (replica, *own))
    return list(dict.fromkeys(position for position in found if position is not None))


def read(
    txn: Transaction, tables: dict[str, Any], feed: bytes, start: int, limit: int
) -> list[Envelope]:
    """At most `limit` envelopes of a feed from index `start` on, or the first of them."""
    found: list[Envelope] = []
    size = 0
    for holder, _, stop in _pieces(txn, tables, feed):
        places = txn.cursor(tables["feeds"])
        more = start < stop and places.set_range(holder + rows.key_of(start))
        while more and len(found) < limit and size <= READ_BYTES_MAX:
            name, position = places.item()
            if name != holder + rows.key_of(start) or start >= stop:
                break
            envelope = rows.get(txn, tables, int.from_bytes(position, "big"))
            if envelope is None:
                break
            found.append(envelope)
            size += len(envelope.data)
            start += 1
            more = places.next()
    return found


def frontier(txn: Transaction, tables: dict[str, Any], feed: bytes, size: int) -> list[bytes]:
    """The Merkle frontier of a feed as it was at `size`, at most its size here."""
    tiles = list(_tiles(txn, tables, feed, size // merkle.TILE_LEAVES))
    leaves = _leaves(txn, tables, feed, len(tiles) * merkle.TILE_LEAVES, size)
    return merkle.frontier_of(tiles, leaves)


def _pieces(txn: Transaction, tables: dict[str, Any], feed: bytes) -> list[tuple[bytes, int, int]]:
    """Whose rows hold which indexes of a feed: holder, first and stop, in order."""
    found: list[tuple[bytes, int, int]] = []
    stop = _END
    while (branch := find_branch(txn, tables, feed)) is not None:
        if branch.first < stop:
            found.append((feed, branch.first, stop))
            stop = branch.first
        feed = branch.stem
    return [(feed, 0, stop), *reversed(found)]


def _tiles(txn: Transaction, tables: dict[str, Any], feed: bytes, wanted: int) -> Iterator[bytes]:
    """The roots of a feed's first tiles: at most `wanted`, up to the first that is not there."""
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
        found = read(txn, tables, feed, start, stop - start)
        if not found:
            return
        for envelope in found:
            yield envelope.leaf_hash
        start += len(found)
