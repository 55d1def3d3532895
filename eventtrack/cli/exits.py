"""Exit codes of the command line: one for each kind of error that a script may tell apart."""

from eventtrack.errors import (
    AlreadyExistsError,
    ConflictError,
    CorruptionError,
    EventtrackError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    RemoteError,
    RemoteRefusedError,
    StoreError,
    UsageError,
)

INTERRUPTED = 130
# A kind that is not named here has the code of the nearest kind above it in the tree of errors.
_CODES: dict[type[EventtrackError], int] = {
    EventtrackError: 1,
    UsageError: 2,
    InvalidValueError: 2,
    NotFoundError: 3,
    AlreadyExistsError: 4,
    InvalidStateError: 5,
    ConflictError: 6,
    StoreError: 7,
    CorruptionError: 8,
    RemoteError: 9,
    RemoteRefusedError: 10,
}


def exit_code(kind: type[EventtrackError]) -> int:
    """The exit code for errors of a kind: 1 to 125."""
    return next(_CODES[base] for base in kind.__mro__ if base in _CODES)
