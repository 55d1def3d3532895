"""Envelopes that came without their payloads, and get them later: partial sync.

The headers of a feed always come whole, so its tree can be checked; which payloads were left out
is kept in the table `bare`. A payload that comes later is what its header says, so nothing else
changes but the views, which are folded anew.
"""

from typing import Any

from eventtrack.events.envelope import Envelope
from eventtrack.log.environment import Transaction
from eventtrack.log.rows import table_rows

_INDEX_BYTES = 8
_FILLED = b"filled"


def note(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> None:
    """Remember an envelope that is stored without its payload, unless that was erased."""
    name = _name(envelope)
    if not envelope.payload and txn.get(name, db=tables["erased"]) is None:
        txn.put(name, b"", db=tables["bare"])


def fill(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bool:
    """Give a stored envelope the payload that it lacks; returns whether it lacked it."""
    name = _name(envelope)
    if not envelope.payload or txn.get(name, db=tables["bare"]) is None:
        return False
    txn.delete(name, db=tables["bare"])
    if txn.get(name, db=tables["erased"]) is not None:
        return False
    position = txn.get(name, db=tables["feeds"])
    assert position is not None  # a name of `bare` is that of an envelope that is here
    txn.put(position, envelope.data, db=tables["events"])
    txn.put(_FILLED, (_filled(txn, tables) + 1).to_bytes(_INDEX_BYTES, "big"), db=tables["meta"])
    return True


def unfilled(txn: Transaction, tables: dict[str, Any]) -> dict[bytes, int]:
    """The first index of each feed whose payload is not here and may come."""
    found: dict[bytes, int] = {}
    cursor = txn.cursor(tables["bare"])
    more = cursor.first()
    while more:
        name = bytes(cursor.key())
        if txn.get(name, db=tables["erased"]) is not None:
            more = cursor.next()
            continue
        replica = name[:-_INDEX_BYTES]
        found[replica] = int.from_bytes(name[-_INDEX_BYTES:], "big")
        more = cursor.set_range(replica + b"\xff" * (_INDEX_BYTES + 1))
    return found


def rewrites(txn: Transaction, tables: dict[str, Any]) -> int:
    """How many payloads were erased or came later: views of another number are stale."""
    return table_rows(txn, tables["erased"]) + _filled(txn, tables)


def _filled(txn: Transaction, tables: dict[str, Any]) -> int:
    return int.from_bytes(txn.get(_FILLED, db=tables["meta"]) or b"", "big")


def _name(envelope: Envelope) -> bytes:
    header = envelope.header
    return header.replica + header.index.to_bytes(_INDEX_BYTES, "big")
