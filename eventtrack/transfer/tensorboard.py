"""TensorBoard's log folders: a run for each folder with event files."""

import json
import struct
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.projections.points import Points
from eventtrack.store.intake import IncomingExperiment, IncomingFile, IncomingRun
from eventtrack.tags import PARENT_TAG
from eventtrack.transfer import event_files, wire
from eventtrack.transfer.source import Series, Source, SourceRun, run_id_of
from eventtrack.views.records import RunStatus

_PATTERN = "*tfevents*"
_TEXT_SUFFIX = "/text_summary"
_SIMPLE_VALUE = b"\x15"  # the key of field 2, a float
_WALL = struct.Struct("<d")
_VALUE = struct.Struct("<f")
# Of `Summary.Value`: fields that there is no place for.
_KINDS = {3: "obsolete image summaries", 4: "image summaries", 5: "histograms", 6: "audio clips"}
_PLUGINS = {"images": "image summaries", "histograms": "histograms", "audio": "audio clips"}
# Of `Event`.
_EVENTS = {4: "graphs", 6: "log messages", 8: "run metadata", 9: "graphs"}
_ENDS = {1: RunStatus.FINISHED, 2: RunStatus.FAILED, 3: RunStatus.RUNNING}
Columns = tuple[list[int], list[float], list[float]]  # steps, wall times in seconds, values


class EventFolders(Source):
    """All runs below a folder.

    Args:
        experiment: The experiment they go to; by default the folder's name.
    """

    kind = "tensorboard"

    def __init__(self, folder: Path, experiment: str | None = None) -> None:
        self._root = folder.resolve()
        super().__init__(self._root.as_uri())
        self._experiment = experiment or self._root.name
        found = {path.parent for path in self._root.rglob(_PATTERN) if path.is_file()}
        if not found:
            raise NotFoundError(
                f"cannot import {folder}: no file below it is an event file",
                hint="name the folder that `tensorboard --logdir` is given",
            )
        self._folders = sorted(found)
        self._ids: dict[Path, str] = {}

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The one experiment."""
        return {self._experiment: IncomingExperiment(self._experiment)}

    def count(self) -> int:
        """How many folders have event files."""
        return len(self._folders)

    def runs(self) -> Iterator[SourceRun]:
        """A run for each folder; one within another's is nested in it."""
        for folder in self._folders:
            read = _Folder(folder, self)
            name = folder.relative_to(self._root).as_posix()
            # Neither moving the folders nor naming another root changes what a run is.
            first = read.files[0].name
            run_id = run_id_of("tensorboard", folder.name, first, repr(read.first_wall))
            if run_id in self._ids.values():
                run_id = run_id_of("tensorboard", name, first, repr(read.first_wall))
            self._ids[folder] = run_id
            tags = dict(read.texts)
            parent = next((self._ids[one] for one in folder.parents if one in self._ids), None)
            if parent is not None:
                tags[PARENT_TAG] = parent
            run = IncomingRun(
                run_id,
                self._experiment,
                folder.name if name == "." else name,
                status=read.status,
                start_ms=_milliseconds(read.first_wall),
                end_ms=_milliseconds(read.last_wall),
                params=read.params,
                tags=tags,
            )
            yield SourceRun(name, run, read.series(), read.text_files())


