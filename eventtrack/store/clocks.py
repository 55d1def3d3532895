"""Feeds whose times are ahead of this machine's clock: one of the two clocks is wrong."""

from collections.abc import Mapping

from eventtrack.clock import is_ahead, recorded_ms
from eventtrack.log.protocol import EventLog, Head

_UNITS = ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"))


def wrong_clocks(log: EventLog, heads: Mapping[bytes, Head], now_ms: int) -> dict[str, str]:
    """A text about each feed that is ahead of a clock, by its replica's id in hex."""
    branches = log.branches()
    warnings: dict[str, str] = {}
    for feed, head in heads.items():
        if is_ahead(head.recorded, now_ms):
            replica = (branches[feed].replica if feed in branches else feed).hex()
            ahead = span(recorded_ms(head.recorded) - now_ms)
            warnings[replica] = (
                f"feed {replica} is {ahead} ahead of this machine's clock: the clock of the "
                "machine that wrote it is or was wrong, or this one is (docs/sync.md, A wrong "
                "clock)"
            )
    return warnings


def span(milliseconds: int) -> str:
    """A span of time of minutes or more, rounded, in words."""
    for size, name in _UNITS:
        if milliseconds >= 2 * size:
            return f"{milliseconds // size} {name}"
    return "a minute"
