"""Erases payloads: first from the log's tables, then from the bytes of its file.

The transaction that appends a redaction, or brings it here, takes the payloads out of the tables.
LMDB leaves removed bytes where they were: in free pages, in the gaps of used pages, and in its own
memory, from where they come back into gaps. `scrub` clears all three. The file `erasing` stands
beside the log until that is done.
"""

import os
import time
from pathlib import Path
from typing import Any

from eventtrack.events.envelope import Envelope
from eventtrack.events.redaction import is_lasting, redacted_by
from eventtrack.log import feeds, rows
from eventtrack.log.environment import Environment, Transaction
from eventtrack.log.pages import clear_unused

# Readers come and go within milliseconds. A reader that stays longer is on a long walk.
_READERS_WAIT_S = 5.0


def marker(log: Path) -> Path:
    """The path of the file whose presence says that erased bytes may still be in the log's file."""
    return log / "erasing"


def obey(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> None:
    """Take out the payloads that an envelope redacts.

    An envelope that is not here yet is noted, and loses its payload when it comes. The payload of
    a redaction itself is never taken out.
    """
    for replica, mark, index in redacted_by(envelope):
        txn.put(replica + rows.key_of(index) + mark, b"", db=tables["erased"])
        for position in feeds.locate_all(txn, tables, replica, index):
            target = rows.get(txn, tables, position)
            if target is None or not target.payload or is_lasting(target):
                continue
            if mark in (b"", target.mark):
                txn.put(rows.key_of(position), target.without_payload, db=tables["events"])


def is_erased(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bool:
    """Whether the payload of an envelope was ordered to be erased."""
    name = envelope.header.replica + rows.key_of(envelope.header.index)
    table = tables["erased"]
    return any(txn.get(key, db=table) is not None for key in (name, name + envelope.mark))


def arriving(txn: Transaction, tables: dict[str, Any], envelope: Envelope) -> bytes:
    """The bytes to store for an envelope that arrives: without its payload if that is erased."""
    if is_lasting(envelope) or not is_erased(txn, tables, envelope):
        return envelope.data
    return envelope.without_payload


def erased_in(
    txn: Transaction, tables: dict[str, Any], feed: bytes, start: int, stop: int
) -> list[int]:
    """The indexes of a feed, from `start` to before `stop`, whose payloads were redacted."""
    indexes: dict[int, None] = {}
    branch = feeds.find_branch(txn, tables, feed)
    replica = feed if branch is None else branch.replica
    cursor = txn.cursor(tables["erased"])
    more = cursor.set_range(replica + rows.key_of(start))
    while more and (name := bytes(cursor.key())) < replica + rows.key_of(stop):
        index = int.from_bytes(name[len(replica) :][: rows.POSITION_BYTES], "big")
        position = feeds.locate(txn, tables, feed, index)
        envelope = None if position is None else rows.get(txn, tables, position)
        # Several envelopes may share the name, and the redaction may mean another of them.
        if envelope and not envelope.payload and is_erased(txn, tables, envelope):
            indexes[index] = None
        more = cursor.next()
    return list(indexes)


def scrub(environment: Environment) -> bool:
    """Write zeros over everything in the file that no table holds any more.

    Returns False, with nothing done, if another process still reads an older state. Erased bytes in
    the memory of other open processes stay there until those end.
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
