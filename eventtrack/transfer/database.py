"""Reading a database: SQLite with the standard library, all others with SQLAlchemy."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from eventtrack.errors import InvalidValueError, NotFoundError, UsageError

_ROWS = 20_000  # fetched at a time
# Told of a file, an offset or None, and what is wrong there.
Damaged = Callable[[Path, int | None, str], None]


class Database:
    """A database that is only read."""

    def tables(self) -> dict[str, set[str]]:
        """The columns of every table, by its name."""
        raise NotImplementedError

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose `:name`s stand for values."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it."""


class SqliteDatabase(Database):
    """A SQLite file, opened so that it cannot be changed.

    Raises:
        NotFoundError: There is no such file.
        InvalidValueError: It is no SQLite database.
    """

    def __init__(self, path: Path, damaged: Damaged) -> None:
        self._damaged = damaged
        if not path.is_file():
            raise NotFoundError(f"cannot import {path}: there is no such file", hint="check it")
        self._path = path
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            self._connection.execute("SELECT name FROM sqlite_master LIMIT 1")
        except sqlite3.Error as error:
            raise InvalidValueError(
                f"cannot read {path} as a SQLite database: {error}",
                hint="name the file that the tracker writes, for example mlflow.db",
            ) from error
        # Texts that are no UTF-8 are read as well as they can be.
        self._connection.text_factory = lambda data: data.decode(errors="replace")

    def tables(self) -> dict[str, set[str]]:
        """The columns of every table, by its name."""
        names = [row[0] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: {row[0] for row in self.rows("SELECT name FROM pragma_table_info(:t)", t=name)}
            for name in names
        }

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose `:name`s stand for values."""
        try:
            cursor = self._connection.execute(query, values)
            while page := cursor.fetchmany(_ROWS):
                yield from page
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._damaged(self._path, None, f"{error} (rows of: {query})")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class SqlalchemyDatabase(Database):
    """Any database that SQLAlchemy and an installed driver can read.

    Raises:
        UsageError: SQLAlchemy or the driver is not installed.
        InvalidValueError: The URL names no database that can be opened.
    """

    def __init__(self, url: str) -> None:
        try:
            import sqlalchemy
        except ImportError as error:
            raise UsageError(
                f"cannot import {without_password(url)}: databases other than SQLite need "
                "SQLAlchemy, which is not installed",
                hint="pip install sqlalchemy and the database's driver",
            ) from error
        self._sqlalchemy = sqlalchemy
        try:
            self._engine = sqlalchemy.create_engine(url)
            self._connection = self._engine.connect()
        except (ImportError, sqlalchemy.exc.SQLAlchemyError) as error:
            raise InvalidValueError(
                f"cannot open {without_password(url)}: {str(error).splitlines()[0]}",
                hint="check the URL, and that the driver it names is installed",
            ) from error

    def tables(self) -> dict[str, set[str]]:
        """The columns of every table, by its name."""
        found = self._sqlalchemy.inspect(self._engine)
        return {
            name: {column["name"] for column in found.get_columns(name)}
            for name in found.get_table_names()
        }

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose `:name`s stand for values."""
        options = {"yield_per": _ROWS}
        statement = self._sqlalchemy.text(query)
        for row in self._connection.execute(statement, values, execution_options=options):
            yield tuple(row)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        self._engine.dispose()


def open_database(url: str, damaged: Damaged) -> Database:
    """The database that a URL names: `sqlite:///file`, or any other that SQLAlchemy knows."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(
            Path(unquote(url.removeprefix("sqlite:///").partition("?")[0])), damaged
        )
    return SqlalchemyDatabase(url)


def without_password(url: str) -> str:
    """The URL as it may be shown and recorded."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
