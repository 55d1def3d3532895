"""MLflow's file store: a folder `mlruns` with a folder for each experiment and run."""

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from eventtrack.errors import NotFoundError
from eventtrack.projections.points import Points
from eventtrack.store.intake import IncomingExperiment, IncomingModel, IncomingRun
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.mlflow_facts import (
    dataset_input,
    local_folder,
    milliseconds,
    model_status,
    run_status,
    texts,
)
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun
from eventtrack.views.records import Metric

_META = "meta.yaml"
# MLflow's have some hundred bytes, and a description of an experiment at most.
META_BYTES_MAX = 2**20
_TRASH = ".trash"
# Folders of an experiment that hold no runs.
_RESERVED = ("tags", "datasets", "traces", "models")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DELETED = "deleted"


class FileStore(Source):
    """Everything in a folder that MLflow's file store wrote."""

    kind = "mlruns"

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()
        super().__init__(self._root.as_uri())
        self._folders = self._experiment_folders()
        if not self._folders:
            raise NotFoundError(
                f"cannot import {folder}: no folder in it has a {_META}",
                hint="name the folder `mlruns` itself, the one with a folder for each experiment",
            )
        self._known = self._read_experiments()
        registered = list((self._root / "models").glob(f"*/{_META}"))
        self.report.left_out("registered models", len(registered))
        for one in self._folders:
            self.report.left_out("traces", len(list(one.glob("traces/*/trace_info.yaml"))))

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, those in the trash too."""
        return {name: one for name, (_, one) in self._known.items()}

    def count(self) -> int:
        """How many runs there are."""
        return sum(1 for _ in self._run_folders())

    def runs(self) -> Iterator[SourceRun]:
        """Every run whose meta.yaml can be read."""
        for experiment_id, folder in self._run_folders():
            meta = self._meta(folder)
            if meta is not None:
                yield self._run(experiment_id, folder, meta)

    def models(self) -> Iterator[SourceModel]:
        """Every logged model."""
        for experiment_id, (folder, _) in self._known.items():
            for place in sorted((folder / "models").glob(f"*/{_META}")):
                meta = self._meta(place.parent)
                if meta is None:
                    continue
                deleted = meta.get("lifecycle_stage") == _DELETED
                updated_ms = milliseconds(meta.get("last_updated_timestamp")) or 0
                model = IncomingModel(
                    str(meta.get("model_id") or place.parent.name),
                    experiment_id,
                    str(meta.get("name") or ""),
                    status=model_status(meta.get("status")),
                    created_ms=milliseconds(meta.get("creation_timestamp")) or 0,
                    updated_ms=updated_ms,
                    deleted_ms=updated_ms if deleted else None,
                    source_run_id=meta.get("source_run_id"),
                    model_type=meta.get("model_type"),
                    params=self._texts(place.parent / "params"),
                    tags=self._texts(place.parent / "tags"),
                    points=list(self._measured(place.parent / "metrics")),
                )
                yield SourceModel(model, files_below(place.parent / "artifacts", self.report))

    def _experiment_folders(self) -> list[Path]:
        places = [self._root, self._root / _TRASH]
        return [
            folder
            for place in places
            if place.is_dir()
            for folder in sorted(place.iterdir())
            if folder.name not in (_TRASH, "models") and (folder / _META).is_file()
        ]

    def _read_experiments(self) -> dict[str, tuple[Path, IncomingExperiment]]:
        found: dict[str, tuple[Path, IncomingExperiment]] = {}
        for folder in self._folders:
            # One whose meta.yaml is broken keeps its runs, under its id as a name.
            meta = self._meta(folder) or {}
            updated_ms = milliseconds(meta.get("last_update_time"))
            deleted = meta.get("lifecycle_stage") == _DELETED
            found[str(meta.get("experiment_id") or folder.name)] = (
                folder,
                IncomingExperiment(
                    str(meta.get("name") or folder.name),
                    tags=texts(meta.get("tags")) | self._texts(folder / "tags"),
                    created_ms=milliseconds(meta.get("creation_time")),
                    updated_ms=updated_ms,
                    deleted_ms=(updated_ms or 0) if deleted else None,
                ),
            )
        return found

    def _run_folders(self) -> Iterator[tuple[str, Path]]:
        for experiment_id, (folder, _) in self._known.items():
            for run in sorted(folder.iterdir()):
                if run.name not in _RESERVED and run.is_dir():
                    yield experiment_id, run

    def _run(self, experiment_id: str, folder: Path, meta: Mapping[str, Any]) -> SourceRun:
        run_id = str(meta.get("run_id") or meta.get("run_uuid") or folder.name)
        tags = self._texts(folder / "tags")
        end_ms = milliseconds(meta.get("end_time"))
        start_ms = milliseconds(meta.get("start_time")) or 0
        deleted_ms = milliseconds(meta.get("deleted_time")) or end_ms or start_ms
        run = IncomingRun(
            run_id,
            experiment_id,
            str(meta.get("run_name") or tags.get(RUN_NAME_TAG, "")),
            user=str(meta.get("user_id") or ""),
            status=run_status(meta.get("status")),
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=deleted_ms if meta.get("lifecycle_stage") == _DELETED else None,
            params=self._texts(folder / "params"),
            tags=tags,
        )
        self._inputs(folder, run)
        files = folder / "artifacts"
        uri = str(meta.get("artifact_uri") or "")
        if not files.is_dir() and uri:
            elsewhere = local_folder(uri, self._root)
            if elsewhere is not None and elsewhere.is_dir():
                files = elsewhere
            elif elsewhere is None:
                self.report.missing(f"artifacts of run {run_id}", f"they are in {uri}")
        return SourceRun(
            run_id, run, self._series(folder / "metrics"), files_below(files, self.report)
        )

    def _inputs(self, folder: Path, run: IncomingRun) -> None:
        for place in sorted((folder / "inputs").glob(f"*/{_META}")):
            meta = self._meta(place.parent) or {}
            if str(meta.get("source_type")).endswith("MODEL_INPUT"):
                run.models_read.append(str(meta["source_id"]))
                continue
            used = self._meta(folder.parent / "datasets" / str(meta.get("source_id")))
            if used is not None:
                run.datasets.append(dataset_input(used, texts(meta.get("tags"))))
        for place in sorted((folder / "outputs").glob(f"*/{_META}")):
            meta = self._meta(place.parent) or {}
            model_id = str(meta.get("destination_id") or place.parent.name)
            run.models_written.append((model_id, int(meta.get("step") or 0)))

    def _series(self, folder: Path) -> Series:
        for path in _files(folder):
            points = self._points(path)
            if points is not None:
                yield path.relative_to(folder).as_posix(), points

    def _points(self, path: Path) -> Points | None:
        """A metric's file: a line `timestamp value step` for each point; old ones have no step."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self.report.missing(str(path), error.strerror or str(error))
            return None
        points = Points()
        words = data.split()
        lines = data.count(b"\n")
        if data.endswith(b"\n") and len(words) == 3 * lines:
            try:
                points.timestamps = array("q", list(map(int, words[::3])))
                points.values = array("d", list(map(float, words[1::3])))
                points.steps = array("q", list(map(int, words[2::3])))
                return points
            except (ValueError, OverflowError):
                points = Points()  # line by line then, to say where
        offset = 0
        for line in data.splitlines(keepends=True):
            words = line.split()
            try:
                whole = line.endswith(b"\n") or len(words) >= 3
                if not whole:
                    raise ValueError("the line is cut off")
                timestamp, value = int(words[0]), float(words[1])
                step = int(words[2]) if len(words) > 2 else 0
                row = array("q", (timestamp, step))
            except (ValueError, IndexError, OverflowError) as error:
                self.report.damaged(path, offset, f"no point: {error}")
            else:
                points.timestamps.append(row[0])
                points.steps.append(row[1])
                points.values.append(value)
            offset += len(line)
        return points

    def _measured(self, folder: Path) -> Iterator[Metric]:
        """Points of a logged model: `timestamp value step run [dataset's name, its digest]`."""
        for path in _files(folder):
            offset = 0
            for line in path.read_bytes().splitlines(keepends=True):
                words = line.decode(errors="replace").split()
                try:
                    yield Metric(
                        key=path.relative_to(folder).as_posix(),
                        timestamp=int(words[0]),
                        value=float(words[1]),
                        step=int(words[2]),
                        run_id=words[3],
                        dataset_name=words[4] if len(words) > 4 else None,
                        dataset_digest=words[5] if len(words) > 5 else None,
                    )
                except (ValueError, IndexError) as error:
                    self.report.damaged(path, offset, f"no point: {error}")
                offset += len(line)

    def _texts(self, folder: Path) -> dict[str, str]:
        """Params or tags: a file for each, named by the key."""
        found = {}
        for path in _files(folder):
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError as error:
                self.report.damaged(path, error.start, "no UTF-8; what is not was replaced")
                text = path.read_bytes().decode(errors="replace")
            except OSError as error:
                self.report.missing(str(path), error.strerror or str(error))
                continue
            found[path.relative_to(folder).as_posix()] = text
        return found

    def _meta(self, folder: Path) -> dict[str, Any] | None:
        """A folder's meta.yaml; None, and reported, where it cannot be read."""
        path = folder / _META
        try:
            with path.open("rb") as stream:
                text = stream.read(META_BYTES_MAX + 1)
            if len(text) > META_BYTES_MAX or _has_aliases(text):
                self.report.damaged(path, None, "no file of MLflow's: it is long, or has aliases")
                return None
            found = yaml.load(text, _LOADER)  # noqa: S506 - a safe loader, in C where there is
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self.report.damaged(path, getattr(mark, "index", None), f"no YAML: {error}")
            return None
        except (OSError, UnicodeDecodeError, RecursionError) as error:
            self.report.damaged(path, None, str(error))
            return None
        if not isinstance(found, dict):
            self.report.damaged(path, 0, "no mapping of names to values")
            return None
        return found


def _has_aliases(text: bytes) -> bool:
    """Whether YAML repeats parts of itself: a few bytes may then stand for gigabytes of text."""
    if b"*" not in text or b"&" not in text:
        return False
    return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, _LOADER))


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
