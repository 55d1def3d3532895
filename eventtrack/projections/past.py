"""The views as they were at a moment, made out of the views of now.

Nearly every row belongs to one stream, and folds are commutative. So a stream that nothing touched
since is read where it is, one that had not begun is left out, and only what is in between is folded
anew: from its own envelopes, into an environment beside the live one. The moment so costs what has
changed since then around it, not what was recorded before it.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.environment import Environment, Transaction
from eventtrack.log.protocol import EventLog
from eventtrack.projections import fold, timeline
from eventtrack.projections.build import Build
from eventtrack.projections.past_rows import OWNERS, Hidden, PastCursor
from eventtrack.projections.tables import TABLES, Cache, Reader, Tables

# Numbers given to what is folded anew lie above all that the live views give.
_FIRST_NUMBER = 2**31
_NAMES = {table: table for table in TABLES}

Progress = Callable[[int, int], None]


class Bounds(NamedTuple):
    """Envelopes up to a position here that were recorded by a hybrid time, both included."""

    position: int
    recorded: int

    def include(self, position: int, recorded: int) -> bool:
        """Whether an envelope is one of them."""
        return position <= self.position and recorded <= self.recorded


class Past:
    """The views of one moment. Safe from any thread; one reads at a time.

    Args:
        live: Views that hold everything up to the moment, and perhaps more.
        folder: An empty folder for what is folded anew.
    """

    def __init__(self, live: Build, log: EventLog, until: Bounds, folder: Path) -> None:
        self.live = live
        self._log = log
        self._until = until
        # It never holds more than the live views, so its map never needs to grow.
        room = 2 * live.environment.info()["map_size"]
        self._own = Environment(folder, TABLES, sync=False, map_bytes=room)
        with self._own.write() as txn:
            txn.put(b"numbers", _FIRST_NUMBER.to_bytes(4, "big"), db=self._own.tables["meta"])
        self._reader: tuple[int, PastTransaction] | None = None  # the thread that reads, and how
        self._as_of = -1  # the live transaction at which the streams were looked at
        self.hidden = Hidden()
        self._begun: set[bytes] = set()  # hidden streams that may have begun by then
        self._folded: set[bytes] = set()
        self.broken = False  # whether folding failed: what is here is not to be used any more

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The tables as they were; what they need is folded when it is asked for."""
        if self._reader is not None and self._reader[0] == threading.get_ident():
            yield Reader(self._reader[1], _NAMES)  # type: ignore[arg-type]
            return
        failure: BaseException | None = None
        with self._own.write() as own, self.live.environment.read() as txn:
            transaction = PastTransaction(self, own, txn)
            self._reader = threading.get_ident(), transaction
            try:
                if txn.id() != self._as_of:
                    self._look(Reader(txn, self.live.environment.tables))
                    self._as_of = txn.id()
                yield Reader(transaction, _NAMES)  # type: ignore[arg-type]
            except BaseException as error:
                if self.broken:
                    raise
                failure = error  # the caller's: what was folded for it stays
            finally:
                self._reader = None
        if failure is not None:
            raise failure

    def fold_all(self, progress: Progress | None = None) -> None:
        """Fold all that has to be, now."""
        with self.read():
            assert self._reader is not None
            self.need_all(self._reader[1], progress)

    def last_included(self) -> int:
        """The last position that had happened by then, 0 for none."""
        with self.read():
            assert self._reader is not None
            live = Reader(self._reader[1].live, self.live.environment.tables)
            last = 0
            for block, whole in timeline.blocks(live):
                if self._holds_all(whole):
                    last = max(last, whole.last)
                elif block not in self.hidden.blocks:
                    held = (
                        one.last for _, one in timeline.extents(live, block) if self._holds_all(one)
                    )
                    last = max(last, *held, 0)
            for number in self._begun:
                last = max(last, *self._positions(live, number), 0)
            return last

    def close(self) -> None:
        """Close what was folded anew; its folder is the caller's."""
        self._own.close()

    # What PastTransaction and its cursors ask for.

    def own_tables(self) -> dict[str, Any]:
        """The tables of what was folded anew."""
        return self._own.tables

    def need(self, transaction: "PastTransaction", number: bytes) -> None:
        """Fold one stream anew if its rows of the moment are not those of now."""
        if number in self._begun and number not in self._folded:
            self._fold(transaction, {number}, None)

    def need_all(self, transaction: "PastTransaction", progress: Progress | None = None) -> None:
        """Fold every such stream."""
        if missing := self._begun - self._folded:
            self._fold(transaction, missing, progress)

    def _look(self, live: Reader) -> None:
        """Which streams are as they were, which had begun, and which had not."""
        self.hidden, self._begun = Hidden(), set()
        for block, whole in timeline.blocks(live):
            if self._holds_all(whole):
                continue
            if self._holds_none(whole):
                self.hidden.blocks.add(block)
                continue
            for number, extent in timeline.extents(live, block):
                if not self._holds_all(extent):
                    self.hidden.numbers.add(number)
                    if not self._holds_none(extent):
                        self._begun.add(number)

    def _holds_all(self, extent: timeline.Extent) -> bool:
        return self._until.include(extent.last, extent.latest)

    def _holds_none(self, extent: timeline.Extent) -> bool:
        return not self._until.include(extent.first, extent.earliest)

    def _positions(self, live: Reader, number: bytes) -> Iterator[int]:
        for position, recorded, _ in timeline.envelopes_of(live, int.from_bytes(number, "big")):
            if self._until.include(position, recorded):
                yield position

    def _fold(
        self, transaction: "PastTransaction", numbers: set[bytes], progress: Progress | None
    ) -> None:
        live = Reader(transaction.live, self.live.environment.tables)
        positions = sorted(place for one in numbers for place in self._positions(live, one))
        # Before: the folds read these streams too, and find what there is of them so far.
        self._folded |= numbers
        tables, done = Tables(transaction, _NAMES, Cache()), 0  # type: ignore[arg-type]
        try:
            while done < len(positions):
                batch = self._log.get_many(positions[done : done + FOLD_ENVELOPES_MAX])
                for envelope in batch:
                    fold.apply(tables, envelope)
                tables.flush()
                done += len(batch)
                if progress is not None:
                    progress(done, len(positions))
        except BaseException:
            self.broken = True
            raise


