"""A shared log in PostgreSQL, or in a database that speaks its protocol and its SQL.

One row counts places. Each append locks this row, so blocks commit in the order of their places: a
reader that has seen a place has seen all before it. A sequence would not do, as it gives out
numbers that commit out of order. A notification wakes readers where the database knows them;
polling does elsewhere.
"""

import secrets
import threading
import time
from typing import Any

from eventtrack.errors import (
    AlreadyExistsError,
    EventtrackError,
    FormatTooNewError,
    NotFoundError,
    RemoteUnavailableError,
)
from eventtrack.limits import FRAME_BYTES_MAX, READ_BYTES_MAX
from eventtrack.log.blocks import Block
from eventtrack.sharedlog import postgresql_artifacts, postgresql_servers
from eventtrack.sharedlog.postgresql_connections import Connection, Connections
from eventtrack.sharedlog.postgresql_state import risks_of, standbys_of
from eventtrack.sharedlog.protocol import (
    LOG_FORMAT,
    PAGE_BLOCKS,
    Announcement,
    Description,
    EngineState,
    Entry,
    Node,
    Page,
)
from eventtrack.sharedlog.refusals import conflict, missing_place, refuse_large, refuse_risks

# An append whose connection broke is read for, and repeated, for so long before the caller hears.
_RESOLVE_S = 8.0
_POLL_S = 0.2
_QUIET_S = 1.0

TABLES = """
CREATE TABLE eventtrack_log (
    format integer PRIMARY KEY,
    id text NOT NULL,
    created_ms bigint NOT NULL,
    artifacts text,
    last_place bigint NOT NULL,
    last_decided bigint NOT NULL,
    asked bigint NOT NULL,
    access_key text
);
CREATE TABLE eventtrack_blocks (
    place bigint PRIMARY KEY,
    replica bytea NOT NULL,
    first bigint NOT NULL,
    root bytea NOT NULL,
    decides boolean NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX eventtrack_feeds ON eventtrack_blocks (replica, place);
"""
_LOCK = "SELECT last_place FROM eventtrack_log FOR UPDATE"
# In a statement of its own, as it must see what committed while the lock was waited for.
_APPEND = """
WITH news AS (
    SELECT place, first, root, replica = %(replica)s AS own FROM eventtrack_blocks
    WHERE replica = %(replica)s AND place > %(last)s
    UNION ALL
    SELECT last_decided, -1, ''::bytea, false FROM eventtrack_log WHERE last_decided > %(seen)s
), counted AS (
    UPDATE eventtrack_log SET last_place = last_place + 1,
        last_decided = CASE WHEN %(decides)s THEN last_place + 1 ELSE last_decided END
    WHERE NOT EXISTS (SELECT 1 FROM news) RETURNING last_place
), added AS (
    INSERT INTO eventtrack_blocks (place, replica, first, root, decides, data)
    SELECT last_place, %(replica)s, %(first)s, %(root)s, %(decides)s, %(data)s FROM counted
    RETURNING place
)
SELECT place, NULL, NULL, NULL FROM added
UNION ALL SELECT place, first, root, own FROM news
"""
_READ = """
SELECT place, data FROM (
    SELECT place, data, sum(octet_length(data)) OVER (ORDER BY place) - octet_length(data) AS before
    FROM (
        SELECT place, data FROM eventtrack_blocks WHERE place > %(after)s AND place <= %(end)s
        ORDER BY place LIMIT %(limit)s
    ) AS part
) AS measured WHERE before < %(bytes)s ORDER BY place
"""
_TAIL = """
SELECT place, data FROM eventtrack_blocks WHERE replica = %s ORDER BY place DESC LIMIT 1
"""
_REPLACE = """
INSERT INTO eventtrack_blocks (place, replica, first, root, decides, data)
VALUES (%s, %s, %s, %s, false, %s)
ON CONFLICT (place) DO UPDATE SET replica = excluded.replica, first = excluded.first,
    root = excluded.root, data = excluded.data
"""
_ADD_KEY = "ALTER TABLE eventtrack_log ADD COLUMN IF NOT EXISTS access_key text"
# Databases that speak the protocol and have no notifications.
_SILENT = ("CockroachDB", "-YB-")
_NEVER = 2**63 - 1


