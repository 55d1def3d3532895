"""Servers of a log in PostgreSQL: a row for each, with the place up to which it has read."""

from eventtrack.sharedlog.postgresql_connections import Connection
from eventtrack.sharedlog.protocol import Announcement

TABLE = """
CREATE TABLE eventtrack_servers (
    name text PRIMARY KEY,
    place bigint NOT NULL,
    at_ms bigint NOT NULL
)
"""
_DAY_MS = 86_400_000
_ANNOUNCE = """
INSERT INTO eventtrack_servers VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET place = excluded.place, at_ms = excluded.at_ms
"""
# Servers come and go under new names, in containers above all.
_FORGET = "DELETE FROM eventtrack_servers WHERE at_ms < %s"
_ANNOUNCED = "SELECT name, place, at_ms FROM eventtrack_servers ORDER BY name LIMIT 1000"


def announce(connection: Connection, announcement: Announcement) -> None:
    """Write a server's row anew, and remove those of the day before."""
    connection.execute(_ANNOUNCE, (announcement.name, announcement.place, announcement.at_ms))
    connection.execute(_FORGET, (announcement.at_ms - _DAY_MS,))


def announced(connection: Connection) -> list[Announcement]:
    """The rows of all servers."""
    return [Announcement(*row) for row in connection.execute(_ANNOUNCED).fetchall()]