class PastTransaction:
    """What stands in for LMDB's transaction: rows of the moment, wherever they are.

    Tables go by their names. What is written goes beside the live views.
    """

    def __init__(self, past: Past, own: Transaction, live: Transaction) -> None:
        self._past = past
        self._own = own
        self.live = live

    def get(self, key: bytes, *, db: str) -> bytes | None:
        """The value of a row; None where there was none."""
        own, live = self._past.own_tables()[db], self._past.live.environment.tables[db]
        owner = OWNERS[db]
        if owner is None:
            value = self._own.get(key, db=own)
            return self.live.get(key, db=live) if value is None else value
        number = key[owner]
        self._past.need(self, number)
        source, table = (self._own, own) if number in self._past.hidden else (self.live, live)
        return source.get(key, db=table)

    def cursor(self, db: str) -> PastCursor:
        """A cursor over the rows of a table."""
        own = self._own.cursor(self._past.own_tables()[db])
        live = self.live.cursor(self._past.live.environment.tables[db])
        return PastCursor(self, OWNERS[db], self._past.hidden, own, live)

    def stat(self, db: str) -> dict[str, int]:
        """At most so many rows."""
        found = self.live.stat(self._past.live.environment.tables[db])["entries"]
        return {"entries": found + self._own.stat(self._past.own_tables()[db])["entries"]}

    def put(self, key: bytes, value: bytes, *, db: str) -> bool:
        """Write a row of a stream that is folded anew."""
        return self._own.put(key, value, db=self._past.own_tables()[db])

    def delete(self, key: bytes, *, db: str) -> bool:
        """Delete such a row."""
        return self._own.delete(key, db=self._past.own_tables()[db])

    def need(self, number: bytes | None) -> None:
        """Fold what a cursor is about to meet: one stream, or None for all."""
        if number is None:
            self._past.need_all(self)
        else:
            self._past.need(self, number)


def touched(
    live: Reader, one: Bounds, two: Bounds, only: Iterable[int] | None = None
) -> list[list[int]]:
    """For each stream of which two moments hold different envelopes, the positions of those.

    Args:
        only: The numbers of the streams that are asked about; all of them by default.
    """

    def may_differ(extent: timeline.Extent) -> bool:
        first, last = (extent.first, extent.earliest), (extent.last, extent.latest)
        is_same = (one.include(*last) and two.include(*last)) or not (
            one.include(*first) or two.include(*first)
        )
        return not is_same

    streams: Iterable[int] = (
        int.from_bytes(number, "big")
        for block, whole in timeline.blocks(live)
        if may_differ(whole)
        for number, extent in timeline.extents(live, block)
        if may_differ(extent)
    )
    found: list[list[int]] = []
    for number in streams if only is None else only:
        envelopes = timeline.envelopes_of(live, number)
        different = [
            position
            for position, recorded, _ in envelopes
            if one.include(position, recorded) != two.include(position, recorded)
        ]
        if different:
            found.append(different)
    return found
