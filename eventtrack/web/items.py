"""Text, histograms and media for the pages: a part of a series at a time."""

from eventtrack.views.items import TextItem
from eventtrack.views.queries.nouns import Queries
from eventtrack.web.answers import Json

ITEMS_MAX = 1000
# An answer ends behind the item with which its texts reach so many characters.
_LETTERS_MAX = 4_000_000
# Items that are read at once: a text may have a mebibyte.
_PORTION = 50


def part(queries: Queries, run_id: str, key: str, kind: str | None, start: int, limit: int) -> Json:
    """The items of a series from `start` on; a negative start counts from the end.

    Raises:
        NotFoundError: No kind is given, and the run has no such series.
        InvalidValueError: No kind is given, and series of several kinds have that key.
    """
    counts = {(series.kind, series.key): series.count for series in queries.items.list(run_id)}
    if kind is None:
        queries.items.read(run_id, key, None, 0, 0)
        kind = next(kind for kind, name in counts if name == key)
    count = counts.get((kind, key), 0)
    first = max(count + start, 0) if start < 0 else min(start, count)
    items: list[Json] = []
    letters = 0
    stop = min(first + limit, count)
    while first + len(items) < stop and letters < _LETTERS_MAX:
        at = first + len(items)
        for item in queries.items.read(run_id, key, kind, at, min(at + _PORTION, stop)):
            letters += len(item.text) if isinstance(item, TextItem) else 0
            items.append(item.to_dictionary())
    return {"kind": kind, "key": key, "count": count, "start": first, "items": items}
