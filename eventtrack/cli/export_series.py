"""Rows of text, histograms and media for `eventtrack export series`, and the files of media."""

import json
import mimetypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventtrack.errors import NotFoundError
from eventtrack.views.items import HistogramItem, Item, MediaItem

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.records import Run

SERIES_COLUMNS = (
    *("run_id", "kind", "key", "step", "timestamp", "text", "source", "edges", "counts"),
    *("media_type", "size", "sha256", "name", "caption"),
)
# Items that are read at once: a text may have a mebibyte.
_PORTION = 1000
_COPY_BYTES = 2**20


def series_rows(
    store: "Store", runs: "Iterable[Run]", *, flat: bool, files: Path | None
) -> Iterator[dict[str, Any]]:
    """A row for each item of each series, series by series, with only the columns of its kind.

    Args:
        flat: Whether lists become JSON texts, for formats whose cells hold no lists.
        files: The folder that gets the bytes of media, each once; None for none.
    """
    for run in runs:
        run_id = run.info.run_id
        for series in store.items.list(run_id):
            fixed = {"run_id": run_id, "kind": series.kind, "key": series.key}
            for start in range(0, series.count, _PORTION):
                stop = start + _PORTION
                for item in store.items.read(run_id, series.key, series.kind, start, stop):
                    if files is not None and isinstance(item, MediaItem):
                        _copy(store, item, files)
                    yield fixed | _cells(item, flat=flat)


def _cells(item: Item, *, flat: bool) -> dict[str, Any]:
    cells = {name: value for name, value in item.to_dictionary().items() if value is not None}
    if flat and isinstance(item, HistogramItem):
        cells |= {name: json.dumps(cells[name]) for name in ("edges", "counts")}
    return cells


def _copy(store: "Store", item: MediaItem, folder: Path) -> None:
    """Copy the bytes of a medium to a file that is named by their hash, unless it is there."""
    suffix = Path(item.name).suffix if item.name else mimetypes.guess_extension(item.media_type)
    target = folder / f"{item.sha256}{suffix or ''}"
    if target.exists():
        return
    try:
        source = store.artifacts.blobs.open(bytes.fromhex(item.sha256))
    except NotFoundError:
        return  # erased, or not synced: its row says which bytes they were
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    folder.mkdir(parents=True, exist_ok=True)
    with source, draft.open("wb") as sink:
        while chunk := source.read(_COPY_BYTES):
            sink.write(chunk)
    draft.replace(target)
