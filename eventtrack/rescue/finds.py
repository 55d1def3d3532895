"""The envelopes of a damaged log, in a temporary database: a store may be larger than memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import msgspec

from eventtrack.errors import ChecksumError
from eventtrack.events.envelope import Envelope
from eventtrack.rescue.damaged import DamagedFile

_SCHEMA = """
CREATE TABLE found (
    id INTEGER PRIMARY KEY, replica BLOB, idx INTEGER, leaf BLOB, payload BLOB, recorded BLOB,
    place INTEGER, size INTEGER, header BLOB, stream TEXT, events INTEGER,
    whole INTEGER, live INTEGER, bare INTEGER, taken INTEGER DEFAULT 0
);
CREATE UNIQUE INDEX names ON found (replica, idx, leaf);
CREATE INDEX payloads ON found (payload);
"""
_ADD = """
INSERT INTO found (replica, idx, leaf, payload, recorded, place, size, stream, events, whole, live,
    bare)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (replica, idx, leaf) DO UPDATE SET
    place = iif(excluded.whole > whole, excluded.place, place),
    size = iif(excluded.whole > whole, excluded.size, size),
    whole = max(whole, excluded.whole), live = max(live, excluded.live),
    bare = max(bare, excluded.bare)
"""
_FIELDS = "id, replica, idx, leaf, place, size, header, stream, events, whole, live, bare"


class Find(msgspec.Struct, frozen=True):
    """One envelope of a damaged file: its place, and the facts known about it.

    `is_live`: it stands on a page of the log's newest state. `is_bare`: it had no payload before
    anything was damaged. `header` is set if the header had to be repaired.
    """

    id: int
    replica: bytes
    index: int
    leaf: bytes
    place: int
    size: int
    header: bytes | None
    stream: str
    events: int
    is_whole: int
    is_live: int
    is_bare: int


class Finds:
    """The envelopes of a file, by name. Used by one thread.

    Args:
        folder: The folder of the temporary database.
    """

    def __init__(self, folder: Path, file: DamagedFile) -> None:
        self._file = file
        self.repaired = 0  # headers
        self._database = sqlite3.connect(folder / "finds.sqlite", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA} BEGIN;"
        )

    def close(self) -> None:
        """Close the database; its folder can be deleted."""
        self._database.close()

    def add(
        self, place: int, envelope: Envelope, *, is_whole: bool, is_live: bool, is_bare: bool
    ) -> None:
        """Note an envelope that begins at a place of the file."""
        header = envelope.header
        self._database.execute(
            _ADD,
            (
                header.replica,
                header.index,
                envelope.leaf_hash,
                header.payload_hash,
                header.recorded.to_bytes(8, "big"),
                place,
                len(envelope.data),
                header.stream,
                max(0, min(header.count, 2**31)),
                is_whole,
                is_live,
                is_bare,
            ),
        )

    def replicas(self) -> list[bytes]:
        """The replicas of all envelopes."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT replica FROM found")]

    def size(self, replica: bytes) -> int:
        """One more than the greatest index of a replica's whole envelopes; 0 without any."""
        query = "SELECT max(idx) + 1 FROM found WHERE replica = ? AND whole = 1"
        [(size,)] = self._database.execute(query, (replica,))
        return size or 0

    def indexes(self, replica: bytes, start: int) -> Iterator[int]:
        """The indexes of a replica's whole envelopes from `start` on, in order."""
        query = "SELECT DISTINCT idx FROM found WHERE replica = ? AND whole = 1 AND idx >= ?"
        for (index,) in self._database.execute(f"{query} ORDER BY idx", (replica, start)):
            yield index

    def by_index(self, replica: bytes, start: int) -> Iterator[tuple[int, list[Find]]]:
        """The envelopes of a replica from an index on, in groups of equal index."""
        rows = self._select("replica = ? AND idx >= ? ORDER BY idx", replica, start)
        for index, group in groupby(rows, key=attrgetter("index")):
            yield index, list(group)

    def has_double(self, find: Find) -> bool:
        """Whether the file holds an envelope with the same payload under another name.

        If so, one of the two headers is damaged: payloads begin with random bytes.
        """
        query = (
            "SELECT count(*) FROM found JOIN found AS other USING (payload)"
            " WHERE found.id = ? AND other.id <> found.id"
        )
        [(count,)] = self._database.execute(query, (find.id,))
        return bool(count)

    def of_id(self, number: int) -> Find:
        """The envelope with the id of a `Find`."""
        [find] = self._select("id = ?", number)
        return find

    def repair(self, find: Find, header: bytes) -> None:
        """Give an envelope back its original header."""
        self.repaired += 1
        payload_at = find.place + len(self.envelope(find).without_payload)
        bare = Envelope(len(header).to_bytes(2, "big") + header)
        whole = Envelope(bare.data + self._file.read(payload_at, bare.header.payload_length))
        try:
            whole.verify()
            is_whole = bool(whole.payload)
        except ChecksumError:
            is_whole = False
        self._database.execute(
            "DELETE FROM found WHERE leaf = ? AND id <> ?", (bare.leaf_hash, find.id)
        )
        named, size = bare.header, len((whole if is_whole else bare).data)
        self._database.execute(
            "UPDATE found SET header = ?, leaf = ?, recorded = ?, payload = ?, stream = ?,"
            " size = ?, whole = ? WHERE id = ?",
            (
                header,
                bare.leaf_hash,
                named.recorded.to_bytes(8, "big"),
                named.payload_hash,
                named.stream,
                size,
                is_whole,
                find.id,
            ),
        )

    def take(self, ids: Iterable[int]) -> None:
        """Mark envelopes as parts of their feeds."""
        self._database.executemany(
            "UPDATE found SET taken = 1 WHERE id = ?", ((number,) for number in ids)
        )

    def taken(self) -> Iterator[Find]:
        """The marked envelopes that are not yet in the new store, in the order of recording."""
        return self._select("taken = 1 ORDER BY recorded, replica, idx")

    def settle(self) -> None:
        """Note that all marked envelopes are in the new store."""
        self._database.execute("UPDATE found SET taken = 2 WHERE taken = 1")

    def left(self) -> Iterator[Find]:
        """Whole envelopes that are no part of a feed, without doubles, in the order of recording.

        A damaged header may make one envelope look like two. The payload tells: it begins with
        random bytes, so two envelopes never have the same payload.
        """
        return self._select(
            "whole = 1 AND NOT EXISTS (SELECT 1 FROM found AS other WHERE"
            " other.payload = found.payload AND other.id <> found.id AND (other.taken > 0 OR"
            " (other.whole, other.live, -other.id) > (found.whole, found.live, -found.id)))"
            " AND taken = 0 ORDER BY recorded, replica, idx"
        )

    def broken(self) -> Iterator[Find]:
        """Envelopes with damaged payloads: their headers tell which events are gone."""
        return self._select("whole = 0 AND bare = 0 ORDER BY replica, idx")

    def envelope(self, find: Find) -> Envelope:
        """The envelope, read again; without its payload if that did not survive."""
        data = self._file.read(find.place, find.size)
        if find.header is not None:
            # The damaged header is as long as the original.
            start = 2 + len(find.header)
            data = len(find.header).to_bytes(2, "big") + find.header + data[start:]
        return Envelope(data)

    def _select(self, where: str, *values: object) -> Iterator[Find]:
        query = f"SELECT {_FIELDS} FROM found WHERE {where}"  # noqa: S608 - none of it is a value
        for row in self._database.execute(query, values):
            yield Find(*row)
