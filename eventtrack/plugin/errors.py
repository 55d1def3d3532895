"""The table of MLflow's errors that callers get instead of ours."""

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, NOT_IMPLEMENTED, ErrorCode

from eventtrack.errors import EventtrackError

Class = TypeVar("Class", bound=type)
# Errors that Python raises for a value of another kind than a call expects.
_ODD = (AttributeError, KeyError, TypeError, ValueError)


def translated(error: EventtrackError) -> MlflowException:
    """The same failure in MLflow's form: our message and hint under MLflow's code."""
    return MlflowException(str(error), error_code=ErrorCode.Value(error.error_code))


def not_implemented(what: str, instead: str = "") -> NoReturn:
    """Refuse a call about something that eventtrack does not keep.

    `NotImplementedError` would be a bare 500 in MLflow's server, and MLflow's client repeats such a
    call for minutes. The user sees code 501 at once.

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
            # As an error of the server, MLflow's client would repeat the call for minutes.
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
