"""From folded state to records: what a run and an experiment look like to a caller."""

from collections.abc import Callable

from eventtrack.projections import model_points, names
from eventtrack.projections.state import (
    ExperimentState,
    ModelState,
    RunState,
    effective_lifecycle,
)
from eventtrack.projections.tables import Reader
from eventtrack.views.locations import below, is_local
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


class EntityReader:
    """Builds records out of one reader's states; experiments are read once.

    Args:
        artifact_root: The URI under which the store keeps the files of runs that have no
            location of their own.
        given: The folder that this machine gave to an experiment, by its id, if it gave one.
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
        """The state of an experiment; None for one never heard of."""
        if experiment_id not in self._experiments:
            self._experiments[experiment_id] = self.reader.experiment(experiment_id)
        return self._experiments[experiment_id]

    def experiment(self, state: ExperimentState) -> Experiment:
        """An experiment as a record, under the name it shows."""
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
        """A run's stage, which an experiment's deletion or restoration may have set."""
        return effective_lifecycle(state, self.experiment_state(state.experiment_id))

    def artifact_uri(self, state: RunState) -> str:
        """Where a run's files are."""
        location = self.location(state.experiment_id)
        if location is None:
            return f"{self._artifact_root}/runs/{state.run_id}/artifacts"
        return below(location, f"{state.run_id}/artifacts")

    def location(self, experiment_id: str) -> str | None:
        """Where an experiment keeps its files outside of the store; None for the store itself.

        A folder counts only where this machine gave it: another one's event cannot name a folder
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
        """Where a model's files are."""
        return below(self._root(state.experiment_id), f"models/{state.model_id}/artifacts")

    def trace_location(self, experiment_id: str, trace_id: str) -> str:
        """Where a trace's files are."""
        return below(self._root(experiment_id), f"traces/{trace_id}/artifacts")

    def _root(self, experiment_id: str) -> str:
        """The experiment's location of its own, else the store."""
        location = self.location(experiment_id)
        return self._artifact_root if location is None else location

    def model_metrics(self, state: ModelState) -> list[Metric]:
        """Every point that describes a logged model, in order of key, time, step and run."""
        found = model_points.read(self.reader, state.number)
        found.sort(key=lambda one: (one.key, one.timestamp_ms, one.step, one.run_id))
        return [
            Metric(
                key=one.key,
                value=one.value,
                timestamp=one.timestamp_ms,
                step=one.step,
                model_id=state.model_id,
                dataset_name=one.dataset_name,
                dataset_digest=one.dataset_digest,
                run_id=one.run_id,
            )
            for one in found
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
        """What a run is."""
        return RunInfo(
            run_id=state.run_id,
            run_name=state.name[0],
            experiment_id=state.experiment_id,
            user_id=state.user,
            status=state.status[0],
            start_time=state.start_ms,
            end_time=state.end_ms[0],
            lifecycle_stage=self.lifecycle(state),
            artifact_uri=self.artifact_uri(state),
        )

    def run(self, state: RunState) -> Run:
        """A run with all it recorded."""
        metrics = state.metrics
        run = Run(
            info=self.run_info(state),
            data=RunData(
                metrics={key: metrics[key].value for key in sorted(metrics)},
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
                        state.models_written.items(), key=lambda one: (one[1][1], one[0])
                    )
                ]
            )
        return run


def shown_name(reader: Reader, state: ExperimentState) -> str:
    """The name an experiment shows: its own, with its replica behind it if an older one has it."""
    name = state.name[0]
    holders = names.find(reader, names.EXPERIMENTS, name).holders
    if len(holders) < 2:
        return name
    known = [one for one in map(reader.experiment, holders) if one is not None]
    oldest, *others = sorted(known, key=_age)
    if oldest.experiment_id == state.experiment_id:
        return name
    replica = state.born[8:12]
    rivals = [one.experiment_id for one in others if one.born[8:12] == replica]
    place = rivals.index(state.experiment_id)
    # Rarely does one replica have two of them: the younger is counted.
    return f"{name}~{replica.hex()}" + (f".{place + 1}" if place else "")


def find_by_name(reader: Reader, name: str) -> ExperimentState | None:
    """The experiment that shows `name`, deleted ones too; None when none does."""
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
    # In the order in which they were said, which is the same on every machine; arrival is not.
    read = sorted(state.models_read.items(), key=lambda one: (one[1], one[0]))
    models = [LoggedModelInput(model_id=model_id) for model_id, _ in read]
    return RunInputs(dataset_inputs=datasets, model_inputs=models)
