"""Python's garbage collector, out of the way while many objects are made that will stay.

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


@contextmanager
def importing() -> Iterator[None]:
    """Keep the collector from running while modules are imported, and from visiting them next.

    Modules stay as long as the process. So their objects move to the oldest generation at once,
    where collections of young objects do not look. Young garbage of the program moves with them,
    and waits for the next full collection.
    """
    with paused():
        yield
        pass_over()


def pass_over() -> None:
    """Take all objects that are there for old ones. Call this in a pause that made very many.

    Otherwise the next collection of young objects looks at each of them.
    """
    if not gc.get_freeze_count():  # a program that froze objects wants them to stay frozen
        gc.freeze()
        gc.unfreeze()  # puts them into the oldest generation, without a look at any
