"""Events of signatures: who vouches for a run in exactly one state (docs/format.md, section 5)."""

from eventtrack.events.bounds import Int64, Meaning, Reason, Sha256, Signer
from eventtrack.events.types import Event


class RunSigned(Event, frozen=True):
    """A person vouched for a run in exactly the state that has this digest."""

    meaning: Meaning
    by: Signer
    digest: Sha256
    reason: Reason
    at_ms: Int64

    @property
    def key(self) -> str:
        """The meaning and the signer: a later signature with the same key counts instead."""
        return f"{self.meaning} by {self.by}"
