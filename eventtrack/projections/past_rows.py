"""The rows of a moment: for each stream its live rows, its kept rows, or rows folded anew.

`MomentRows` reads three sorted sources as one table:

- the live rows of streams before the moment, where they are;
- for the search index also `gone_index`: index rows that were there at the moment and left since;
- the rows of streams that were folded anew, in the environment beside the live one.

The standing of a row's stream decides which source counts. `OWNERS` says for each table which bytes
of a key are the number of that stream. docs/past.md draws an example.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter

from eventtrack.projections import index
from eventtrack.projections.counts import TABLE as COUNTS
from eventtrack.projections.kept import GONE, came
from eventtrack.projections.rows import Row, Rows, end_of
from eventtrack.projections.standing import Standing
from eventtrack.projections.timeline import BLOCK_BYTES
from eventtrack.waiting import check, checked

FIRST, LAST = slice(0, 4), slice(-4, None)
# Rows without an owner give numbers to names, or are reached only through the row of a stream.
OWNERS: dict[str, slice | None] = {
    "meta": None,
    "streams": None,
    "fields": None,
    "points": None,
    "items": None,
    "media_blobs": FIRST,
    "item_marks": FIRST,
    "point_steps": None,
    "extent_blocks": None,
    "log_blocks": None,
    "disordered": FIRST,
    "kept_runs": FIRST,
    "gone_index": slice(-12, -8),
    "timeline": FIRST,
    "extents": FIRST,
    "experiments": FIRST,
    "names": LAST,
    "runs": FIRST,
    "run_metrics": FIRST,
    "models": FIRST,
    "model_points": FIRST,
    "registered": FIRST,
    "registered_names": LAST,
    "registered_versions": FIRST,
    "sessions": FIRST,
    "artifacts": FIRST,
    **dict.fromkeys(index.TABLES, LAST),
    "run_counts": None,
    "disputed": FIRST,
    "unknown": FIRST,
    "skipped": FIRST,
    "raised": FIRST,
    "traces": FIRST,
    "traces_by_time": LAST,
    "spans": FIRST,
    "span_bodies": FIRST,
    "datasets": FIRST,
    "dataset_records": FIRST,
    "dataset_order": FIRST,
    "scorers": FIRST,
}
# The position at the end of a key of `gone_index`.
_POSITION_BYTES = 8
# Folds the streams with some numbers anew, except for those that are folded already. It is given
# the rows: if it held them, this circle would hold a reader's slot until a garbage collection.
FoldAnew = Callable[["MomentRows", set[bytes]], object]


class MomentRows:
    """The rows of the tables as they were at a moment. Reading folds the streams that it needs.

    Args:
        live: The live views.
        beside: The rows of the streams that were folded anew.
        folded: The numbers of these streams; `fold` adds to it.
    """

    def __init__(
        self,
        live: Rows,
        beside: Rows,
        standing: Standing,
        folded: set[bytes],
        fold: FoldAnew,
    ) -> None:
        self.live = live
        self.standing = standing
        self._beside = beside
        self._folded = folded
        self._fold = fold

    def get(self, table: str, key: bytes) -> bytes | None:
        """See `Rows`."""
        owner = OWNERS[table]
        if table == COUNTS:
            return None  # kept for the present alone
        if owner is None:
            value = self._beside.get(table, key)
            return self.live.get(table, key) if value is None else value
        number = key[owner]
        if number not in self._folded:
            if self.standing.is_before(number):
                return self.live.get(table, key)
            if not self.standing.is_across(number):
                return None
            if table == "runs":
                row = self.standing.kept_row(number)
                if row is not None or number not in self.standing.runs_to_fold():
                    return row
            self.need(number)
        return self._beside.get(table, key)

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Row]:
        """See `Rows`."""
        check()
        self._need_range(table, start, stop)
        sources = [self._beside.scan(table, start, stop, reverse=reverse)]
        live = self.live.scan(table, start, stop, reverse=reverse)
        owner = OWNERS[table]
        if table in index.TABLES:
            gone = self.live.scan(GONE, start, stop, reverse=reverse)
            sources += [self._of_index(live), self._of_gone(gone)]
        else:
            sources.append(live if owner is None else self._of_live(owner, live))
        return _merged(sources, reverse=reverse)

    def keys(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """See `Rows`."""
        return map(itemgetter(0), self.scan(table, start, stop, reverse=reverse))

    def count(self, table: str) -> int:
        """An upper bound of the number of rows."""
        return self.live.count(table) + self._beside.count(table)

    def need(self, number: bytes) -> None:
        """Fold a stream anew if it lies across the moment."""
        if number not in self._folded and self.standing.is_across(number):
            self._fold(self, {number})

    def _need_range(self, table: str, start: bytes, stop: bytes | None) -> None:
        """Fold anew the streams across the moment that may have rows in a range of a table."""
        owner = OWNERS[table]
        if table in index.TABLES:
            # Kept rows and gone rows show the other runs.
            self._fold(self, self.standing.runs_to_fold())
        elif owner == FIRST and _is_of_one_stream(start, stop):
            self.need(start[:4])
        elif owner is not None:
            # A deleted trace has no row in the order of traces, but still one in `traces`.
            whole = "traces" if table == "traces_by_time" else table
            numbers = {key[OWNERS[whole] or FIRST] for key in self.live.keys(whole)}
            self._fold(self, {number for number in numbers if self.standing.is_across(number)})

    def _of_live(self, owner: slice, rows: Iterator[Row]) -> Iterator[Row]:
        """The live rows of streams before the moment."""
        before, is_before = self.standing.blocks_before, self.standing.is_before
        folded = self._folded
        block = slice(owner.start, owner.start + BLOCK_BYTES)
        for row in checked(rows):
            key = row[0]
            if key[block] in before or (is_before(key[owner]) and key[owner] not in folded):
                yield row

    def _of_index(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The live rows of the search index that were there at the moment."""
        before, bound_of = self.standing.blocks_before, self.standing.bound
        folded = self._folded
        for row in checked(rows):
            number = row[0][-4:]
            is_before = number[:BLOCK_BYTES] in before
            if is_before or (came(row[1]) < bound_of(number) and number not in folded):
                yield row

    def _of_gone(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows that left the search index since, but were there at the moment."""
        bound_of, folded = self.standing.bound, self._folded
        for key, value in checked(rows):
            row, left = key[:-_POSITION_BYTES], int.from_bytes(key[-_POSITION_BYTES:], "big")
            number = row[-4:]
            if came(value) < bound_of(number) <= left and number not in folded:
                yield row, value


def _is_of_one_stream(start: bytes, stop: bytes | None) -> bool:
    """Whether all keys of a range begin with the same stream number."""
    stream_end = end_of(start[:4])
    return len(start) >= 4 and stop is not None and (stream_end is None or stop <= stream_end)


def _merged(sources: Sequence[Iterator[Row]], *, reverse: bool) -> Iterator[Row]:
    """Sorted sources merged into one. Of rows with one key, the first source's is shown."""
    rows: Iterator[Row] | None = None
    for source in reversed(sources):
        head = next(source, None)
        if head is not None:
            whole = chain((head,), source)
            rows = whole if rows is None else _interleaved(whole, rows, reverse)
    return iter(()) if rows is None else rows


def _interleaved(rows: Iterator[Row], others: Iterator[Row], reverse: bool) -> Iterator[Row]:
    other = next(others, None)
    for row in rows:
        while other is not None and other[0] != row[0] and (other[0] > row[0]) == reverse:
            yield other
            other = next(others, None)
        if other is not None and other[0] == row[0]:
            other = next(others, None)
        yield row
    if other is not None:
        yield other
        yield from others
