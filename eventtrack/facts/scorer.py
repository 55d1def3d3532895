"""The table of scorers. Their versions are parts: `version.1.lifecycle` is a fact."""

from collections.abc import Iterator

from eventtrack.events import scorers as types
from eventtrack.events.types import Event
from eventtrack.facts.fact import Claim, Fact, Noun, Old, Rule, staged

VERSION = "version"
EXPERIMENT = Fact("experiment", Rule.FIRST, "experiment")
NAME = Fact("name", Rule.FIRST, "name")
NUMBER = Fact("number", Rule.FIRST, "claims", many=True, shown=False)
SERIALIZED = Fact("serialized", Rule.BORN, "serialized", part=VERSION)
CREATED = Fact("creation_time", Rule.BORN, "created_ms", part=VERSION)
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", part=VERSION, initial="active")


def _registered(event: types.ScorerRegistered) -> Iterator[Claim]:
    yield EXPERIMENT, "", event.experiment_id
    yield NAME, "", event.name
    yield NUMBER, event.version_id, event.number


def _back(old: Old, part: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        kind = types.ScorerDeleted if stage == "deleted" else types.ScorerRestored
        yield kind(part, now_ms)


_STAGES: dict[type[Event], str] = {
    types.ScorerDeleted: "deleted",
    types.ScorerRestored: "active",
}

SCORER = Noun(
    "scorer",
    facts=(EXPERIMENT, NAME, NUMBER, SERIALIZED, CREATED, LIFECYCLE),
    births={types.ScorerRegistered: VERSION},
    stages=_STAGES,
    says={
        types.ScorerRegistered: _registered,
        **{kind: staged(LIFECYCLE, stage) for kind, stage in _STAGES.items()},
    },
    back=_back,
    part="version_id",
)
