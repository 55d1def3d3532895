"""The events of scorers: programs that judge answers, registered in an experiment by name.

Everything about a scorer stands in the stream `scorer/<id>`; the id follows from the experiment and
the name. The number that people see of a version follows from its id (docs/decisions/0014).
"""

from eventtrack.events.bounds import Int64, VersionNumber
from eventtrack.events.types import Event


class ScorerRegistered(Event, frozen=True):
    """A version of a scorer was registered; `number` may have to yield to another."""

    experiment_id: str
    name: str
    version_id: str
    number: VersionNumber
    serialized: str
    created_ms: Int64


class ScorerDeleted(Event, frozen=True):
    """A version of a scorer was deleted; no other takes its number."""

    version_id: str
    at_ms: Int64


class ScorerRestored(Event, frozen=True):
    """A deleted version of a scorer is there again (only undo writes it)."""

    version_id: str
    at_ms: Int64
