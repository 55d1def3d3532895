"""The model registry: names for models, their versions, aliases and stages."""

from collections.abc import Callable, Mapping, Sequence

from eventtrack import ids, validate
from eventtrack.errors import (
    AlreadyExistsError,
    InvalidValueError,
)
from eventtrack.events import registered as events
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections import names
from eventtrack.projections.registered_state import PREFIX, RegisteredState, VersionState, numbers
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.views.queries import registry_checks as checks
from eventtrack.views.queries.registry import (
    RegistryQueries,
    is_prompt,
)
from eventtrack.views.records import ModelVersion, RegisteredModel
from eventtrack.views.registered import (
    find_by_name,
    living_versions,
)


class Registry(RegistryQueries):
    """The registered models of a store, by name, and their versions, by number."""

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine

    def create(
        self, name: str, *, description: str | None = None, tags: Mapping[str, object] | None = None
    ) -> RegisteredModel:
        """Make a registered model without versions.

        Raises:
            AlreadyExistsError: A registered model or a prompt of that name exists.
        """
        name = checks.model_name(name)
        clean = _clean_tags(tags or {})
        text = None if description is None else validate.text("description", description)

        def decide(reader: Reader) -> tuple[str, list[Draft]]:
            _refuse_taken(reader, name, clean)
            births = len(names.find(reader, names.REGISTERED, name).births)
            registered_id = ids.registered_id(name, births)
            event = events.RegisteredCreated(name, text, clean, self._now_ms(), births)
            return registered_id, [_draft(registered_id, event)]

        self._engine.execute(decide)
        return self.get(name)

    def rename(self, name: str, new_name: str) -> RegisteredModel:
        """Give a registered model and all its versions another name.

        Raises:
            AlreadyExistsError: Another model has the new name.
        """
        wanted = checks.model_name(new_name, "new_name")

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = checks.existing(reader, name)
            taken = find_by_name(reader, wanted)
            if taken is not None and taken.registered_id != state.registered_id:
                raise AlreadyExistsError(f"Registered Model (name={wanted}) already exists.")
            event = events.RegisteredRenamed(wanted, self._now_ms())
            return None, [_draft(state.registered_id, event)]

        self._engine.execute(decide)
        return self.get(wanted)

    def describe(self, name: str, description: str | None) -> RegisteredModel:
        """Change the description of a registered model."""
        text = None if description is None else validate.text("description", description)
        event = events.RegisteredDescribed(text, self._now_ms())
        self._change(name, lambda reader, state: [event])
        return self.get(name)

    def delete(self, name: str) -> None:
        """Delete a registered model with all its versions; its name is free again."""
        event = events.RegisteredDeleted(self._now_ms())
        self._change(name, lambda reader, state: [event])

    def set_tag(self, name: str, key: str, value: object) -> None:
        """Set a tag of a registered model."""
        key, text = checks.tag(key, value)
        self._change(name, lambda reader, state: [events.RegisteredTagsSet({key: text})])

    def delete_tag(self, name: str, key: str) -> None:
        """Remove a tag of a registered model. An unknown tag changes nothing."""
        key = validate.tag_key(key)
        event = events.RegisteredTagDeleted(key)
        self._change(name, lambda reader, state: [event] if key in state.live_tags() else [])

    def set_alias(self, name: str, alias: str, version: int | str) -> None:
        """Let an alias name a version."""
        checks.model_name(name)
        alias = checks.new_alias(alias)
        self._change_version(
            name, version, lambda state: [events.AliasSet(alias, state.version_id)]
        )

    def delete_alias(self, name: str, alias: str) -> None:
        """Take an alias away. An unknown alias changes nothing."""
        checks.model_name(name)
        alias = checks.alias(alias)

        def answer(reader: Reader, state: RegisteredState) -> list[Event]:
            known = state.aliases.get(alias, (None, b""))[0] is not None
            return [events.AliasDeleted(alias)] if known else []

        self._change(name, answer)

    def create_version(
        self,
        name: str,
        source: str,
        *,
        location: str | None = None,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        user: str | None = None,
        description: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> ModelVersion:
        """Register a version. It is ready at once.

        Args:
            source: The origin of the version, as the caller names it.
            location: The place of its files; by default the source.
        """
        checks.model_name(name)
        clean = _clean_tags(tags or {})
        source = validate.text("source", source)

        def decide(reader: Reader) -> tuple[int, list[Draft]]:
            state = checks.existing(reader, name)
            number = max(numbers(state.claims).values(), default=0) + 1
            event = events.VersionCreated(
                self._engine.ids.id128().hex(),
                number,
                source,
                validate.text("location", location or source),
                run_id,
                run_link,
                model_id,
                user,
                description,
                clean,
                self._now_ms(),
            )
            return number, [_draft(state.registered_id, event)]

        return self.get_version(name, self._engine.execute(decide))

    def describe_version(
        self, name: str, version: int | str, description: str | None
    ) -> ModelVersion:
        """Change the description of a version."""
        at_ms = self._now_ms()
        self._change_version(
            name,
            version,
            lambda state: [events.VersionDescribed(state.version_id, description, at_ms)],
        )
        return self.get_version(name, version)

    def set_stage(
        self, name: str, version: int | str, stage: str, *, archive_existing: bool = False
    ) -> ModelVersion:
        """Move a version to a stage.

        Args:
            archive_existing: Whether the versions already in the stage move to `Archived`.

        Raises:
            InvalidValueError: `archive_existing` with a stage that is not active.
        """
        wanted = checks.stage(stage)
        if archive_existing and wanted not in checks.ACTIVE_STAGES:
            raise InvalidValueError(
                "Model version transition cannot archive existing model versions because "
                f"'{stage}' is not an Active stage. Valid stages are {list(checks.ACTIVE_STAGES)}",
                hint="leave archive_existing_versions out",
            )

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            model, number, state = checks.existing_version(reader, name, version)
            at_ms = self._now_ms()
            others = living_versions(reader, model).items() if archive_existing else ()
            moved: list[Event] = [
                events.VersionStaged(other.version_id, "Archived", at_ms)
                for place, other in others
                if place != number and other.stage[0] == wanted
            ]
            staged = events.VersionStaged(state.version_id, wanted, at_ms)
            return None, [_draft(model.registered_id, *moved, staged)]

        self._engine.execute(decide)
        return self.get_version(name, version)

    def delete_version(self, name: str, version: int | str) -> None:
        """Delete a version. No other takes its number, and its aliases name nothing."""
        at_ms = self._now_ms()
        self._change_version(
            name, version, lambda state: [events.VersionDeleted(state.version_id, at_ms)]
        )

    def set_version_tag(self, name: str, version: int | str, key: str, value: object) -> None:
        """Set a tag of a version."""
        key, text = checks.tag(key, value)
        self._change_version(
            name, version, lambda state: [events.VersionTagsSet(state.version_id, {key: text})]
        )

    def delete_version_tag(self, name: str, version: int | str, key: str) -> None:
        """Remove a tag of a version. An unknown tag changes nothing."""
        key = validate.tag_key(key)

        def answer(state: VersionState) -> list[Event]:
            known = key in state.live_tags()
            return [events.VersionTagDeleted(state.version_id, key)] if known else []

        self._change_version(name, version, answer)

    def _change(
        self, name: str, answer: Callable[[Reader, RegisteredState], Sequence[Event]]
    ) -> None:
        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = checks.existing(reader, name)
            changes = answer(reader, state)
            return None, [_draft(state.registered_id, *changes)] if changes else []

        self._engine.execute(decide)

    def _change_version(
        self, name: str, version: int | str, answer: Callable[[VersionState], Sequence[Event]]
    ) -> None:
        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            model, _, state = checks.existing_version(reader, name, version)
            changes = answer(state)
            return None, [_draft(model.registered_id, *changes)] if changes else []

        self._engine.execute(decide)

    def _now_ms(self) -> int:
        return self._engine.clock.now_ms()


def _draft(registered_id: str, *changes: Event) -> Draft:
    return Draft.of(PREFIX + registered_id, *changes)


def _clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    return dict(checks.tag(key, value) for key, value in validate.mapping("tags", tags).items())


def _refuse_taken(reader: Reader, name: str, tags: Mapping[str, str]) -> None:
    taken = find_by_name(reader, name)
    if taken is None:
        return
    old, new = (
        "Prompt" if is_prompt(those) else "Registered Model" for those in (taken.live_tags(), tags)
    )
    if old == new:
        raise AlreadyExistsError(f"{new} (name={name}) already exists.")
    raise AlreadyExistsError(
        f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a "
        f"{old.lower()}. MLflow does not allow creating a model and a prompt with the same name."
    )
