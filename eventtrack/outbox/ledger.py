"""The ledger of an outbox's delivery: its position, the server's ids, and the refused calls.

The ledger is a small SQLite database beside the outbox's store. After a power cut it may be a
moment old: then a few facts are delivered again, which changes nothing.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eventtrack.errors import StoreError
from eventtrack.views.records import Record

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, server_id TEXT NOT NULL, location TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS experiments (
    experiment_id TEXT PRIMARY KEY, name TEXT NOT NULL, server_id TEXT);
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL, run_id TEXT NOT NULL,
    kind TEXT NOT NULL, label TEXT NOT NULL, error TEXT NOT NULL, at_ms INTEGER NOT NULL,
    UNIQUE (position, kind, label));
"""
# Seconds for which another process may hold the database.
_BUSY_S = 30.0


class ServerRun(Record):
    """A run as the server knows it: its id and the location of its files."""

    run_id: str
    location: str


class KnownExperiment(Record):
    """An experiment seen before; `server_id` is None until the server has it."""

    experiment_id: str
    name: str
    server_id: str | None


class RefusedCall(Record):
    """A call that the server refused when it was delivered.

    `kind` and `label` name its content: `points`, `param lr`, `file plots/loss.png`, ...
    """

    number: int
    position: int
    run_id: str
    kind: str
    label: str
    error: str
    at_ms: int


class Ledger:
    """The ledger in one file. Safe from any thread and in a forked child."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open: tuple[int, sqlite3.Connection] | None = None
        # Connections of a parent process: closing them here would release the parent's locks.
        self._inherited: list[sqlite3.Connection] = []

    def fact(self, name: str) -> str | None:
        """A remembered text."""
        with self._connection() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, **facts: str) -> None:
        """Remember texts, all of them at once."""
        with self._connection() as connection:
            connection.executemany("REPLACE INTO facts VALUES (?, ?)", list(facts.items()))

    def number(self, name: str) -> int:
        """A remembered number; 0 if there is none."""
        return int(self.fact(name) or 0)

    def run(self, run_id: str) -> ServerRun | None:
        """The server's id of a run and the location of its files; None if they are unknown."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT server_id, location FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
        return None if row is None else ServerRun(run_id=row[0], location=row[1])

    def note_run(self, run_id: str, server: ServerRun) -> None:
        """Remember the server's id of a run and the location of its files."""
        with self._connection() as connection:
            row = (run_id, server.run_id, server.location)
            connection.execute("REPLACE INTO runs VALUES (?, ?, ?)", row)

    def experiment(self, id_or_name: str, *, by_name: bool = False) -> KnownExperiment | None:
        """An experiment seen before; among several of a name, an experiment of the server's."""
        query = (
            "SELECT experiment_id, name, server_id FROM experiments"
            " WHERE CASE WHEN ? THEN name ELSE experiment_id END = ? ORDER BY server_id IS NULL"
        )
        with self._connection() as connection:
            row = connection.execute(query, (by_name, id_or_name)).fetchone()
        if row is None:
            return None
        return KnownExperiment(experiment_id=row[0], name=row[1], server_id=row[2])

    def note_experiment(self, experiment_id: str, name: str, server_id: str | None) -> None:
        """Remember an experiment."""
        with self._connection() as connection:
            row = (experiment_id, name, server_id)
            connection.execute("REPLACE INTO experiments VALUES (?, ?, ?)", row)

    def refuse(self, position: int, run_id: str, kind: str, label: str, error: str) -> None:
        """Keep a call that the server refused; the call itself stays in the outbox."""
        with self._connection() as connection:
            connection.execute(
                "REPLACE INTO refused (position, run_id, kind, label, error, at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (position, run_id, kind, label, error, time.time_ns() // 1_000_000),
            )

    def refused(self, after: int = 0) -> list[RefusedCall]:
        """The refused calls, oldest first; `after` leaves out numbers up to it."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT number, position, run_id, kind, label, error, at_ms FROM refused"
                " WHERE number > ? ORDER BY position, number",
                (after,),
            ).fetchall()
        names = RefusedCall.__struct_fields__
        return [RefusedCall(**dict(zip(names, row, strict=True))) for row in rows]

    def forget_run(self, run_id: str) -> None:
        """Forget the server's id of a run."""
        with self._connection() as connection:
            connection.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))

    def forgive_unless_refused_again(self, call: RefusedCall) -> None:
        """Drop a refused call that was sent again: a new refusal has a new number and stays."""
        self.forgive([call.number])

    def forgive(self, numbers: list[int]) -> None:
        """Drop refused calls: they were delivered later, or nobody wants them."""
        with self._connection() as connection:
            connection.executemany(
                "DELETE FROM refused WHERE number = ?", [(number,) for number in numbers]
            )

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            opened, self._open = self._open, None
            if opened is not None and opened[0] == os.getpid():
                opened[1].close()

    def forget_parent(self) -> None:
        """Leave the parent's connection alone in a forked child."""
        self._lock = threading.Lock()
        if self._open is not None:
            self._inherited.append(self._open[1])
            self._open = None

    @contextmanager
    def _connection(self) -> "Iterator[sqlite3.Connection]":
        # Programs that log to a folder never come here.
        import sqlite3

        with self._lock:
            try:
                if self._open is None:
                    self._open = (os.getpid(), _connected(self._path))
                connection = self._open[1]
                with connection:  # one transaction
                    yield connection
            except sqlite3.Error as error:
                raise StoreError(
                    f"cannot use the outbox's ledger {self._path}: {error}",
                    hint="check the disk and the folder's permissions",
                ) from error


def _connected(path: Path) -> "sqlite3.Connection":
    import sqlite3

    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    # Commits reach the disk a moment later, in their order.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    return connection
