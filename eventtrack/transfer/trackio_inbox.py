"""Rows of Trackio, as its databases have them and as files have them that wait for a database.

Below `inbox` each writing process has a folder with files of JSON lines; a dashboard of Trackio's
puts them into the databases and deletes them. A row has the same `log_id` in both.
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
    """One logged row of a run, with the place that it is at."""

    project: str  # as its database is named
    run: str
    key: str  # what tells runs apart: an id, or a name
    kind: str  # the table that it is in, or will be in
    stamp: object
    step: object
    values: dict[str, Any]
    file: Path
    place: str
    log_id: str
    config: dict[str, Any] | None = None

    def damaged(self, report: Report) -> Callable[[str], None]:
        """Reports what is odd about the row."""
        return lambda problem: report.damaged(self.file, None, problem, place=self.place)


def decoded(text: object, file: Path, place: str, report: Report) -> dict[str, Any]:
    """The values in a JSON text; none, and reported, where it is no JSON object."""
    try:
        found = json.loads(text if isinstance(text, str | bytes) else "null")
        if not isinstance(found, dict):
            raise ValueError("no object of names and values")  # noqa: TRY004 - as the others
    except (ValueError, RecursionError) as error:
        report.damaged(file, None, str(error), place=place)
        return {}
    return found


def rows_in(inbox: Path, report: Report) -> Iterator[Row]:
    """All rows that wait."""
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
        found = decoded(line, path, place, report)
        kind = found.get("kind")
        if kind == "alert":
            report.left_out("alerts", place=path)
        elif kind in _KINDS:
            project = "".join(c for c in text_of(found.get("project")) if c.isalnum() or c in "-_")
            values, config = found.get("metrics"), found.get("config")
            yield Row(
                project or "default",
                text_of(found.get("run")),
                text_of(found.get("run_id")) or text_of(found.get("run")),
                _KINDS[kind],
                found.get("timestamp"),
                found.get("step"),
                values if isinstance(values, dict) else {},
                path,
                place,
                text_of(found.get("log_id")),
                config if isinstance(config, dict) else None,
            )
        elif found:
            report.damaged(path, None, f"a row of the kind {kind!r:.50}", place=place)