class _Folder:
    """What the event files of one folder say, in order of their names, which begin with a time."""

    def __init__(self, folder: Path, source: EventFolders) -> None:
        self.report = source.report
        self.files = sorted(path for path in folder.glob(_PATTERN) if path.is_file())
        self.params: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.all_texts: dict[str, list[dict[str, Any]]] = {}
        self.status = RunStatus.FINISHED  # TensorBoard knows of no other, but for hparams
        self.first_wall = self.last_wall = 0.0
        self._columns: dict[str, Columns] = {}
        # The bytes of a scalar's event between its step and its value, which repeat.
        self._known: dict[bytes, Columns] = {}
        for path in self.files:
            for record in event_files.records(path, self.report):
                if not self._quick(record):
                    self._slow(record, path)

    def series(self) -> Series:
        """The scalars, by tag."""
        for tag, (steps, walls, values) in sorted(self._columns.items()):
            points = Points()
            points.steps = array("q", steps)
            points.timestamps = array("q", [round(wall * 1000) for wall in walls])
            points.values = array("d", values)
            yield tag, points

    def text_files(self) -> Iterator[IncomingFile]:
        """All texts with their steps; the run's tags have the last of each."""
        if self.all_texts:
            data = json.dumps(self.all_texts, ensure_ascii=False, indent=1, sort_keys=True)
            yield IncomingFile("imported/texts.json", data.encode("utf-8", "replace"))

    def _quick(self, record: bytes) -> bool:
        """Take one more scalar of a tag that was met before, by what does not change in it."""
        if len(record) < 20 or record[0] != 0x09:
            return False
        step, place = 0, 9
        if record[9] == 0x10:
            step, place = record[10], 11
            if step >= 0x80:
                step, place = wire.varint(record, 10)
        columns = self._known.get(record[place:-4])
        if columns is None:
            return False
        columns[0].append(step if step < 2**63 else step - 2**64)
        columns[1].append(_WALL.unpack_from(record, 1)[0])
        columns[2].append(_VALUE.unpack_from(record, len(record) - 4)[0])
        self.last_wall = max(self.last_wall, columns[1][-1])
        return True

    def _slow(self, record: bytes, path: Path) -> None:
        try:
            wall, step, values, others = event_files.summary_values(record)
            for number in others:
                if number in _EVENTS:
                    self.report.left_out(_EVENTS[number])
            self.first_wall = self.first_wall or wall
            self.last_wall = max(self.last_wall, wall)
            for value in values:
                self._take(value, wall, step)
            if len(values) == 1 and values[0][-5:-4] == _SIMPLE_VALUE:
                self._remember(record, values[0])
        except (ValueError, struct.error) as error:
            self.report.damaged(path, None, f"a record that is no event: {error}")

    def _remember(self, record: bytes, value: bytes) -> None:
        fields = list(wire.fields(value))
        if [number for number, _, _ in fields] != [1, 2] or record[0] != 0x09:
            return
        place = wire.varint(record, 10)[1] if record[9] == 0x10 else 9
        self._known[record[place:-4]] = self._columns[wire.text(fields[0][2])]

    def _take(self, value: bytes, wall: float, step: int) -> None:
        fields = event_files.value_fields(value)
        tag = wire.text(fields.get(1, b""))
        plugin, content = event_files.plugin_of(fields.get(9, b""))
        number = wire.single(fields[2]) if 2 in fields else None
        if number is None and 8 in fields and plugin in ("scalars", ""):
            number = event_files.tensor_number(fields[8])
        if number is not None:
            steps, walls, values = self._columns.setdefault(tag, ([], [], []))
            steps.append(step)
            walls.append(wall)
            values.append(number)
        elif plugin == "hparams":
            self._take_hparams(content)
        elif plugin == "text" and 8 in fields:
            name = tag.removesuffix(_TEXT_SUFFIX)
            for text in event_files.tensor_texts(fields[8]):
                self.texts[name] = text
                entry = {"step": step, "time": wall, "text": text}
                self.all_texts.setdefault(name, []).append(entry)
        else:
            kind = next((_KINDS[number] for number in fields if number in _KINDS), None)
            named = _PLUGINS.get(plugin) or (
                f"summaries of the plugin {plugin}" if plugin else None
            )
            self.report.left_out(kind or named or "tensors")

    def _take_hparams(self, content: bytes) -> None:
        """`HParamsPluginData`: what a session began with, and how it ended."""
        for number, _, data in wire.fields(content):
            if number == 3:
                for inner, _, pair in wire.fields(data):
                    if inner == 1:
                        fields = event_files.value_fields(pair)
                        text = _hparam(fields.get(2, b""))
                        self.params[wire.text(fields.get(1, b""))] = text
            elif number == 4:
                status = event_files.value_fields(data).get(1, 0)
                self.status = _ENDS.get(status, RunStatus.FINISHED)


def _hparam(value: bytes) -> str:
    """A `google.protobuf.Value` as a text; all its numbers are doubles."""
    for number, _, content in wire.fields(value):
        if number == 2:
            found = wire.double(content)
            return str(int(found)) if found.is_integer() else repr(found)
        if number == 3:
            return wire.text(content)
        if number == 4:
            return str(bool(content))
    return ""


def _milliseconds(wall: float) -> int:
    return round(wall * 1000)
