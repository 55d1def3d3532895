"""Reports of a sync: its progress, and its result."""

from collections.abc import Callable

import msgspec

from eventtrack.views.records import Record

# Called with a text for the current step, the amount done, and the total.
Progress = Callable[[str, int, int], None]


class Moved(Record):
    """The amounts that moved one way, and the number of artifacts that neither side has."""

    feeds: int = 0
    envelopes: int = 0
    events: int = 0
    bytes: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    artifacts_missing: int = 0

    def plus(self, other: "Moved") -> "Moved":
        """The sum of both; `artifacts_missing` is the other's, which is newer."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Moved(**{**sums, "artifacts_missing": other.artifacts_missing})


class SyncReport(Record):
    """The result of a sync.

    `forks` has a message for each feed with two histories, and says where they part. `clocks` has a
    message for each feed that is ahead of a clock, and says how far. Both are by replica, in hex.
    """

    pulled: Moved = msgspec.field(default_factory=Moved)
    pushed: Moved = msgspec.field(default_factory=Moved)
    forks: dict[str, str] = msgspec.field(default_factory=dict)
    clocks: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was moved."""
        return any(moved.envelopes or moved.artifacts for moved in (self.pulled, self.pushed))
