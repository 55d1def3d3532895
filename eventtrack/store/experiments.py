"""Experiments: creates, names, tags, deletes and finds them."""

from collections.abc import Mapping, Sequence

from eventtrack import ids, limits, validate
from eventtrack.errors import (
    AlreadyExistsError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.locations import is_local
from eventtrack.projections import names
from eventtrack.projections.state import ExperimentState
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import beside
from eventtrack.views import paging
from eventtrack.views.entities import find_by_name
from eventtrack.views.filters.trees import parse_experiment_filter, parse_experiment_order
from eventtrack.views.records import Experiment, LifecycleStage, PagedList, ViewType
from eventtrack.views.search import experiments as experiment_search


class Experiments:
    """The experiments of a store."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine

    def create(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> str:
        """Make an experiment and return its id.

        Raises:
            AlreadyExistsError: An experiment of that name exists, active or deleted.
        """
        name = validate.experiment_name(name)
        location = validate.artifact_location(artifact_location)
        clean = _clean_tags(tags or {})
        locations = self._context.locations if location and is_local(location) else None
        if locations is not None:
            locations.adopt()

        def decide(reader: Reader) -> tuple[str, list[Draft]]:
            taken = find_by_name(reader, name)
            if taken is not None:
                raise _name_taken(name, taken)
            births = len(names.find(reader, names.EXPERIMENTS, name).births)
            experiment_id = ids.experiment_id(name, births)
            if locations is not None and location is not None:
                locations.give(experiment_id, location)
            event = types.ExperimentCreated(name, location, clean, self._now_ms(), births)
            return experiment_id, [_draft(experiment_id, event)]

        return self._engine.execute(decide)

    def get(self, experiment_id: str) -> Experiment:
        """An experiment by its id, even if it is deleted.

        Raises:
            NotFoundError: There is no such experiment.
        """
        with self._context.entities() as entities:
            return entities.experiment(existing_experiment(entities.reader, experiment_id))

    def get_by_name(self, name: str) -> Experiment | None:
        """An experiment by its name, even if it is deleted; None if there is none."""
        with self._context.entities() as entities:
            state = find_by_name(entities.reader, name)
            return None if state is None else entities.experiment(state)

    def get_or_create(self, name: str) -> Experiment:
        """The experiment of this name, even if it is deleted; made if there is none."""
        experiment = self.get_by_name(name)
        if experiment is not None:
            return experiment
        try:
            return self.get(self.create(name))
        except AlreadyExistsError:
            # Another process created it between the two calls.
            experiment = self.get_by_name(name)
            if experiment is None:
                raise
            return experiment

    def ensure_default(self) -> str:
        """Make the experiment `Default`, id "0", if it was never made; return its id."""
        with self._engine.read() as reader:
            if _state(reader, ids.DEFAULT_EXPERIMENT_ID) is not None:
                return ids.DEFAULT_EXPERIMENT_ID
        try:
            return self.create(ids.DEFAULT_EXPERIMENT_NAME)
        except AlreadyExistsError:
            return ids.DEFAULT_EXPERIMENT_ID

    def rename(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name.

        Raises:
            InvalidStateError: The experiment is deleted.
            AlreadyExistsError: Another experiment has the name.
        """
        name = validate.experiment_name(name)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = existing_experiment(reader, experiment_id)
            if state.lifecycle[0] != LifecycleStage.ACTIVE:
                raise InvalidStateError(
                    "Cannot rename a non-active experiment.",
                    hint="restore it first",
                )
            taken = find_by_name(reader, name)
            if taken is not None and taken.experiment_id != state.experiment_id:
                raise _name_taken(name, taken)
            if state.name[0] == name:
                return None, []
            return None, [_draft(experiment_id, types.ExperimentRenamed(name, self._now_ms()))]

        self._engine.execute(decide)

    def delete(self, experiment_id: str) -> None:
        """Delete an experiment and all its runs. Everything can be restored.

        Raises:
            NotFoundError: There is no such active experiment.
        """
        self._set_stage(experiment_id, LifecycleStage.ACTIVE, types.ExperimentDeleted)

    def restore(self, experiment_id: str) -> None:
        """Make a deleted experiment and all its runs active again.

        Raises:
            NotFoundError: There is no such deleted experiment.
        """
        self._set_stage(experiment_id, LifecycleStage.DELETED, types.ExperimentRestored)

    def set_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Set a tag of an active experiment."""
        self.set_tags(experiment_id, {validate.tag_key(key): value})

    def set_tags(self, experiment_id: str, tags: Mapping[str, object]) -> None:
        """Set tags of an active experiment, all in one event."""
        clean = _clean_tags(tags)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = active_experiment(reader, experiment_id)
            changed = {
                key: text
                for key, text in clean.items()
                if state.tags.get(key, (None, b""))[0] != text
            }
            if not changed:
                return None, []
            event = types.ExperimentTagsSet(changed, self._now_ms())
            return None, [_draft(experiment_id, event)]

        self._engine.execute(decide)

    def delete_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment.

        Raises:
            NotFoundError: It has no such tag.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if key not in active_experiment(reader, experiment_id).live_tags():
                raise NotFoundError(
                    f"No tag with name: {key} in experiment with id {experiment_id}",
                    hint="get_experiment(...).tags lists the tags",
                )
            event = types.ExperimentTagDeleted(key, self._now_ms())
            return None, [_draft(experiment_id, event)]

        self._engine.execute(decide)

    def search(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of experiments; by default the newest first."""
        size = validate.max_results(
            limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT if max_results is None else max_results
        )
        expression = parse_experiment_filter(filter_string)
        order = parse_experiment_order(order_by)
        asked = paging.search_of(view_type, filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        with self._context.entities() as entities:
            records = [entities.experiment(state) for state in entities.reader.experiments()]
        matches = experiment_search.find(records, expression, view_type, order)
        return paging.page(matches[offset : offset + size + 1], offset, size, asked)

    def _set_stage(
        self,
        experiment_id: str,
        before: str,
        event: type[types.ExperimentDeleted] | type[types.ExperimentRestored],
    ) -> None:
        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = existing_experiment(reader, experiment_id)
            if state.lifecycle[0] != before:
                raise NotFoundError(
                    f"No {before} experiment with id={experiment_id} exists",
                    hint=f"it is {state.lifecycle[0]} already",
                )
            stream, now_ms = f"experiment/{experiment_id}", self._now_ms()
            others = beside(reader, stream, now_ms)
            return None, [Draft.of(stream, event(now_ms), beside=others)]

        self._engine.execute(decide)
        if event is types.ExperimentDeleted:
            self._context.revoke_sinks()

    def _now_ms(self) -> int:
        return self._engine.clock.now_ms()


def _draft(experiment_id: str, event: Event) -> Draft:
    return Draft.of(f"experiment/{experiment_id}", event)


def _clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    pairs = validate.mapping("tags", tags).items()
    return dict(validate.experiment_tag(key, value) for key, value in pairs)


def _state(reader: Reader, experiment_id: str) -> ExperimentState | None:
    state = reader.experiment(experiment_id)
    return state if state is not None and state.exists else None


def existing_experiment(reader: Reader, experiment_id: str) -> ExperimentState:
    """The state of an experiment, active or deleted.

    Raises:
        NotFoundError: There is no such experiment.
    """
    state = _state(reader, str(experiment_id))
    if state is None:
        raise NotFoundError(
            f"No Experiment with id={experiment_id} exists",
            hint="`eventtrack experiments list` shows the ids",
        )
    return state


def active_experiment(reader: Reader, experiment_id: str) -> ExperimentState:
    """The state of an active experiment.

    Raises:
        NotFoundError: There is no such experiment.
        InvalidValueError: The experiment is deleted.
    """
    state = existing_experiment(reader, experiment_id)
    if state.lifecycle[0] != LifecycleStage.ACTIVE:
        raise InvalidValueError(
            f"The experiment {experiment_id} must be in the 'active' state. "
            f"Current state is {state.lifecycle[0]}.",
            hint="restore it first",
        )
    return state


def _name_taken(name: str, taken: ExperimentState) -> AlreadyExistsError:
    if taken.lifecycle[0] == LifecycleStage.DELETED:
        return AlreadyExistsError(
            f"Experiment {name!r} already exists in deleted state.",
            hint=f"restore it (id {taken.experiment_id}) or choose another name",
        )
    return AlreadyExistsError(
        f"Experiment(name={name}) already exists.",
        hint=f"use set_experiment({name!r}), or choose another name",
    )
