"""TensorBoard's log folders: a run for each folder with event files."""

import json
import math
import re
import struct
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.projections.points import Points
from eventtrack.store.intake import IncomingExperiment, IncomingFile, IncomingRun
from eventtrack.tags import PARENT_TAG
from eventtrack.transfer import event_files, summaries, wire
from eventtrack.transfer.folders import walk
from eventtrack.transfer.items import LoggedItems
from eventtrack.transfer.source import Series, Source, SourceRun, run_id_of
from eventtrack.views.records import RunStatus

_NAME_PART = "tfevents"
# Made by TensorFlow's profiler so that its folder is a run; no summary is ever in it.
_NO_EVENTS_SUFFIX = ".profile-empty"
_NAME_TIME = re.compile(r"tfevents\.(\d{9,10})\b")
_TEXT_SUFFIX = "/text_summary"
_SIMPLE_VALUE = b"\x15"  # the key of field 2, a float
_WALL = struct.Struct("<d")
_VALUE = struct.Struct("<f")
_WALL_MAX = 2**63 / 1000 - 1  # seconds; times are kept in milliseconds, as int64
# Values that are not taken: by the field of `Summary.Value`, and by the plugin.
_HISTOGRAMS, _IMAGES, _SOUNDS = (
    f"{what} that make no sense" for what in ("histograms", "images", "sounds")
)
_KINDS = {3: "histograms of the oldest form", 4: _IMAGES, 5: _HISTOGRAMS, 6: _SOUNDS}
_PLUGINS = {"images": _IMAGES, "histograms": _HISTOGRAMS, "audio": _SOUNDS}
# Of `Event`.
_EVENTS = {4: "graphs", 6: "log messages", 8: "run metadata", 9: "graphs"}
_ENDS = {1: RunStatus.FINISHED, 2: RunStatus.FAILED, 3: RunStatus.RUNNING}
# Smaller whole numbers are exact as doubles; TensorBoard keeps all numbers as doubles.
_WHOLE_MAX = 2**53
# Errors that odd messages raise; the last comes from endless nesting.
_ODD = (ValueError, TypeError, AttributeError, OverflowError, struct.error, RecursionError)


class EventFolders(Source):
    """All runs below a folder.

    Args:
        experiment: The name of the experiment for all runs; by default the folder's name.
    """

    kind = "tensorboard"

    def __init__(self, folder: Path, experiment: str | None = None) -> None:
        self._root = folder.resolve()
        super().__init__(self._root.as_uri())
        self._experiment = experiment or self._root.name
        self._folders: list[tuple[Path, list[Path]]] = []
        for below, paths in walk(self._root, self.report) if self._root.is_dir() else ():
            files = [path for path in paths if _is_event_file(path.name)]
            if files:
                self._folders.append((below, files))
        if not self._folders:
            raise NotFoundError(
                f"cannot import {folder}: no file below it is an event file",
                hint="name the folder that `tensorboard --logdir` is given",
            )
        self._ids: dict[Path, str] = {}

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiment of all runs."""
        return {self._experiment: IncomingExperiment(self._experiment)}

    def count(self) -> int:
        """The number of folders with event files."""
        return len(self._folders)

    def runs(self) -> Iterator[SourceRun]:
        """A run for each folder with events; a run within another's folder is nested in it."""
        for folder, files in self._folders:
            read = _Folder(files, self)
            if read.first_wall is None:
                # A job that died at once, or has just begun: it becomes a run with its first event.
                self.report.note(f"{folder}: event files without an event, so no run yet")
                continue
            name = folder.relative_to(self._root).as_posix()
            # A run's id stays the same if the folders are moved or another root is named.
            first = read.files[0].name
            run_id = run_id_of("tensorboard", folder.name, first, repr(read.first_wall))
            if run_id in self._ids.values():
                run_id = run_id_of("tensorboard", name, first, repr(read.first_wall))
            self._ids[folder] = run_id
            tags = read.last_texts()
            parent = next(
                (self._ids[above] for above in folder.parents if above in self._ids),
                None,
            )
            if parent is not None:
                tags[PARENT_TAG] = parent
            run = IncomingRun(
                run_id,
                self._experiment,
                folder.name if name == "." else name,
                status=read.status,
                start_ms=_milliseconds(read.begin),
                end_ms=_milliseconds(read.end),
                params=read.params,
                tags=tags,
            )
            yield SourceRun(name, run, read.series(), read.text_files(), read.items.series())


