"""Servers and writers of a log in PostgreSQL: a row for each, with what it last said of itself."""

import msgspec

from eventtrack.sharedlog.postgresql_connections import Connection
from eventtrack.sharedlog.protocol import Announcement

TABLE = """
CREATE TABLE eventtrack_servers (
    name text PRIMARY KEY,
    place bigint NOT NULL,
    at_ms bigint NOT NULL,
    feed text NOT NULL DEFAULT '',
    unpublished bigint NOT NULL DEFAULT 0
)
"""
_DAY_MS = 86_400_000
_ANNOUNCE = """
INSERT INTO eventtrack_servers VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET place = excluded.place, at_ms = excluded.at_ms,
    feed = excluded.feed, unpublished = excluded.unpublished
"""
# Servers come and go under new names, in containers above all.
_FORGET = "DELETE FROM eventtrack_servers WHERE at_ms < %s"
_ANNOUNCED = """
SELECT name, place, at_ms, feed, unpublished FROM eventtrack_servers ORDER BY name LIMIT 1000
"""


def announce(connection: Connection, announcement: Announcement) -> None:
    """Write a row anew, and remove those of the day before."""
    connection.execute(_ANNOUNCE, msgspec.structs.astuple(announcement))
    connection.execute(_FORGET, (announcement.at_ms - _DAY_MS,))


def announced(connection: Connection) -> list[Announcement]:
    """All rows."""
    return [Announcement(*row) for row in connection.execute(_ANNOUNCED).fetchall()]