class PostgresqlLog:
    """A `SharedLog` in two tables of a database.

    Args:
        url: As libpq reads it: `postgresql://USER@HOST:PORT/DATABASE`. Several hosts may be named.

    Raises:
        NotFoundError: There is no log, or no such database.
        FormatTooNewError: A later eventtrack made the log.
    """

    def __init__(self, url: str) -> None:
        self._connections = Connections(url)
        self.url = self._connections.shown
        self.block_bytes_max = FRAME_BYTES_MAX
        self._bell = _Bell(self._connections)
        try:
            self.description = self.describe()
        except EventtrackError:
            self._connections.close()
            raise

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block, unless there is news behind `last` or `seen`."""
        refuse_large(block, self.block_bytes_max, self.url)
        deadline, is_repeated = time.monotonic() + _RESOLVE_S, False
        while True:
            try:
                place, is_new = self._append(block, last, seen, decides)
            except RemoteUnavailableError as error:
                is_repeated = is_repeated or error.sent
                if time.monotonic() > deadline:
                    error.sent = is_repeated
                    raise
                time.sleep(_POLL_S)
                continue
            if not is_new:
                self.end()  # a standby may not have it yet, if an earlier call was cut off
            return place

    def tail(self, replica: bytes) -> Entry | None:
        """The last block of a replica."""
        with self._connections.use() as connection:
            row = connection.execute(_TAIL, (replica,), binary=True).fetchone()
        return None if row is None else Entry(row[0], bytes(row[1]))

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place."""
        with self._connections.use() as connection:
            # Read before the blocks: all up to here are visible to what follows.
            end = _one(connection, "SELECT last_place FROM eventtrack_log")
            if end <= after:
                return Page([], after)
            values = {"after": after, "end": end, "limit": limit, "bytes": READ_BYTES_MAX}
            rows = connection.execute(_READ, values, binary=True).fetchall()
        entries = [Entry(place, bytes(data)) for place, data in rows]
        is_cut = len(rows) == limit or sum(len(data) for _, data in rows) >= READ_BYTES_MAX
        return Page(entries, rows[-1][0] if is_cut else end)

    def end(self) -> int:
        """The last place; with synchronous standbys, after a commit that they acknowledged."""
        with self._connections.use() as connection:
            place, standbys = connection.execute(
                "SELECT last_place, current_setting('synchronous_standby_names', true) "
                "FROM eventtrack_log"
            ).fetchone()
            if standbys:
                place = _one(
                    connection,
                    "UPDATE eventtrack_log SET asked = asked + 1 RETURNING last_place",
                )
            return int(place)

    def is_empty(self, place: int) -> bool:
        """False: every place is that of a block."""
        return False

    def wait(self, after: int, timeout_s: float) -> None:
        """Wait for a notification, or for the next poll."""
        deadline = time.monotonic() + timeout_s
        while True:
            rung = self._bell.rung
            with self._connections.use() as connection:
                if _one(connection, "SELECT last_place FROM eventtrack_log") > after:
                    return
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._bell.wait(rung, left)

    def replace(self, place: int, block: Block | None) -> None:
        """Put another block at a place, and vacuum the row that stood there."""
        with self._connections.use() as connection:
            with connection.transaction():
                end = _one(connection, _LOCK)
                if not 0 < place <= end:
                    raise missing_place(self.url, place, end)
                if block is None:
                    connection.execute("DELETE FROM eventtrack_blocks WHERE place = %s", (place,))
                else:
                    header = block.header
                    values = (place, header.replica, header.first, header.root, block.data)
                    connection.execute(_REPLACE, values)
            if self._bell.is_known:  # the others have no such statement, or none that does it
                connection.execute("VACUUM eventtrack_blocks")

    def state(self) -> EngineState:
        """Version, standbys, size and risks."""
        with self._connections.use() as connection:
            version = _one(connection, "SELECT version()").split(" on ")[0]
            blocks, size = connection.execute(
                "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM eventtrack_blocks"
            ).fetchone()
            nodes = [Node(connection.info.host, "primary"), *standbys_of(connection)]
            return EngineState(version, blocks, int(size), nodes, risks_of(connection))

    def describe(self) -> Description:
        """Read the row of the log."""
        with self._connections.use() as connection:
            version = _one(connection, "SELECT version()")
            self._bell.is_known = not any(name in version for name in _SILENT)
            # A log that was made before there were tokens has no column for their key.
            answer = connection.execute(
                "SELECT id, created_ms, format, artifacts, log.* FROM eventtrack_log AS log"
            )
            row = answer.fetchone()
        if row is None:
            raise NotFoundError(
                f"there is no shared log at {self.url}: its tables are empty",
                hint=f"make it: eventtrack cluster init {self.url}",
            )
        if row[2] > LOG_FORMAT:
            raise FormatTooNewError(
                f"cannot open the shared log at {self.url}: it has format {row[2]}, this "
                f"eventtrack reads {LOG_FORMAT}",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )
        names = [column.name for column in answer.description]
        key = row[names.index("access_key")] if "access_key" in names else None
        return Description(row[0], row[1], row[2], row[3], key)

    def change_key(self, access_key: str) -> None:
        """Write the row of the log anew."""
        with self._connections.use() as connection, connection.transaction():
            # A log that was made before there were tokens has no column for their key.
            connection.execute(_ADD_KEY)
            connection.execute("UPDATE eventtrack_log SET access_key = %s", (access_key,))

    def announce(self, announcement: Announcement) -> None:
        """Write this server's row."""
        with self._connections.use() as connection:
            postgresql_servers.announce(connection, announcement)

    def announced(self) -> list[Announcement]:
        """Read the rows of all servers."""
        with self._connections.use() as connection:
            return postgresql_servers.announced(connection)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()
        self._bell.close()

    def _append(self, block: Block, last: int, seen: int | None, decides: bool) -> tuple[int, bool]:
        """The block's place, and whether this call appended it."""
        header = block.header
        values = {
            "replica": header.replica,
            "first": header.first,
            "root": header.root,
            "data": block.data,
            "last": last,
            "seen": _NEVER if seen is None else seen,
            "decides": decides,
        }
        with self._connections.use() as connection, connection.pipeline():
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            connection.execute(_LOCK)
            answer = connection.execute(_APPEND, values, binary=True)
            connection.execute("COMMIT")
            if self._bell.is_known:
                connection.execute("SELECT pg_notify('eventtrack_blocks', %s)", (self._bell.name,))
            rows = answer.fetchall()
        for place, first, root, own in rows:
            if own is None:
                return place, True
            if own and (first, bytes(root)) == (header.first, header.root):
                return place, False
        raise conflict(self.url, block, min(row[0] for row in rows))


