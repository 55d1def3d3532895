"""Runs of Weights & Biases, as `wandb` keeps them beside the program, online or offline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from eventtrack.errors import NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingFile, IncomingRun
from eventtrack.tags import USER_TAG
from eventtrack.transfer.folders import files_below, walk
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import flat, param_text
from eventtrack.transfer.source import Source, SourceRun, run_id_of
from eventtrack.transfer.wandb_run import Segment, WandbRun, first_look

_RUN_FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d+)-")


class RunFolders(Source):
    """All runs below a folder: `wandb`, or the folder of one run.

    Args:
        experiment: The experiment for all runs; by default each run's project.
    """

    kind = "wandb"

    def __init__(self, folder: Path, experiment: str | None = None) -> None:
        root = folder.resolve()
        super().__init__(root.as_uri())
        # `latest-run` is a link to a folder that is listed under its own name as well.
        files = {path.resolve() for path in self._wandb_files(root)}
        if not files:
            raise NotFoundError(
                f"cannot import {folder}: no .wandb file is below it",
                hint="name the folder `wandb` that the runs were written to",
            )
        segments = [first_look(path, self.report) for path in sorted(files)]
        self._runs = _together([segment for segment in segments if segment is not None])
        self._experiment = experiment

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """An experiment for each project."""
        names = {self._experiment or run[0].project for run in self._runs}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """The number of runs."""
        return len(self._runs)

    def runs(self) -> Iterator[SourceRun]:
        """Every run; a resumed run is joined from its folders."""
        for segments in self._runs:
            head = segments[0]
            read = WandbRun(segments, self.report)
            self._read(read, {id(segments)})
            run = IncomingRun(
                run_id_of("wandb", head.entity, head.project, head.name),
                self._experiment or head.project,
                read.display_name or head.name,
                user=read.tags.get(USER_TAG, ""),
                status=read.status,
                start_ms=read.start_ms,
                end_ms=read.end_ms,
                params={name: param_text(value) for name, value in flat(read.config)},
                tags=read.all_tags(),
            )
            yield SourceRun(
                head.name, run, read.series(), self._files(segments, read), read.items()
            )

    def _read(self, run: WandbRun, begun: set[int]) -> None:
        """Read a run. A forked run begins with the history of its parent up to the fork."""
        run.read()
        if run.forked_from is None:
            return
        name, last_step = run.forked_from
        project = run.segments[0].project
        for segments in self._runs:
            head = segments[0]
            if (head.project, head.name) == (project, name) and id(segments) not in begun:
                parent = WandbRun(segments, Report("its damage is reported with the parent"))
                self._read(parent, begun | {id(segments)})
                parent.rows.copy_to(run.rows, last_step)
                return
        self.report.missing(
            f"the history of run {run.segments[0].name} up to step {last_step}",
            f"it was forked from run {name}, which is not below {self.place}",
        )

    def _files(self, segments: Sequence[Segment], read: WandbRun) -> Iterator[IncomingFile]:
        """The files of all folders; if several have the same path, the last folder's has it."""
        taken: set[str] = set()
        for segment in reversed(segments):
            folder = segment.path.parent
            for file in files_below(folder / "files", self.report):
                if file.path in taken:
                    file.path = f"earlier/{folder.name}/{file.path}"
                taken.add(file.path)
                yield file
        yield from read.files()

    def _wandb_files(self, root: Path) -> Iterator[Path]:
        if root.is_file():
            yield root
            return
        for folder, paths in walk(root, self.report) if root.is_dir() else ():
            files = [path for path in paths if path.suffix == ".wandb"]
            yield from files
            if not files and _RUN_FOLDER.match(folder.name):
                self.report.missing(str(folder), "no .wandb file is in it")


def _together(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments of each run, in the order in which they were written."""
    by_id: dict[tuple[str, str], list[Segment]] = {}
    for segment in segments:
        _complete(segment, segments)
        by_id.setdefault((segment.project, segment.name), []).append(segment)
    runs = []
    for together in by_id.values():
        together.sort(key=_order)
        # Offline the entity may be unknown; two known entities are two runs.
        entities = {segment.entity for segment in together}
        if len(entities - {""}) > 1:
            runs += [
                [segment for segment in together if segment.entity == name]
                for name in sorted(entities)
            ]
        else:
            runs.append(together)
    return sorted(runs, key=lambda run: run[0].path)


def _complete(segment: Segment, others: Sequence[Segment]) -> None:
    """Give a segment that lost its head the head of another segment with its id."""
    if not segment.has_head:
        for other in others:
            if other.has_head and other.name == segment.name:
                segment.entity, segment.project = other.entity, other.project
                return


def _order(segment: Segment) -> tuple[str, int, Path]:
    named = _RUN_FOLDER.match(segment.path.parent.name)
    return (named[1] if named else "", segment.start_ms, segment.path)
