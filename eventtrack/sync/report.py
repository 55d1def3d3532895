"""What a sync says of itself, while it goes on and when it is done."""

from collections.abc import Callable

import msgspec

from eventtrack.views.records import Record

# Called with what is being moved, how much of it has been, and how much there is.
Progress = Callable[[str, int, int], None]


class Moved(Record):
    """What went one way, and what of the artifacts could not because neither side has it."""

    feeds: int = 0
    envelopes: int = 0
    events: int = 0
    bytes: int = 0
    artifacts: int = 0
    artifact_bytes: int = 0
    artifacts_missing: int = 0

    def plus(self, other: "Moved") -> "Moved":
        """The sum of both; what is missing now is what the other says."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Moved(**{**sums, "artifacts_missing": other.artifacts_missing})


class SyncReport(Record):
    """What a sync did. `forks` says of each feed with two histories where they part.

    `clocks` says of each feed that is ahead of a clock how far, by its replica.
    """

    pulled: Moved = msgspec.field(default_factory=Moved)
    pushed: Moved = msgspec.field(default_factory=Moved)
    forks: dict[str, str] = msgspec.field(default_factory=dict)
    clocks: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was moved."""
        return any(one.envelopes or one.artifacts for one in (self.pulled, self.pushed))
