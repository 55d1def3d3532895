"""Curves over another metric: joined by step, thinned out without losing extremes."""

from array import array
from math import inf, isnan, nan
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.web.joined import joined, thinned
from tests.web.test_series import ask

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=300)


def points(*rows: tuple[int, float]) -> Points:
    made = Points()
    for step, value in rows:
        made.steps.append(step)
        made.timestamps.append(0)
        made.values.append(value)
    return made


def test_points_are_joined_by_step_and_sorted_by_the_axis() -> None:
    loss = points((1, 0.9), (2, 0.5), (3, 0.1), (9, 7.0))
    epoch = points((1, 0.5), (2, 0.2), (2, 0.25), (3, nan))
    x, y = joined(loss, epoch)
    assert (list(x), list(y)) == ([0.25, 0.5], [0.5, 0.9])


@given(VALUES, VALUES, st.integers(1, 20))
def test_thinning_keeps_the_extremes_and_the_order(
    at: list[float], values: list[float], buckets: int
) -> None:
    count = min(len(at), len(values))
    x, y = array("d", sorted(at[:count])), array("d", values[:count])
    few_x, few_y = thinned(x, y, x[0], x[-1], buckets)
    assert len(few_x) <= max(count if count <= 3 * buckets else 0, 4 * buckets + 2)
    assert (min(few_y), max(few_y)) == (min(y), max(y))
    assert list(few_x) == sorted(few_x)
    assert set(zip(few_x, few_y, strict=True)) <= set(zip(x, y, strict=True))


def test_values_that_are_no_numbers_hide_nothing() -> None:
    x = array("d", map(float, range(1000)))
    y = array("d", [nan if place % 2 else float(place) for place in range(1000)])
    y[500] = inf
    _, few = thinned(x, y, 0, 999, 10)
    assert any(map(isnan, few))
    assert {0.0, 998.0, inf} <= set(few)


def test_a_curve_over_another_metric_is_answered(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    other_id = store.runs.create("0").info.run_id
    for step in range(10):
        store.metrics.log(run_id, "loss", 1 / (step + 1), step=step)
        store.metrics.log(run_id, "epoch", step / 4, step=step)
        store.metrics.log(other_id, "loss", 0.5, step=step)
    header, curves = ask(store, [run_id, other_id], x="metrics.epoch")
    assert (header["low"], header["high"], header["width"]) == (0.0, 2.25, 0)
    first, second = curves
    assert first.xy == [(step / 4, 1 / (step + 1)) for step in range(10)]
    assert second.xy == []
    store.close()
