"""What MLflow's callers get instead of our errors, decided in one place."""

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, NOT_IMPLEMENTED, ErrorCode

from eventtrack.errors import EventtrackError

Class = TypeVar("Class", bound=type)
# What Python says of a value that is of another kind than a call expects.
_ODD = (AttributeError, KeyError, TypeError, ValueError)


def translated(error: EventtrackError) -> MlflowException:
    """The same failure as MLflow tells it: our message and hint under MLflow's code."""
    return MlflowException(str(error), error_code=ErrorCode.Value(error.error_code))


def not_implemented(what: str, instead: str = "") -> NoReturn:
    """Refuse what eventtrack does not keep.

    `NotImplementedError` would be a bare 500 in MLflow's server, which its client asks for again
    and again for minutes; code 501 is told to the user at once.

    Raises:
        MlflowException: Always, with `NOT_IMPLEMENTED`.
    """
    text = f"{what} is not supported by eventtrack's store"
    raise MlflowException(f"{text}: {instead}" if instead else text, error_code=NOT_IMPLEMENTED)


def with_mlflow_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, with our errors translated."""

    @functools.wraps(method)
    def translating(*arguments: Any, **named: Any) -> Any:
        try:
            return method(*arguments, **named)
        except EventtrackError as error:
            raise translated(error) from error
        except _ODD as error:
            # As an error of the server's it would be asked again for minutes.
            text = f"{method.__name__}() cannot take these arguments: {error!r}"
            raise MlflowException(text, error_code=INVALID_PARAMETER_VALUE) from error

    return translating


def translate_errors(owner: Class) -> Class:
    """Class decorator: every method of ours that MLflow calls raises MLflow's errors only."""
    for base in reversed(owner.__mro__):
        if not base.__module__.startswith(__package__):
            continue
        for name, member in vars(base).items():
            ours = name == "__init__" or not name.startswith("__")
            if callable(member) and not isinstance(member, type) and ours:
                setattr(owner, name, with_mlflow_errors(member))
    return owner
