"""Envelopes behind a gap, or of another end of a feed: whole, but nothing can be put before them.

A feed has no gaps, so they cannot keep their names. They come into feeds that are named after what
is in them: same payload, same time, same stream, another replica and index. Should the feed that
they are from come later, nothing is counted twice: facts and points that are repeated count once.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from eventtrack.events.envelope import REPLICA_BYTES, Envelope
from eventtrack.events.redaction import is_redaction, redacted_by
from eventtrack.rescue.finds import Finds, Found
from eventtrack.store import Store

_NAME_PREFIX = b"eventtrack salvage\x00"


class Strays:
    """The whole envelopes that are in no feed of the new store yet.

    `count` says how many came in.
    """

    def __init__(self, store: Store, finds: Finds) -> None:
        self._log = store.replication.log
        self._finds = finds
        # Asked once: of a store of millions, asking for each would take most of the time.
        self._heads = self._log.heads()
        self._forked = {branch.replica for branch in self._log.branches().values()}
        self.count = 0
        # How far each new feed is: its size and its last time. Several where two envelopes of a
        # replica were recorded at one time.
        self._ends: dict[bytes, list[tuple[int, int]]] = {}
        self._erased: set[tuple[bytes, bytes, int]] = set()

    def found(self) -> Iterator[tuple[Found, bytes]]:
        """Those envelopes under their new names, in the order of their recording."""
        content: dict[bytes, hashlib._Hash] = {}
        for found in self._finds.left():
            if not self._is_here(found):
                hasher = content.setdefault(found.replica, hashlib.sha256(_NAME_PREFIX))
                hasher.update(found.leaf)
                self._erased.update(redacted_by(self._finds.envelope(found)))
        names = {replica: hasher.digest()[:REPLICA_BYTES] for replica, hasher in content.items()}
        for found in self._finds.left():
            if not self._is_here(found):
                envelope = self._finds.envelope(found)
                if not self._is_redacted(found, envelope):
                    yield found, self._moved(envelope, names[found.replica])

    def _moved(self, envelope: Envelope, feed: bytes) -> bytes:
        """The next envelope of a new feed, or of another one where its time is not the later."""
        recorded = envelope.header.recorded
        ends = self._ends.setdefault(feed, [])
        lane = next((lane for lane, (_, last) in enumerate(ends) if last < recorded), len(ends))
        size, _ = ends[lane] if lane < len(ends) else (0, 0)
        ends[lane : lane + 1] = [(size + 1, recorded)]
        self.count += 1
        if lane:
            feed = hashlib.sha256(feed + lane.to_bytes(8, "big")).digest()[:REPLICA_BYTES]
        return _renamed(envelope, feed, size)

    def _is_here(self, found: Found) -> bool:
        """Whether the new store has it by now: a remote brought it, or one with that payload."""
        head = self._heads.get(found.replica)
        if (head is None or found.index >= head.size) and found.replica not in self._forked:
            return False
        places = self._log.locate_all(found.replica, found.index)
        here = [known for place in places if (known := self._log.get(place)) is not None]
        if not here:
            return False
        payload_hash = self._finds.envelope(found).header.payload_hash
        return any(payload_hash == known.header.payload_hash for known in here)

    def _is_redacted(self, found: Found, envelope: Envelope) -> bool:
        names = {(found.replica, mark, found.index) for mark in (b"", envelope.mark)}
        return not is_redaction(envelope) and bool(names & self._erased)


def _renamed(envelope: Envelope, replica: bytes, index: int) -> bytes:
    """The bytes of an envelope under another name. All other fields of its header stay."""
    fields = msgspec.msgpack.decode(envelope.header_bytes, type=list[msgspec.Raw])
    fields[1:3] = [msgspec.Raw(msgspec.msgpack.encode(value)) for value in (replica, index)]
    header = msgspec.msgpack.encode(fields)
    return len(header).to_bytes(2, "big") + header + envelope.payload
