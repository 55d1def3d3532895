"""Every error eventtrack raises on purpose, drawn as the tree it is.

    EventtrackError           error_code, hint
    ├── UsageError            the caller can mend the call
    │   ├── NotFoundError
    │   ├── AlreadyExistsError
    │   ├── InvalidStateError
    │   └── InvalidValueError
    │       └── FilterSyntaxError
    ├── ConflictError         read again, decide again
    ├── StoreError            the store or its disk can be mended
    │   ├── StoreMissingError
    │   ├── StoreClosedError
    │   ├── StoreReadOnlyError
    │   ├── StoreLockedError
    │   ├── DiskFullError
    │   ├── FormatTooNewError
    │   └── UnsuitableFileSystemError
    ├── CorruptionError       stop: nothing was changed
    │   ├── ChecksumError
    │   ├── ForkError
    │   ├── MalformedError
    │   ├── ProjectionError
    │   └── VerificationError
    └── RemoteError           the other side
        ├── RemoteUnavailableError
        ├── RemoteDeniedError
        ├── RemoteFailedError
        ├── RemoteRefusedError
        └── EndpointMissingError

`error_code` is MLflow's name for the kind of failure, so that code written for `MlflowException`
finds what it looks for. `cli.exits` has the exit code of each kind.
"""

from typing import ClassVar

# What to do about a store whose files are damaged.
RESCUE = (
    "nothing was changed; `eventtrack check` names what is damaged, `eventtrack salvage OLD NEW` "
    "makes a new store of all that is whole. Or restore a backup, or clone what was synced"
)


class EventtrackError(Exception):
    """The base of all errors raised on purpose: what failed, and what to do next.

    Args:
        message: What was being done to what; what was found and what was expected.
        hint: What to do next, as one sentence that names a command or a call; may be empty.
    """

    error_code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class EventtrackWarning(UserWarning):
    """Something was wrong that did not stop the work; the message says what and what to do."""


class UsageError(EventtrackError):
    """The caller can mend the call; nothing was written."""

    error_code = "BAD_REQUEST"


class NotFoundError(UsageError):
    """No such experiment, run, event or file."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class AlreadyExistsError(UsageError):
    """The name is taken."""

    error_code = "RESOURCE_ALREADY_EXISTS"


class InvalidStateError(UsageError):
    """The thing exists, but not in a state that allows this."""

    error_code = "INVALID_STATE"


class InvalidValueError(UsageError):
    """A value of the call is not allowed."""

    error_code = "INVALID_PARAMETER_VALUE"


class FilterSyntaxError(InvalidValueError):
    """A search filter or an order could not be read."""


class ConflictError(EventtrackError):
    """Someone else decided first: read again, then decide again."""

    error_code = "RESOURCE_CONFLICT"


class StoreError(EventtrackError):
    """The store or its disk cannot do this now and can be mended."""


class StoreMissingError(StoreError):
    """There is no store at the path, and none was to be made."""

    error_code = "RESOURCE_DOES_NOT_EXIST"


class StoreClosedError(StoreError):
    """The store was closed before the call."""

    error_code = "INVALID_STATE"


class StoreReadOnlyError(StoreError):
    """The store's files or this view of them cannot be written."""

    error_code = "PERMISSION_DENIED"


class StoreLockedError(StoreError):
    """Another process keeps a lock of the store and does nothing: it was stopped, say."""

    error_code = "TEMPORARILY_UNAVAILABLE"


class DiskFullError(StoreError):
    """The disk has no room; what was recorded before is intact."""

    error_code = "RESOURCE_EXHAUSTED"


class FormatTooNewError(StoreError):
    """A newer eventtrack wrote this; this one would misread it."""

    error_code = "INVALID_STATE"


class UnsuitableFileSystemError(StoreError):
    """The file system cannot hold a store safely (a network file system)."""

    error_code = "INVALID_STATE"


class CorruptionError(EventtrackError):
    """Stored bytes are not what was written; nothing was changed."""

    error_code = "DATA_LOSS"


class ChecksumError(CorruptionError):
    """A checksum or hash does not match the bytes."""


class ForkError(CorruptionError):
    """Two different envelopes under one name: two copies of a store wrote as one replica."""


class MalformedError(CorruptionError):
    """An envelope that came from elsewhere does not hold what its types promise."""


class ProjectionError(CorruptionError):
    """A projection could not apply an event; it stopped there, and the event is kept."""


class VerificationError(CorruptionError):
    """A signature or a proof does not show what it claims to."""


class RemoteError(EventtrackError):
    """A server did not do what it was asked to, for a reason that is not in the call."""


class RemoteUnavailableError(RemoteError):
    """No server answered, or none that tracks runs; try again later.

    Args:
        message: As for every error.
        hint: As for every error.
        sent: Whether the request may have reached the server and been carried out.
    """

    error_code = "TEMPORARILY_UNAVAILABLE"

    def __init__(self, message: str, *, hint: str = "", sent: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class RemoteDeniedError(RemoteError):
    """The server wants other credentials, or does not let these do that."""

    error_code = "PERMISSION_DENIED"


class RemoteFailedError(RemoteError):
    """The server answered that it broke down over the request."""


class RemoteRefusedError(RemoteError):
    """The server refused calls that were logged earlier and had returned to their callers."""

    error_code = "INVALID_STATE"


class EndpointMissingError(RemoteError):
    """The server does not have this call: it is older, or another program."""

    error_code = "NOT_IMPLEMENTED"
