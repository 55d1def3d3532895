"""A run of W&B, read from its `.wandb` files, which hold `Record`s of wandb_internal.proto."""

import json
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventtrack.store.intake import IncomingFile, IncomingItems
from eventtrack.tags import (
    GIT_COMMIT_TAG,
    GIT_REPOSITORY_TAG,
    NOTE_TAG,
    SOURCE_NAME_TAG,
    USER_TAG,
)
from eventtrack.transfer import wandb_file, wire
from eventtrack.transfer.items import CONSOLE, LoggedItems
from eventtrack.transfer.nested import Leaf, Rows, leaves, put, remove, without_media
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import number as number_in
from eventtrack.transfer.settings import param_text
from eventtrack.transfer.source import Series
from eventtrack.views.records import RunStatus

_NO_PROJECT = "uncategorized"  # W&B's own name for it
# Fields of `Record` with things that have no place here.
_LEFT_OUT = {
    8: "artifacts of W&B (their files are not here)",
    9: "folders of TensorBoard that W&B points to",
    10: "alerts",
    24: "artifacts of W&B (their files are not here)",
    25: "artifacts of W&B (their files are not here)",
}
_CONSOLE = (4, 13)
_OWN = ("_step", "_timestamp", "_runtime", "_wandb")
_TIME_MAX = 2**63 / 1000 - 1  # seconds; times are kept in milliseconds, as int64
# Errors that odd messages raise; the last comes from endless nesting.
_ODD = (ValueError, TypeError, AttributeError, OverflowError, struct.error, RecursionError)


@dataclass
class Segment:
    """A file of a run: a resumed run begins a new file."""

    path: Path
    name: str  # the run's id
    entity: str = ""
    project: str = _NO_PROJECT
    start_ms: int = 0
    has_head: bool = False


def first_look(path: Path, report: Report) -> Segment | None:
    """The run of a file; None, and damage is reported, if no record can be read."""
    segment, is_empty = Segment(path, path.stem.removeprefix("run-")), True
    for record in wandb_file.records(path, Report("it is read again")):
        is_empty = False
        try:
            for number, kind, message in wire.fields(record):
                if (number, kind) == (17, wire.BYTES):
                    _take_head(segment, message)
                    return segment
        except _ODD:
            continue
    if is_empty:
        for _ in wandb_file.records(path, report):
            pass
        return None
    return segment


def _take_head(segment: Segment, message: bytes) -> None:
    for number, _, data in wire.fields(message):
        if number == 1:
            segment.name = wire.text(data)
        elif number == 2:
            segment.entity = wire.text(data)
        elif number == 3:
            segment.project = wire.text(data) or _NO_PROJECT
        elif number == 17:
            segment.start_ms = wandb_file.timestamp_ms(data)
    segment.has_head = True


