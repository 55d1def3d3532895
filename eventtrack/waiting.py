"""Whether somebody still waits for an answer: a long read stops when nobody does.

A server sets `WAITING` for each read, and marks it when the client leaves. Loops that may run for
seconds call `check` now and then; `checked` does so for the rows of a walk.
"""

from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

# A walk checks once in so many rows: some hundred microseconds.
CHECK_EVERY = 512


class AbandonedError(Exception):
    """The client left before its answer was ready. No error for callers: nobody hears of it."""


class Waiting:
    """A client that waits for an answer. Safe from any thread."""

    def __init__(self) -> None:
        self._left = False

    def leave(self) -> None:
        """Note that nobody waits any more."""
        self._left = True

    def check(self) -> None:
        """Go on only while the client waits.

        Raises:
            AbandonedError: The client left.
        """
        if self._left:
            raise AbandonedError


# None where reads are always finished, as in the CLI.
WAITING: ContextVar[Waiting | None] = ContextVar("WAITING", default=None)


def check() -> None:
    """Go on only while somebody waits for the answer of this context.

    Raises:
        AbandonedError: The client left.
    """
    waiting = WAITING.get()
    if waiting is not None:
        waiting.check()


def checked(items: Iterable[Item]) -> Iterator[Item]:
    """The items, for as long as somebody waits for the answer.

    Raises:
        AbandonedError: The client left.
    """
    waiting = WAITING.get()
    if waiting is None:
        return iter(items)
    return _checked(items, waiting)


def _checked(items: Iterable[Item], waiting: Waiting) -> Iterator[Item]:
    for place, item in enumerate(items):
        if place % CHECK_EVERY == 0:
            waiting.check()
        yield item
