"""Curves from the log to the numbers that a page draws: nothing that matters is lost on the way."""

import json
import math
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store, open_store
from eventtrack.views.records import Metric
from eventtrack.web import series
from eventtrack.web.curves import AXES
from eventtrack.web.smoothing import KINDS

Point = tuple[int, int, float]
START_MS = 1_700_000_000_000
POINT = st.tuples(
    st.integers(-300, 300),
    st.integers(START_MS, START_MS + 5000),
    st.one_of(st.floats(width=64), st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 0.0])),
)
# Batches as programs send them: each is an envelope of its own, in any order, with repeats.
BATCHES = st.lists(st.lists(POINT, min_size=1, max_size=150), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store for all of them: each example has a run of its own."""
    with closing(open_store(tmp_path_factory.mktemp("series") / "store")) as found:
        yield found


def new_run(store: Store, *batches: list[Point], key: str = "loss") -> str:
    """A run with points."""
    run_id = store.runs.create("0", start_time=START_MS).info.run_id
    for batch in batches:
        points = [Metric(key=key, value=y, timestamp=time, step=step) for step, time, y in batch]
        store.runs.log_batch(run_id, points)
        store.flush()
    return run_id


class Curve:
    """One curve as a page reads it from the bytes."""

    def __init__(self, header: dict[str, Any], x: list[float], y: list[float]) -> None:
        self.run_id, self.key = header["run_id"], header["key"]
        self.points, self.width, self.fork = header["points"], header["width"], header["fork"]
        self.xy = list(zip(x, y, strict=True))
        self.smooth: list[tuple[float, float]] | None = None


def decoded(answer: bytes) -> tuple[dict[str, Any], list[Curve]]:
    """The header, and the curves."""
    [block] = blocks(answer)
    return block


def blocks(answer: bytes) -> list[tuple[dict[str, Any], list[Curve]]]:
    """The header and the curves of each of the requests of a list."""
    found = []
    while answer:
        size = int.from_bytes(answer[:4], "little")
        header = json.loads(answer[4 : 4 + size])
        parts = [part for one in header["series"] for part in (one, one["smooth"]) if part]
        half = sum(part["count"] for part in parts)
        begin = -(-(4 + size) // 8) * 8
        numbers = array("d", answer[begin : begin + 16 * half]).tolist()
        answer = answer[begin + 16 * half :]

        def columns(part: dict[str, Any], numbers: list[float] = numbers, half: int = half) -> Any:
            start, stop = part["start"], part["start"] + part["count"]
            return numbers[start:stop], numbers[half + start : half + stop]

        curves = []
        for one in header["series"]:
            curve = Curve(one, *columns(one))
            if one["smooth"]:
                curve.smooth = list(zip(*columns(one["smooth"]), strict=True))
            curves.append(curve)
        found.append((header, curves))
    return found


def ask(store: Store, run_ids: list[str], **asked: Any) -> tuple[dict[str, Any], list[Curve]]:
    """One answer."""
    body = msgspec.json.encode({"run_ids": run_ids, "keys": ["loss"], **asked})
    return decoded(series.answer(store, body))


def axis_of(point: Point, axis: str, began: int) -> float:
    """Where a point stands, in steps or in milliseconds."""
    return point[0] if axis == "step" else point[1] - (began if axis == "relative" else 0)


def extremes(values: list[float]) -> tuple[float, float] | None:
    """The least and the greatest finite value."""
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else None


@given(batches=BATCHES, axis=st.sampled_from(AXES), buckets=st.integers(1, 20))
def test_no_minimum_or_maximum_is_lost_from_the_log_to_the_page(
    store: Store, batches: list[list[Point]], axis: str, buckets: int
) -> None:
    logged = [point for batch in batches for point in batch]
    run_id = new_run(store, *batches)
    header, [curve] = ask(store, [run_id], x=axis, buckets=buckets)
    scale = 1000 if axis == "relative" else 1
    drawn = [(round(x * scale), y) for x, y in curve.xy]
    known = {(axis_of(point, axis, START_MS), repr(point[2])) for point in logged}
    assert {(x, repr(y)) for x, y in drawn} <= known
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    if curve.width == 0:
        assert {(x, repr(y)) for x, y in drawn} == known
        return
    assert header["width"] <= curve.width
    for bucket in {axis_of(point, axis, START_MS) // curve.width for point in logged}:
        inside = [p[2] for p in logged if axis_of(p, axis, START_MS) // curve.width == bucket]
        kept = [y for x, y in drawn if x // curve.width == bucket]
        assert extremes(inside) == extremes(kept)
        odd = [{str(y) for y in found if not math.isfinite(y)} for found in (inside, kept)]
        assert odd[0] == odd[1]


@given(batches=BATCHES, low=st.integers(-300, 300), span=st.integers(1, 100))
def test_a_stretch_has_the_extremes_that_lie_within(
    store: Store, batches: list[list[Point]], low: int, span: int
) -> None:
    run_id = new_run(store, *batches)
    header, [curve] = ask(store, [run_id], buckets=5, low=low, high=low + span)
    assert (header["low"], header["high"]) == (low, low + span)
    inside = [y for batch in batches for step, _, y in batch if low <= step <= low + span]
    assert extremes(inside) == extremes([y for x, y in curve.xy if low <= x <= low + span])
    assert len([x for x, _ in curve.xy if not low <= x <= low + span]) <= 2


def test_points_that_come_late_or_twice_change_nothing_else(store: Store) -> None:
    late = [(step, START_MS + step, float(step % 97)) for step in range(20_000)]
    spike = (3, START_MS + 3, 1e9)
    in_order = new_run(store, [*late[:3], spike, *late[3:]])
    jumbled = new_run(store, late[10_000:], late[:10_000], [spike], late[5000:6000], [spike])
    for axis in AXES:
        _, [one, two] = ask(store, [in_order, jumbled], x=axis, buckets=50)
        assert extremes([y for _, y in one.xy]) == extremes([y for _, y in two.xy]) == (0, 1e9)
        assert one.xy[-1] == two.xy[-1]


def test_what_is_redacted_is_on_no_page_any_more(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "store")) as store:
        spike: Point = (5, START_MS, 1e9)
        plain: list[Point] = [(step, START_MS + step, 1.0) for step in range(5000)]
        run_id = new_run(store, plain, [spike])
        _, [before] = ask(store, [run_id], buckets=10)
        assert extremes([y for _, y in before.xy]) == (1, 1e9)
        newest = store.history.timeline(run_id)[-1]
        store.redaction.redact_envelopes(store.events.envelopes(newest.position - 1, 1), "secret")
        _, [after] = ask(store, [run_id], buckets=10)
        assert extremes([y for _, y in after.xy]) == (1, 1)


def test_a_deleted_run_keeps_its_curve_and_one_that_never_was_has_none(store: Store) -> None:
    run_id = new_run(store, [(0, START_MS, 1.0), (1, START_MS, 3.0)])
    store.runs.delete(run_id)
    header, curves = ask(store, [run_id, "f" * 32, "no id at all"])
    assert [one.run_id for one in curves] == [run_id]
    assert header["next"] is None
    _, [restored] = ask(store, [run_id])
    assert restored.xy == [(0, 1), (1, 3)]


def test_a_long_answer_says_where_to_go_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        new_run(store, [(step, START_MS + step, float(run)) for step in range(100 * (run + 1))])
        for run in range(5)
    ]
    whole, curves = ask(store, [*runs[:2], "f" * 32, *runs[2:]], buckets=20)
    assert whole["next"] is None
    for name, bound in (("READ_POINTS_MAX", 300), ("GIVEN_POINTS_MAX", 20)):
        with monkeypatch.context() as patch:
            patch.setattr(series, name, bound)
            header: dict[str, Any] = {"next": 0, "width": 0}
            pages, found = 0, []
            while header["next"] is not None:
                place = {"start": header["next"], "width": header["width"]}
                header, some = ask(store, [*runs[:2], "f" * 32, *runs[2:]], buckets=20, **place)
                found += some
                pages += 1
            assert pages > 2, name
            assert [(one.run_id, one.xy) for one in found] == [(o.run_id, o.xy) for o in curves]


def test_a_curve_that_grows_keeps_the_points_that_it_has(store: Store) -> None:
    points: list[Point] = [(step, START_MS, math.sin(step)) for step in range(4000)]
    run_id = new_run(store, points[:3000])
    header, [before] = ask(store, [run_id], buckets=100)
    store.runs.log_batch(
        run_id, [Metric(key="loss", value=y, timestamp=t, step=x) for x, t, y in points[3000:]]
    )
    _, [after] = ask(store, [run_id], buckets=100, width=header["width"])
    whole = 3000 // header["width"] * header["width"]
    assert [xy for xy in before.xy if xy[0] < whole] == [xy for xy in after.xy if xy[0] < whole]


@pytest.mark.parametrize(
    "asked",
    [
        {"x": "depth"},
        {"buckets": 0},
        {"buckets": 10**6},
        {"start": -1},
        {"width": -8},
        {"keys": ["loss"] * 6000},
        {"low": "left"},
        {"colour": "red"},
        {"smooth": 1},
        {"kind": "loess"},
    ],
)
def test_what_cannot_be_answered_is_refused(store: Store, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        ask(store, ["f" * 32], **asked)


def test_stretches_of_any_size_are_answered(store: Store) -> None:
    run_id = new_run(store, [(-(2**63), START_MS, 1.0), (2**63 - 1, START_MS, 2.0)])
    for low, high in ((-1e308, 1e308), (5, 5), (9, -9), (0.25, 0.5), (None, -(2**70))):
        ask(store, [run_id], low=low, high=high, buckets=1)


def test_the_charts_of_a_page_come_in_one_answer_each_as_if_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = new_run(store, [(step, START_MS + step, 1.0) for step in range(40)])
    long = new_run(store, [(step, START_MS + step, step % 7) for step in range(4000)])
    asked: list[dict[str, Any]] = [
        {"run_ids": [long], "keys": ["loss"], "buckets": 50},
        {"run_ids": [short, long], "keys": ["loss"], "buckets": 50, "x": "relative"},
        {"run_ids": [short], "keys": ["none"]},
    ]

    def told(block: tuple[dict[str, Any], list[Curve]]) -> Any:
        return block[0], [(curve.run_id, curve.xy) for curve in block[1]]

    together = [told(block) for block in blocks(series.answer(store, msgspec.json.encode(asked)))]
    assert together == [told(decoded(series.answer(store, msgspec.json.encode(a)))) for a in asked]
    # A long answer says where each chart goes on, also those that it has nothing of.
    monkeypatch.setattr(series, "READ_POINTS_MAX", 4010)
    cut = blocks(series.answer(store, msgspec.json.encode(asked)))
    assert [header["next"] for header, _ in cut] == [None, 1, 0]
    monkeypatch.setattr(series, "CHARTS_MAX", 2)
    with pytest.raises(InvalidValueError):
        series.answer(store, msgspec.json.encode(asked))


@pytest.mark.parametrize("axis", ["step", "relative", "metrics.loss"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_curve_is_smoothed_from_all_points(store: Store, axis: str, kind: str) -> None:
    jagged: list[Point] = [(step, START_MS + step, float(step % 2)) for step in range(6000)]
    rising: list[Point] = [(step, START_MS + step, step / 100) for step in range(6000)]
    run_id = new_run(store, jagged, key="jagged")
    store.runs.log_batch(
        run_id, [Metric(key="loss", value=y, timestamp=t, step=x) for x, t, y in rising]
    )
    store.flush()
    how = {"keys": ["jagged"], "x": axis, "buckets": 100}
    _, [curve] = ask(store, [run_id], smooth=0.99, kind=kind, **how)
    _, [plain] = ask(store, [run_id], **how)
    assert curve.xy == plain.xy
    assert plain.smooth is None
    assert curve.smooth is not None
    settled = [y for _, y in curve.smooth[len(curve.smooth) // 2 :]]
    assert min(settled) == pytest.approx(0.5, abs=0.02)
    assert max(settled) == pytest.approx(0.5, abs=0.02)
    assert curve.smooth[-1][0] == pytest.approx(curve.xy[-1][0], rel=0.01)
    # Of a stretch, the points before it count too.
    low, high = {"step": (4000, 4900), "relative": (4, 4.9), "metrics.loss": (40, 49)}[axis]
    _, [part] = ask(store, [run_id], smooth=0.99, kind=kind, low=low, high=high, **how)
    assert part.smooth is not None
    inside = [y for x, y in part.smooth if low <= x <= high]
    assert len(inside) > 20
    assert inside == pytest.approx([0.5] * len(inside), abs=0.02)


def test_a_curve_that_comes_whole_is_left_to_the_page_to_smooth(store: Store) -> None:
    run_id = new_run(store, [(step, START_MS + step, float(step % 2)) for step in range(60)])
    _, [curve] = ask(store, [run_id], smooth=0.9)
    assert curve.smooth is None


def test_a_fork_is_marked_over_every_axis(store: Store) -> None:
    run_id = new_run(store, [(step, START_MS + 1000 * step, 2.0 * step) for step in range(9)])
    for axis, wanted in (
        ("step", 4),
        ("time", START_MS + 4000),
        ("relative", 4),
        ("metrics.loss", 8),
    ):
        _, [curve] = ask(store, [run_id], x=axis, forks={run_id: 4})
        assert curve.fork == wanted
        _, [curve] = ask(store, [run_id], x=axis)
        assert curve.fork is None
    _, [curve] = ask(store, [run_id], x="time", forks={run_id: -3})
    assert curve.fork is None


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_is_smoothed_chunk_by_chunk_as_it_is_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, axis: str, kind: str
) -> None:
    noisy: list[Point] = [
        (step, START_MS + 3 * step, math.nan if step % 501 == 7 else step * 7919 % 1000 / 10)
        for step in range(20_000)
    ]
    run_id = new_run(store, noisy)
    how = {"x": axis, "buckets": 50, "smooth": 0.9, "kind": kind}
    _, [whole] = ask(store, [run_id], **how)
    monkeypatch.setattr(series, "_LONG_POINTS", 100)
    _, [parts] = ask(store, [run_id], **how)
    assert whole.smooth is not None
    assert parts.smooth is not None
    assert [x for x, _ in parts.smooth] == pytest.approx([x for x, _ in whole.smooth])
    assert [y for _, y in parts.smooth] == pytest.approx([y for _, y in whole.smooth], nan_ok=True)