class WandbRun:
    """A run that is read from its segments, in order; the last segment says how it ended."""

    def __init__(self, segments: Sequence[Segment], report: Report) -> None:
        self.segments = segments
        self.display_name = ""
        self.start_ms = 0
        self.end_ms: int | None = None
        self.status = RunStatus.RUNNING
        self.config: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.rows = Rows()
        self.forked_from: tuple[str, int] | None = None  # a run's id, and its last step
        self._stats = Rows()
        self._report = report
        self._labels: list[str] = []
        self._summary: dict[str, Any] = {}
        self._of_summary: set[str] = set()  # metrics that no row has
        self._last: tuple[int, int] | None = None  # step and time of the last row
        self._segment = segments[0]
        self._has_branched = False
        self._items = LoggedItems()
        self._runtime = 0  # seconds: of the segments before, and of this segment

    def read(self) -> None:
        """Read everything."""
        for segment in self.segments:
            self._segment, self._has_branched = segment, False
            self.status, self.end_ms, self._runtime = RunStatus.RUNNING, None, 0
            for record in wandb_file.records(segment.path, self._report):
                self._take(record)
            self._take_metadata(segment.path.parent / "files" / "wandb-metadata.json")
            if (
                self.status != RunStatus.RUNNING
            ):  # else the summary may still change, and points are permanent
                self._take_summary()
        starts = [segment.start_ms for segment in self.segments if segment.start_ms > 0]
        times = self.rows.times() or self._stats.times()
        changed_ms = round(self.segments[0].path.stat().st_mtime * 1000)
        self.start_ms = min(starts) if starts else times[0] if times else changed_ms
        if self.end_ms is None and self.status != RunStatus.RUNNING and self._last:
            self.end_ms = self._last[1]

    def series(self) -> Series:
        """All metrics: those of the history, and those of the system."""
        yield from self.rows.series()
        yield from self._stats.series()

    def files(self) -> Iterator[IncomingFile]:
        """A file with all logged texts."""
        return self.rows.files()

    def all_tags(self) -> dict[str, str]:
        """Tags, labels, and the last of each logged text."""
        labels = {f"wandb.tag.{label}": "true" for label in self._labels}
        texts = self.rows.last_texts().items()
        return labels | {f"wandb.summary.{k}": param_text(v) for k, v in texts} | self.tags

    def _take(self, record: bytes) -> None:
        try:
            for number, kind, message in wire.fields(record):
                if kind != wire.BYTES:
                    continue
                if number == 2:
                    self._take_history(message)
                elif number == 3:
                    self._take_pairs(self._summary, message)
                elif number == 5:
                    self._take_pairs(self.config, message)
                elif number == 7:
                    self._take_stats(message)
                elif number == 12:
                    self._take_metric(message)
                elif number == 17:
                    self._take_run(message)
                elif number == 18:
                    self._take_exit(message)
                elif number == 23:
                    self.tags["wandb.preempting"] = "true"
                elif number == 26:
                    self._take_environment(message)
                elif number in _CONSOLE:
                    self._take_console(message)
                elif number in _LEFT_OUT:
                    self._left_out(_LEFT_OUT[number])
        except _ODD as error:
            problem = f"a record that is not understood: {error}"
            self._report.damaged(self._segment.path, None, problem)

    def _take_run(self, message: bytes) -> None:
        labels: list[str] = []
        fields: dict[int, Any] = {}
        for number, _, data in wire.fields(message):
            if number == 4:
                self._take_pairs(self.config, data)
            elif number == 10:
                labels.append(wire.text(data))
            else:
                fields[number] = data
        names = {6: "wandb.group", 7: "wandb.job_type", 9: NOTE_TAG}
        names |= {12: "wandb.sweep_id", 13: "wandb.host"}
        self.tags |= {names[n]: wire.text(data) for n, data in fields.items() if n in names}
        self.display_name = wire.text(fields.get(8, b"")) or self.display_name
        self._runtime = int(fields.get(20, 0))
        self._labels = labels
        if 21 in fields:
            self._take_git(fields[21])
        if 23 in fields and not self._has_branched:
            self._has_branched = True
            self._take_branch(fields[23])

    def _take_branch(self, message: bytes) -> None:
        """Take a branch: the run goes on from a step of another run (fork) or its own (rewind)."""
        fields = {number: data for number, _, data in wire.fields(message)}
        origin, last_step = wire.text(fields.get(1, b"")), wire.double(fields.get(2, bytes(8)))
        if not math.isfinite(last_step):
            raise ValueError(f"a branch at step {last_step}")
        if origin == self._segment.name:
            dropped = self.rows.drop_behind(int(last_step))
            dropped += self._items.drop_from(int(last_step) + 1)
            self._summary.clear()
            if dropped:
                problem = f"{dropped} points that a rewind made void were left out; "
                problem += "those that an earlier import took stay"
                self._report.note(f"{self._segment.path}: {problem}")
        elif origin:
            self.forked_from = (origin, int(last_step))
            self.tags["wandb.forked_from"] = f"{origin}?_step={int(last_step)}"

    def _take_pairs(self, tree: dict[str, Any], message: bytes) -> None:
        """Apply the changes of a config or a summary to a tree: values set and values removed."""
        for path, value in wandb_file.items(message):
            if path[0] != "_wandb":
                put(tree, path, value)
        for path in wandb_file.removed(message):
            remove(tree, path)

    def _take_metric(self, message: bytes) -> None:
        fields = {
            n: wire.text(data) for n, kind, data in wire.fields(message) if kind == wire.BYTES
        }
        name, axis = fields.get(1) or fields.get(2), fields.get(4)
        if name and axis:
            self.tags[f"wandb.step_metric.{name}"] = axis

    def _take_history(self, message: bytes) -> None:
        own: dict[str, Any] = {}
        row: list[Leaf] = []
        for path, value in wandb_file.items(message):
            if path[0] in _OWN:
                own[path[0]] = value
            elif isinstance(value, dict) and value:
                row += leaves(value, path)
            else:
                row.append((path, value))
        step, time_ms = self._step(own, message), self._time(own)
        self.rows.row(step, time_ms, self._without_media(row, step, time_ms))
        self._last = (step, time_ms)

    def _step(self, own: dict[str, Any], message: bytes) -> int:
        """The row's step: an item of its own, or a field beside the items; else the next step."""
        step = own.get("_step")
        if isinstance(step, float) and step.is_integer():
            step = int(step)
        if isinstance(step, int) and not isinstance(step, bool) and -(2**63) <= step < 2**63:
            return step
        if "_step" in own:
            problem = f"a row at the step {str(step)[:100]}; it has the next one"
            self._report.damaged(self._segment.path, None, problem)
        beside = [data for number, _, data in wire.fields(message) if number == 2]
        if beside and "_step" not in own:
            fields = {number: value for number, _, value in wire.fields(beside[-1])}
            return wire.signed(fields.get(1, 0))
        return self._last[0] + 1 if self._last else 0

    def _time(self, own: dict[str, Any]) -> int:
        """The row's time in milliseconds; else the last time."""
        seconds = number_in(own.get("_timestamp"))
        if seconds is None and self._segment.start_ms:
            runtime = number_in(own.get("_runtime"))
            seconds = None if runtime is None else self._segment.start_ms / 1000 + runtime
        if seconds is not None and -_TIME_MAX < seconds < _TIME_MAX:
            return round(seconds * 1000)
        if seconds is not None:
            problem = f"a row at the time {seconds}; it has the one before"
            self._report.damaged(self._segment.path, None, problem)
        if self._last:
            return self._last[1]
        return self._segment.start_ms or round(self._segment.path.stat().st_mtime * 1000)

    def _without_media(self, row: Sequence[Leaf], step: int, time_ms: int) -> list[Leaf]:
        values, media = without_media(row)
        folder = self._segment.path.parent / "files"
        for path, value in media:
            name = self.rows.names.name(path)
            if not self._items.logged(name, step, time_ms, value, folder):
                self._left_out(f"logged media of the type {value.get('_type')}")
        return values

    def _take_console(self, message: bytes) -> None:
        """Take a line of the console; records that are no line are counted."""
        fields = {number: data for number, _, data in wire.fields(message)}
        text, source = wire.text(fields.get(3, b"")), "stdout" if fields.get(1) == 1 else "stderr"
        if 3 not in fields:
            self._left_out("lines of the console")
            return
        when = wandb_file.timestamp_ms(fields[2]) if 2 in fields else self._time({})
        for line in text.removesuffix("\n").split("\n"):
            if not self._items.text(CONSOLE, 0, when, line, source):
                self._left_out("lines of the console")

    def items(self) -> Iterator[IncomingItems]:
        """Lines of the console, histograms and media."""
        return self._items.series()

    def _take_stats(self, message: bytes) -> None:
        times = [data for n, _, data in wire.fields(message) if n == 2]
        time_ms = wandb_file.timestamp_ms(times[0]) if times else self._time({})
        for path, value in wandb_file.items(message, 3):
            point = number_in(value)
            name = ".".join(path)
            if point is not None:
                unique = self.rows.names.name(("system", *path), f"system/{name}")
                self._stats.point(unique, 0, time_ms, point)
            else:
                self._left_out("statistics of the system that are no numbers")

    def _take_exit(self, message: bytes) -> None:
        fields = {number: value for number, _, value in wire.fields(message)}
        code = wire.signed(fields.get(1, 0))
        self.status = RunStatus.FAILED if code else RunStatus.FINISHED
        self.tags.pop("wandb.exit_code", None)
        if code:
            self.tags["wandb.exit_code"] = str(code)
        ends = [self._last[1]] if self._last else []
        if 2 in fields:
            runtime = wire.signed(fields[2])
            # The runtime of a run that was resumed online covers all its parts.
            runtime -= self._runtime if runtime >= self._runtime else 0
            ends.append(self._segment.start_ms + 1000 * runtime)
        self.end_ms = max(ends, default=None)

    def _take_environment(self, message: bytes) -> None:
        names = {6: SOURCE_NAME_TAG, 12: "wandb.host", 13: USER_TAG}
        for number, kind, data in wire.fields(message):
            if number in names and kind == wire.BYTES:
                self.tags[names[number]] = wire.text(data)
            elif number == 9:
                self._take_git(data)

    def _take_git(self, message: bytes) -> None:
        names = {1: GIT_REPOSITORY_TAG, 2: GIT_COMMIT_TAG}
        for number, _, data in wire.fields(message):
            if number in names:
                self.tags[names[number]] = wire.text(data)

    def _take_metadata(self, path: Path) -> None:
        """Take the file of metadata that older versions of W&B wrote; the records come first."""
        try:
            metadata = json.loads(path.read_bytes())
            git = metadata.get("git") or {}
            names = {SOURCE_NAME_TAG: metadata.get("program"), "wandb.host": metadata.get("host")}
            names |= {USER_TAG: metadata.get("username")}
            names |= {GIT_COMMIT_TAG: git.get("commit"), GIT_REPOSITORY_TAG: git.get("remote")}
        except FileNotFoundError:
            return
        except (*_ODD, OSError) as error:
            self._report.damaged(path, None, f"no metadata of a run: {error}")
            return
        for name, text in names.items():
            if isinstance(text, str) and text:
                self.tags.setdefault(name, text)

    def _left_out(self, what: str, count: int = 1) -> None:
        self._report.left_out(what, count, place=self._segment.path)

    def _take_summary(self) -> None:
        """Take the summary's values that the last row lacks: numbers as metrics, texts as tags."""
        step, time_ms = self._last or (0, self._time({}))
        known = set(self.rows.last_texts())
        values = [leaf for leaf in leaves(self._summary) if leaf[0][0] not in _OWN]
        values.sort(key=lambda leaf: -len(leaf[0]))
        for path, value in without_media(values)[0]:
            name, point = self.rows.names.name(path), number_in(value)
            last = self.rows.last(name)
            if point is None:
                if value is not None and name not in known:
                    self.tags[f"wandb.summary.{name}"] = param_text(value)
            elif last is None:
                self._of_summary.add(name)
                self.rows.point(name, step, time_ms, point)
            elif repr(last) != repr(point) and name in self._of_summary:
                self.rows.point(name, step, time_ms, point)
            elif repr(last) != repr(point):
                unique = self.rows.names.name(("summary", *path), f"summary/{'.'.join(path)}")
                self.rows.point(unique, step, time_ms, point)
