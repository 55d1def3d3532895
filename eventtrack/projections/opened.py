"""Folds sessions into the views: they say who writes."""

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.events.types import SessionOpened
from eventtrack.projections.state import SessionState, Stamp
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, event: SessionOpened, stamp: Stamp) -> None:
    """Fold the opening of a session. If a session was opened twice, the first opening counts."""
    session = bytes.fromhex(envelope.header.stream.partition("/")[2])
    known = tables.session(session)
    fields = msgspec.structs.asdict(event)
    opened = SessionState(session=session, position=envelope.position, born=stamp, **fields)
    if known is None or _opening(opened) < _opening(known):
        tables.put_session(opened)


def _opening(session: SessionState) -> tuple[Stamp, str]:
    facts = msgspec.structs.replace(session, position=0)
    return session.born, repr(facts)
