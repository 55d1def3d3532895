"""Builds records for callers from the folded state of runs, experiments, models and traces."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from eventtrack.lazy import lazy
from eventtrack.locations import below, is_local
from eventtrack.projections import names
from eventtrack.projections.state import (
    ExperimentState,
    ModelState,
    RunState,
    effective_lifecycle,
)
from eventtrack.projections.tables import Reader
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModel,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)

if TYPE_CHECKING:
    from eventtrack.projections import model_points
else:
    model_points = lazy("eventtrack.projections.model_points")


class EntityReader:
    """Builds records from the states of a reader; reads each experiment once.

    Args:
        artifact_root: The URI below which the store keeps files of experiments without a location
            of their own.
        given: Returns the folder that this machine gave to the experiment with that id, if any.
    """

    def __init__(
        self,
        reader: Reader,
        artifact_root: str,
        given: Callable[[Reader, str], str | None],
    ) -> None:
        self.reader = reader
        self._artifact_root = artifact_root
        self._given = given
        self._experiments: dict[str, ExperimentState | None] = {}
        self._locations: dict[str, str | None] = {}

    def experiment_state(self, experiment_id: str) -> ExperimentState | None:
        """The state of an experiment; None if the store does not know the experiment."""
        if experiment_id not in self._experiments:
            self._experiments[experiment_id] = self.reader.experiment(experiment_id)
        return self._experiments[experiment_id]

    def experiment(self, state: ExperimentState) -> Experiment:
        """An experiment as a record, with the name that it shows."""
        return Experiment(
            experiment_id=state.experiment_id,
            name=shown_name(self.reader, state),
            artifact_location=self._location(state.experiment_id, state.artifact_location)
            or f"{self._artifact_root}/experiments/{state.experiment_id}",
            lifecycle_stage=state.lifecycle[0],
            tags=state.live_tags(),
            creation_time=state.created_ms,
            last_update_time=state.updated_ms,
        )

    def lifecycle(self, state: RunState) -> str:
        """A run's lifecycle stage; deleting or restoring its experiment may have set the stage."""
        return effective_lifecycle(state, self.experiment_state(state.experiment))

    def artifact_uri(self, state: RunState) -> str:
        """The URI of a run's files. A move leaves them where they are."""
        location = self.location(state.experiment_id)
        if location is None:
            return f"{self._artifact_root}/runs/{state.run_id}/artifacts"
        return below(location, f"{state.run_id}/artifacts")

    def location(self, experiment_id: str) -> str | None:
        """The URI of an experiment's files outside the store; None if the store keeps them.

        A folder counts only if this machine gave it: no other machine's event can name a folder
        to read from or to write to.
        """
        state = self.experiment_state(experiment_id)
        return None if state is None else self._location(experiment_id, state.artifact_location)

    def folder(self, experiment_id: str) -> str | None:
        """The folder that this machine gave to an experiment, whatever its events say."""
        return self._given(self.reader, experiment_id)

    def _location(self, experiment_id: str, recorded: str | None) -> str | None:
        if recorded is None or not is_local(recorded):
            return recorded
        if experiment_id not in self._locations:
            self._locations[experiment_id] = self.folder(experiment_id)
        return self._locations[experiment_id]

    def model_location(self, state: ModelState) -> str:
        """The URI of a model's files."""
        return below(self._root(state.experiment_id), f"models/{state.model_id}/artifacts")

    def trace_location(self, experiment_id: str, trace_id: str) -> str:
        """The URI of a trace's files."""
        return below(self._root(experiment_id), f"traces/{trace_id}/artifacts")

    def _root(self, experiment_id: str) -> str:
        """The experiment's own location, or else the store's."""
        location = self.location(experiment_id)
        return self._artifact_root if location is None else location

    def model_metrics(self, state: ModelState) -> list[Metric]:
        """Every point that describes a logged model, in order of key, time, step and run."""
        points = model_points.read(self.reader, state.number)
        points.sort(key=lambda point: (point.key, point.timestamp_ms, point.step, point.run_id))
        return [
            Metric(
                key=point.key,
                value=point.value,
                timestamp=point.timestamp_ms,
                step=point.step,
                model_id=state.model_id,
                dataset_name=point.dataset_name,
                dataset_digest=point.dataset_digest,
                run_id=point.run_id,
            )
            for point in points
        ]

    def model(self, state: ModelState) -> LoggedModel:
        """A logged model as a record."""
        return LoggedModel(
            model_id=state.model_id,
            experiment_id=state.experiment_id,
            name=state.name,
            artifact_location=self.model_location(state),
            creation_timestamp=state.created_ms,
            last_updated_timestamp=state.updated_ms,
            status=state.status[0],
            lifecycle_stage=state.lifecycle[0],
            model_type=state.model_type,
            source_run_id=state.source_run_id,
            params=state.live_params(),
            tags=state.live_tags(),
            metrics=self.model_metrics(state),
        )

    def run_info(self, state: RunState) -> RunInfo:
        """The identity and state of a run as a record."""
        return RunInfo(
            run_id=state.run_id,
            run_name=state.name[0],
            experiment_id=state.experiment,
            user_id=state.user,
            status=state.status[0],
            start_time=state.start_ms,
            end_time=state.end_ms[0],
            lifecycle_stage=self.lifecycle(state),
            artifact_uri=self.artifact_uri(state),
        )

    def latest(self, state: RunState) -> list[Metric]:
        """The latest point of each metric of a run, by (step, timestamp, value), sorted by key."""
        metrics = self.reader.curves(state)
        return [
            Metric(
                key=key,
                value=metrics[key].value,
                timestamp=metrics[key].timestamp_ms,
                step=metrics[key].step,
                run_id=state.run_id,
            )
            for key in sorted(metrics)
        ]

    def run_with_latest(self, state: RunState) -> tuple[Run, list[Metric]]:
        """A run as a record, and the latest point of each of its metrics."""
        latest = self.latest(state)
        return self._run(state, {point.key: point.value for point in latest}), latest

    def run(self, state: RunState) -> Run:
        """A run as a record."""
        metrics = self.reader.curves(state)
        return self._run(state, {key: metrics[key].value for key in sorted(metrics)})

    def _run(self, state: RunState, metrics: dict[str, float]) -> Run:
        run = Run(
            info=self.run_info(state),
            data=RunData(
                metrics=metrics,
                params=state.live_params(),
                tags=state.live_tags(),
            ),
        )
        if state.datasets or state.models_read:
            run.inputs = _inputs(state)
        if state.models_written:
            run.outputs = RunOutputs(
                model_outputs=[
                    LoggedModelOutput(model_id=model_id, step=step)
                    for model_id, (step, _) in sorted(
                        state.models_written.items(), key=lambda item: (item[1][1], item[0])
                    )
                ]
            )
        return run


