"""Sessions: the processes that wrote, with their machines and programs."""

from collections.abc import Iterable, Sequence

from eventtrack.errors import NotFoundError
from eventtrack.projections.state import SessionState
from eventtrack.views.context import ReadContext
from eventtrack.views.records import Record


class Session(Record):
    """One process that wrote to a store. `source` is the surface: python, cli, server, ..."""

    session_id: str
    user: str
    host: str
    pid: int
    program: str
    cwd: str
    git_commit: str | None
    source: str
    version: str
    opened_ms: int
    position: int


class Sessions:
    """The sessions of a store."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, session_id: str) -> Session:
        """A session by its id in hex.

        Raises:
            NotFoundError: There is no such session.
        """
        try:
            name = bytes.fromhex(session_id)
        except (TypeError, ValueError):
            name = b""
        with self._context.read() as reader:
            state = reader.session(name) if name else None
        if state is None:
            raise NotFoundError(
                f"there is no session {session_id}", hint="`eventtrack log` shows session ids"
            )
        return session_record(state)

    def find(self, session_id: str) -> Session | None:
        """A session by its id in hex; None if its opening is not known."""
        with self._context.read() as reader:
            state = reader.session(bytes.fromhex(session_id))
        return None if state is None else session_record(state)

    def of(self, session_ids: Iterable[str]) -> dict[str, Session]:
        """Some sessions by their ids in hex, without those whose opening is not known."""
        names = sorted(map(bytes.fromhex, set(session_ids)))
        with self._context.read() as reader:
            states = [state for name in names if (state := reader.session(name)) is not None]
        return {state.session.hex(): session_record(state) for state in states}

    def starting_with(self, prefix: str, limit: int = 10) -> Sequence[Session]:
        """At most `limit` sessions whose ids begin with `prefix`, by id."""
        with self._context.read() as reader:
            streams = reader.streams(f"session/{prefix}", limit)
            names = (bytes.fromhex(stream.partition("/")[2]) for stream in streams)
            states = [reader.session(name) for name in names]
        return [session_record(state) for state in states if state is not None]

    def list(self) -> Sequence[Session]:
        """Every session, in the order in which they were opened here.

        Each script that ran has one: use `of` or `starting_with` for a few.
        """
        with self._context.read() as reader:
            states = reader.sessions()
        return [session_record(state) for state in sorted(states, key=_position)]


def session_record(state: SessionState) -> Session:
    """A session as a record."""
    return Session(
        session_id=state.session.hex(),
        user=state.user,
        host=state.host,
        pid=state.pid,
        program=state.program,
        cwd=state.cwd,
        git_commit=state.git_commit,
        source=state.source,
        version=state.version,
        opened_ms=state.opened_ms,
        position=state.position,
    )


def _position(state: SessionState) -> int:
    return state.position
