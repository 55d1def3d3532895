"""A storage for Optuna whose studies are events: `create_study(storage=EventtrackStorage())`.

A study is a run, and each trial a run below it. Workers share a study through one folder, or on
machines of their own, offline too: `eventtrack sync` brings their trials together.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from eventtrack.errors import UsageError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.context import source_tags
from eventtrack.fluent.experiments import current_experiment_id
from eventtrack.integrations.missing import missing
from eventtrack.integrations.studies import StudyJournal
from eventtrack.integrations.values import name_of
from eventtrack.store import Store, open_store
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import RunStatus

try:
    from optuna.distributions import BaseDistribution
    from optuna.storages import JournalStorage
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, Trial, TrialState
except ImportError as error:
    raise missing("optuna", error) from error

_STATUS_OF = {
    TrialState.WAITING: RunStatus.SCHEDULED,
    TrialState.RUNNING: RunStatus.RUNNING,
    TrialState.COMPLETE: RunStatus.FINISHED,
    TrialState.PRUNED: RunStatus.KILLED,
    TrialState.FAIL: RunStatus.FAILED,
}


class EventtrackStorage(JournalStorage):
    """Keeps studies in a store, and shows each study and each trial as a run.

    A trial's run has its params, its reports as the metric `intermediate_value`, its values as
    `value` (or `value_0` and so on), its state as the tag `optuna.state`, and its attributes as
    tags. A pruned trial's run is KILLED. What the objective logs may go to it too: see `run_id`.

    Args:
        tracking_uri: A folder; None means the current store.
        experiment_name: The experiment for the runs, made if it is missing; else the current one.

    Raises:
        UsageError: The store is behind a server.
    """

    def __init__(
        self, tracking_uri: str | None = None, *, experiment_name: str | None = None
    ) -> None:
        self._client = EventtrackClient(tracking_uri)
        store = self._client.store
        if not isinstance(store, Store):
            raise UsageError(
                f"cannot keep studies in {self._client.tracking_uri}: Optuna asks for all trials "
                "before each step, so they have to be on this machine",
                hint=f"run `eventtrack clone {self._client.tracking_uri} ./runs`, pass ./runs "
                "here, and run `eventtrack sync` whenever trials are to be exchanged",
            )
        if experiment_name is None:
            self._experiment_id = current_experiment_id(self._client)
        else:
            self._experiment_id = store.experiments.get_or_create(experiment_name).experiment_id
        self._store = store
        self._journal = StudyJournal(store)
        super().__init__(self._journal)

    def __getstate__(self) -> dict[Any, Any]:
        state: dict[Any, Any] = super().__getstate__()
        return state | {"_client": None, "_store": self._store.path}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        self._store = open_store(state["_store"])
        self._client = EventtrackClient(store=self._store)

    def run_id(self, trial: Trial | FrozenTrial) -> str:
        """The id of a trial's run, for `start_run(run_id=...)` within the objective."""
        return self._journal.id_of_trial(trial._trial_id)  # noqa: SLF001 - Optuna has no other name

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Create a study, and its run."""
        study: int = super().create_new_study(directions, study_name)
        name = self.get_study_name_from_id(study)
        tags = {
            "optuna.study": name,
            "optuna.directions": ", ".join(direction.name.lower() for direction in directions),
        }
        with _going_on():
            self._create_run(self._journal.ids_of_study(study)[0], name, tags)
        return study

    def delete_study(self, study_id: int) -> None:
        """Delete a study; its run is marked deleted, and can be restored, unlike the study."""
        ids = self._journal.ids_of_study(study_id)
        super().delete_study(study_id)
        for run_id in ids:
            with _going_on():
                self._client.delete_run(run_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set an attribute of a study, and the tag of its run."""
        super().set_study_user_attr(study_id, key, value)
        self._tag(self._journal.ids_of_study(study_id)[0], {f"optuna.{key}": value})

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial, and its run below that of the study."""
        trial_id: int = super().create_new_trial(study_id, template_trial)
        trial, run_id = self.get_trial(trial_id), self._journal.id_of_trial(trial_id)
        tags = {
            PARENT_TAG: self._journal.ids_of_study(study_id)[0],
            "optuna.study": self.get_study_name_from_id(study_id),
            "optuna.number": str(trial.number),
        }
        with _going_on():
            self._create_run(run_id, f"trial {trial.number}", tags)
            self._store.runs.log_params(
                run_id, {name_of(key): value for key, value in trial.params.items()}
            )
            for step, value in trial.intermediate_values.items():
                self._client.log_metric(run_id, "intermediate_value", value, step=step)
        self._tag(run_id, {f"optuna.{key}": value for key, value in trial.user_attrs.items()})
        if trial.state != TrialState.RUNNING:
            self._show_state(run_id, trial.state, trial.values)
        return trial_id

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Set a param of a trial, and log it to its run."""
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)
        value = distribution.to_external_repr(param_value_internal)
        with _going_on():
            run_id = self._journal.id_of_trial(trial_id)
            self._store.runs.log_params(run_id, {name_of(param_name): value})

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set the state and the values of a trial, and of its run; False if another has it."""
        is_set: bool = super().set_trial_state_values(trial_id, state, values)
        if is_set:
            self._show_state(self._journal.id_of_trial(trial_id), state, values)
        return is_set

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Report a value of a step, and log it to the trial's run."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        with _going_on():
            run_id = self._journal.id_of_trial(trial_id)
            self._client.log_metric(run_id, "intermediate_value", intermediate_value, step=step)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of a trial, and the tag of its run."""
        super().set_trial_user_attr(trial_id, key, value)
        self._tag(self._journal.id_of_trial(trial_id), {f"optuna.{key}": value})

    def _create_run(self, run_id: str, name: str, tags: dict[str, str]) -> None:
        self._store.runs.create(
            self._experiment_id, tags=source_tags() | tags, run_name=name, run_id=run_id
        )

    def _show_state(self, run_id: str, state: TrialState, values: Sequence[float] | None) -> None:
        values = values or ()
        with _going_on():
            for place, value in enumerate(values):
                name = "value" if len(values) == 1 else f"value_{place}"
                self._client.log_metric(run_id, name, value)
            if state.is_finished():
                self._client.set_terminated(run_id, _STATUS_OF[state])
            else:
                self._client.update_run(run_id, _STATUS_OF[state])
        self._tag(run_id, {"optuna.state": state.name})

    def _tag(self, run_id: str, tags: dict[str, Any]) -> None:
        if tags:
            with _going_on():
                self._store.runs.set_tags(run_id, {name_of(k): v for k, v in tags.items()})


@contextmanager
def _going_on() -> Iterator[None]:
    """Let a study go on where a run cannot show it: it was deleted, say, or a name is too long."""
    try:
        yield
    except UsageError as error:
        logging.getLogger("eventtrack").warning(
            "eventtrack: the run of a trial misses something: %s", error
        )
