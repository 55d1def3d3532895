"""The hybrid clock follows the wall clock, never stands still and never goes back."""

import time

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.clock import (
    RECORDED_MAX,
    ManualClock,
    SystemClock,
    next_recorded,
    observe_recorded,
    recorded_ms,
)
from eventtrack.limits import CLOCK_DRIFT_MAX_MS

NOW_MS = st.integers(0, 2**47 - 1)
RECORDED = st.integers(0, RECORDED_MAX)


@given(RECORDED, NOW_MS)
def test_the_next_time_is_later_and_not_before_the_wall_clock(last: int, now_ms: int) -> None:
    following = next_recorded(last, now_ms)
    assert following > last
    assert recorded_ms(following) >= now_ms


@given(RECORDED, st.integers(2**47, 2**70))
def test_a_clock_beyond_the_greatest_time_that_there_is_says_that_time(
    last: int, now_ms: int
) -> None:
    assert last < next_recorded(last, now_ms) <= RECORDED_MAX + 1


@given(NOW_MS, st.integers(1, 200))
def test_a_clock_that_stands_still_is_counted_on(now_ms: int, count: int) -> None:
    last = next_recorded(0, now_ms)
    for _ in range(count):
        following = next_recorded(last, now_ms)
        assert following == last + 1
        last = following
    assert recorded_ms(last) == now_ms


@given(RECORDED, RECORDED, NOW_MS)
def test_seeing_another_clock_never_sets_ours_back(last: int, remote: int, now_ms: int) -> None:
    assert observe_recorded(last, remote, now_ms) >= last


@given(NOW_MS, RECORDED)
def test_another_clock_drags_ours_no_further_than_its_bound(now_ms: int, remote: int) -> None:
    seen = observe_recorded(0, remote, now_ms)
    assert recorded_ms(seen) <= now_ms + CLOCK_DRIFT_MAX_MS
    if recorded_ms(remote) < now_ms + CLOCK_DRIFT_MAX_MS:
        assert seen == remote


def test_the_system_clock_is_the_machines() -> None:
    before = int(time.time() * 1000) - 1
    assert before <= SystemClock().now_ms() <= before + 60_000


def test_a_manual_clock_moves_when_told_to() -> None:
    clock = ManualClock(100)
    assert clock.now_ms() == 100
    clock.advance(-30)
    assert clock.now_ms() == 70
