"""What a screen shows of a curve: never less than its extremes and its end."""

import math
from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.web.downsample import POINTS_A_BUCKET, curve, downsample

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=400)


def pairs(x: "array[float]", y: "array[float]") -> list[tuple[float, float]]:
    """The points of a curve."""
    return list(zip(x, y, strict=True))


@given(values=VALUES, seed=st.randoms(use_true_random=False), buckets=st.integers(1, 30))
def test_no_minimum_maximum_or_end_of_a_bucket_is_lost(
    values: list[float], seed: "object", buckets: int
) -> None:
    steps = [seed.randint(-50, 50) for _ in values]  # type: ignore[attr-defined]
    whole = curve(steps, array("d", values))
    drawn = [pair for pair in zip(steps, values, strict=True) if not math.isnan(pair[1])]
    assert sorted(pairs(whole.x, whole.y)) == sorted((float(x), y) for x, y in drawn)
    if not drawn:
        return
    low, high = float(min(x for x, _ in drawn)), float(max(x for x, _ in drawn))
    few = downsample(whole, low, high, buckets)
    assert len(few) <= POINTS_A_BUCKET * buckets
    assert set(pairs(few.x, few.y)) <= set(pairs(whole.x, whole.y))
    assert list(few.x) == sorted(few.x)
    assert (few.x[-1], few.y[-1]) == (whole.x[-1], whole.y[-1])
    width = (high - low) / buckets
    edges = [low + bucket * width for bucket in range(buckets)] + [math.inf]
    for start, stop in pairwise(edges):
        inside = [y for x, y in pairs(whole.x, whole.y) if start <= x < stop]
        kept = [y for x, y in pairs(few.x, few.y) if start <= x < stop]
        assert (min(inside, default=0), max(inside, default=0)) == (
            min(kept, default=0),
            max(kept, default=0),
        )


@given(count=st.integers(0, 300), low=st.integers(-5, 305), span=st.integers(0, 300))
def test_lines_go_on_to_the_edges_of_a_stretch(count: int, low: int, span: int) -> None:
    whole = curve(range(count), array("d", range(count)))
    few = downsample(whole, low, low + span, 10)
    inside = [step for step in range(count) if low <= step <= low + span]
    assert len(few) <= min(len(inside), 30) + 2
    if inside:
        assert few.x[0] == max(inside[0] - 1, 0)
        assert few.x[-1] == min(inside[-1] + 1, count - 1)


def test_many_points_at_one_place_are_few() -> None:
    whole = curve([0] * 10_000, array("d", range(10_000)))
    few = downsample(whole, 0, 0, 100)
    assert (min(few.y), max(few.y)) == (0, 9999)
    assert len(few) <= 3
