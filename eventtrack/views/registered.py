"""The model registry as records: registered models, their versions, aliases and numbers."""

from eventtrack.projections import names, registered_state
from eventtrack.projections.registered_state import RegisteredState, VersionState, numbers
from eventtrack.projections.tables import Reader
from eventtrack.views.records import ModelVersion, RegisteredModel

STAGES = ("None", "Staging", "Production", "Archived")


def shown_name(reader: Reader, state: RegisteredState) -> str:
    """The shown name of a model: with its id behind it if an older model has the same name."""
    name = state.name[0]
    rivals = (
        registered_state.model(reader, registered_id)
        for registered_id in names.find(reader, names.REGISTERED, name).holders
    )
    living = [
        (rival.born, rival.registered_id) for rival in rivals if rival is not None and rival.exists
    ]
    if not living or min(living)[1] == state.registered_id:
        return name
    return f"{name}~{state.registered_id[:8]}"


def find_by_name(reader: Reader, name: str) -> RegisteredState | None:
    """The registered model that shows `name`; None without such a model."""
    plain = name.rpartition("~")[0]
    for candidate in (name, plain) if plain else (name,):
        for registered_id in names.find(reader, names.REGISTERED, candidate).holders:
            state = registered_state.model(reader, registered_id)
            if state is not None and state.exists and shown_name(reader, state) == name:
                return state
    return None


def living_versions(reader: Reader, model: RegisteredState) -> dict[int, VersionState]:
    """The existing versions of a model by their shown numbers, ascending."""
    shown = numbers(model.claims)
    living = {
        shown[version.version_id]: version
        for version in registered_state.versions(reader, model)
        if version.exists(model)
    }
    return dict(sorted(living.items()))


def version_record(
    name: str, model: RegisteredState, number: int, state: VersionState
) -> ModelVersion:
    """A version as a record."""
    return ModelVersion(
        name=name,
        version=number,
        version_id=state.version_id,
        given=model.claims[state.version_id][0],
        creation_timestamp=state.created_ms,
        last_updated_timestamp=max(state.updated_ms, model.renamed_ms),
        current_stage=state.stage[0],
        source=state.source,
        location=state.location,
        description=state.description[0],
        user_id=state.user,
        run_id=state.run_id,
        run_link=state.run_link,
        model_id=state.model_id,
        tags=state.live_tags(),
        aliases=sorted(
            alias for alias, (known, _) in model.aliases.items() if known == state.version_id
        ),
    )


def version_records(reader: Reader, model: RegisteredState) -> list[ModelVersion]:
    """Every version of a model, in order of their numbers."""
    name = shown_name(reader, model)
    living = living_versions(reader, model).items()
    return [version_record(name, model, number, state) for number, state in living]


def model_record(reader: Reader, model: RegisteredState) -> RegisteredModel:
    """A registered model as a record."""
    versions = version_records(reader, model)
    return RegisteredModel(
        name=shown_name(reader, model),
        registered_id=model.registered_id,
        creation_timestamp=model.created_ms,
        last_updated_timestamp=model.updated_ms,
        description=model.description[0],
        tags=model.live_tags(),
        aliases={alias: version.version for version in versions for alias in version.aliases},
        latest_versions=list({version.current_stage: version for version in versions}.values()),
    )
