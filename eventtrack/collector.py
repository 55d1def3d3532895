"""Python's garbage collector, out of the way while many records are made at once.

The collector runs after every so many new containers and looks at those that are there: the more
records there are, the more each further record costs. Records do not refer to themselves in a
circle, so it would find nothing. Reference counts go on freeing memory meanwhile.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_enabled = False


@contextmanager
def paused() -> Iterator[None]:
    """Keep the collector from running in this block, in all threads. Pauses may overlap."""
    global _pauses, _was_enabled
    with _lock:
        if _pauses == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_enabled:
                gc.enable()
