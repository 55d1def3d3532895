"""RLIKE: regular expressions from strangers, matched within a bounded time.

Python's own `re` takes time exponential in the text for a pattern like `(a|a)*$`. The library
`regex` reads the same patterns and gives up after a timeout.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from eventtrack import limits
from eventtrack.errors import FilterSyntaxError

# The time for each text. A sensible pattern takes microseconds.
WITHIN_S = 0.1
_COUNTED = re.compile(r"\{(\d*),?(\d*)\}")
# The product of all repetition counts: the library compiles each repetition of its own.
_REPEATED_MAX = 10_000
_PLAIN = "LIKE '%text%' finds a plain text"


@lru_cache(64)
def regular_test(pattern: str) -> Callable[[str], bool]:
    """A test whether a regular expression matches anywhere in a text.

    The test raises `FilterSyntaxError` if it takes longer than `WITHIN_S`.

    Raises:
        FilterSyntaxError: The pattern is no regular expression, or is too large.
    """
    import regex

    is_long = len(pattern) > limits.FILTER_PATTERN_LENGTH_MAX
    counts = [] if is_long else _COUNTED.findall(pattern)
    if is_long or math.prod(int(most or least or 1) for least, most in counts) > _REPEATED_MAX:
        raise _invalid(pattern, "it is too large")
    try:
        search = regex.compile(pattern, regex.V0).search
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise _invalid(pattern, str(error)) from None

    def test(text: str) -> bool:
        try:
            return search(text, timeout=WITHIN_S, concurrent=True) is not None
        except TimeoutError:
            raise _invalid(pattern, "it takes too long to look for") from None

    return test


def _invalid(pattern: str, why: str) -> FilterSyntaxError:
    return FilterSyntaxError(
        f"Invalid regular expression {pattern[:80]!r}: {why}",
        hint=f"RLIKE takes Python's regular expressions; {_PLAIN}",
    )
