"""What a screen shows of a curve: never less than its extremes and its end."""

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.web import by_numpy
from eventtrack.web.downsample import POINTS_A_BUCKET, Thinner, width_of

VALUES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=400)
STEPS = st.integers(-60, 60)
INT64 = st.integers(-(2**63), 2**63 - 1)


def bucket_ends(values: list[float]) -> tuple[float, float] | None:
    """The least and the greatest finite value."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


@given(values=VALUES, data=st.data(), buckets=st.integers(1, 30), origin=STEPS)
def test_no_minimum_maximum_or_end_of_a_bucket_is_lost(
    values: list[float], data: st.DataObject, buckets: int, origin: int
) -> None:
    steps = data.draw(st.lists(STEPS, min_size=len(values), max_size=len(values)))
    x, y = array("q", steps), array("d", values)
    width = width_of(min(steps, default=0), max(steps, default=0), buckets)
    thinner = Thinner(width, buckets)
    places = thinner(x, y, origin=origin)
    assert len(set(places)) == len(places)
    assert [x[place] for place in places] == sorted(x[place] for place in places)
    if thinner.width == 0:
        assert sorted(places) == list(range(len(values)))
        return
    assert thinner.width == width
    for bucket in {(step - origin) // width for step in steps}:
        inside = [place for place in range(len(x)) if (x[place] - origin) // width == bucket]
        kept = [place for place in places if (x[place] - origin) // width == bucket]
        assert bucket_ends([y[at] for at in inside]) == bucket_ends([y[at] for at in kept])
        kinds = [
            [str(y[at]) for at in group if not math.isfinite(y[at])] for group in (inside, kept)
        ]
        assert set(kinds[0]) == set(kinds[1])
        assert len(kept) <= POINTS_A_BUCKET + len(set(kinds[0]))
        finite = [place for place in inside if math.isfinite(y[place])]
        if finite:
            last = max(x[place] for place in finite)
            assert max(x[place] for place in kept if math.isfinite(y[place])) == last


@given(
    values=VALUES,
    data=st.data(),
    buckets=st.integers(1, 30),
    origin=st.one_of(STEPS, INT64),
    stretch=st.one_of(st.just((-math.inf, math.inf)), st.tuples(STEPS, STEPS)),
)
def test_numpy_picks_the_same_points(
    values: list[float],
    data: st.DataObject,
    buckets: int,
    origin: int,
    stretch: tuple[float, float],
) -> None:
    size = len(values)
    steps = data.draw(st.lists(st.one_of(STEPS, INT64), min_size=size, max_size=size))
    if data.draw(st.booleans()):
        steps.sort()
    x, y = array("q", steps), array("d", values)
    width = width_of(min(steps, default=0), max(steps, default=0), buckets)
    plain, fast = Thinner(width, buckets), Thinner(width, buckets, by_numpy)
    for numbers in (y, array("d", map(abs, y))):
        places = list(plain(x, numbers, *stretch, origin))
        assert list(fast(x, numbers, *stretch, origin)) == places
        assert fast.width == plain.width
    assert list(by_numpy.taken(x, places)) == [float(x[place]) for place in places]


@given(values=VALUES, buckets=st.integers(1, 30))
def test_neighbours_that_share_their_steps_are_thinned_like_strangers(
    values: list[float], buckets: int
) -> None:
    x, y = array("q", range(len(values))), array("d", values)
    shared = Thinner(width_of(0, len(values), buckets), buckets)
    shared(x[:-1], y[:-1])
    assert shared(x, y) == Thinner(width_of(0, len(values), buckets), buckets)(x, y)
    shared(x, y[::-1])
    assert shared(x, y) == Thinner(width_of(0, len(values), buckets), buckets)(x, y)


@given(count=st.integers(0, 300), low=st.integers(-5, 305), span=st.integers(0, 300))
def test_lines_go_on_to_the_edges_of_a_stretch(count: int, low: int, span: int) -> None:
    x, y = array("q", range(count)), array("d", range(count))
    places = Thinner(width_of(low, low + span, 10), 10)(x, y, low, low + span)
    inside = [step for step in range(count) if low <= step <= low + span]
    # A grid that does not begin with the stretch has one bucket more.
    assert len(places) <= min(len(inside), 33) + 2
    if inside:
        assert places[0] == max(inside[0] - 1, 0)
        assert places[-1] == min(inside[-1] + 1, count - 1)


def test_many_points_at_one_place_are_few() -> None:
    x, y = array("q", [0] * 10_000), array("d", range(10_000))
    places = Thinner(width_of(0, 0, 100), 100)(x, y, 0, 0)
    assert {0, 9999} <= set(places)
    assert len(places) <= 3


def test_a_curve_that_reaches_far_beyond_the_grid_has_a_coarser_one() -> None:
    x, y = array("q", range(0, 10_000_000, 1000)), array("d", range(10_000))
    thinner = Thinner(1, 100)
    assert len(thinner(x, y)) <= 3 * (2 * 100 + 1)
    assert thinner.width >= 10_000_000 / 200


@given(
    low=st.integers(-(2**63), 2**63 - 1), span=st.integers(0, 2**63), buckets=st.integers(1, 4000)
)
def test_buckets_are_powers_of_two_and_cover_the_stretch(low: int, span: int, buckets: int) -> None:
    width = width_of(low, low + span, buckets)
    assert width.bit_count() == 1
    assert width * buckets >= span or math.isclose(width * buckets, span)
    assert width % width_of(low, low + span, 2 * buckets) == 0
