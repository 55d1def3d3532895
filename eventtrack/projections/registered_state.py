"""The state of registered models and their versions in the views, and their tables.

For aliases, tags, stages, descriptions and names the last writer wins. A deletion takes everything
that was registered before it, in recorded time. A version that another machine registered later,
not knowing of the deletion, survives it. `numbers` settles which version shows which number.
"""

from collections.abc import Mapping

import msgspec

from eventtrack.projections import keys
from eventtrack.projections.rows import below
from eventtrack.projections.state import (
    BEYOND,
    NEVER,
    OptionalText,
    Stamp,
    Text,
    live_tags,
)
from eventtrack.projections.tables import Reader, Tables

PREFIX = "registered/"
MODELS, VERSIONS = "registered", "registered_versions"

Claim = tuple[int, Stamp]


class RegisteredState(msgspec.Struct, array_like=True):
    """One registered model. `life` is the stamp of its last sign of life: its birth or a version's.

    `claims` has the number that each version was given, with its stamp; deleted versions too.
    """

    number: int
    registered_id: str
    born: Stamp = BEYOND
    created_ms: int = 0
    updated_ms: int = 0
    renamed_ms: int = 0
    life: Stamp = NEVER
    deleted: Stamp = NEVER
    restored: Stamp = NEVER
    name: Text = ("", NEVER)
    description: OptionalText = (None, NEVER)
    tags: dict[str, OptionalText] = {}
    aliases: dict[str, OptionalText] = {}
    claims: dict[str, Claim] = {}

    @property
    def exists(self) -> bool:
        """Whether its creation was seen and no deletion came after its last sign of life."""
        return self.born != BEYOND and max(self.life, self.restored) > self.deleted

    @property
    def stage(self) -> str:
        """`active`, or `deleted`."""
        return "active" if self.exists else "deleted"

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)


class VersionState(msgspec.Struct, array_like=True):
    """One version. `born` is `BEYOND` if it is known by hearsay only."""

    version_id: str
    born: Stamp = BEYOND
    source: str = ""
    location: str = ""
    run_id: str | None = None
    run_link: str | None = None
    model_id: str | None = None
    user: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    description: OptionalText = (None, NEVER)
    stage: Text = ("None", NEVER)
    lifecycle: Text = ("active", NEVER)
    tags: dict[str, OptionalText] = {}

    def exists(self, model: RegisteredState) -> bool:
        """Whether it was registered, and neither it nor its model was deleted since."""
        is_active = self.born != BEYOND and self.lifecycle[0] == "active"
        return is_active and not self.went_with(model)

    def went_with(self, model: RegisteredState) -> bool:
        """Whether it is gone because its model was deleted."""
        is_back = self.born > model.deleted or model.restored > model.deleted
        return not (model.exists and is_back)

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)


def numbers(claims: Mapping[str, Claim]) -> dict[str, int]:
    """The number that each version shows, by version id. No two versions show the same number.

    If several versions were given one number, the first keeps it. The others, in order of their
    births, take the next number above it that no version was given or took.
    """
    ordered = sorted(claims, key=lambda version_id: (claims[version_id][1], version_id))
    shown: dict[str, int] = {}
    owners: dict[int, str] = {}
    for version_id in ordered:
        owners.setdefault(claims[version_id][0], version_id)
    for version_id in ordered:
        number = claims[version_id][0]
        while owners.setdefault(number, version_id) != version_id:
            number += 1
        shown[version_id] = number
    return shown


_encode = msgspec.msgpack.Encoder().encode
_decode_model = msgspec.msgpack.Decoder(RegisteredState).decode
_decode_version = msgspec.msgpack.Decoder(VersionState).decode


def model(reader: Reader, registered_id: str) -> RegisteredState | None:
    """A registered model by its id; None if no event names it."""
    number = reader.number(PREFIX + registered_id)
    return None if number is None else by_number(reader, number)


def by_number(reader: Reader, number: int) -> RegisteredState | None:
    """A registered model by its local number."""
    value = reader.rows.get(MODELS, _model_key(number))
    return None if value is None else _decode_model(value)


def models(reader: Reader) -> list[RegisteredState]:
    """Every registered model that exists."""
    rows = reader.rows.scan(MODELS)
    return [state for _, value in rows if (state := _decode_model(value)).exists]


def deleted_models(reader: Reader) -> list[RegisteredState]:
    """Every registered model that was created and does not exist any more."""
    known = (_decode_model(value) for _, value in reader.rows.scan(MODELS))
    return [state for state in known if state.born != BEYOND and not state.exists]


def version(reader: Reader, of: RegisteredState, version_id: str) -> VersionState | None:
    """A version by its id; None if no event names it."""
    value = reader.rows.get(VERSIONS, _version_key(of.number, version_id))
    return None if value is None else _decode_version(value)


def versions(reader: Reader, of: RegisteredState) -> list[VersionState]:
    """Every version of a model, those known by hearsay and deleted ones too, in no order."""
    rows = below(reader.rows, VERSIONS, _model_key(of.number))
    return [_decode_version(value) for _, value in rows]


def put_model(tables: Tables, state: RegisteredState) -> None:
    """Store a registered model."""
    tables.rows.put(MODELS, _model_key(state.number), _encode(state))


def put_version(tables: Tables, of: RegisteredState, state: VersionState) -> None:
    """Store a version."""
    tables.rows.put(VERSIONS, _version_key(of.number, state.version_id), _encode(state))


def _model_key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _version_key(number: int, version_id: str) -> bytes:
    return _model_key(number) + keys.hashed(version_id)
