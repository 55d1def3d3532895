"""A server that speaks MLflow's REST API: MLflow's own, eventtrack's, or another's."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import EndpointMissingError, EventtrackError, RemoteUnavailableError
from eventtrack.limits import SEARCH_EXPERIMENTS_RESULTS_DEFAULT, SEARCH_RUNS_RESULTS_DEFAULT
from eventtrack.projections.points import Points
from eventtrack.rest import TrackingServer, address_of
from eventtrack.rest.artifacts import bounded
from eventtrack.rest.calls import API, all_pages
from eventtrack.rest.connection import Json, path_text
from eventtrack.rest.experiments import VIEWS
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingModel,
    IncomingRun,
)
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.transfer.mlflow_facts import (
    Damaged,
    dataset_input,
    milliseconds,
    rounded,
    run_status,
    text_of,
)
from eventtrack.transfer.mlflow_points import measured
from eventtrack.transfer.mlflow_points import series as point_series
from eventtrack.transfer.report import error_text
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun
from eventtrack.views.records import (
    FileInfo,
    LifecycleStage,
    Metric,
    ModelStatus,
    PagedList,
    ViewType,
)

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_STATUS_PREFIX = "LOGGED_MODEL_"
_CHUNK_BYTES = 2**20
_HISTORY = "metrics/get-history"
_HISTORY_PAGE = 25_000
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
        body = {"max_results": SEARCH_EXPERIMENTS_RESULTS_DEFAULT, "view_type": VIEWS[ViewType.ALL]}
        self._experiments = {
            text_of(experiment.get("experiment_id")): experiment
            for experiment in self._pages("experiments/search", body, "experiments")
        }

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, deleted ones too."""
        experiments = {}
        for experiment_id, facts in self._experiments.items():
            damaged = self._damaged(f"experiment {experiment_id}")
            updated_ms = milliseconds(facts.get("last_update_time"), damaged)
            experiments[experiment_id] = IncomingExperiment(
                text_of(facts.get("name")) or experiment_id,
                tags=_texts(facts.get("tags")),
                created_ms=milliseconds(facts.get("creation_time"), damaged),
                updated_ms=updated_ms,
                deleted_ms=(updated_ms or 0) if _is_deleted(facts) else None,
            )
        return experiments

    def count(self) -> int:
        """0: only a walk of all pages would tell."""
        return 0

    def runs(self) -> Iterator[SourceRun]:
        """Every run, page by page; its points and files are fetched when its turn comes."""
        yield from self.each(self._listed(), self._run, lambda item: f"run {item[0]}")

    def _listed(self) -> Iterator[tuple[str, Json]]:
        """Every run as the server lists it, with its id; a page of them is in memory."""
        seen: set[str] = set()
        for experiment_id in self._experiments:
            body: Json = {"experiment_ids": [experiment_id], "run_view_type": VIEWS[ViewType.ALL]}
            body |= {"max_results": SEARCH_RUNS_RESULTS_DEFAULT}
            for run in self._tried("runs/search", body, "runs", f"experiment {experiment_id}"):
                info = _mapping(run.get("info"))
                run_id = text_of(info.get("run_id") or info.get("run_uuid"))
                # A run that starts meanwhile moves another to the next page, where it comes again.
                if run_id not in seen:
                    seen.add(run_id)
                    yield run_id, run

    def models(self) -> Iterator[SourceModel]:
        """Every logged model that is not deleted; none if the server has no logged models."""
        for experiment_id in self._experiments:
            body = {"experiment_ids": [experiment_id]}
            owner = f"models of experiment {experiment_id}"
            try:
                models = list(self._tried("logged-models/search", body, "models", owner))
            except EndpointMissingError:
                return
            yield from self.each(models, self._model, lambda _: f"{self.place}: a logged model")

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _run(self, item: tuple[str, Json]) -> SourceRun:
        run_id, source = item
        info, data = _mapping(source.get("info")), _mapping(source.get("data"))
        damaged = self._damaged(f"run {run_id}")
        tags = _texts(data.get("tags"))
        keys = [text_of(metric.get("key")) for metric in _mappings(data.get("metrics"))]
        end_ms = milliseconds(info.get("end_time"), damaged)
        start_ms = milliseconds(info.get("start_time"), damaged)
        series: Series = self._series(run_id, keys, start_ms or end_ms or 0)
        if start_ms is None:
            series = list(series)
            first = min((min(points.timestamps) for _, points in series if points), default=None)
            start_ms = first or end_ms or 0
        run = IncomingRun(
            run_id,
            text_of(info.get("experiment_id")),
            text_of(info.get("run_name")) or tags.get(RUN_NAME_TAG, ""),
            user=text_of(info.get("user_id")),
            status=run_status(info.get("status"), damaged),
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=(end_ms or start_ms) if _is_deleted(info) else None,
            params=_texts(data.get("params")),
            tags=tags,
        )
        inputs, outputs = _mapping(source.get("inputs")), _mapping(source.get("outputs"))
        for used in _mappings(inputs.get("dataset_inputs")):
            dataset = _mapping(used.get("dataset"))
            run.datasets.append(dataset_input(dataset, _texts(used.get("tags"))))
        for read in _mappings(inputs.get("model_inputs")):
            run.models_read.append(text_of(read.get("model_id")))
        for written in _mappings(outputs.get("model_outputs")):
            step = rounded(written.get("step") or 0, "step", damaged) or 0
            run.models_written.append((text_of(written.get("model_id")), step))
        return SourceRun(run_id, run, series, self._run_files(run_id))

    def _series(self, run_id: str, keys: Iterable[str], start_ms: int) -> Series:
        """The points of each metric; a metric that the server does not give is reported."""
        damaged = self._damaged(f"metrics of run {run_id}")
        for key in keys:
            query = {"run_id": run_id, "metric_key": key, "max_results": _HISTORY_PAGE}
            points = self._tried(_HISTORY, query, "metrics", f"metric {key} of run {run_id}")
            rows = (
                (key, point.get("timestamp", 0), point.get("step", 0), point.get("value", 0), None)
                for point in points
            )
            yield from point_series(rows, start_ms, damaged)

    def _model(self, answer: Json) -> SourceModel:
        info, data = _mapping(answer.get("info")), _mapping(answer.get("data"))
        model_id = str(info["model_id"])
        damaged = self._damaged(f"model {model_id}")
        updated_ms = milliseconds(info.get("last_updated_timestamp_ms"), damaged)
        created_ms = milliseconds(info.get("creation_timestamp_ms"), damaged) or updated_ms or 0
        points = [
            {
                "metric_name": metric.get("key"),
                "metric_timestamp_ms": metric.get("timestamp", 0),
                "metric_step": metric.get("step", 0),
                "metric_value": metric.get("value", 0),
                "run_id": metric.get("run_id"),
                "dataset_name": metric.get("dataset_name"),
                "dataset_digest": metric.get("dataset_digest"),
            }
            for metric in _mappings(data.get("metrics"))
            if metric.get("run_id")
        ]
        model = IncomingModel(
            model_id,
            str(info["experiment_id"]),
            text_of(info.get("name")),
            status=_model_status(str(info.get("status") or "")),
            created_ms=created_ms,
            updated_ms=updated_ms or created_ms,
            source_run_id=info.get("source_run_id") or None,
            model_type=info.get("model_type") or None,
            params=_texts(data.get("params")),
            tags=_texts(info.get("tags")),
            points=list(measured(points, created_ms, damaged)),
        )
        return SourceModel(model, self._model_files(str(info.get("artifact_uri") or ""), model_id))

    def _pages(self, path: str, body: Json, name: str) -> Iterator[Json]:
        """The items of all pages, as the server writes them."""

        def fetch(token: str | None) -> PagedList[Json]:
            asked = body | ({"page_token": token} if token else {})
            connection = self._server.connection
            answer = (
                connection.get(API + path, asked)
                if path == _HISTORY
                else connection.post(API + path, asked)
            )
            return PagedList(_mappings(answer.get(name)), answer.get("next_page_token") or None)

        return all_pages(fetch)

    def _tried(self, path: str, body: Json, name: str, owner: str) -> Iterator[Json]:
        """As `_pages`, but a refusal of the server is reported; the items before it are taken."""
        try:
            yield from self._pages(path, body, name)
        except (RemoteUnavailableError, EndpointMissingError):
            raise  # the server has gone: the rest waits for the next import
        except EventtrackError as error:
            self.report.missing(f"{name} of {owner}", error.message)

    def _damaged(self, place: str) -> Damaged:
        return lambda problem: self.report.damaged(self.place, None, problem, place=place)

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
                    path=f"{path}/{file['path'].rpartition('/')[2]}".lstrip("/"),
                    is_dir=bool(file.get("is_dir")),
                    file_size=int(file.get("file_size") or 0),
                )
                for file in answer.get("files") or ()
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
        """Every file, folder by folder; folders that cannot be listed are reported."""
        waiting, listed = [""], set[str]()
        while waiting:
            folder = waiting.pop()
            if folder in listed:
                continue  # a server that lists a folder within itself
            listed.add(folder)
            try:
                entries = listing(folder)
            except RemoteUnavailableError:
                raise  # the server has gone: the rest waits for the next import
            except (EventtrackError, KeyError, TypeError, ValueError) as error:
                self.report.missing(f"artifacts {folder or 'of'} {owner}", error_text(error))
                continue
            for entry in entries:
                if entry.is_dir:
                    waiting.append(entry.path)
                else:
                    fetch = _Fetch(chunks, entry.path)
                    yield IncomingFile(entry.path, fetch=fetch, size=entry.file_size)


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
    for point in all_pages(fetch):
        points.steps.append(point.step)
        points.timestamps.append(point.timestamp)
        points.values.append(point.value)
    return points


def _model_status(status: str) -> str:
    word = status.removeprefix(_STATUS_PREFIX)
    word = {"UPLOAD_FAILED": ModelStatus.FAILED}.get(word, word)
    return word if word in ModelStatus.ALL else ModelStatus.UNSPECIFIED


def _texts(pairs: Any) -> dict[str, str]:
    """A list of keys and values as a mapping; the last value of a key counts."""
    return {text_of(pair.get("key")): text_of(pair.get("value")) for pair in _mappings(pairs)}


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Json]:
    """The objects in a list; none if the value is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_deleted(facts: Json) -> bool:
    return facts.get("lifecycle_stage") == LifecycleStage.DELETED
