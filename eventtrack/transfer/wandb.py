"""Runs of Weights & Biases, as `wandb` keeps them beside the program, online or offline."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingRun
from eventtrack.tags import NOTE_TAG, SOURCE_NAME_TAG, USER_TAG
from eventtrack.transfer import wandb_file, wire
from eventtrack.transfer.columns import Columns
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import flat, int64, param_text
from eventtrack.transfer.settings import number as number_in
from eventtrack.transfer.source import Source, SourceRun, run_id_of
from eventtrack.views.records import RunStatus

_NO_PROJECT = "uncategorized"  # W&B's own name for it
# Fields of `Record` with things that there is no place for.
_LEFT_OUT = {8: "artifacts of W&B (their files are not here)", 10: "alerts"}


class RunFolders(Source):
    """All runs below a folder: `wandb`, or that of one run.

    Args:
        experiment: The experiment they go to; by default the project of each.
    """

    kind = "wandb"

    def __init__(self, folder: Path, experiment: str | None = None) -> None:
        root = folder.resolve()
        super().__init__(root.as_uri())
        # `latest-run` links to one that is there under its own name as well.
        found = {path.resolve() for path in root.rglob("*.wandb")} if root.is_dir() else {root}
        self._files = sorted(path for path in found if path.is_file())
        if not self._files:
            raise NotFoundError(
                f"cannot import {folder}: no .wandb file is below it",
                hint="name the folder `wandb` that the runs were written to",
            )
        self._runs = []
        for path in self._files:
            try:
                self._runs.append(_Run(path, self))
            except InvalidValueError as error:
                self.report.damaged(path, 0, error.message)
        self._experiment = experiment

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """An experiment for each project."""
        names = {self._experiment or run.project for run in self._runs}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def runs(self) -> Iterator[SourceRun]:
        """Every run; one that was resumed has several files, and is given once for each."""
        for one in self._runs:
            one.read()
            run = IncomingRun(
                run_id_of("wandb", one.entity, one.project, one.name),
                self._experiment or one.project,
                one.display_name or one.name,
                user=one.tags.get(USER_TAG, ""),
                status=one.status,
                start_ms=one.start_ms,
                end_ms=one.end_ms,
                params={key: param_text(value) for key, value in flat(one.config)},
                tags=one.tags,
            )
            files = files_below(one.path.parent / "files", self.report)
            yield SourceRun(one.name, run, one.columns.series(), files)
            one.columns = Columns()


class _Run:
    """What one file says. The head is read at once: it names the project."""

    def __init__(self, path: Path, source: RunFolders) -> None:
        self.path, self.report = path, source.report
        self.entity, self.project, self.name, self.display_name = "", _NO_PROJECT, path.stem, ""
        self.start_ms, self.status = 0, RunStatus.RUNNING
        self.end_ms: int | None = None
        self.config: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.summary: dict[str, Any] = {}
        self.columns = Columns()
        self._last: tuple[int, int] = (0, 0)  # step and time of the last row
        for record in wandb_file.records(path, Report("a first look")):
            if self._take(record, only_run=True):
                break

    def read(self) -> None:
        """Read everything."""
        for record in wandb_file.records(self.path, self.report):
            self._take(record)
        self._take_summary()
        if self.end_ms is None and self.status != RunStatus.RUNNING:
            self.end_ms = self._last[1] or None

    def _take(self, record: bytes, *, only_run: bool = False) -> bool:
        """Take a record; returns whether it was the run's own."""
        try:
            for number, kind, message in wire.fields(record):
                if number == 17:
                    self._take_run(message)
                    return True
                if only_run or kind != wire.BYTES:
                    continue
                if number == 2:
                    self._take_history(message)
                elif number == 3:
                    self.summary.update(wandb_file.items(message))
                elif number == 5:
                    self._take_config(message)
                elif number == 7:
                    self._take_stats(message)
                elif number == 18:
                    self._take_exit(message)
                elif number == 26:
                    self._take_environment(message)
                elif number in _LEFT_OUT:
                    self.report.left_out(_LEFT_OUT[number])
        except (ValueError, AttributeError, TypeError) as error:
            self.report.damaged(self.path, None, f"a record that is not understood: {error}")
        return False

    def _take_run(self, message: bytes) -> None:
        labels = []
        for number, _, data in wire.fields(message):
            if number == 1:
                self.name = wire.text(data)
            elif number == 2:
                self.entity = wire.text(data)
            elif number == 3:
                self.project = wire.text(data) or _NO_PROJECT
            elif number == 4:
                self._take_config(data)
            elif number == 6:
                self.tags["wandb.group"] = wire.text(data)
            elif number == 7:
                self.tags["wandb.job_type"] = wire.text(data)
            elif number == 8:
                self.display_name = wire.text(data)
            elif number == 9:
                self.tags[NOTE_TAG] = wire.text(data)
            elif number == 10:
                labels.append(wire.text(data))
            elif number == 12:
                self.tags["wandb.sweep_id"] = wire.text(data)
            elif number == 17:
                self.start_ms = wandb_file.timestamp_ms(data)
        self.tags |= {f"wandb.tag.{label}": "true" for label in labels}

    def _take_config(self, message: bytes) -> None:
        for key, value in wandb_file.items(message):
            if key != "_wandb" and not key.startswith("_wandb."):
                self.config[key] = value
        for key in wandb_file.removed(message):
            self.config.pop(key, None)

    def _take_history(self, message: bytes) -> None:
        row = dict(wandb_file.items(message))
        step = row.pop("_step", None)
        if not int64(step):
            numbers = [data for number, _, data in wire.fields(message) if number == 2]
            found = [n for one in numbers for k, _, n in wire.fields(one) if k == 1]
            step = wire.signed(found[0]) if found else 0
        seconds = number_in(row.pop("_timestamp", None))
        timestamp = self.start_ms if seconds is None else round(seconds * 1000)
        row.pop("_runtime", None)
        row.pop("_wandb", None)
        self.columns.row(step, timestamp, self._without_media(row, self.report))
        self._last = (step, timestamp)

    @staticmethod
    def _without_media(values: Mapping[str, Any], report: Report) -> dict[str, Any]:
        """Values by their whole names, without histograms, images and other typed ones."""
        row = dict(flat(values))
        for key in [key for key in row if key.endswith("._type")]:
            report.left_out(f"logged media of the type {row[key]}")
            prefix = key.removesuffix("_type")
            row = {name: value for name, value in row.items() if not name.startswith(prefix)}
        return row

    def _take_stats(self, message: bytes) -> None:
        times = [data for n, _, data in wire.fields(message) if n == 2]
        timestamp = wandb_file.timestamp_ms(times[0]) if times else self.start_ms
        values = {f"system/{key}": value for key, value in wandb_file.items(message, 3)}
        self.columns.row(0, timestamp, values)

    def _take_exit(self, message: bytes) -> None:
        found = {n: value for n, _, value in wire.fields(message)}
        self.status = RunStatus.FAILED if found.get(1, 0) else RunStatus.FINISHED
        if 2 in found:
            self.end_ms = self.start_ms + 1000 * wire.signed(found[2])
        self.end_ms = max(self.end_ms or 0, self._last[1]) or None

    def _take_environment(self, message: bytes) -> None:
        for number, _, data in wire.fields(message):
            if number == 6:
                self.tags[SOURCE_NAME_TAG] = wire.text(data)
            elif number == 12:
                self.tags["wandb.host"] = wire.text(data)
            elif number == 13:
                self.tags[USER_TAG] = wire.text(data)

    def _take_summary(self) -> None:
        """What the summary says beyond the last row: numbers as metrics, texts as tags."""
        step, timestamp = self._last
        if self.status == RunStatus.RUNNING:
            return  # it may still change, and points stay
        for key, value in self._without_media(self.summary, Report("the rows have told")).items():
            if key.startswith(("_wandb", "_step", "_runtime", "_timestamp")):
                continue
            found = number_in(value)
            if found is None:
                self.columns.texts[key] = value
            elif self.columns.last(key) is None:
                self.columns.point(key, step, timestamp or self.start_ms, found)
            elif repr(self.columns.last(key)) != repr(found):
                self.columns.point(f"summary/{key}", step, timestamp or self.start_ms, found)
        for key, value in self.columns.texts.items():
            if value is not None:
                self.tags[f"wandb.summary.{key}"] = param_text(value)
