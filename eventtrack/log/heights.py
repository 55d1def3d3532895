"""Effective times: the times of envelopes that were decided after others whose times lie ahead.

Facts are compared by the *effective* time of their envelope. It is the recorded time, unless the
header names an envelope that this one was decided after. Then it is the greater of the recorded
time and a tick more than the named envelope's effective time. The table `heights` has effective
times by position; the table `above` has, for each named envelope, the positions that name it. While
the named envelope is not here, the recorded time counts; the envelope *rises* when the named one
comes (docs/format.md, section 4).
"""

from itertools import takewhile
from typing import Any

from eventtrack.events.envelope import REPLICA_BYTES, After, Envelope
from eventtrack.log import feeds
from eventtrack.log.environment import Transaction
from eventtrack.log.rows import HEIGHTS, key_of

ABOVE = "above"
_RISEN = b"risen"
_GREATEST = 2**64 - 1


def note(txn: Transaction, tables: dict[str, Any], envelope: Envelope, seen: int) -> int:
    """Note a stored envelope and raise the envelopes above it; returns its effective time.

    Args:
        seen: The last position that was committed before. If an envelope up to there rises, the
            views that hold it are stale.
    """
    after = envelope.header.after
    if after is not None:
        txn.put(_name(after) + key_of(envelope.position), b"", db=tables[ABOVE])
        below = _effective(txn, tables, after)
        if below is not None:
            _raise(txn, tables, envelope, below)
    _raise_above(txn, tables, envelope, seen)
    return effective(txn, tables, envelope)


def effective(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> int:
    """The effective time of an envelope that is here."""
    if envelope.header.after is None:
        return envelope.header.recorded
    value = txn.get(key_of(envelope.position), db=tables[HEIGHTS])
    return envelope.header.recorded if value is None else int.from_bytes(value, "big")


def risen(txn: Transaction, tables: dict[str, Any]) -> int:
    """The number of times that a committed envelope rose."""
    return int.from_bytes(txn.get(_RISEN, db=tables["meta"]) or b"", "big")


def _effective(txn: Transaction, tables: dict[str, Any], after: After) -> int | None:
    replica, mark = after.name[:REPLICA_BYTES], after.name[REPLICA_BYTES:]
    for position in feeds.locate_all(txn, tables, replica, after.index):
        data = txn.get(key_of(position), db=tables["events"])
        envelope = Envelope.kept(data or b"", position)
        if envelope.mark == mark:
            return effective(txn, tables, envelope)
    return None


def _raise(txn: Transaction, tables: dict[str, Any], envelope: Envelope, below: int) -> bool:
    """Put an envelope a tick above an effective time; returns whether its own time changed."""
    height = min(below + 1, _GREATEST)
    if height <= effective(txn, tables, envelope):
        return False
    txn.put(key_of(envelope.position), key_of(height), db=tables[HEIGHTS])
    return True


def _raise_above(txn: Transaction, tables: dict[str, Any], came: Envelope, seen: int) -> None:
    """Raise the envelopes above an envelope that came, and those above them in turn."""
    risen_now = [came]
    while risen_now:
        lower = risen_now.pop()
        below = effective(txn, tables, lower)
        prefix = _name(After(lower.name, lower.header.index))
        for position in _above(txn, tables, prefix):
            higher = Envelope.kept(txn.get(key_of(position), db=tables["events"]) or b"", position)
            if _raise(txn, tables, higher, below):
                risen_now.append(higher)
                if position <= seen:
                    txn.put(_RISEN, key_of(risen(txn, tables) + 1), db=tables["meta"])


def _above(txn: Transaction, tables: dict[str, Any], prefix: bytes) -> list[int]:
    """The positions of the envelopes that name an envelope; `prefix` is its name and index."""
    cursor = txn.cursor(tables[ABOVE])
    rows = cursor.iternext(values=False) if cursor.set_range(prefix) else iter(())
    keys = takewhile(lambda key: key.startswith(prefix), rows)
    return [int.from_bytes(key[len(prefix) :], "big") for key in keys]


def _name(after: After) -> bytes:
    return after.name + key_of(after.index)
