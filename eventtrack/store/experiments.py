"""Experiments: creates, names, tags, deletes and finds them."""

from collections.abc import Mapping

import msgspec

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
from eventtrack.views.entities import find_by_name
from eventtrack.views.queries.experiments import (
    ExperimentQueries,
    active_experiment,
    existing_experiment,
    known_experiment,
)
from eventtrack.views.records import Experiment, LifecycleStage


class Experiments(ExperimentQueries):
    """The experiments of a store."""

    _context: StoreContext

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
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
            if known_experiment(reader, ids.DEFAULT_EXPERIMENT_ID) is not None:
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

    def save_view(self, experiment_id: str, name: str, view: Mapping[str, object]) -> None:
        """Keep a view of the runs of an active experiment under a name, in place of an older view.

        Args:
            view: The query of the page's address: texts by their names.

        Raises:
            InvalidValueError: The name is empty or too long, the view is no map of texts or too
                long, or the experiment has `limits.VIEWS_MAX` views already.
        """
        name, written = _clean_view_name(name), _clean_view(view)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            views = active_experiment(reader, experiment_id).live_views()
            if views.get(name) == written:
                return None, []
            if name not in views and len(views) >= limits.VIEWS_MAX:
                raise InvalidValueError(
                    f"The experiment {experiment_id} has {len(views)} saved views, as many as fit",
                    hint="delete one first, or save under its name",
                )
            return None, [_draft(experiment_id, types.ExperimentViewSaved(name, written))]

        self._engine.execute(decide)

    def delete_view(self, experiment_id: str, name: str) -> None:
        """Remove a saved view of an active experiment.

        Raises:
            NotFoundError: It has no such view.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if name not in active_experiment(reader, experiment_id).live_views():
                raise NotFoundError(
                    f"No saved view {name!r} in experiment with id {experiment_id}",
                    hint="the menu `Views` of the experiment's page lists them",
                )
            return None, [_draft(experiment_id, types.ExperimentViewDeleted(name))]

        self._engine.execute(decide)

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


def _clean_view_name(name: str) -> str:
    name = validate.text("name of a view", name).strip()
    if not name:
        raise InvalidValueError("A saved view needs a name", hint="`default` is shown to everybody")
    validate.no_longer("name", limits.VIEW_NAME_LENGTH_MAX, name)
    return name


def _clean_view(view: Mapping[str, object]) -> str:
    for key, value in validate.mapping("view", view).items():
        validate.text("key of a view", key)
        validate.text(f"value of {key} in a view", value)
    written = msgspec.json.encode(dict(sorted(view.items()))).decode()
    validate.no_longer("view", limits.VIEW_LENGTH_MAX, written)
    return written


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
