"""Reading a database: SQLite with the standard library, all others with SQLAlchemy."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from eventtrack.errors import InvalidValueError, NotFoundError, UsageError
from eventtrack.transfer.report import Report

_ROWS = 20_000  # fetched at a time
_PROBLEMS = 20  # of a damaged file that are reported
# The last: SQLite's own message quotes damaged bytes, and Python cannot decode them.
_ERRORS = (sqlite3.Error, UnicodeDecodeError)


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
    """A SQLite file, opened so that it cannot be changed; its damage is reported.

    Raises:
        NotFoundError: There is no such file.
        InvalidValueError: It is no SQLite database, or it is locked.
    """

    def __init__(self, path: Path, report: Report) -> None:
        self._report = report
        if not path.is_file():
            raise NotFoundError(f"cannot import {path}: there is no such file", hint="check it")
        self._path = path
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._connection = self._opened()
            self._connection.text_factory = self._text
            self._check()
        except _ERRORS as error:
            self.close()
            hint = "name the file that the tracker writes, for example mlflow.db"
            if "locked" in str(error):
                hint = "import it when the program that writes it has ended, or import a copy"
            raise InvalidValueError(
                f"cannot read {path} as a SQLite database: {error}", hint=hint
            ) from error

    def tables(self) -> dict[str, set[str]]:
        """The columns of every table and view, by its name; SQLite's names have no case."""
        query = "SELECT lower(name) FROM sqlite_master WHERE type IN ('table', 'view')"
        names = [row[0] for row in self.rows(query)]
        columns = "SELECT lower(name) FROM pragma_table_info(:table)"
        return {name: {row[0] for row in self.rows(columns, table=name)} for name in names}

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose `:name`s stand for values."""
        try:
            cursor = self._connection.execute(query, values)
            while page := cursor.fetchmany(_ROWS):
                yield from page
        except _ERRORS as error:
            self._report.damaged(self._path, None, f"{error} (rows of: {query})")

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(AttributeError):  # it was not opened
            self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()

    def _opened(self) -> sqlite3.Connection:
        """A connection that only reads.

        A log beside the file (`-wal`) has the last writes; to read the log, SQLite needs to write
        to the folder. If it may not, a copy of both files is read.
        """
        path = self._path.resolve()
        try:
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            self._copy = tempfile.TemporaryDirectory(prefix="eventtrack-import-")
            copy = Path(self._copy.name) / path.name
            for suffix in ("", "-wal"):
                if path.with_name(path.name + suffix).is_file():
                    copy_to = copy.with_name(copy.name + suffix)
                    shutil.copyfile(path.with_name(path.name + suffix), copy_to)
            connection = sqlite3.connect(copy)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        return connection

    def _check(self) -> None:
        """Report all damage that SQLite's own check of the whole file finds."""
        try:
            problems = self._connection.execute(f"PRAGMA integrity_check({_PROBLEMS})").fetchall()
        except _ERRORS as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            problems = [(str(error),)]
        for (problem,) in problems:
            if problem != "ok":
                self._report.damaged(self._path, None, str(problem))

    def _text(self, data: bytes) -> str:
        """A text; bytes that are no UTF-8 are replaced and reported."""
        try:
            return data.decode()
        except UnicodeDecodeError:
            self._report.damaged(
                self._path, None, f"no UTF-8; the bytes that are not were replaced: {data[:80]!r}"
            )
            return data.decode(errors="replace")


class SqlalchemyDatabase(Database):
    """Any database that SQLAlchemy and an installed driver can read.

    Raises:
        UsageError: SQLAlchemy or the driver is not installed.
        InvalidValueError: The URL names no database that can be opened.
    """

    def __init__(self, url: str, report: Report) -> None:
        self._report, self._place = report, without_password(url)
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
        inspector = self._sqlalchemy.inspect(self._engine)
        return {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in (*inspector.get_table_names(), *inspector.get_view_names())
        }

    def rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, whose `:name`s stand for values."""
        options = {"yield_per": _ROWS}
        statement = self._sqlalchemy.text(query)
        try:
            for row in self._connection.execute(statement, values, execution_options=options):
                yield tuple(row)
        except (self._sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError) as error:
            # The last two: the driver cannot read a value as the column's type.
            self._report.damaged(self._place, None, f"{error} (rows of: {query})")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        self._engine.dispose()


def open_database(url: str, report: Report) -> Database:
    """The database that a URL names: `sqlite:///file`, or any other that SQLAlchemy knows."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(sqlite_file(url), report)
    return SqlalchemyDatabase(url, report)


def sqlite_file(url: str) -> Path:
    """The file that `sqlite:///file` names."""
    return Path(unquote(url.removeprefix("sqlite:///").partition("?")[0]))


def without_password(url: str) -> str:
    """The URL as it may be shown and recorded."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
