"""Tells the meanings of an argument apart: a moment, an event's address, a run, ...

A prefix settles the meaning (`run/3f2a`, `event/12`, `session/9c`, `experiment/iris`). Without a
prefix the commands try the meanings in the order that `inspect --help` and `diff --help` state.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventtrack.store import Store

_ADDRESS = re.compile(r"\d+(\.\d+)?")


def is_address(typed: str) -> bool:
    """Whether a text is the address of an envelope (`12`) or of an event in it (`12.0`)."""
    return _ADDRESS.fullmatch(typed) is not None


def is_moment(store: "Store", typed: str) -> bool:
    """Whether a text is `now`, a position that the log has, or an ISO time."""
    if typed == "now":
        return True
    if typed.isdecimal():
        return int(typed) <= store.events.head()
    if len(typed) < len("2026-01-01") or "-" not in typed:
        return False
    try:
        datetime.fromisoformat(typed)
    except ValueError:
        return False
    return True
