"""Tells the meanings of an argument apart: a moment, an event's address, a run, ...

A prefix settles the meaning (`run/3f2a`, `event/12`, `session/9c`, `experiment/iris`). Without a
prefix the commands try the meanings in the order that `inspect --help` and `diff --help` state.
"""

import re
from typing import TYPE_CHECKING

from eventtrack.errors import InvalidValueError

if TYPE_CHECKING:
    from eventtrack.store import Store

_ADDRESS = re.compile(r"\d+(\.\d+)?")


def is_address(typed: str) -> bool:
    """Whether a text is the address of an envelope (`12`) or of an event in it (`12.0`)."""
    return _ADDRESS.fullmatch(typed) is not None


def is_moment(store: "Store", typed: str) -> bool:
    """Whether a text is `now`, a position that the log has, or a time such as `7d`."""
    from eventtrack.views.moments import Moment

    try:
        moment = Moment.parse(typed)
    except InvalidValueError:
        return False
    return moment.position is None or moment.position <= store.events.head()
