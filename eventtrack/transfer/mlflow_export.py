"""Runs of ours on a server that speaks MLflow's REST API.

A server of MLflow's gives runs ids of its own, so each exported run is tagged with its id here. By
that tag a later export recognizes the run, compares, and adds new facts. A stopped export goes on
when it is repeated.
"""

import math
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

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
RunsOf = Callable[[Experiment], Iterator[Run]]


class Export:
    """Brings runs to a server, one after the other; `report` counts what was new there."""

    def __init__(self, store: Store, server: TrackingServer) -> None:
        self._store, self._server = store, server
        self.report = Report(f"mlflow {server.url}")
        self._theirs = _Ids()
        self._takes_series: bool | None = None

    def run(self, experiments: Iterable[Experiment], runs_of: RunsOf, progress: Progress) -> Report:
        """Bring the runs of these experiments to the server.

        Args:
            runs_of: Gives the runs of an experiment. It is called twice: all runs are made on the
                server before the first is filled, since a run may name any other as its parent.

        Raises:
            RemoteError: The server is gone, or refuses; what it has stays, and a repeated export
                goes on from there.
        """
        counts = [(experiment, self._begin(experiment, runs_of)) for experiment in experiments]
        done, total = 0, sum(count for _, count in counts)
        for experiment, count in counts:
            for run in runs_of(experiment) if count else ():
                progress(done, max(done + 1, total))
                done += 1
                self.report.runs_seen += 1
                theirs = self._theirs.get(run.info.run_id)
                if theirs is not None:
                    self._bring(run, self._server.get_run(theirs))
        progress(done, max(done, 1))
        return self.report

    def _begin(self, experiment: Experiment, runs_of: RunsOf) -> int:
        """Find or make the experiment and its runs there; returns the number of its runs here."""
        runs = runs_of(experiment)
        first = next(runs, None)
        if first is None:
            return 0
        runs = chain([first], runs)
        name, taken = experiment.name, self.report.taken
        theirs = self._server.get_experiment_by_name(name)
        if theirs is not None and theirs.lifecycle_stage == LifecycleStage.DELETED:
            self.report.missing(f"experiment {name}", "the server's is deleted; restore it there")
            return sum(1 for _ in runs)
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
        known = self._known(experiment_id) if theirs is not None else _Ids()
        return sum(1 for run in runs if self._make(run, experiment_id, known))

    def _make(self, run: Run, experiment_id: str, known: "_Ids") -> str:
        """Make a run on the server, unless it is known there; returns its id there."""
        run_id = run.info.run_id
        theirs = known.get(run_id)
        if theirs is None:
            theirs = self._server.create_run(
                experiment_id,
                user_id=run.info.user_id,
                start_time=run.info.start_time,
                tags={EXPORT_ID_TAG: run_id, RUN_NAME_TAG: run.info.run_name},
                run_name=run.info.run_name,
                run_id=run_id,  # kept by eventtrack's server; MLflow's gives its own
            ).info.run_id
            self.report.taken.runs += 1
        self._theirs.put(run_id, theirs)
        return theirs

    def _known(self, experiment_id: str) -> "_Ids":
        """The ids of the server's runs by our ids."""

        def fetch(token: str | None) -> PagedList[Run]:
            ids = [experiment_id]
            return self._server.search_runs(ids, view_type=ViewType.ALL, page_token=token)

        known = _Ids()
        for run in all_pages(fetch):
            theirs, tagged = run.info.run_id, run.data.tags.get(EXPORT_ID_TAG)
            if known.get(theirs) is None:
                known.put(theirs, theirs)
            if tagged is not None:
                known.put(tagged, theirs)
        return known

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
            wanted[PARENT_TAG] = parent
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


class _Ids:
    """The ids of runs on the server, by their ids here: in a temporary file, for a million fit."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("CREATE TABLE ids (ours TEXT PRIMARY KEY, theirs TEXT) WITHOUT ROWID")

    def put(self, ours: str, theirs: str) -> None:
        self._rows.execute("INSERT OR REPLACE INTO ids VALUES (?, ?)", (ours, theirs))

    def get(self, ours: str) -> str | None:
        row = self._rows.execute("SELECT theirs FROM ids WHERE ours = ?", (ours,)).fetchone()
        return None if row is None else str(row[0])


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