def make(url: str, description: Description, replicas: int, *, risky: bool) -> None:
    """Make the tables of a new log. The number of replicas is the database's own affair.

    Raises:
        AlreadyExistsError: There is a log, or another program's tables.
        InvalidStateError: The database may lose what it acknowledges, and `risky` is false.
    """
    connections = Connections(url)
    try:
        with connections.use() as connection, connection.transaction():
            taken = _one(
                connection,
                "SELECT count(*) FROM information_schema.tables WHERE table_schema = "
                "current_schema() AND table_name IN ('eventtrack_log', 'eventtrack_blocks')",
            )
            if taken:
                raise AlreadyExistsError(
                    f"{connections.shown} has tables of a shared log already",
                    hint="`eventtrack cluster status` shows it; choose another database or schema "
                    "for a second log",
                )
            refuse_risks(risks_of(connection), connections.shown, risky=risky)
            more = (postgresql_artifacts.TABLE, postgresql_servers.TABLE)
            for statement in (*TABLES.split(";")[:-1], *more):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO eventtrack_log VALUES (%s, %s, %s, %s, 0, 0, 0, %s)",
                (
                    description.format,
                    description.id,
                    description.created_ms,
                    description.artifacts,
                    description.access_key,
                ),
            )
    finally:
        connections.close()


def _one(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0]


class _Bell:
    """Rings when somebody else appended: a thread that listens for the database's notifications."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.name = secrets.token_hex(8)  # tells its own notifications from those of others
        self._changed = threading.Condition()
        # Guarded by `_changed`.
        self.rung = 0
        self._thread: threading.Thread | None = None
        self._listening: Connection | None = None
        self._is_open = True
        # Whether the database knows notifications, as far as is known.
        self.is_known = True

    def wait(self, rung: int, timeout_s: float) -> None:
        """Return when it has rung more often than `rung`, and after a second at the latest."""
        with self._changed:
            if self._thread is None and self.is_known and self._is_open:
                self._thread = threading.Thread(target=self._listen, daemon=True)
                self._thread.start()
            pause = _QUIET_S if self._listening is not None else _POLL_S
            self._changed.wait_for(lambda: self.rung > rung, min(timeout_s, pause))

    def close(self) -> None:
        """Stop listening."""
        with self._changed:
            self._is_open = False
            if self._listening is not None:
                self._listening.close()

    def _listen(self) -> None:
        while self._is_open:
            try:
                self._listen_once()
            except Exception:
                with self._changed:
                    self._listening = None
                time.sleep(_QUIET_S)

    def _listen_once(self) -> None:
        connection = self._connections.open()
        try:
            connection.execute("LISTEN eventtrack_blocks")
            with self._changed:
                self._listening = connection
            while self._is_open:
                for news in connection.notifies(timeout=_QUIET_S, stop_after=1):
                    if news.payload == self.name:
                        continue
                    with self._changed:
                        self.rung += 1
                        self._changed.notify_all()
        finally:
            connection.close()
