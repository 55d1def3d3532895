"""The answer of a logging call that was made with `synchronous=False`."""

import warnings
from collections.abc import Callable

from eventtrack.errors import EventtrackError, UsageError


class RunOperations:
    """The outcome of a call made with `synchronous=False`.

    The call is already done: logging here is faster than handing work to a thread. Only its error
    is kept back until `wait` is called, as in MLflow.
    """

    def __init__(self, error: EventtrackError | None = None) -> None:
        self._error = error

    def wait(self) -> None:
        """Return at once if the call succeeded.

        Raises:
            UsageError: The call failed; the cause is the error that it would have raised.
        """
        if self._error is not None:
            raise UsageError(
                "The following failures occurred while performing one or more async logging "
                f"operations: [{self._error!r}]",
                hint=self._error.hint,
            ) from self._error


def perform(action: Callable[[], object], synchronous: bool | None) -> RunOperations | None:
    """Do `action`; with `synchronous=False` a failure becomes a warning and part of the outcome.

    The warning is needed because a caller that never calls `wait` would not hear of the failure.
    """
    if synchronous is None or synchronous:
        action()
        return None
    try:
        action()
    except EventtrackError as error:
        warnings.warn(f"logging failed: {error}", RuntimeWarning, stacklevel=3)
        return RunOperations(error)
    return RunOperations()
