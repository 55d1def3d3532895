"""The rows of scorers in the views, each with its versions."""

from collections.abc import Iterator

import msgspec

from eventtrack.projections.registered_state import Claim, numbers
from eventtrack.projections.rows import View, Writer
from eventtrack.projections.state import BEYOND, NEVER, Stamp, Text

PREFIX = "scorer/"
TABLE = "scorers"


class ScorerVersionState(msgspec.Struct, array_like=True):
    """One version. `born` is `BEYOND` for one that is known by hearsay only."""

    version_id: str
    born: Stamp = BEYOND
    serialized: str = ""
    created_ms: int = 0
    lifecycle: Text = ("active", NEVER)

    @property
    def is_there(self) -> bool:
        """Whether it was registered and not deleted."""
        return self.born != BEYOND and self.lifecycle[0] == "active"


class ScorerState(msgspec.Struct, array_like=True):
    """One scorer. `claims` are the number that each version was given, and when."""

    number: int
    scorer_id: str
    experiment: Text = ("", BEYOND)
    name: Text = ("", BEYOND)
    claims: dict[str, Claim] = {}
    versions: dict[str, ScorerVersionState] = {}

    @property
    def born(self) -> Stamp:
        """When its first version was registered; `BEYOND` where none is known."""
        return self.name[1]

    @property
    def deleted(self) -> Stamp:
        """When the last of its versions was deleted; `NEVER` where none was."""
        stages = [item.lifecycle for item in self.versions.values()]
        return max((stamp for stage, stamp in stages if stage == "deleted"), default=NEVER)

    def living(self) -> dict[int, ScorerVersionState]:
        """The versions that are there, by the numbers that they show, in order of those."""
        shown = numbers(self.claims)
        result = {shown[key]: item for key, item in self.versions.items() if item.is_there}
        return dict(sorted(result.items()))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ScorerState).decode


def scorer(view: View, scorer_id: str) -> ScorerState | None:
    """A scorer by its id; None for one never heard of."""
    number = view.number(PREFIX + scorer_id)
    return None if number is None else by_number(view, number)


def by_number(view: View, number: int) -> ScorerState | None:
    """A scorer by its local number."""
    value = view.rows.get(TABLE, number.to_bytes(4, "big"))
    return None if value is None else _decode(value)


def scorers(view: View) -> list[ScorerState]:
    """Every scorer that has a version."""
    return [state for state in all_scorers(view) if state.living()]


def all_scorers(view: View) -> Iterator[ScorerState]:
    """Every scorer whose registration was seen, also of those whose versions are all deleted."""
    for _, value in view.rows.scan(TABLE):
        state = _decode(value)
        if state.born != BEYOND:
            yield state


def put(tables: Writer, state: ScorerState) -> None:
    """Store a scorer."""
    tables.rows.put(TABLE, state.number.to_bytes(4, "big"), _encode(state))
