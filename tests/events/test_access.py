"""Records of tokens stay through every redaction; nothing else stays under their cover."""

from eventtrack.events.access import STREAM, AccessGranted
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.redaction import is_lasting
from eventtrack.events.types import Explained
from eventtrack.log.memory import MemoryLog


def test_what_is_written_beside_a_token_can_be_erased() -> None:
    granted = AccessGranted("ada", "read", bytes(32), 1, None)
    alone = Draft.of(STREAM, granted)
    beside = Draft.of(STREAM, granted, Explained("a name that has to go"))
    kept: list[Envelope] = []
    MemoryLog().transact(
        lambda txn: kept.extend(txn.append(draft, bytes(16)) for draft in (alone, beside))
    )
    assert [is_lasting(envelope) for envelope in kept] == [True, False]