class _Column:
    """The points of a tag, in the order of the files."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.walls: list[float] = []
        self.values: list[float] = []
        self.of_earlier_files = 0

    def drop(self, step: int, stop: int) -> int:
        """Drop the points from a step on among the first `stop`; the answer is their number."""
        kept = [n for n, at in enumerate(self.steps) if n >= stop or at < step]
        dropped = len(self.steps) - len(kept)
        self.steps[:] = [self.steps[n] for n in kept]
        self.walls[:] = [self.walls[n] for n in kept]
        self.values[:] = [self.values[n] for n in kept]
        self.of_earlier_files = min(self.of_earlier_files, len(kept))
        return dropped


class _Folder:
    """The facts in the event files of one folder, read by name: names begin with a time."""

    def __init__(self, files: list[Path], source: EventFolders) -> None:
        self.report = source.report
        self.files = files
        self.params: dict[str, str] = {}
        self.status = RunStatus.FINISHED  # TensorBoard has no other params than hparams
        self.first_wall: float | None = None  # as it stands in the file, for the run's identity
        self.begin = self.end = 0.0
        self._wall = 0.0  # the last time that an event named
        self.items = LoggedItems()
        self._texts: dict[str, list[dict[str, Any]]] = {}
        self._columns: dict[str, _Column] = {}
        # The bytes between a scalar's step and its value; they repeat from event to event.
        self._known: dict[bytes, _Column] = {}
        self._plugins: dict[str, tuple[str, bytes]] = {}
        self._version: float | None = None
        self._last_step = -1
        self._has_begun = False  # a session of TensorFlow's
        self._voided = 0
        for path in files:
            for column in self._columns.values():
                column.of_earlier_files = len(column.steps)
            damage = self.report.damage_count
            for record in event_files.records(path, self.report):
                if not self._quick(record):
                    self._slow(record, path, is_whole=damage == self.report.damage_count)
        if self._voided:
            problem = f"{self._voided} points that a restart made void were left out; "
            problem += "those that an earlier import took stay"
            self.report.note(f"{files[0].parent}: {problem}")

    def series(self) -> Series:
        """The scalars, by tag."""
        for tag, column in sorted(self._columns.items()):
            points = Points()
            points.steps = array("q", column.steps)
            points.timestamps = array("q", [round(wall * 1000) for wall in column.walls])
            points.values = array("d", column.values)
            yield tag, points

    def last_texts(self) -> dict[str, str]:
        """The last text of each name."""
        return {name: texts[-1]["text"] for name, texts in self._texts.items() if texts}

    def text_files(self) -> Iterator[IncomingFile]:
        """All texts with their steps; the run's tags have the last text of each name."""
        if self._texts:
            data = json.dumps(self._texts, ensure_ascii=False, indent=1, sort_keys=True)
            yield IncomingFile("imported/texts.json", data.encode("utf-8", "replace"))

    def _quick(self, record: bytes) -> bool:
        """Take a scalar of a known tag, recognized by its bytes that do not change."""
        if len(record) < 20 or record[0] != 0x09:
            return False
        step, place = 0, 9
        if record[9] == 0x10:
            step, place = record[10], 11
            if step >= 0x80:
                step, place = wire.varint(record, 10)
        column = self._known.get(record[place:-4])
        wall = _WALL.unpack_from(record, 1)[0]
        if column is None or not 0 < wall < _WALL_MAX:
            return False
        column.steps.append(wire.signed(step))
        column.walls.append(wall)
        column.values.append(_VALUE.unpack_from(record, len(record) - 4)[0])
        self._wall = wall
        self.end = max(self.end, wall)
        return True

    def _slow(self, record: bytes, path: Path, *, is_whole: bool) -> None:
        try:
            event = event_files.event(record)
            if event.version is not None:
                self._version = event.version
            for number in event.kinds:
                if number in _EVENTS:
                    self.report.left_out(_EVENTS[number], place=path)
            if self.first_wall is None:
                self.first_wall = event.wall
            wall = self._time(event.wall, path)
            self.begin = self.begin or wall
            self.end = max(self.end, wall)
            self._void(event, is_whole=is_whole)
            for value in event.values:
                self._take(value, wall, event.step, path)
            # Without a version of the format each step is compared with the one before it.
            if len(event.values) == 1 and event.values[0][-5:-4] == _SIMPLE_VALUE and self._version:
                self._remember(record, event.values[0])
        except _ODD as error:
            self.report.damaged(path, None, f"a record that is no event: {error}")

    def _time(self, wall: float, path: Path) -> float:
        """The event's time; else the time of the event before it, or of the file."""
        if wall and -_WALL_MAX < wall < _WALL_MAX:
            self._wall = wall
            return wall
        if wall:  # NaN too
            self.report.damaged(path, None, f"an event at the time {wall}: it has the one before")
        if not self._wall:
            named = _NAME_TIME.search(path.name)
            self._wall = float(named[1]) if named else path.stat().st_mtime
        return self._wall

    def _void(self, event: event_files.Event, *, is_whole: bool) -> None:
        """Drop the points that a restart from an earlier step made void, as TensorBoard does.

        Today's writers mark the begin of a session (`SummaryWriter(purge_step=)` does). The first
        mark in a folder voids no points of its own file: TensorFlow's own writer may write the mark
        late. In files without a version of the format, a step below the last step is the mark.
        """
        dropped = 0
        if event.restarts and (self._version or 0) >= 2:
            for column in self._columns.values():
                stop = len(column.steps) if self._has_begun else column.of_earlier_files
                dropped += column.drop(event.step, stop)
            for name, texts in self._texts.items():
                self._texts[name] = [entry for entry in texts if entry["step"] < event.step]
            dropped += self.items.drop_from(event.step)
            self._has_begun = True
        elif event.values and not self._version and is_whole:
            if event.step < self._last_step:
                for value in event.values:
                    column = self._columns.get(_tag(event_files.value_fields(value)), _Column())
                    dropped += column.drop(event.step, len(column.steps))
            self._last_step = event.step
        self._voided += dropped

    def _remember(self, record: bytes, value: bytes) -> None:
        fields = list(wire.fields(value))
        if [number for number, _, _ in fields] != [1, 2] or record[0] != 0x09:
            return
        place = wire.varint(record, 10)[1] if record[9] == 0x10 else 9
        self._known[record[place:-4]] = self._columns[wire.text(fields[0][2])]

    def _take(self, value: bytes, wall: float, step: int, path: Path) -> None:
        fields = event_files.value_fields(value)
        tag = _tag(fields)
        if 9 in fields:
            # The first metadata of a tag counts: later values may come without.
            self._plugins.setdefault(tag, event_files.plugin_of(fields[9]))
        plugin, _ = self._plugins.get(tag, ("", b""))
        number = wire.single(fields[2]) if 2 in fields else None
        if number is None and 8 in fields and plugin in ("scalars", ""):
            number = event_files.tensor_number(fields[8])
        if number is not None:
            column = self._columns.setdefault(tag, _Column())
            column.steps.append(step)
            column.walls.append(wall)
            column.values.append(number)
        elif plugin == "hparams":
            self._take_hparams(event_files.plugin_of(fields.get(9, b""))[1], path)
        elif plugin == "text" and 8 in fields:
            name = tag.removesuffix(_TEXT_SUFFIX)
            for text in event_files.tensor_texts(fields[8]):
                entry = {"step": step, "time": wall, "text": text}
                self._texts.setdefault(name, []).append(entry)
                self.items.text(name, step, round(wall * 1000), text)
        elif not summaries.take(self.items, tag, plugin, fields, step, round(wall * 1000)):
            kind = next((_KINDS[number] for number in fields if number in _KINDS), None)
            named = _PLUGINS.get(plugin) or (
                f"summaries of the plugin {plugin}" if plugin else None
            )
            self.report.left_out(kind or named or "tensors", place=path)

    def _take_hparams(self, content: bytes, path: Path) -> None:
        """Take `HParamsPluginData`: the settings of a session, and how it ended."""
        for number, _, data in wire.fields(content):
            if number == 3:
                for inner, _, pair in wire.fields(data):
                    if inner == 1:
                        fields = event_files.value_fields(pair)
                        name, text = wire.text(fields.get(1, b"")), _hparam(fields.get(2, b""))
                        # TensorBoard shows the hparams of the first session.
                        if self.params.setdefault(name, text) != text:
                            what = "hyperparameters of a later session that differ"
                            self.report.left_out(what, place=path)
            elif number == 4:
                status = event_files.value_fields(data).get(1, 0)
                self.status = _ENDS.get(status, RunStatus.FINISHED)


