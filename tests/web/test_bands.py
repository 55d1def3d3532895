"""Bands of groups: how many runs are at each place, their mean and spread, from all points."""

import json
import math
import statistics
from array import array
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import InvalidValueError
from eventtrack.events.types import MetricLogged
from eventtrack.store import Store, open_store
from eventtrack.web import bands
from tests.attack.planted import Mallory
from tests.web.test_series import START_MS, Point, new_run

# Steps may come twice and out of order; values may be no numbers.
RUN = st.lists(
    st.tuples(
        st.integers(-20, 20),
        st.just(START_MS),
        st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf])),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for all of them."""
    with closing(open_store(tmp_path_factory.mktemp("bands") / "store")) as opened:
        yield opened


def ask(store: Store, groups: list[list[str]], **asked: Any) -> tuple[dict[str, Any], list[Any]]:
    """The header, and for each band its rows by place."""
    body = msgspec.json.encode({"groups": groups, "keys": ["loss"], **asked})
    answer = bands.answer(store, body)
    size = int.from_bytes(answer[:4], "little")
    header = json.loads(answer[4 : 4 + size])
    numbers = array("d", answer[-(-(4 + size) // 8) * 8 :]).tolist()
    many = []
    for band in header["bands"]:
        count = band["count"]
        rows = [numbers[at * count : (at + 1) * count] for at in range(header["rows"])]
        numbers = numbers[header["rows"] * count :]
        many.append(dict(enumerate(zip(*rows, strict=True), band["first"])))
    assert not numbers
    return header, many


def values_at(run: list[Point], step: int) -> list[float]:
    """The finite values of a run at a step; between two of its steps what lies straight between."""
    steps = sorted({point[0] for point in run})
    here = [value for at, _, value in run if at == step]
    if here or not steps or not steps[0] < step < steps[-1]:
        return [value for value in here if math.isfinite(value)]
    before, after = max(s for s in steps if s < step), min(s for s in steps if s > step)
    last = [value for at, _, value in run if at == before]
    first = [value for at, _, value in run if at == after]
    if len(set(map(repr, last))) > 1 or len(set(map(repr, first))) > 1:
        return [math.nan]  # which of them is the neighbour is left open
    value = last[0] + (first[0] - last[0]) * (step - before) / (after - before)
    return [value] if math.isfinite(value) else []


@given(runs=st.lists(RUN, min_size=1, max_size=5))
def test_a_band_is_of_all_its_runs_at_each_step(store: Store, runs: list[list[Point]]) -> None:
    ids = [new_run(store, run) if run else new_run(store) for run in runs]
    header, many = ask(store, [ids], quantiles=True)
    # The store drops points that are logged twice.
    logged = [list({repr(point): point for point in run}.values()) for run in runs]
    assert [band["runs"] for band in header["bands"]] == [sum(map(bool, runs))] * bool(many)
    for step, row in (many[0] if many else {}).items():
        each = [values_at(run, step) for run in logged]
        everything = [value for values in each for value in values]
        if any(map(math.isnan, everything)):
            continue
        means = [statistics.fmean(values) for values in each if values]
        count, mean, squares, least, most = row[:5]
        assert count == len(means)
        if not means:
            continue
        assert mean == pytest.approx(statistics.fmean(means), abs=1e-6)
        deviation = statistics.pstdev(means)
        assert math.sqrt(squares / count) == pytest.approx(deviation, abs=1e-5)
        assert (least, most) == pytest.approx((min(everything), max(everything)), abs=1e-6)
        assert row[5:] == pytest.approx(sorted(row[5:]))
        assert (row[5], row[-1]) == pytest.approx((min(means), max(means)), abs=1e-6)
        assert row[5 + 16] == pytest.approx(statistics.median(means), abs=1e-6)


def test_no_spike_is_lost_and_each_axis_has_its_grid(store: Store) -> None:
    spiky: list[Point] = [(at, START_MS + 10 * at, float(at == 777)) for at in range(2000)]
    flat: list[Point] = [(at, START_MS + 10 * at, 0.0) for at in range(2000)]
    ids = [new_run(store, spiky), new_run(store, flat)]
    for axis, reach in (("step", 1999), ("time", 19_990), ("relative", 19.99)):
        header, [band] = ask(store, [ids], x=axis, buckets=50)
        assert header["high"] - header["low"] == pytest.approx(reach)
        assert len(band) <= 101
        assert max(row[4] for row in band.values()) == 1
        assert sum(row[1] * 2 for row in band.values()) > 0
    header, [band] = ask(store, [ids], x="metrics.loss", buckets=50)
    assert header["bands"][0]["runs"] == 2
    # A stretch has its own, finer grid.
    header, [band] = ask(store, [ids], buckets=50, low=770, high=780)
    assert header["step"] == 1
    assert {at: row[4] for at, row in band.items()} == {
        at: float(at == 777) for at in range(769, 782)
    }


def test_an_answer_ends_early_and_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [new_run(store, [(0, START_MS, 1.0), (1, START_MS, 2.0)]) for _ in range(5)]
    monkeypatch.setattr(bands, "READ_POINTS_MAX", 4)
    header: dict[str, Any] = {"next": 0, "width": 0}
    seen = []
    while header["next"] is not None:
        place = {"start": header["next"], "width": header["width"]}
        header, _ = ask(store, [ids[:3], ids[3:]], **place)
        seen.append([(band["group"], band["runs"]) for band in header["bands"]])
    assert seen == [[(0, 2)], [(0, 1), (1, 1)], [(1, 1)]]


def test_a_grid_that_is_too_fine_is_given_up_before_it_fills_the_memory(store: Store) -> None:
    near = new_run(store, [(0, START_MS, 1.0), (9, START_MS, 1.0)])
    far = new_run(store, [(10**15, START_MS, 1.0)])
    header, many = ask(store, [[near, far]], width=1)
    assert many == []
    assert (header["low"], header["high"], header["next"]) == (0, 10**15, 0)
    header, [band] = ask(store, [[near, far]])
    assert header["bands"][0]["runs"] == 2
    assert len(band) <= 801


@pytest.mark.parametrize(
    "asked",
    [{"x": "depth"}, {"buckets": 0}, {"start": -1}, {"width": -1}, {"keys": ["a"] * 5001}],
)
def test_what_cannot_be_answered_is_refused(store: Store, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        ask(store, [["f" * 32]], **asked)


def test_points_from_one_end_of_all_times_to_the_other_have_their_places(store: Store) -> None:
    run_id = new_run(store)
    times = (-(2**63), 0, 2**63 - 1)
    points = [MetricLogged("loss", 1.0, step, time) for step, time in enumerate(times)]
    Mallory().tell(store, f"run/{run_id}", *points)
    header, [rows] = ask(store, [[run_id]], x="relative")
    assert header["bands"][0]["runs"] == 1
    assert rows
