"""Rows of Trackio, in its databases and in files that wait for a database.

Below `inbox` each writing process has a folder with files of JSON lines; a dashboard of Trackio's
moves their rows into the databases and deletes the files. A row has the same `log_id` in both.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eventtrack.transfer.folders import walk
from eventtrack.transfer.mlflow_facts import text_of
from eventtrack.transfer.report import Report

INBOX = "inbox"
_KINDS = {"metric": "metrics", "system_metric": "system_metrics"}


class Row(NamedTuple):
    """A logged row of a run, with its place in the source."""

    project: str  # as its database is named
    run: str
    key: str  # the run's identity: an id, or a name
    kind: str  # the row's table, now or after the move
    stamp: object
    step: object
    values: dict[str, Any]
    file: Path
    place: str
    log_id: str
    config: dict[str, Any] | None = None

    def damaged(self, report: Report) -> Callable[[str], None]:
        """A function that reports damage in the row."""
        return lambda problem: report.damaged(self.file, None, problem, place=self.place)


def decoded(text: object, file: Path, place: str, report: Report) -> dict[str, Any]:
    """The values in a JSON text; anything but a JSON object is reported and gives no values."""
    try:
        values = json.loads(text if isinstance(text, str | bytes) else "null")
        if not isinstance(values, dict):
            raise ValueError("no object of names and values")  # noqa: TRY004 - as the others
    except (ValueError, RecursionError) as error:
        report.damaged(file, None, str(error), place=place)
        return {}
    return values


def rows_in(inbox: Path, report: Report) -> Iterator[Row]:
    """All rows that wait for a database."""
    for _, files in walk(inbox, report) if inbox.is_dir() else ():
        for path in files:
            if path.suffix == ".jsonl":
                yield from _rows_of(path, report)


def _rows_of(path: Path, report: Report) -> Iterator[Row]:
    try:
        data = path.read_bytes()
    except OSError as error:
        report.missing(str(path), error.strerror or str(error))
        return
    for number, line in enumerate(data.splitlines(), start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        entry = decoded(line, path, place, report)
        kind = entry.get("kind")
        if kind == "alert":
            report.left_out("alerts", place=path)
        elif kind in _KINDS:
            project = "".join(c for c in text_of(entry.get("project")) if c.isalnum() or c in "-_")
            values, config = entry.get("metrics"), entry.get("config")
            yield Row(
                project or "default",
                text_of(entry.get("run")),
                text_of(entry.get("run_id")) or text_of(entry.get("run")),
                _KINDS[kind],
                entry.get("timestamp"),
                entry.get("step"),
                values if isinstance(values, dict) else {},
                path,
                place,
                text_of(entry.get("log_id")),
                config if isinstance(config, dict) else None,
            )
        elif entry:
            report.damaged(path, None, f"a row of the kind {kind!r:.50}", place=place)