def _is_event_file(name: str) -> bool:
    return _NAME_PART in name and not name.endswith(_NO_EVENTS_SUFFIX)


def _tag(fields: Mapping[int, Any]) -> str:
    """The tag of a `Summary.Value`; the oldest tensors have the name of their node instead."""
    return wire.text(fields.get(1) or fields.get(7, b""))


def _hparam(value: bytes) -> str:
    """A `google.protobuf.Value` as a text; all its numbers are doubles."""
    return str(plain) if not isinstance(plain := _plain(value), list | dict) else json.dumps(plain)


def _plain(value: bytes) -> Any:
    for number, _, content in wire.fields(value):
        if number == 2:
            double = wire.double(content)
            is_whole = math.isfinite(double) and double == int(double) and abs(double) < _WHOLE_MAX
            return int(double) if is_whole else double
        if number == 3:
            return wire.text(content)
        if number == 4:
            return bool(content)
        if number == 5:
            pairs = [
                event_files.value_fields(pair) for n, _, pair in wire.fields(content) if n == 1
            ]
            return {wire.text(pair.get(1, b"")): _plain(pair.get(2, b"")) for pair in pairs}
        if number == 6:
            return [_plain(item) for n, _, item in wire.fields(content) if n == 1]
    return ""


def _milliseconds(wall: float) -> int:
    return round(wall * 1000)
