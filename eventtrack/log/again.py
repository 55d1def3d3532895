"""Work that is run again from its beginning, once the cause of its failure was removed.

The map of a file was full, say. The work is a transaction that was undone, so nothing happened yet.
"""

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class TryAgain(Exception):  # noqa: N818 - a signal to try again, not an error for callers
    """A transaction was undone and can be run again after `prepare`."""

    def prepare(self) -> None:
        """Remove the cause. Not within a transaction."""
        raise NotImplementedError


def run_again(work: Callable[[], Result]) -> Result:
    """The result of `work`, which opens write transactions: run until nothing asks to try again."""
    while True:
        try:
            return work()
        except TryAgain as signal:
            signal.prepare()
