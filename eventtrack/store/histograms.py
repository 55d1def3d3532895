"""Bodies of `run.histograms_logged`, made fast: a program logs one for each layer and step.

A body has one histogram. Its edges are two ends where they are even, as docs/format.md, section 9,
says; and counts that are whole numbers stay whole numbers, of a byte or two each. So most bodies
have an eighth of the bytes of all floats, and a body's bytes are most of what a call costs.
"""

from array import array
from collections.abc import Sequence
from math import inf, isfinite
from typing import Any

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.events.items import Histogram, are_finite, even_edges

_encode = msgspec.msgpack.Encoder().encode
_FALSE, _TRUE = b"\xc2", b"\xc3"
# What a body begins with: four fields, then the key.
_FOUR_FIELDS = b"\x94"
# Behind the key: an array of one histogram, an array of edges and counts.
_ONE_HISTOGRAM = b"\x91\x92"


class HistogramBodies:
    """Encodes the histograms of one run's series. Thread-safe.

    It remembers the last edges of each series, which nearly all programs log again and again.
    """

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        # By key: edges, and the bytes of a body up to the counts. Changed by single, atomic calls.
        self._heads: dict[str, tuple[list[Any], bytes]] = {}

    def body(
        self, key: str, edges: Sequence[float], counts: Sequence[float], step: int, at_ms: int
    ) -> bytes:
        """The body of an event of one histogram.

        Args:
            key: The name of the series, checked.
            edges: Finite and ascending, one more than counts.
            counts: Finite, at least one.
            step: Checked.
            at_ms: Checked.

        Raises:
            InvalidValueError: Edges and counts make no histogram.
        """
        edges, counts = _listed(edges), _listed(counts)
        packed = _packed(counts)
        head = self._head(key, edges) if packed and len(edges) - 1 == len(counts) else b""
        if not head:
            made = _histogram(edges, counts)
            head, packed = self._head(key, made.edges), _encode(made.counts)
        return head + packed + _encode((step, at_ms))[1:]

    def _head(self, key: str, edges: list[Any]) -> bytes:
        """The bytes of a body up to the counts; empty for edges that are not sound."""
        known = self._heads.get(key)
        if known is not None and known[0] == edges:
            return known[1]
        packed = _packed_edges(edges)
        if not packed:
            return b""
        head = b"".join((_FOUR_FIELDS, _encode(key), _ONE_HISTOGRAM, packed))
        self._heads[key] = edges.copy(), head
        return head


def _listed(numbers: Sequence[float]) -> list[Any]:
    """The numbers as a list; arrays and tensors know the fast way to one."""
    if type(numbers) is list:
        return numbers
    listed: list[Any] = getattr(numbers, "tolist", lambda: list(numbers))()
    return listed


def _packed(counts: list[Any]) -> bytes:
    """The encoding of finite numbers; empty for what has to be looked at one by one."""
    try:
        packed, total = _encode(counts), sum(counts)
    except (TypeError, OverflowError):
        return b""  # numbers of a library, or greater than 64 bits
    if type(total) is float:
        # A float has 9 bytes, and so has a great integer. Anything else has fewer.
        head = 1 if len(counts) < 16 else 3 if len(counts) < 2**16 else 5
        is_plain = len(packed) == head + 9 * len(counts) and isfinite(total)
        return packed if is_plain else b""
    # The sum of integers and Booleans is an integer. These bytes may be of integers too.
    is_whole = type(total) is int and not (_FALSE in packed or _TRUE in packed)
    return packed if is_whole else b""


def _packed_edges(edges: list[Any]) -> bytes:
    """The encoding of edges: of their two ends if they are even; empty if they are not sound."""
    try:
        low, high = float(edges[0]), float(edges[-1])
        if 0 <= high - low < inf and even_edges(low, high, len(edges) - 1) == edges:
            return _encode((low, high))
        numbers = array("d", edges).tolist()
    except (TypeError, ValueError, LookupError, ZeroDivisionError):
        return b""
    return _encode(numbers) if are_finite(numbers) and numbers == sorted(numbers) else b""


def _histogram(edges: list[Any], counts: list[Any]) -> Histogram:
    """A histogram of any numbers, as floats."""
    try:
        # The array takes integers and numbers of libraries, and gives floats.
        made = Histogram(array("d", edges).tolist(), array("d", counts).tolist())
    except (TypeError, OverflowError) as error:
        raise InvalidValueError(
            f"edges and counts of a histogram must be numbers: {error}",
            hint="pass two sequences of numbers",
        ) from None
    if not made.is_sound:
        raise InvalidValueError(
            f"a histogram of {len(made.edges)} edges and {len(made.counts)} counts is not sound",
            hint="pass finite, ascending edges, one more than counts, and finite counts",
        )
    return made
