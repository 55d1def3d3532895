"""Tells which blocks of a writer others have to know before they append on condition.

A writer decides nothing, and its facts are in nobody's way. But a server takes points of a run and
a token as long as nobody has taken the run, or the token, away.
"""

from eventtrack.events.access import AccessGranted, AccessRevoked
from eventtrack.events.envelope import Envelope
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import RunMoved
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.facts.run import RUN
from eventtrack.log.blocks import Block

_TAKES_AWAY = tuple(
    entry.name.encode()
    for entry in REGISTRY
    if entry.struct in {*RUN.stages, RunMoved, *EXPERIMENT.stages, AccessGranted, AccessRevoked}
)


def takes_away(block: Block) -> bool:
    """Whether a block may hold an event that takes away what others rely on.

    Costs a search of the bytes of each envelope.
    """
    return any(Envelope(data).may_hold(*_TAKES_AWAY) for data in block.envelopes)
