"""Run a function in a forked child and hear what it returned."""

import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def in_child(work: Callable[[], Result]) -> Result:
    """What `work` returns in a forked child, which then ends at once, as a killed one would."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside other threads, which is what these tests are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        # Not to the end of the pipe: a grandchild may hold that open.
        answers: list[Result] = [pickle.load(pipe)] if pipe.peek(1) else []
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}"
    return answers[0]
