"""Two clocks: the machine's, and the hybrid one that orders what is recorded.

A hybrid logical clock (Kulkarni et al., 2014) packed into 64 bits: milliseconds since 1970 in the
upper 48, a counter in the lower 16. It follows the wall clock, never stands still and never
goes back, so it orders the events of a replica and nearly orders those of several.
"""

import time
from typing import Protocol

from eventtrack.limits import CLOCK_DRIFT_MAX_MS, CLOCK_WRONG_MS

_COUNTER_BITS = 16
# The greatest hybrid time that there is, in the year 6429: whatever the clocks of others say, this
# one can go on for as long again.
RECORDED_MAX = 2**63 - 1


class Clock(Protocol):
    """The wall clock; tests inject their own."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...


class SystemClock:
    """The machine's wall clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The time last set, in milliseconds since 1970."""
        return self._now_ms

    def advance(self, milliseconds: int) -> None:
        """Move the clock; a negative number sets it back, as a careless administrator would."""
        self._now_ms += milliseconds


def next_recorded(last: int, now_ms: int) -> int:
    """The hybrid time after `last`: the wall clock's, or one tick more where that is not later.

    More than `RECORDED_MAX` where `last` is that: its feed cannot go on.
    """
    return max(min(now_ms << _COUNTER_BITS, RECORDED_MAX), last + 1)


def observe_recorded(last: int, remote: int, now_ms: int) -> int:
    """The local clock after seeing a remote envelope, which may drag it only so far ahead.

    Returns `last` or `remote`, whichever is greater, but never more than `CLOCK_DRIFT_MAX_MS`
    ahead of the wall clock: a machine whose clock is a year ahead does not take ours with it.
    """
    bound = (now_ms + CLOCK_DRIFT_MAX_MS) << _COUNTER_BITS
    return max(last, min(remote, bound))


def is_ahead(recorded: int, now_ms: int) -> bool:
    """Whether a time is so far ahead of a clock that one of the two is wrong."""
    return recorded_ms(recorded) > now_ms + CLOCK_WRONG_MS


def recorded_end(time_ms: int) -> int:
    """The last hybrid time of a millisecond."""
    return ((time_ms + 1) << _COUNTER_BITS) - 1


def recorded_ms(recorded: int) -> int:
    """The wall clock part of a hybrid time, in milliseconds since 1970."""
    return recorded >> _COUNTER_BITS
