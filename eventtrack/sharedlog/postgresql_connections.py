"""Connections to PostgreSQL that never hang, and its errors in eventtrack's words.

A database that was stopped, or that waits for a standby for ever, does not answer at all. So one
thread for each log cuts the connection of a call that takes too long; the database then decides by
itself what becomes of its transaction, and the log finds out by reading.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from eventtrack.errors import (
    EventtrackError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.sharedlog.addresses import without_password
from eventtrack.sharedlog.refusals import closed

if TYPE_CHECKING:
    import psycopg

Connection = Any
# The longest wait for one answer. Longer than a failover that the database's own tools do at once.
ANSWER_S = 10.0
_CONNECT_S = 5
_IDLE_MAX = 16


def driver(url: str) -> "type[psycopg.Connection[tuple[Any, ...]]]":
    """The driver's class of connections.

    Raises:
        InvalidValueError: The driver is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise InvalidValueError(
            f"cannot reach {without_password(url)}: psycopg is not installed",
            hint='pip install "eventtrack[postgresql]"',
        ) from error
    return psycopg.Connection


class Connections:
    """Connections to one database, each used by one thread at a time. Safe from any thread."""

    def __init__(self, url: str) -> None:
        self._class = driver(url)
        self._url = url
        self.shown = without_password(url)
        self._lock = threading.Lock()
        # Guarded by the lock: idle connections; by connection, the time at which it is cut.
        self._idle: list[Connection] = []
        self._deadlines: dict[Connection, float] = {}
        self._watch: threading.Thread | None = None
        self._ended = threading.Event()

    @contextmanager
    def use(self, within_s: float | None = None) -> Iterator[Connection]:
        """A connection for a block, which is cut if the block takes too long: by default 10 s.

        Raises:
            EventtrackError: The block failed in the database: see `translated`.
        """
        if self._ended.is_set():
            raise closed(self.shown)
        connection = self._take()
        try:
            with self._cut_after(connection, within_s or ANSWER_S):
                yield connection
        except self._class.Error as error:
            if connection.closed or connection.broken:
                self.discard_idle()  # of one failed server, all connections are broken
            raise translated(error, self.shown, sent=True) from error
        except BaseException:
            connection.close()
            raise
        finally:
            self._give_back(connection)

    def open(self) -> Connection:
        """A new connection, which belongs to the caller."""
        options: dict[str, Any] = {
            "autocommit": True,
            "connect_timeout": _CONNECT_S,
            "application_name": "eventtrack",
            # Of several hosts, the one that takes writes: never a standby.
            "target_session_attrs": "read-write",
        }
        named = {key for key in options if f"{key}=" in self._url}
        try:
            connection = self._class.connect(
                self._url, **{key: value for key, value in options.items() if key not in named}
            )
            # A database or a role may be set up to lose what it acknowledges; this session is not.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit', true) IN ('off', 'local')"
            )
            connection.execute(f"SET lock_timeout = {int(ANSWER_S * 500)}")
        except self._class.Error as error:
            raise translated(error, self.shown, sent=False) from error
        return connection

    def discard_idle(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close all connections; calls that run fail."""
        self._ended.set()
        self.discard_idle()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self.open()
            if not connection.closed:
                return connection

    def _give_back(self, connection: Connection) -> None:
        from psycopg.pq import TransactionStatus

        is_whole = connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            if is_whole and len(self._idle) < _IDLE_MAX and not self._ended.is_set():
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def _cut_after(self, connection: Connection, within_s: float) -> Iterator[None]:
        with self._lock:
            self._deadlines[connection] = time.monotonic() + within_s
            if self._watch is None:
                self._watch = threading.Thread(target=self._cut_late, daemon=True)
                self._watch.start()
        try:
            yield
        finally:
            with self._lock:
                self._deadlines.pop(connection, None)

    def _cut_late(self) -> None:
        while not self._ended.wait(0.5):
            now = time.monotonic()
            with self._lock:
                late = [each for each, deadline in self._deadlines.items() if deadline < now]
                for connection in late:
                    del self._deadlines[connection]
                    with contextlib.suppress(Exception):
                        cut(connection)


def cut(connection: Connection) -> None:
    """End a connection that another thread waits for: its wait fails at once."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def translated(error: Exception, url: str, *, sent: bool) -> EventtrackError:
    """The database's error in eventtrack's words.

    Args:
        sent: Whether the failed call may have changed something.
    """
    state: str = getattr(error, "sqlstate", None) or ""
    text = str(error).strip().partition("\n")[0][:500]
    if state == "3D000" or ("does not exist" in text and "database" in text):
        return NotFoundError(
            f"cannot reach {url}: {text}", hint="make the database first, for example with createdb"
        )
    if state == "42P01":
        return NotFoundError(
            f"there is no shared log at {url}", hint=f"make it: eventtrack cluster init {url}"
        )
    if state in ("42703", "42804", "42883"):
        return RemoteError(
            f"the tables of {url} are not those of a shared log: {text}",
            hint="another program has tables of these names; choose another database or schema",
        )
    if state.startswith("28") or state == "42501" or "authentication failed" in text:
        return RemoteDeniedError(
            f"{url} does not let this role do that: {text}",
            hint="docs/cluster.md lists the permissions that a server and a writer need",
        )
    if "invalid" in text and ("URI" in text or "connection option" in text or "port" in text):
        return InvalidValueError(
            f"cannot read the address {url}: {text}",
            hint="write postgresql://USER@HOST:PORT/DATABASE",
        )
    if state in ("53100", "53200"):
        return RemoteUnavailableError(
            f"{url} has no room: {text}", hint="make room on its disk; nothing was lost", sent=sent
        )
    is_known = bool(state) and not state.startswith(("08", "57", "40", "25", "55"))
    if is_known:
        return RemoteError(f"{url} refused a call: {text}", hint="see the log of the database")
    return RemoteUnavailableError(
        f"{url} does not answer: {text}",
        hint="is the database there, and does it take writes? Try again",
        # A lock that was not had changed nothing.
        sent=sent and state != "55P03",
    )
