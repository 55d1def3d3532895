"""What a logging call gives back when it is told not to wait."""

import warnings
from collections.abc import Callable

from eventtrack.errors import EventtrackError, UsageError


class RunOperations:
    """The outcome of a call made with `synchronous=False`.

    The call has been carried out already: logging here is faster than handing work to a thread.
    Only its failure waits, until `wait` is called, as in MLflow.
    """

    def __init__(self, error: EventtrackError | None = None) -> None:
        self._error = error

    def wait(self) -> None:
        """Return at once if the call succeeded.

        Raises:
            UsageError: It failed; the cause is the error that the call would have raised.
        """
        if self._error is not None:
            raise UsageError(
                "The following failures occurred while performing one or more async logging "
                f"operations: [{self._error!r}]",
                hint=self._error.hint,
            ) from self._error


def perform(action: Callable[[], object], synchronous: bool | None) -> RunOperations | None:
    """Carry out `action`; with `synchronous=False` its failure becomes a warning and the outcome.

    The warning is there because a caller who does not wait would never hear of the failure.
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
