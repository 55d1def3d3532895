"""The events of the model registry: one struct for each type of event, version 1.

The stream of a registered model holds all its events, including those of its versions. A version
has an id of its own; the number that people see follows from it (docs/decisions/0014).
"""

from eventtrack.events.bounds import Int64, Natural, VersionNumber
from eventtrack.events.types import Event


class RegisteredCreated(Event, frozen=True):
    """A registered model was born. `births` counts the earlier ones of its name (see `ids`)."""

    name: str
    description: str | None
    tags: dict[str, str]
    created_ms: Int64
    births: Natural = 0


class RegisteredRenamed(Event, frozen=True):
    """A registered model and all its versions took another name."""

    name: str
    at_ms: Int64


class RegisteredDescribed(Event, frozen=True):
    """The description of a registered model changed."""

    description: str | None
    at_ms: Int64


class RegisteredDeleted(Event, frozen=True):
    """A registered model and all its versions were deleted."""

    at_ms: Int64


class RegisteredRestored(Event, frozen=True):
    """A deleted registered model and all its versions are back (only undo writes it)."""

    at_ms: Int64


class RegisteredTagsSet(Event, frozen=True):
    """Tags of a registered model were set."""

    tags: dict[str, str]


class RegisteredTagDeleted(Event, frozen=True):
    """A tag of a registered model was removed."""

    key: str


class AliasSet(Event, frozen=True):
    """An alias names a version from now on."""

    alias: str
    version_id: str


class AliasDeleted(Event, frozen=True):
    """An alias names nothing any more."""

    alias: str


class VersionCreated(Event, frozen=True):
    """A version was registered. Its `number` may have to yield to another version's."""

    version_id: str
    number: VersionNumber
    source: str
    location: str
    run_id: str | None
    run_link: str | None
    model_id: str | None
    user: str | None
    description: str | None
    tags: dict[str, str]
    created_ms: Int64


class VersionDescribed(Event, frozen=True):
    """The description of a version changed."""

    version_id: str
    description: str | None
    at_ms: Int64


class VersionStaged(Event, frozen=True):
    """A version moved to a stage."""

    version_id: str
    stage: str
    at_ms: Int64


class VersionDeleted(Event, frozen=True):
    """A version was deleted; no other version takes its number."""

    version_id: str
    at_ms: Int64


class VersionRestored(Event, frozen=True):
    """A deleted version is back (only undo writes it)."""

    version_id: str
    at_ms: Int64


class VersionTagsSet(Event, frozen=True):
    """Tags of a version were set."""

    version_id: str
    tags: dict[str, str]


class VersionTagDeleted(Event, frozen=True):
    """A tag of a version was removed."""

    version_id: str
    key: str
