"""Erasing payloads: out of the log's tables, and then out of the bytes of its file.

A payload is taken out in the transaction that appends the event which says so, or brings it here.
LMDB leaves what it removed where it was: in pages that are free now, in the gaps of pages that are
not, and in its own memory, from where it comes back into gaps. `scrub` clears all three. Until it
is done, the file `erasing` stands beside the log.
"""

import os
import time
from pathlib import Path
from typing import Any

from eventtrack.events.envelope import Envelope
from eventtrack.events.redaction import is_redaction, redacted_by
from eventtrack.log.environment import Environment, Transaction
from eventtrack.log.pages import clear_unused

# Readers come and go within milliseconds; one that stays longer is somebody's long walk.
_READERS_WAIT_S = 5.0
_INDEX_BYTES = 8


def marker(log: Path) -> Path:
    """The file that says that erased bytes may still be in the log's file."""
    return log / "erasing"


def obey(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> None:
    """Take out the payloads that an envelope says are redacted.

    What is not here yet is noted, and loses its payload when it comes. The record of a redaction
    is never taken out.
    """
    for replica, index in redacted_by(envelope):
        name = replica + index.to_bytes(_INDEX_BYTES, "big")
        txn.put(name, b"", db=tables["erased"])
        position = txn.get(name, db=tables["feeds"])
        if position is None:
            continue
        found = Envelope(txn.get(position, db=tables["events"]) or b"")
        if found.payload and not is_redaction(found):
            txn.put(position, found.without_payload, db=tables["events"])


def arriving(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bytes:
    """The bytes to store for an envelope that comes in: without its payload if that is erased."""
    header = envelope.header
    name = header.replica + header.index.to_bytes(_INDEX_BYTES, "big")
    if txn.get(name, db=tables["erased"]) is None or is_redaction(envelope):
        return envelope.data
    return envelope.without_payload


def erased_in(
    txn: Transaction, tables: dict[str, Any], replica: bytes, start: int, stop: int
) -> list[int]:
    """Which envelopes of a feed are here without the payload that was ordered to be erased."""
    found = []
    cursor = txn.cursor(tables["erased"])
    more = cursor.set_range(replica + start.to_bytes(_INDEX_BYTES, "big"))
    end = replica + stop.to_bytes(_INDEX_BYTES, "big")
    while more and (name := bytes(cursor.key())) < end:
        position = txn.get(name, db=tables["feeds"])
        data = None if position is None else txn.get(position, db=tables["events"])
        if data is not None and not Envelope(data).payload:
            found.append(int.from_bytes(name[-_INDEX_BYTES:], "big"))
        more = cursor.next()
    return found


def scrub(environment: Environment) -> bool:
    """Write over everything in the file that no table holds any more.

    Returns False where another process still reads an older state: nothing was done. What
    processes that are open now have in their memory is theirs until they end.
    """
    environment.renew()
    with environment.write():
        newest, deadline = environment.info()["last_txnid"], time.monotonic() + _READERS_WAIT_S
        while (environment.oldest_reader() or newest) < newest:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        file = os.open(environment.path / "data.mdb", os.O_RDWR)
        try:
            clear_unused(file)
        finally:
            os.close(file)
    return True
