"""Runs of ours on a server that speaks MLflow's REST API.

A server of MLflow's gives runs ids of its own, so each exported run is tagged with its id here. By
that tag a later export recognizes the run, compares, and adds new facts. A stopped export goes on
when it is repeated.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

from eventtrack.errors import EventtrackError, RemoteUnavailableError
from eventtrack.projections.points import Points
from eventtrack.rest import TrackingServer
from eventtrack.rest.calls import all_pages
from eventtrack.store import Store
from eventtrack.tags import PARENT_TAG, RUN_NAME_TAG
from eventtrack.transfer.mlflow_server import history
from eventtrack.transfer.report import ExperimentTaken, Report
from eventtrack.transfer.series_export import bring_series
from eventtrack.views.records import (
    Experiment,
    LifecycleStage,
    Metric,
    PagedList,
    Run,
    ViewType,
)

EXPORT_ID_TAG = "eventtrack.export.id"
# MLflow's bounds of one batch.
_BATCH_POINTS = 1000
_BATCH_TEXTS = 100

Progress = Callable[[int, int], None]


class Export:
    """Brings runs to a server; `report` counts what was new there."""

    def __init__(self, store: Store, server: TrackingServer) -> None:
        self._store, self._server = store, server
        self.report = Report(f"mlflow {server.url}")
        self._theirs: dict[str, Run] = {}  # by the run's id here
        self._takes_series: bool | None = None

    def run(
        self, experiments: Iterable[Experiment], runs: Sequence[Run], progress: Progress
    ) -> Report:
        """Bring these runs, of these experiments, to the server.

        Raises:
            RemoteError: The server is gone, or refuses; what it has stays, and a repeated export
                goes on from there.
        """
        by_experiment: dict[str, list[Run]] = {}
        for run in runs:
            by_experiment.setdefault(run.info.experiment_id, []).append(run)
        chosen = [
            experiment for experiment in experiments if experiment.experiment_id in by_experiment
        ]
        for experiment in chosen:
            self._begin(experiment, by_experiment[experiment.experiment_id])
        done = 0
        for experiment in chosen:
            for run in by_experiment[experiment.experiment_id]:
                progress(done, len(runs))
                done += 1
                self.report.runs_seen += 1
                if run.info.run_id in self._theirs:
                    self._bring(run, self._theirs[run.info.run_id])
        progress(done, max(done, 1))
        return self.report

    def _begin(self, experiment: Experiment, runs: Sequence[Run]) -> None:
        """Find or make the experiment and its runs there, so that all new ids are known."""
        name, taken = experiment.name, self.report.taken
        theirs = self._server.get_experiment_by_name(name)
        if theirs is not None and theirs.lifecycle_stage == LifecycleStage.DELETED:
            self.report.missing(f"experiment {name}", "the server's is deleted; restore it there")
            return
        if theirs is None:
            experiment_id = self._server.create_experiment(name, tags=experiment.tags)
            taken.experiments += 1
        else:
            experiment_id = theirs.experiment_id
            for key, text in experiment.tags.items():
                if theirs.tags.get(key) != text:
                    self._server.set_experiment_tag(experiment_id, key, text)
                    taken.tags += 1
        self.report.experiments.append(
            ExperimentTaken(
                source_id=experiment.experiment_id, experiment_id=experiment_id, name=name
            )
        )
        known = self._known(experiment_id) if theirs is not None else {}
        for run in runs:
            run_id = run.info.run_id
            if run_id in known:
                self._theirs[run_id] = known[run_id]
                continue
            self._theirs[run_id] = self._server.create_run(
                experiment_id,
                user_id=run.info.user_id,
                start_time=run.info.start_time,
                tags={EXPORT_ID_TAG: run_id, RUN_NAME_TAG: run.info.run_name},
                run_name=run.info.run_name,
                run_id=run_id,  # kept by eventtrack's server; MLflow's gives its own
            )
            taken.runs += 1

    def _known(self, experiment_id: str) -> dict[str, Run]:
        """The server's runs by our ids."""

        def fetch(token: str | None) -> PagedList[Run]:
            ids = [experiment_id]
            return self._server.search_runs(ids, view_type=ViewType.ALL, page_token=token)

        runs = list(all_pages(fetch))
        known = {run.info.run_id: run for run in runs}
        tagged = {run.data.tags.get(EXPORT_ID_TAG, run.info.run_id): run for run in runs}
        return known | tagged

    def _bring(self, ours: Run, theirs: Run) -> None:
        was_deleted = theirs.info.lifecycle_stage == LifecycleStage.DELETED
        to_delete = ours.info.lifecycle_stage == LifecycleStage.DELETED
        if was_deleted:
            # A deleted run takes no facts: it is restored while the export writes to it.
            self._server.restore_run(theirs.info.run_id)
        try:
            self._texts(ours, theirs)
            self._points(ours, theirs)
            self._series(ours.info.run_id, theirs.info.run_id)
            self._inputs(ours, theirs)
            self._files(ours, theirs)
            self._end(ours, theirs)
        finally:
            if to_delete:
                self._server.delete_run(theirs.info.run_id)
        self.report.taken.updates += was_deleted != to_delete

    def _texts(self, ours: Run, theirs: Run) -> None:
        run_id, known = theirs.info.run_id, theirs.data
        params = {k: v for k, v in ours.data.params.items() if k not in known.params}
        for key in ours.data.params.keys() & known.params.keys():
            if ours.data.params[key] != known.params[key]:
                self.report.differs(f"run {run_id} param.{key} on the server")
        wanted = ours.data.tags | {EXPORT_ID_TAG: ours.info.run_id}
        parent = self._theirs.get(wanted.get(PARENT_TAG, ""))
        if parent is not None:
            wanted[PARENT_TAG] = parent.info.run_id
        tags = {k: v for k, v in wanted.items() if known.tags.get(k) != v}
        for part in _parts(params):
            self._server.log_batch(run_id, params=part)
        for part in _parts(tags):
            self._server.log_batch(run_id, tags=part)
        self.report.taken.params += len(params)
        self.report.taken.tags += len(tags)

    def _points(self, ours: Run, theirs: Run) -> None:
        run_id, batch = theirs.info.run_id, list[Metric]()
        for key in ours.data.metrics:
            points = self._store.metrics.arrays(ours.info.run_id, key)
            known: set[tuple[int, int, float | None]] = set()
            if key in theirs.data.metrics:
                known = set(_rows(history(self._server, run_id, key)))
            for place, row in enumerate(_rows(points)):
                if row not in known:
                    known.add(row)
                    timestamp, step, _ = row
                    value = points.values[place]
                    batch.append(Metric(key=key, value=value, timestamp=timestamp, step=step))
                    if len(batch) == _BATCH_POINTS:
                        self._send(run_id, batch)
        self._send(run_id, batch)

    def _series(self, ours: str, theirs: str) -> None:
        if self._takes_series is None:
            self._takes_series = self._server.takes_series()
        if self._takes_series:
            bring_series(self._store, self._server, ours, theirs, self.report)
        else:
            left = sum(series.count for series in self._store.items.list(ours))
            self.report.left_out("items of text, histograms and media", left)

    def _send(self, run_id: str, batch: list[Metric]) -> None:
        if batch:
            self._server.log_batch(run_id, metrics=batch)
            self.report.taken.points += len(batch)
            batch.clear()

    def _inputs(self, ours: Run, theirs: Run) -> None:
        known = {(use.dataset.name, use.dataset.digest) for use in theirs.inputs.dataset_inputs}
        new = [
            use
            for use in ours.inputs.dataset_inputs
            if (use.dataset.name, use.dataset.digest) not in known
        ]
        if new:
            self._server.log_inputs(theirs.info.run_id, new)
            self.report.taken.inputs += len(new)
        models = len(ours.inputs.model_inputs) + len(ours.outputs.model_outputs)
        self.report.left_out("logged models of runs", models)

    def _files(self, ours: Run, theirs: Run) -> None:
        run_id = ours.info.run_id
        entries = self._store.artifacts.entries(run_id)
        if not entries:
            return
        known = self._listed(theirs.info.run_id)
        for entry in entries:
            if known.get(entry.path) == entry.size:
                continue
            try:
                with self._store.artifacts.open(run_id, entry.path) as stream:
                    self._server.write_artifact(theirs.info.artifact_uri, entry.path, stream)
                self.report.taken.files += 1
            except RemoteUnavailableError:
                raise
            except (EventtrackError, OSError) as error:
                reason = error.message if isinstance(error, EventtrackError) else str(error)
                self.report.missing(f"artifact {entry.path} of run {run_id}", reason)

    def _listed(self, run_id: str) -> dict[str, int | None]:
        sizes: dict[str, int | None] = {}
        waiting = [""]
        while waiting:
            for entry in self._server.list_artifacts(run_id, waiting.pop()):
                if entry.is_dir:
                    waiting.append(entry.path)
                else:
                    sizes[entry.path] = entry.file_size
        return sizes

    def _end(self, ours: Run, theirs: Run) -> None:
        mine, there = ours.info, theirs.info
        status = mine.status if mine.status != there.status else None
        end_time = mine.end_time if mine.end_time != there.end_time else None
        name = mine.run_name if mine.run_name != there.run_name else None
        if (status, end_time, name) != (None, None, None):
            self._server.update_run(there.run_id, status=status, end_time=end_time, name=name)
            self.report.taken.updates += 1


def _parts(texts: Mapping[str, str]) -> Iterable[dict[str, str]]:
    pairs = list(texts.items())
    starts = range(0, len(pairs), _BATCH_TEXTS)
    return [dict(pairs[start : start + _BATCH_TEXTS]) for start in starts]


def _rows(points: Points) -> Iterable[tuple[int, int, float | None]]:
    """Points in a form in which equal points are those that MLflow's server stores as equal.

    The server keeps infinities as the greatest numbers, and knows one zero; None stands for NaN.
    """
    values = [_stored(value) for value in points.values]
    return zip(points.timestamps, points.steps, values, strict=True)


def _stored(value: float) -> float | None:
    if math.isfinite(value):
        return value + 0.0
    return None if math.isnan(value) else math.copysign(sys.float_info.max, value)
