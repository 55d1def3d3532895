"""The one table from our errors to MLflow's: HTTP status, error code and body."""

from dataclasses import dataclass

import msgspec

from eventtrack.errors import EventtrackError

# MLflow 3.17, exceptions.py: the status by error code. A code that is not listed has 500.
STATUS = {
    "INTERNAL_ERROR": 500,
    "INVALID_STATE": 500,
    "DATA_LOSS": 500,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_EXHAUSTED": 429,
    "RESOURCE_CONFLICT": 409,
    "ALREADY_EXISTS": 409,
    "NOT_FOUND": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "BAD_REQUEST": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "INVALID_PARAMETER_VALUE": 400,
}

# SQLSTATE and class that MLflow sends with some of the codes.
_INTERNAL = ("XXM00", "CLIENT_INTERNAL_ERROR")
_MISSING = ("KAM00", "RESOURCE_NOT_FOUND")
_INVALID = ("KAM00", "INVALID_PARAMETER_VALUE")
_CLASSES = {
    "INTERNAL_ERROR": _INTERNAL,
    "INVALID_STATE": _INTERNAL,
    "TEMPORARILY_UNAVAILABLE": _INTERNAL,
    "NOT_FOUND": _MISSING,
    "ENDPOINT_NOT_FOUND": _MISSING,
    "RESOURCE_DOES_NOT_EXIST": _MISSING,
    "PERMISSION_DENIED": ("KAM00", "PERMISSION_DENIED"),
    "BAD_REQUEST": _INVALID,
    "INVALID_PARAMETER_VALUE": _INVALID,
    "RESOURCE_ALREADY_EXISTS": ("KAM00", "RESOURCE_ALREADY_EXISTS"),
}


class NotServedError(EventtrackError):
    """An endpoint of MLflow's that this server does not have yet."""

    error_code = "NOT_IMPLEMENTED"


class NoSuchEndpointError(EventtrackError):
    """A path that MLflow does not have either."""

    error_code = "ENDPOINT_NOT_FOUND"


class UnauthenticatedError(EventtrackError):
    """A request that needs a token came without a valid token."""

    error_code = "UNAUTHENTICATED"


class PermissionDeniedError(EventtrackError):
    """The client is known, and may not do this."""

    error_code = "PERMISSION_DENIED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error in the form of an HTTP answer."""

    status: int
    body: bytes


def refusal(error: EventtrackError) -> Refusal:
    """The answer that tells a client of MLflow's about an error; the hint follows the message."""
    return refuse(error.error_code, error.message, hint=error.hint)


def refuse(error_code: str, message: str, *, hint: str = "", status: int | None = None) -> Refusal:
    """An answer with an error code, and with MLflow's status for it unless `status` is given."""
    body = {"error_code": error_code, "message": message}
    if error_code in _CLASSES:
        body["sqlstate"], body["error_class"] = _CLASSES[error_code]
    if hint:
        body["hint"] = hint
    return Refusal(status or STATUS.get(error_code, 500), msgspec.json.encode(body))