def shown_name(reader: Reader, state: ExperimentState) -> str:
    """The shown name of an experiment: `NAME~REPLICA` if an older experiment has its name."""
    name = state.name[0]
    holders = names.find(reader, names.EXPERIMENTS, name).holders
    if len(holders) < 2:
        return name
    known = [experiment for experiment in map(reader.experiment, holders) if experiment is not None]
    oldest, *others = sorted(known, key=_age)
    if oldest.experiment_id == state.experiment_id:
        return name
    replica = state.born[8:12]
    rivals = [experiment.experiment_id for experiment in others if experiment.born[8:12] == replica]
    place = rivals.index(state.experiment_id)
    # Rarely a replica has several such experiments: then a number tells the younger apart.
    return f"{name}~{replica.hex()}" + (f".{place + 1}" if place else "")


def find_by_name(reader: Reader, name: str) -> ExperimentState | None:
    """The experiment that shows `name`, deleted or not; None without such an experiment."""
    plain = name.rpartition("~")[0]
    for candidate in (name, plain) if plain else (name,):
        for experiment_id in names.find(reader, names.EXPERIMENTS, candidate).holders:
            state = reader.experiment(experiment_id)
            if state is not None and shown_name(reader, state) == name:
                return state
    return None


def _age(state: ExperimentState) -> tuple[bytes, str]:
    return state.born, state.experiment_id


def _inputs(state: RunState) -> RunInputs:
    datasets = [
        DatasetInput(
            dataset=Dataset(
                name=used.name,
                digest=used.digest,
                source_type=used.source_type,
                source=used.source,
                schema=used.schema,
                profile=used.profile,
            ),
            tags=[InputTag(key=key, value=value) for key, value in sorted(used.tags.items())],
        )
        for used, _ in sorted(state.datasets.values(), key=lambda pair: (pair[1], repr(pair[0])))
    ]
    # In the order of recording, which is the same on every machine; the order of arrival is not.
    read = sorted(state.models_read.items(), key=lambda item: (item[1], item[0]))
    models = [LoggedModelInput(model_id=model_id) for model_id, _ in read]
    return RunInputs(dataset_inputs=datasets, model_inputs=models)
