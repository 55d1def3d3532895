"""Histograms in both versions of their event: what a body may leave out, and what it may not."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.events.items import HistogramsLogged, even_edges
from eventtrack.events.registry import REGISTRY

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


def decoded(version: int, *histograms: Any) -> HistogramsLogged:
    kind = REGISTRY.find("run.histograms_logged")
    assert kind is not None
    events = kind.decode_many(version, msgspec.msgpack.encode([["w", histograms, 1, 2]]))
    assert events is not None
    [event] = events
    assert isinstance(event, HistogramsLogged)
    return event


@given(FINITE, FINITE, st.integers(2, 70))
def test_two_ends_of_even_edges_are_all_edges(one: float, other: float, count: int) -> None:
    low, high = sorted((one, other))
    counts = list(range(count))
    if not math.isfinite(high - low):
        with pytest.raises(msgspec.ValidationError):
            decoded(2, [[low, high], counts])
        return
    [histogram] = decoded(2, [[low, high], counts]).histograms
    assert histogram.edges == [low + place * ((high - low) / count) for place in counts] + [high]
    assert histogram.edges == sorted(histogram.edges)
    assert histogram.counts == counts
    assert {type(number) for number in histogram.edges + histogram.counts} == {float}


def test_even_edges_are_those_of_numpy() -> None:
    assert even_edges(-0.3, 0.7, 64) == np.linspace(-0.3, 0.7, 65).tolist()


def test_zeros_are_positive_so_that_equal_ends_give_equal_bits() -> None:
    for low, high in ((0.0, 1.0), (-0.0, 1.0), (-1.0, 0.0), (-1.0, -0.0)):
        edges = even_edges(low, high, 2)
        assert all(math.copysign(1, edge) == 1 for edge in edges if not edge)


def test_all_edges_may_be_given_in_either_version() -> None:
    for version in (1, 2):
        [first, second] = decoded(version, [[0, 1, 10], [2.5, 7]], [[0, 1], [3]]).histograms
        assert (first.edges, first.counts) == ([0.0, 1.0, 10.0], [2.5, 7.0])
        assert (second.edges, second.counts) == ([0.0, 1.0], [3.0])


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "histogram",
    [
        [[], []],
        [[0.0], [1.0]],
        [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]],
        [[1.0, 0.0], [1.0, 2.0]],
        [[0.0, math.inf], [1.0, 2.0]],
        [[0.0, 1.0], [1.0, True]],
        [[0.0, 1.0], []],
    ],
    ids=str,
)
def test_what_is_no_histogram_is_malformed(version: int, histogram: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded(version, histogram)


def test_version_1_leaves_no_edge_out() -> None:
    with pytest.raises(msgspec.ValidationError, match="do not fit together"):
        decoded(1, [[0.0, 1.0], [1.0, 2.0]])
