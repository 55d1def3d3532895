"""The views with what is not in the log yet: points that wait in journals, folded in memory.

A read folds them over the rows of its own transaction, under the rules of every fold, and writes
nothing. What was folded is kept until the views or the journals change (decision 0055).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING

from eventtrack import collector
from eventtrack.events.envelope import Envelope, seal
from eventtrack.lazy import lazy
from eventtrack.log.living import NOTHING, Held, LivingJournals
from eventtrack.projections import skipped, timeline
from eventtrack.projections.build import Build, checkpoint_of
from eventtrack.projections.cache import Cache
from eventtrack.projections.rows import Row, Rows
from eventtrack.projections.runner import Views
from eventtrack.projections.tables import Reader, Tables

# As in `build`: needed where something is new.
if TYPE_CHECKING:
    from eventtrack.projections import fold
else:
    fold = lazy("eventtrack.projections.fold")

# Another process may commit between the looks at journals, log and views. Then all three are looked
# at again, so many times; a read after that shows what the log has.
_TRIES = 5
# Points that are not in the log have no position there.
_UNWRITTEN = frozenset({*timeline.TABLES, skipped.TABLE})
_REPLICA, _SALT = bytes(16), bytes(16)


class Ahead:
    """Reads of the views together with the points that wait in journals. Safe from any thread."""

    def __init__(self, views: Views, journals: LivingJournals) -> None:
        self._views = views
        self._journals = journals
        # The last points that were folded, over which build, and what changed. Replaced together.
        self._kept: tuple[Build, Held, Changes] | None = None

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views, with everything that was logged on this machine when the block begins.

        Older views where the reader may be shown them (`older.py`), as they stand.
        """
        if (older := self._views.instead()) is not None:
            with older.read() as reader:
                yield reader
            return
        for _ in range(_TRIES):
            # What was in journals that are gone by now is in the log, so the views will have it.
            listed = self._journals.names()
            build = self._views.catch_up()
            held = self._journals.look(listed, self._views.change) if listed else NOTHING
            if held is None:
                continue
            with build.read() as reader:
                if held is NOTHING:
                    yield reader
                    return
                if checkpoint_of(reader.rows).position == held.head:
                    rows = reader.rows
                    if held.drafts:
                        rows = RowsAhead(rows, self._changes(build, rows, held))
                    yield Reader(rows)
                    return
        with self._views.read() as reader:
            yield reader

    def _changes(self, build: Build, rows: Rows, held: Held) -> "Changes":
        kept = self._kept
        if kept is not None and kept[0] is build and kept[1] is held:
            return kept[2]
        changes = Changes()
        with collector.paused():
            tables = Tables(RowsAhead(rows, changes), Cache(), keeps=False)
            for session, draft in held.drafts:
                data, _ = seal(
                    draft, replica=_REPLICA, index=0, recorded=0, session=session, salt=_SALT
                )
                fold.apply(tables, Envelope(data, held.head + 1))
            tables.flush()
        self._kept = build, held, changes
        return changes


class Changes:
    """Rows that a fold wrote over others: by table and key, None for a row that it deleted."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[bytes, bytes | None]] = {}
        self._sorted: dict[str, list[bytes]] = {}

    def of(self, table: str) -> dict[bytes, bytes | None]:
        """The changes of a table, to read."""
        return self._tables.get(table, {})

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        """Note a row, or that it is gone."""
        self._tables.setdefault(table, {})[key] = value
        self._sorted.pop(table, None)

    def between(self, table: str, start: bytes, stop: bytes | None) -> list[bytes]:
        """The keys that changed, from `start` to before `stop`, sorted."""
        keys = self._sorted.get(table)
        if keys is None:
            keys = self._sorted[table] = sorted(self.of(table))
        return keys[bisect_left(keys, start) : None if stop is None else bisect_left(keys, stop)]


class RowsAhead:
    """Rows with changes over them: `WritableRows` that write into memory.

    Args:
        below: The rows below the changes; they stay as they are.
    """

    def __init__(self, below: Rows, changes: Changes) -> None:
        self._below = below
        self._changes = changes

    def get(self, table: str, key: bytes) -> bytes | None:
        """See `Rows`."""
        changed = self._changes.of(table)
        return changed[key] if key in changed else self._below.get(table, key)

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Row]:
        """See `Rows`."""
        rows = self._below.scan(table, start, stop, reverse=reverse)
        keys = self._changes.between(table, start, stop)
        return self._over(rows, table, keys, reverse) if keys else rows

    def keys(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """See `Rows`."""
        if self._changes.between(table, start, stop):
            return map(itemgetter(0), self.scan(table, start, stop, reverse=reverse))
        return self._below.keys(table, start, stop, reverse=reverse)

    def count(self, table: str) -> int:
        """See `Rows`; an upper bound."""
        return self._below.count(table) + len(self._changes.of(table))

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """See `WritableRows`."""
        if table not in _UNWRITTEN:
            self._changes.put(table, key, value)

    def put_many(self, table: str, rows: Iterable[Row]) -> None:
        """See `WritableRows`."""
        for key, value in rows:
            self.put(table, key, value)

    def delete(self, table: str, key: bytes) -> None:
        """See `WritableRows`."""
        self._changes.put(table, key, None)

    def pop(self, table: str, key: bytes) -> bytes | None:
        """See `WritableRows`."""
        value = self.get(table, key)
        self.delete(table, key)
        return value

    def _over(
        self, rows: Iterator[Row], table: str, keys: list[bytes], reverse: bool
    ) -> Iterator[Row]:
        changed = self._changes.of(table)
        keys = keys if reverse else keys[::-1]  # the next at the end
        for row in rows:
            while keys and keys[-1] != row[0] and (keys[-1] > row[0]) == reverse:
                yield from _there(changed, keys.pop())
            if keys and keys[-1] == row[0]:
                yield from _there(changed, keys.pop())
            else:
                yield row
        while keys:
            yield from _there(changed, keys.pop())


def _there(changed: dict[bytes, bytes | None], key: bytes) -> Iterator[Row]:
    value = changed[key]
    if value is not None:
        yield key, value
