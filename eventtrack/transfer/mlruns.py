"""MLflow's file store: a folder `mlruns` with a folder for each experiment and run."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingModel, IncomingRun
from eventtrack.tags import RUN_NAME_TAG, USER_TAG
from eventtrack.transfer.mlflow_facts import (
    Artifacts,
    dataset_input,
    milliseconds,
    model_status,
    rounded,
    run_status,
    source_tags,
    text_of,
    texts,
)
from eventtrack.transfer.mlruns_files import measured_in, series_in, texts_in
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun
from eventtrack.transfer.yaml_file import read_mapping

_META = "meta.yaml"
_TRASH = ".trash"
_MODELS = "models"
# Folders of an experiment that hold no runs.
_RESERVED = ("tags", "datasets", "traces", _MODELS)
# Names of which every run's folder has at least one.
_OF_RUNS = (_META, "metrics", "params", "tags")
_RUN_ID = re.compile("[0-9a-f]{32}")
_RUN_FACTS = ("status", "start_time")
_EXPERIMENT_FACTS = ("name", "experiment_id")
_DELETED = "deleted"


@dataclass
class _Experiment:
    """A folder of runs."""

    source_id: str  # two folders may have one
    folder: Path
    incoming: IncomingExperiment
    runs: list[Path] = field(default_factory=list)


class FileStore(Source):
    """Everything in a folder that MLflow's file store wrote."""

    kind = "mlruns"

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        super().__init__(self._root.as_uri())
        if (self._root / _META).is_file():
            raise InvalidValueError(
                f"cannot import {folder}: it is the folder of one experiment or run",
                hint="name the folder `mlruns` itself, the one with a folder for each experiment",
            )
        self._artifacts = Artifacts(self.report, self._root, self._root.parent)
        self._experiments = self._read_experiments()
        if not self._experiments:
            raise NotFoundError(
                f"cannot import {folder}: no folder in it has a {_META}, or runs",
                hint="name the folder `mlruns` itself, the one with a folder for each experiment",
            )
        registered = list((self._root / _MODELS).glob(f"*/{_META}"))
        self._left_out("registered models", registered)
        versions = list((self._root / _MODELS).glob(f"*/version-*/{_META}"))
        self._left_out("versions of registered models", versions)
        for experiment in self._experiments:
            traces = list(experiment.folder.glob("traces/*/trace_info.yaml"))
            self._left_out("traces", traces)

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, those in the trash too."""
        return {experiment.source_id: experiment.incoming for experiment in self._experiments}

    def count(self) -> int:
        """The number of runs."""
        return sum(len(experiment.runs) for experiment in self._experiments)

    def runs(self) -> Iterator[SourceRun]:
        """Every run; a run in two folders is taken from the first folder and reported."""
        places: dict[str, Path] = {}
        for experiment in self._experiments:
            for folder in experiment.runs:
                meta = self._meta(folder, _RUN_FACTS)
                run_id = self._run_id(folder, meta)
                first = places.setdefault(run_id, folder)
                if first != folder:
                    self.report.damaged(folder, None, f"a copy of {first}; it was left out")
                    continue
                yield self._run(experiment, folder, run_id, meta)

    def models(self) -> Iterator[SourceModel]:
        """Every logged model; a model in two folders is taken from the first folder."""
        places: dict[str, Path] = {}
        for experiment in self._experiments:
            for folder in _folders(experiment.folder / _MODELS):
                meta = self._meta(folder, ("creation_timestamp", "status"))
                model_id = text_of(meta.get("model_id")) or folder.name
                first = places.setdefault(model_id, folder)
                if first != folder:
                    self.report.damaged(folder, None, f"a copy of {first}; it was left out")
                    continue
                yield self._model(experiment, folder, model_id, meta)

    def _read_experiments(self) -> list[_Experiment]:
        experiments: list[_Experiment] = []
        for place in (self._root, self._root / _TRASH):
            for folder in _folders(place):
                if folder.name in (_TRASH, _MODELS):
                    continue
                runs, others = _runs_in(folder)
                if (folder / _META).is_file() or runs:
                    experiments.append(self._experiment(folder, runs, experiments))
                    for other in others:
                        self.report.missing(str(other), "it has nothing that runs have")
                else:
                    self.report.missing(str(folder), f"it has no {_META} and no runs")
        return experiments

    def _experiment(self, folder: Path, runs: list[Path], others: list[_Experiment]) -> _Experiment:
        """An experiment; without a meta.yaml its id is its name, and its runs are still taken."""
        meta = self._meta(folder, _EXPERIMENT_FACTS)
        source_id = text_of(meta.get("experiment_id")) or folder.name
        name = text_of(meta.get("name")) or folder.name
        for other in others:
            if other.source_id == source_id:
                # A copy from the trash, say: its runs may differ.
                source_id = folder.relative_to(self._root).as_posix()
            elif other.incoming.name == name:
                self.report.renamed[name] = name = f"{name} ({source_id})"
        damaged = self._damaged(folder)
        updated_ms = milliseconds(meta.get("last_update_time"), damaged)
        is_deleted = meta.get("lifecycle_stage") == _DELETED
        incoming = IncomingExperiment(
            name,
            tags=texts(meta.get("tags")) | texts_in(folder / "tags", self.report),
            created_ms=milliseconds(meta.get("creation_time"), damaged),
            updated_ms=updated_ms,
            deleted_ms=(updated_ms or 0) if is_deleted else None,
        )
        return _Experiment(source_id, folder, incoming, runs)

    def _run_id(self, folder: Path, meta: Mapping[str, Any]) -> str:
        """The run's id: the folder's name if it has MLflow's form, else the id in its meta.yaml."""
        own = text_of(meta.get("run_id")) or text_of(meta.get("run_uuid"))
        if _RUN_ID.fullmatch(folder.name):
            if own and own != folder.name:
                self.report.damaged(folder / _META, None, f"it says of itself that it is {own!r}")
            return folder.name
        return own or folder.name

    def _run(
        self, experiment: _Experiment, folder: Path, run_id: str, meta: Mapping[str, Any]
    ) -> SourceRun:
        damaged = self._damaged(folder)
        tags = source_tags(meta) | texts_in(folder / "tags", self.report)
        series: Series = series_in(folder / "metrics", self.report)
        end_ms = milliseconds(meta.get("end_time"), damaged)
        start_ms = milliseconds(meta.get("start_time"), damaged)
        if start_ms is None:
            series = list(series)
            first = min((min(points.timestamps) for _, points in series if points), default=None)
            start_ms = first or end_ms or experiment.incoming.created_ms or _changed_ms(folder)
        deleted_ms = milliseconds(meta.get("deleted_time"), damaged) or end_ms or start_ms
        run = IncomingRun(
            run_id,
            experiment.source_id,
            text_of(meta.get("run_name")) or tags.get(RUN_NAME_TAG) or text_of(meta.get("name")),
            user=text_of(meta.get("user_id")) or tags.get(USER_TAG, ""),
            status=run_status(meta.get("status"), damaged),
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=deleted_ms if meta.get("lifecycle_stage") == _DELETED else None,
            params=texts_in(folder / "params", self.report),
            tags=tags,
        )
        self._inputs(folder, run)
        uri = text_of(meta.get("artifact_uri"))
        files = self._artifacts.files(uri, f"run {run_id}", run_id, folder / "artifacts")
        return SourceRun(run_id, run, series, files)

    def _inputs(self, folder: Path, run: IncomingRun) -> None:
        for place in _folders(folder / "inputs"):
            meta = self._meta(place, ("source_id",))
            source_id = text_of(meta.get("source_id"))
            if text_of(meta.get("source_type")).endswith("MODEL_INPUT"):
                run.models_read.append(source_id or place.name)
            elif source_id:
                used = self._meta(folder.parent / "datasets" / Path(source_id).name, ("name",))
                if used:
                    run.datasets.append(dataset_input(used, texts(meta.get("tags"))))
        for place in _folders(folder / "outputs"):
            meta = self._meta(place, ())
            model_id = text_of(meta.get("destination_id")) or place.name
            step = rounded(meta.get("step") or 0, "step", self._damaged(place))
            run.models_written.append((model_id, step or 0))

    def _model(
        self, experiment: _Experiment, folder: Path, model_id: str, meta: Mapping[str, Any]
    ) -> SourceModel:
        damaged = self._damaged(folder)
        updated_ms = milliseconds(meta.get("last_updated_timestamp"), damaged)
        created_ms = milliseconds(meta.get("creation_timestamp"), damaged)
        created_ms = created_ms or updated_ms or _changed_ms(folder)
        updated_ms = updated_ms or created_ms
        model = IncomingModel(
            model_id,
            experiment.source_id,
            text_of(meta.get("name")),
            status=model_status(meta.get("status")),
            created_ms=created_ms,
            updated_ms=updated_ms,
            deleted_ms=updated_ms if meta.get("lifecycle_stage") == _DELETED else None,
            source_run_id=text_of(meta.get("source_run_id")) or None,
            model_type=text_of(meta.get("model_type")) or None,
            params=texts_in(folder / "params", self.report),
            tags=texts_in(folder / "tags", self.report),
            points=list(measured_in(folder / "metrics", self.report)),
        )
        uri = text_of(meta.get("artifact_location"))
        own = folder / "artifacts"
        return SourceModel(model, self._artifacts.files(uri, f"model {model_id}", model_id, own))

    def _meta(self, folder: Path, facts: tuple[str, ...]) -> dict[str, Any]:
        """A folder's meta.yaml; missing facts are reported, and the rest is taken."""
        path = folder / _META
        meta, is_whole = read_mapping(path, self.report)
        lacking = [name for name in facts if name not in meta]
        if is_whole and lacking:
            self.report.damaged(path, None, f"it does not say: {', '.join(lacking)}")
        return meta

    def _left_out(self, what: str, files: list[Path]) -> None:
        self.report.left_out(what, len(files), place=files[0] if files else "")

    def _damaged(self, folder: Path) -> "_Damaged":
        return _Damaged(self, folder / _META)


class _Damaged:
    """Reports odd values in a file."""

    def __init__(self, source: FileStore, path: Path) -> None:
        self._report, self._path = source.report, path

    def __call__(self, problem: str) -> None:
        self._report.damaged(self._path, None, problem)


def _folders(place: Path) -> list[Path]:
    """The folders in a folder, by name; none if it is not there."""
    return sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []


def _runs_in(experiment: Path) -> tuple[list[Path], list[Path]]:
    """The folders of runs, and the folders that are no runs."""
    runs: list[Path] = []
    others: list[Path] = []
    for folder in _folders(experiment):
        if folder.name not in _RESERVED:
            is_run = any((folder / name).exists() for name in _OF_RUNS)
            (runs if is_run else others).append(folder)
    return runs, others


def _changed_ms(folder: Path) -> int:
    return round(folder.stat().st_mtime * 1000)
