"""Rows that `eventtrack export series` wrote: a text, a histogram or a medium each.

A row has the columns run_id, kind, key, step and timestamp, then those of its kind. The bytes of
media lie in a folder beside the table, each file named by their SHA-256 and a suffix.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eventtrack import limits
from eventtrack.store.intake import IncomingMedium
from eventtrack.transfer.report import Report
from eventtrack.transfer.sheets import Sheet
from eventtrack.transfer.table_runs import TableRun

# Columns that only such tables have, all of them.
COLUMNS = {"run_id", "kind", "key", "step", "timestamp"}
_KINDS = ("text", "histogram", "media")
_ROLES = {"run_id": "the run", "kind": "kinds of series", "key": "names of series"}
_ROLES |= {"step": "step", "timestamp": "time"}
_SHA256_DIGITS = 64


class ItemRows:
    """Gives each row's item to its run.

    Args:
        report: Gets the rows that hold no item, and the media without bytes.
        folder: The files of media; None for none.
    """

    def __init__(self, report: Report, folder: Path | None) -> None:
        self._report = report
        names = sorted(folder.iterdir()) if folder is not None else []
        self._files = {path.name[:_SHA256_DIGITS]: path for path in names}
        self._sound: dict[str, bool] = {}  # by SHA-256: whether the file has those bytes

    def take(self, sheet: Sheet, owners: Sequence[TableRun]) -> None:
        """Take all rows of a sheet of items."""
        sheet.roles |= {name: _ROLES.get(name, "the item") for name in sheet.columns}
        rows: list[dict[str, Any]] = [{} for _ in range(sheet.count)]
        for name, column in sheet.columns.items():
            for row, cell in zip(column.rows, column.cells, strict=True):
                rows[row][name] = cell
        for number, cells in enumerate(rows):
            try:
                self._take(owners[number], cells)
            except (KeyError, ValueError) as error:
                problem = f"no item of a series: {error}"[:300]
                place = sheet.place(number)
                self._report.damaged(sheet.path, sheet.byte(number), problem, place=place)

    def _take(self, run: TableRun, cells: dict[str, Any]) -> None:
        key, kind = str(cells["key"]), cells["kind"]
        step = _whole("step", cells, limits.INT64_MIN)
        time_ms = _whole("timestamp", cells, 0)
        if kind == "text":
            text, source = str(cells.get("text", "")), str(cells.get("source", ""))
            if not run.items.text(key, step, time_ms, text, source):
                raise ValueError("its text is too long")
        elif kind == "histogram":
            edges, counts = (_numbers(name, cells) for name in ("edges", "counts"))
            if not run.items.histogram(key, step, time_ms, edges, counts):
                raise ValueError("its edges and counts make no histogram")
        else:
            medium = self._medium(cells)
            if medium is None:
                what = f"a medium of {key} at step {step} of run {run.source_id}"
                reason = "its bytes are not here; name their folder with --files"
                self._report.missing(what, reason)
            else:
                run.items.add(key, step, time_ms, medium)

    def _medium(self, cells: dict[str, Any]) -> IncomingMedium | None:
        """A medium with the file of its bytes; None if there is no such file."""
        digest = str(cells["sha256"])
        path = self._files.get(digest)
        if path is None:
            return None
        if digest not in self._sound:
            with path.open("rb") as file:
                self._sound[digest] = hashlib.file_digest(file, "sha256").hexdigest() == digest
        if not self._sound[digest]:
            raise ValueError(f"the file {path.name} has other bytes than its name says")
        media_type = str(cells.get("media_type") or "application/octet-stream")
        name, caption = (cells.get(name) for name in ("name", "caption"))
        texts = [None if text is None else str(text) for text in (name, caption)]
        return IncomingMedium(path, media_type, *texts)


def holds_items(sheet: Sheet) -> bool:
    """Whether the rows of a sheet are items, all of them."""
    if not set(sheet.columns) >= COLUMNS:
        return False
    kinds = sheet.columns["kind"].cells
    return len(kinds) == sheet.count and set(map(str, kinds)) <= set(_KINDS)


def _whole(name: str, cells: dict[str, Any], least: int) -> int:
    number = int(cells[name])
    if isinstance(cells[name], float) or not least <= number <= limits.INT64_MAX:
        raise ValueError(f"the {name} {str(cells[name])[:40]} is none")
    return number


def _numbers(name: str, cells: dict[str, Any]) -> list[Any]:
    numbers = json.loads(str(cells[name]))
    if not isinstance(numbers, list):
        raise ValueError(f"the {name} are no list")  # noqa: TRY004 - a fault of the file
    return numbers
