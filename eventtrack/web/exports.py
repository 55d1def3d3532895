"""Files that the pages save to disk: folders as ZIP and curves as CSV, made while they are sent."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence

from eventtrack.errors import EventtrackError, InvalidValueError
from eventtrack.store import Queries

# Bytes of a file, and points of a curve, that are read at once.
_CHUNK_BYTES = 2**20
_ROWS = 4096
CURVES_MAX = 5000
# Of files without a time of their own: the earliest that the format knows.
_UNDATED = (1980, 1, 1, 0, 0, 0)
_MISSING = "FILES THAT ARE NOT HERE.txt"
# A spreadsheet takes a text that begins so for a formula: the same as in the pages' own tables.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The archive needs no file for entries beyond this size to be marked as large in advance.
_LARGE_BYTES = 2**31


class _Written(io.RawIOBase):
    """Collects what is written; `take` hands it on. It cannot be searched, so nothing is kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """All bytes that were written since the last call."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def folder(queries: Queries, run_id: str, path: str) -> Iterator[bytes]:
    """The files of a run at or below a path as a ZIP, file by file, each checked by its hash.

    A text in it names the files whose bytes are not here.
    """
    written, missing = _Written(), []
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in queries.artifacts.entries(run_id, path or None):
            try:
                # By the hash alone: an event may name any place of this machine.
                place, _ = queries.artifacts.blob(run_id, entry.path)
            except EventtrackError as error:
                missing.append(f"{entry.path}: {error.message}")
                continue
            info = zipfile.ZipInfo(_portable(entry.path), _UNDATED)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            large = entry.size >= _LARGE_BYTES
            with place.open("rb") as source, archive.open(info, "w", force_zip64=large) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield written.take()
        if missing:
            archive.writestr(_MISSING, "\n".join(missing))
    yield written.take()


def _portable(path: str) -> str:
    """A path in which a backslash leads into no other folder, as it would on Windows."""
    return path.replace("\\", "%5C")


def curves(queries: Queries, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[bytes]:
    """All points of some metrics of some runs as CSV: as logged, in order of their times.

    Args:
        keys: The metrics; all metrics of each run if empty.

    Raises:
        InvalidValueError: More than `CURVES_MAX` curves.
        NotFoundError: There is no such run.
    """
    names = {run_id: queries.runs.get(run_id).info.run_name for run_id in run_ids}
    pairs = [
        (run_id, key)
        for run_id in names
        for key in keys or [metric.key for metric in queries.metrics.latest(run_id)]
    ]
    if len(pairs) > CURVES_MAX:
        raise InvalidValueError(
            f"these are {len(pairs)} curves, and one file takes {CURVES_MAX}",
            hint="save fewer at once",
        )
    return _rows(queries, names, pairs)


def _rows(
    queries: Queries, names: dict[str, str], pairs: Sequence[tuple[str, str]]
) -> Iterator[bytes]:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["run_id", "run_name", "metric", "step", "timestamp", "value"])
    for run_id, key in pairs:
        points = queries.metrics.arrays(run_id, key)
        labels = (run_id, _harmless(names[run_id]), _harmless(key))
        columns = (points.steps, points.timestamps, points.values)
        for place, (step, timestamp, value) in enumerate(zip(*columns, strict=True)):
            table.writerow([*labels, step, timestamp, repr(value)])
            if place % _ROWS == 0:
                yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode("utf-8", "replace")
    text.seek(0)
    text.truncate()
    return taken


def _harmless(text: str) -> str:
    """A text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
