"""Envelopes that came without their payloads, and may get them later: partial sync.

A sync always brings the headers of a feed, so its Merkle tree can be checked. The table `bare`
names the envelopes whose payloads were left out. A payload that comes later matches its header, so
only the views change: they are folded anew.
"""

from typing import Any

from eventtrack.events.envelope import Envelope
from eventtrack.log import erasure, heights
from eventtrack.log.environment import Transaction
from eventtrack.log.feeds import FEED_ID_BYTES, holder
from eventtrack.log.rows import POSITION_BYTES, key_of, table_rows

_FILLED = b"filled"


def note(txn: Transaction, tables: dict[str, Any], feed: bytes, envelope: Envelope) -> None:
    """Note an envelope of a feed that is stored without its payload, unless that was erased."""
    if not envelope.payload and not erasure.is_erased(txn, tables, envelope):
        txn.put(feed + key_of(envelope.header.index), b"", db=tables["bare"])


def fill(
    txn: Transaction, tables: dict[str, Any], feed: bytes, envelope: Envelope, position: int
) -> bool:
    """Give an envelope of a feed its missing payload; returns whether it was missing."""
    index = envelope.header.index
    name = holder(txn, tables, feed, index) + key_of(index)
    if not envelope.payload or txn.get(name, db=tables["bare"]) is None:
        return False
    txn.delete(name, db=tables["bare"])
    if erasure.is_erased(txn, tables, envelope):
        return False
    txn.put(key_of(position), envelope.data, db=tables["events"])
    txn.put(_FILLED, key_of(_filled(txn, tables) + 1), db=tables["meta"])
    return True


def lose(txn: Transaction, tables: dict[str, Any], feed: bytes, index: int) -> Envelope | None:
    """Take out the payload of an envelope if it is damaged; returns the damaged one, else None."""
    name = holder(txn, tables, feed, index) + key_of(index)
    position = txn.get(name, db=tables["feeds"])
    envelope = None if position is None else Envelope(txn.get(position, db=tables["events"]) or b"")
    if position is None or envelope is None or envelope.is_whole:
        return None
    txn.put(position, envelope.without_payload, db=tables["events"])
    if not erasure.is_erased(txn, tables, envelope):
        txn.put(name, b"", db=tables["bare"])
    return envelope


def unfilled(txn: Transaction, tables: dict[str, Any]) -> dict[bytes, int]:
    """For each feed, the first index whose payload is missing and may still come."""
    firsts: dict[bytes, int] = {}
    cursor = txn.cursor(tables["bare"])
    more = cursor.first()
    while more:
        feed, index = bytes(cursor.key()[:FEED_ID_BYTES]), cursor.key()[FEED_ID_BYTES:]
        position = txn.get(feed + index, db=tables["feeds"])
        assert position is not None  # `bare` only names envelopes that are here
        envelope = Envelope.kept(txn.get(position, db=tables["events"]) or b"", 0)
        if erasure.is_erased(txn, tables, envelope):
            more = cursor.next()
            continue
        firsts[feed] = int.from_bytes(index, "big")
        more = cursor.set_range(feed + b"\xff" * (POSITION_BYTES + 1))
    return firsts


def rewrites(txn: Transaction, tables: dict[str, Any]) -> int:
    """The number of payloads that were erased or came later, and of envelopes that rose later.

    Views that were folded at another number are stale.
    """
    return table_rows(txn, tables["erased"]) + _filled(txn, tables) + heights.risen(txn, tables)


def _filled(txn: Transaction, tables: dict[str, Any]) -> int:
    return int.from_bytes(txn.get(_FILLED, db=tables["meta"]) or b"", "big")
