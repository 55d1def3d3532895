"""A server that speaks MLflow's REST API: MLflow's own, eventtrack's, or another's."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import EndpointMissingError, EventtrackError, RemoteUnavailableError
from eventtrack.projections.points import Points
from eventtrack.rest import TrackingServer, address_of, records
from eventtrack.rest.artifacts import bounded
from eventtrack.rest.calls import API, all_pages
from eventtrack.rest.connection import path_text
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingModel,
    IncomingRun,
)
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.transfer.mlflow_facts import milliseconds
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun
from eventtrack.views.records import (
    Experiment,
    FileInfo,
    LifecycleStage,
    Metric,
    ModelStatus,
    PagedList,
    Run,
    ViewType,
)

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_STATUS_PREFIX = "LOGGED_MODEL_"
_CHUNK_BYTES = 2**20
Listing = Callable[[str], list[FileInfo]]


class ServerStore(Source):
    """All experiments, runs and logged models that a server shows.

    Raises:
        RemoteError: The server does not answer as a tracking server does.
    """

    kind = "mlflow"

    def __init__(self, url: str) -> None:
        self._server = TrackingServer(address_of(url))
        super().__init__(self._server.url)

        def fetch(token: str | None) -> PagedList[Experiment]:
            return self._server.search_experiments(ViewType.ALL, page_token=token)

        self._experiments = list(all_pages(fetch))
        self._runs: list[Run] = []
        for one in self._experiments:
            self._runs += self._runs_of(one.experiment_id)

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, deleted ones too."""
        return {
            one.experiment_id: IncomingExperiment(
                one.name,
                tags=one.tags,
                created_ms=milliseconds(one.creation_time),
                updated_ms=milliseconds(one.last_update_time),
                deleted_ms=one.last_update_time
                if one.lifecycle_stage == LifecycleStage.DELETED
                else None,
            )
            for one in self._experiments
        }

    def count(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def runs(self) -> Iterator[SourceRun]:
        """Every run; points and files are asked for when it is its turn."""
        for found in self._runs:
            info = found.info
            deleted = info.lifecycle_stage == LifecycleStage.DELETED
            run = IncomingRun(
                info.run_id,
                info.experiment_id,
                info.run_name or found.data.tags.get(RUN_NAME_TAG, ""),
                user=info.user_id,
                status=info.status,
                start_ms=info.start_time,
                end_ms=info.end_time or None,
                deleted_ms=(info.end_time or info.start_time) if deleted else None,
                params=found.data.params,
                tags=found.data.tags,
                datasets=found.inputs.dataset_inputs,
                models_read=[one.model_id for one in found.inputs.model_inputs],
                models_written=[(one.model_id, one.step) for one in found.outputs.model_outputs],
            )
            yield SourceRun(info.run_id, run, self._series(found), self._run_files(info.run_id))

    def models(self) -> Iterator[SourceModel]:
        """Every logged model that is not deleted; none where the server does not know of them."""
        for experiment in self._experiments:
            token: str | None = ""
            while token is not None:
                body: dict[str, Any] = {"experiment_ids": [experiment.experiment_id]}
                body |= {"page_token": token} if token else {}
                try:
                    answer = self._server.connection.post(f"{API}logged-models/search", body)
                except EndpointMissingError:
                    return
                for found in answer.get("models") or ():
                    yield self._model(found)
                token = answer.get("next_page_token") or None

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _runs_of(self, experiment_id: str) -> Iterator[Run]:
        def fetch(token: str | None) -> PagedList[Run]:
            return self._server.search_runs(
                [experiment_id], view_type=ViewType.ALL, page_token=token
            )

        return all_pages(fetch)

    def _series(self, run: Run) -> Series:
        for key in run.data.metrics:
            yield key, history(self._server, run.info.run_id, key)

    def _model(self, found: Mapping[str, Any]) -> SourceModel:
        info, data = found.get("info") or {}, found.get("data") or {}
        model_id = str(info["model_id"])
        model = IncomingModel(
            model_id,
            str(info["experiment_id"]),
            str(info.get("name") or ""),
            status=_model_status(str(info.get("status") or "")),
            created_ms=int(info.get("creation_timestamp_ms") or 0),
            updated_ms=int(info.get("last_updated_timestamp_ms") or 0),
            source_run_id=info.get("source_run_id") or None,
            model_type=info.get("model_type") or None,
            params=_texts(data.get("params")),
            tags=_texts(info.get("tags")),
            points=[_model_point(one) for one in data.get("metrics") or () if one.get("run_id")],
        )
        return SourceModel(model, self._model_files(str(info.get("artifact_uri") or ""), model_id))

    def _run_files(self, run_id: str) -> Iterator[IncomingFile]:
        def chunks(path: str) -> Iterator[bytes]:
            return self._server.read_artifact(run_id, path)

        return self._files(
            lambda path: self._server.list_artifacts(run_id, path), chunks, f"run {run_id}"
        )

    def _model_files(self, uri: str, model_id: str) -> Iterator[IncomingFile]:
        below = self._server.proxied(uri)
        if below is None:
            self.report.missing(f"artifacts of model {model_id}", f"they are in {uri}")
            return iter(())

        def listing(path: str) -> list[FileInfo]:
            folder = f"{below}/{path}".rstrip("/")
            answer = self._server.connection.get(_PROXY, {"path": folder})
            listed = (
                FileInfo(
                    path=f"{path}/{one['path'].rpartition('/')[2]}".lstrip("/"),
                    is_dir=bool(one.get("is_dir")),
                    file_size=int(one.get("file_size") or 0),
                )
                for one in answer.get("files") or ()
            )
            return bounded(listed, path)

        def chunks(path: str) -> Iterator[bytes]:
            return self._server.connection.chunks(
                f"{_PROXY}/{path_text(f'{below}/{path}')}", _CHUNK_BYTES
            )

        return self._files(listing, chunks, f"model {model_id}")

    def _files(
        self, listing: Listing, chunks: Callable[[str], Iterator[bytes]], owner: str
    ) -> Iterator[IncomingFile]:
        """Every file, folder by folder; that a folder cannot be listed is reported."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                found = listing(folder)
            except RemoteUnavailableError:
                raise  # the server has gone: the rest waits for the next import
            except EventtrackError as error:
                self.report.missing(f"artifacts {folder or 'of'} {owner}", error.message)
                continue
            for one in found:
                if one.is_dir:
                    waiting.append(one.path)
                else:
                    fetch = _Fetch(chunks, one.path)
                    yield IncomingFile(one.path, fetch=fetch, size=one.file_size)


class _Fetch:
    """Downloads one file."""

    def __init__(self, chunks: Callable[[str], Iterator[bytes]], path: str) -> None:
        self._chunks, self._path = chunks, path

    def __call__(self, target: Path) -> None:
        with target.open("wb") as sink:
            for chunk in self._chunks(self._path):
                sink.write(chunk)


def history(server: TrackingServer, run_id: str, key: str) -> Points:
    """All points of a metric on a server."""

    def fetch(token: str | None) -> PagedList[Metric]:
        return server.metric_history(run_id, key, token)

    points = Points()
    for one in all_pages(fetch):
        points.steps.append(one.step)
        points.timestamps.append(one.timestamp)
        points.values.append(one.value)
    return points


def _model_point(one: Mapping[str, Any]) -> Metric:
    point = records.metric(dict(one), str(one["run_id"]))
    point.dataset_name, point.dataset_digest = one.get("dataset_name"), one.get("dataset_digest")
    return point


def _model_status(status: str) -> str:
    found = status.removeprefix(_STATUS_PREFIX)
    found = {"UPLOAD_FAILED": ModelStatus.FAILED}.get(found, found)
    return found if found in ModelStatus.ALL else ModelStatus.UNSPECIFIED


def _texts(pairs: Any) -> dict[str, str]:
    return {str(one["key"]): str(one.get("value", "")) for one in pairs or ()}
