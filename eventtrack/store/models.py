"""Logged models: creates, finalizes, tags, deletes and finds them, and keeps their files."""

from collections.abc import Mapping

from eventtrack import validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections.tables import Reader
from eventtrack.store.artifacts import Artifacts
from eventtrack.store.context import StoreContext
from eventtrack.views.entities import EntityReader
from eventtrack.views.places import Place, outside_root
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.queries.models import ModelArtifactQueries, ModelQueries, existing_model
from eventtrack.views.records import LifecycleStage, LoggedModel, ModelStatus

# The beginning of MLflow's ids of logged models; it tells ids from names in `models:/` URIs.
ID_PREFIX = "m-"


class Models(ModelQueries):
    """The logged models of a store. `artifacts` has their files, by model id."""

    artifacts: "ModelArtifacts"

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine
        self.artifacts = ModelArtifacts(context)

    def create(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> LoggedModel:
        """Make a model in an active experiment. It is PENDING until it is finalized.

        Args:
            name: Drawn at random by default. It need not be unique.

        Raises:
            InvalidValueError: The experiment is deleted, or a name, param or tag is not allowed.
        """
        event = types.ModelCreated(
            str(experiment_id),
            self._engine.ids.words() if name is None else _name(name),
            validate.run_id(source_run_id) if source_run_id else None,
            None if model_type is None else validate.text("model type", model_type),
            _clean_params(params or {}),
            _clean_tags(tags or {}),
            self._engine.clock.now_ms(),
        )
        model_id = ID_PREFIX + self._engine.ids.id128().hex()

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            active_experiment(reader, event.experiment_id)
            return None, [_draft(model_id, event)]

        self._engine.execute(decide)
        return self.get(model_id)

    def finalize(self, model_id: str, status: str) -> LoggedModel:
        """Record that a model's files are all there (READY), or that they are not (FAILED)."""
        validate.status(status, ModelStatus.ALL)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if existing_model(reader, model_id).status[0] == status:
                return None, []
            event = types.ModelFinalized(status, self._engine.clock.now_ms())
            return None, [_draft(model_id, event)]

        self._engine.execute(decide)
        return self.get(model_id)

    def log_params(self, model_id: str, params: Mapping[str, object]) -> None:
        """Log params: texts that do not change once logged. All of them, or none.

        Raises:
            InvalidValueError: A param was logged with another value.
        """
        clean = _clean_params(params)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = existing_model(reader, model_id).live_params()
            for key, value in clean.items():
                if known.get(key, value) != value:
                    raise InvalidValueError(
                        f"Changing param values is not allowed. Param with key='{key}' was already "
                        f"logged with value='{known[key]}' for model ID='{model_id}'.",
                        hint="log it under another name",
                    )
            new = {key: value for key, value in clean.items() if key not in known}
            return None, [_draft(model_id, types.ModelParamsLogged(new))] if new else []

        self._engine.execute(decide)

    def set_tags(self, model_id: str, tags: Mapping[str, object]) -> None:
        """Set tags. All of them, or none."""
        clean = _clean_tags(tags)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = existing_model(reader, model_id).live_tags()
            new = {key: value for key, value in clean.items() if known.get(key) != value}
            return None, [_draft(model_id, types.ModelTagsSet(new))] if new else []

        self._engine.execute(decide)

    def delete_tag(self, model_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: The model has no such tag.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if key not in existing_model(reader, model_id).live_tags():
                raise NotFoundError(
                    f"No tag with key {key!r} found for model with ID {model_id!r}.",
                    hint="the model's `tags` lists them",
                )
            return None, [_draft(model_id, types.ModelTagDeleted(key))]

        self._engine.execute(decide)

    def delete(self, model_id: str) -> None:
        """Delete a model; its record and its files stay. A repetition changes nothing."""

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if existing_model(reader, model_id).lifecycle[0] == LifecycleStage.DELETED:
                return None, []
            return None, [_draft(model_id, types.ModelDeleted(self._engine.clock.now_ms()))]

        self._engine.execute(decide)


class ModelArtifacts(ModelArtifactQueries, Artifacts):
    """The files of a store's logged models; methods take a model's id in place of a run's."""

    _logged = types.ModelArtifactsLogged
    _deleted = types.ModelArtifactsDeleted

    def _place_of(self, entities: EntityReader, run_id: str) -> Place:
        state = existing_model(entities.reader, run_id)
        if state.lifecycle[0] == LifecycleStage.DELETED:
            raise InvalidValueError(
                f"The model {run_id} must be in the 'active' state. Current state is deleted.",
                hint="log a new model",
            )
        uri = entities.model_location(state)
        return Place(state.number, outside_root(entities, state.experiment_id, uri))


def _draft(model_id: str, event: Event) -> Draft:
    return Draft.of(f"model/{model_id}", event)


def _name(name: str) -> str:
    """A model's name, checked by MLflow's rules: it is a part of `models:/` URIs."""
    if not name or any(letter in name for letter in "/:.%\"'"):
        raise InvalidValueError(
            f"Invalid model name ({name!r}) provided. Model name must be a non-empty string and "
            "cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")",
            hint="replace them, for example by '-'",
        )
    return validate.text("model name", name)


def _clean_params(params: Mapping[str, object]) -> dict[str, str]:
    pairs = validate.mapping("params", params).items()
    return {validate.param_key(key): validate.param_value(key, value) for key, value in pairs}


def _clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    pairs = validate.mapping("tags", tags).items()
    return {validate.tag_key(key): validate.tag_value(key, value) for key, value in pairs}
