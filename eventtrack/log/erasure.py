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
from eventtrack.log import feeds, rows
from eventtrack.log.environment import Environment, Transaction
from eventtrack.log.pages import clear_unused

# Readers come and go within milliseconds; one that stays longer is somebody's long walk.
_READERS_WAIT_S = 5.0


def marker(log: Path) -> Path:
    """The file that says that erased bytes may still be in the log's file."""
    return log / "erasing"


def obey(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> None:
    """Take out the payloads that an envelope says are redacted.

    What is not here yet is noted, and loses its payload when it comes. The record of a redaction
    is never taken out.
    """
    for replica, mark, index in redacted_by(envelope):
        txn.put(replica + rows.key_of(index) + mark, b"", db=tables["erased"])
        for position in feeds.locate_all(txn, tables, replica, index):
            found = rows.get(txn, tables, position)
            if found is None or not found.payload or is_redaction(found):
                continue
            if mark in (b"", found.mark):
                txn.put(rows.key_of(position), found.without_payload, db=tables["events"])


def is_erased(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bool:
    """Whether the payload of an envelope was ordered to be erased."""
    name = envelope.header.replica + rows.key_of(envelope.header.index)
    table = tables["erased"]
    return any(txn.get(key, db=table) is not None for key in (name, name + envelope.mark))


def arriving(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bytes:
    """The bytes to store for an envelope that comes in: without its payload if that is erased."""
    if is_redaction(envelope) or not is_erased(txn, tables, envelope):
        return envelope.data
    return envelope.without_payload


def erased_in(
    txn: Transaction, tables: dict[str, Any], feed: bytes, start: int, stop: int
) -> list[int]:
    """Which envelopes of a feed are here without the payload that was ordered to be erased."""
    found: dict[int, None] = {}
    branch = feeds.find_branch(txn, tables, feed)
    replica = feed if branch is None else branch.replica
    cursor = txn.cursor(tables["erased"])
    more = cursor.set_range(replica + rows.key_of(start))
    while more and (name := bytes(cursor.key())) < replica + rows.key_of(stop):
        index = int.from_bytes(name[len(replica) :][: rows.POSITION_BYTES], "big")
        position = feeds.locate(txn, tables, feed, index)
        envelope = None if position is None else rows.get(txn, tables, position)
        # Of several envelopes of that name, the order may mean another one.
        if envelope and not envelope.payload and is_erased(txn, tables, envelope):
            found[index] = None
        more = cursor.next()
    return list(found)


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
