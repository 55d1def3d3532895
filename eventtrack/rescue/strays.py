"""Strays: whole envelopes behind a gap, or of another end of a feed.

A feed has no gaps, so strays cannot keep their names. They come into new feeds, named by a hash of
their contents. Payload, time and stream stay; replica and index are new. If the original feed comes
later, nothing counts twice: repeated facts and points count once.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from eventtrack.events.envelope import REPLICA_BYTES, Envelope
from eventtrack.events.redaction import is_lasting, redacted_by
from eventtrack.rescue.finds import Find, Finds
from eventtrack.store import Store

_NAME_PREFIX = b"eventtrack salvage\x00"


class Strays:
    """The whole envelopes that are in no feed of the new store yet.

    `count` counts those that were given out under new names.
    """

    def __init__(self, store: Store, finds: Finds) -> None:
        self._log = store.replication.log
        self._finds = finds
        # Read once: with millions of envelopes, a look for each would take most of the time.
        self._heads = self._log.heads()
        self._forked = {branch.replica for branch in self._log.branches().values()}
        self.count = 0
        # For each new feed, its size and its last time. A list, for two envelopes of a replica may
        # have the same time: then the second goes into another feed.
        self._ends: dict[bytes, list[tuple[int, int]]] = {}
        self._erased: set[tuple[bytes, bytes, int]] = set()

    def renamed(self) -> Iterator[tuple[Find, bytes]]:
        """The strays under their new names, in the order of recording."""
        content: dict[bytes, hashlib._Hash] = {}
        for find in self._finds.left():
            if not self._is_here(find):
                hasher = content.setdefault(find.replica, hashlib.sha256(_NAME_PREFIX))
                hasher.update(find.leaf)
                self._erased.update(redacted_by(self._finds.envelope(find)))
        names = {replica: hasher.digest()[:REPLICA_BYTES] for replica, hasher in content.items()}
        for find in self._finds.left():
            if not self._is_here(find):
                envelope = self._finds.envelope(find)
                if not self._is_redacted(find, envelope):
                    yield find, self._moved(envelope, names[find.replica])

    def _moved(self, envelope: Envelope, feed: bytes) -> bytes:
        """The next envelope of a new feed, or of another new feed if its time is not later."""
        recorded = envelope.header.recorded
        ends = self._ends.setdefault(feed, [])
        lane = next((lane for lane, (_, last) in enumerate(ends) if last < recorded), len(ends))
        size, _ = ends[lane] if lane < len(ends) else (0, 0)
        ends[lane : lane + 1] = [(size + 1, recorded)]
        self.count += 1
        if lane:
            feed = hashlib.sha256(feed + lane.to_bytes(8, "big")).digest()[:REPLICA_BYTES]
        return _renamed(envelope, feed, size)

    def _is_here(self, find: Find) -> bool:
        """Whether a remote brought the envelope, or another with its payload, to the new store."""
        head = self._heads.get(find.replica)
        if (head is None or find.index >= head.size) and find.replica not in self._forked:
            return False
        places = self._log.locate_all(find.replica, find.index)
        here = [known for place in places if (known := self._log.get(place)) is not None]
        if not here:
            return False
        payload_hash = self._finds.envelope(find).header.payload_hash
        return any(payload_hash == known.header.payload_hash for known in here)

    def _is_redacted(self, find: Find, envelope: Envelope) -> bool:
        names = {(find.replica, mark, find.index) for mark in (b"", envelope.mark)}
        return not is_lasting(envelope) and bool(names & self._erased)


def _renamed(envelope: Envelope, replica: bytes, index: int) -> bytes:
    """The bytes of an envelope under another name. All other fields of its header stay."""
    fields = msgspec.msgpack.decode(envelope.header_bytes, type=list[msgspec.Raw])
    fields[1:3] = [msgspec.Raw(msgspec.msgpack.encode(value)) for value in (replica, index)]
    header = msgspec.msgpack.encode(fields)
    return len(header).to_bytes(2, "big") + header + envelope.payload
