"""Metrics: what a point may be, how a history is kept, and who may still log to a run."""

import json
import math
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import (
    InvalidValueError,
    NotFoundError,
    StoreClosedError,
)
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.records import Metric
from tests.store.machines import refused

Point = tuple[int, int, float]  # timestamp, step, value


def points(store: Store, run_id: str, key: str = "m") -> list[Point]:
    return [(one.timestamp, one.step, one.value) for one in store.metrics.history(run_id, key)]


def test_a_point_is_read_as_it_was_logged(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 0.1, step=3, timestamp=7)
    (point,) = store.metrics.history(run_id, "m")
    assert point == Metric(key="m", value=0.1, timestamp=7, step=3, run_id=run_id)


def test_a_point_without_step_and_time_is_at_step_zero_now(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0)
    (point,) = store.metrics.history(run_id, "m")
    assert point.step == 0
    assert point.timestamp > 1_600_000_000_000


@pytest.mark.parametrize("value", [math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
def test_extreme_values_are_kept_as_they_are(store: Store, run_id: str, value: float) -> None:
    store.metrics.log(run_id, "m", value)
    found = store.metrics.arrays(run_id, "m").values[0]
    assert (found, math.copysign(1, found)) == (value, math.copysign(1, value))


def test_nan_is_kept(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", math.nan)
    assert math.isnan(store.runs.get(run_id).data.metrics["m"])
    assert math.isnan(points(store, run_id)[0][2])


@pytest.mark.parametrize("step", [-5, -(2**63), 2**63 - 1])
def test_any_step_of_64_bits_is_taken(store: Store, run_id: str, step: int) -> None:
    store.metrics.log(run_id, "m", 1.0, step, 0)
    assert points(store, run_id) == [(0, step, 1.0)]


class Scalar:
    """What a tensor with one number looks like."""

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value


class Vector:
    """What a tensor with several numbers does."""

    def item(self) -> object:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


@pytest.mark.parametrize("value", [3, True, "3.5", " 1e3 ", "nan", Scalar(2.5), Scalar(3)])
def test_what_float_takes_is_taken_as_a_value(store: Store, run_id: str, value: object) -> None:
    store.metrics.log(run_id, "m", value)  # type: ignore[arg-type]
    store.metrics.sink(run_id).log_many({"n": value})  # type: ignore[dict-item]
    item = value.item() if isinstance(value, Scalar) else value
    wanted = float(item)  # type: ignore[arg-type]
    for found in store.runs.get(run_id).data.metrics.values():
        assert found == wanted or math.isnan(wanted)


@pytest.mark.parametrize("value", [None, "x", "", [1], {}, 1j, Vector(), 10**400, object()])
def test_what_is_no_number_is_refused_as_a_value(store: Store, run_id: str, value: object) -> None:
    with refused(store, InvalidValueError, "Got invalid value"):
        store.metrics.log(run_id, "m", value)  # type: ignore[arg-type]
    with refused(store, InvalidValueError, "Got invalid value"):
        store.metrics.sink(run_id).log_many({"good": 1.0, "m": value})  # type: ignore[dict-item]
    assert store.metrics.keys(run_id) == []


@pytest.mark.parametrize("step", [2.0, Scalar(2), True + 1])
def test_a_whole_number_is_taken_as_a_step(store: Store, run_id: str, step: object) -> None:
    store.metrics.log(run_id, "m", 1.0, step, 0)  # type: ignore[arg-type]
    store.metrics.sink(run_id).log_many({"n": 1.0}, step, 0)  # type: ignore[arg-type]
    assert points(store, run_id) == points(store, run_id, "n") == [(0, 2, 1.0)]


@pytest.mark.parametrize(
    "step", [1.5, "1", True, math.nan, math.inf, Vector(), 2**63, -(2**63) - 1]
)
def test_what_is_no_whole_number_is_refused_as_a_step(
    store: Store, run_id: str, step: object
) -> None:
    with refused(store, InvalidValueError, "Got invalid step"):
        store.metrics.log(run_id, "m", 1.0, step)  # type: ignore[arg-type]
    with refused(store, InvalidValueError, "Got invalid step"):
        store.metrics.sink(run_id).log_many({"m": 1.0}, step)  # type: ignore[arg-type]


@pytest.mark.parametrize("timestamp", [-1, 1.5, "0", 2**63, Vector()])
def test_a_time_is_a_whole_number_of_milliseconds_since_1970(
    store: Store, run_id: str, timestamp: object
) -> None:
    with refused(store, InvalidValueError, "Got invalid timestamp"):
        store.metrics.log(run_id, "m", 1.0, 0, timestamp)  # type: ignore[arg-type]
    with refused(store, InvalidValueError, "Got invalid timestamp"):
        store.metrics.sink(run_id).log_many({"m": 1.0}, 0, timestamp)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [["m"], {}, 3, None, ""])
def test_a_name_is_a_text(store: Store, run_id: str, key: object) -> None:
    shown = json.dumps(key, separators=(",", ":"))
    with refused(store, InvalidValueError, f"Invalid value {shown} for parameter 'name' supplied"):
        store.metrics.log(run_id, key, 1.0)  # type: ignore[arg-type]


def test_metrics_come_as_a_dictionary(store: Store, run_id: str) -> None:
    with refused(store, InvalidValueError, "must be a dictionary"):
        store.metrics.sink(run_id).log_many(["m"])  # type: ignore[arg-type]


class Name(str):
    """A text of another type, as numpy's are."""

    __slots__ = ()


def test_a_name_may_be_of_a_text_s_subclass(store: Store, run_id: str) -> None:
    for key in ("m", Name("m"), Name("n")):
        store.metrics.log(run_id, key, 1.0)
        store.metrics.sink(run_id).log_many({key: 2.0})
    assert store.metrics.keys(run_id) == ["m", "n"]


def test_numpy_s_scalars_are_taken(store: Store, run_id: str) -> None:
    numpy = pytest.importorskip("numpy")
    store.metrics.log(run_id, numpy.str_("m"), numpy.float32(0.5), numpy.int64(3), numpy.int64(7))
    store.metrics.log(run_id, "m", numpy.array(1.5), numpy.int8(4), 7)
    assert points(store, run_id) == [(7, 3, 0.5), (7, 4, 1.5)]
    with refused(store, InvalidValueError):
        store.metrics.log(run_id, "m", numpy.array([1.0, 2.0]))
    with refused(store, InvalidValueError):
        store.metrics.log(run_id, "m", 1.0, numpy.array([1, 2]))
    store.runs.log_params(run_id, {numpy.str_("p"): numpy.str_("v")})
    assert store.runs.get(run_id).data.params == {"p": "v"}


some_points = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(-1, 2), st.sampled_from([1.0, 2.0, -0.0, 0.0, math.nan])
    ),
    max_size=30,
)


def canonical(point: Point) -> tuple[object, ...]:
    timestamp, step, value = point
    nan = math.isnan(value)
    return timestamp, step, nan, 0.0 if nan else value, 0.0 if nan else math.copysign(1, value)


@settings(max_examples=50, deadline=None)
@given(logged=some_points, seed=st.integers(0, 2**31), split=st.integers(1, 10))
def test_a_history_is_the_set_of_its_points_in_order(
    tmp_path_factory: pytest.TempPathFactory, logged: list[Point], seed: int, split: int
) -> None:
    store = Store(tmp_path_factory.mktemp("metrics") / "s", ids=SeededIds(seed))
    run_id = store.runs.create("0").info.run_id
    for place, (timestamp, step, value) in enumerate(logged):
        store.metrics.log(run_id, "m", value, step, timestamp)
        if place % split == 0:
            store.catch_up()
    found = points(store, run_id)
    wanted = sorted({canonical(point) for point in logged})
    assert [canonical(point) for point in found] == wanted
    if logged:
        latest = max(logged, key=lambda p: (p[1], p[0], *canonical(p)[2:]))
        kept = store.runs.get(run_id).data.metrics["m"]
        assert repr(kept) == repr(latest[2])
    store.close()


def test_a_history_is_in_order_of_time_then_step_then_value(store: Store, run_id: str) -> None:
    logged = [(9, 0, 5.0), (1, 2, 3.0), (1, 1, 9.0), (1, 2, 1.0), (0, 7, math.nan)]
    for timestamp, step, value in logged:
        store.metrics.log(run_id, "m", value, step, timestamp)
    assert [row[:2] for row in points(store, run_id)] == [(0, 7), (1, 1), (1, 2), (1, 2), (9, 0)]
    assert [row[2] for row in points(store, run_id)][2:4] == [1.0, 3.0]


def test_an_exact_repeat_is_stored_once(store: Store, run_id: str) -> None:
    for value in (1.0, math.nan):
        for _ in range(3):
            store.metrics.log(run_id, "m", value, 1, 1)
            store.runs.log_batch(run_id, [Metric(key="m", value=value, timestamp=1, step=1)])
    assert len(store.metrics.history(run_id, "m")) == 2


def test_the_latest_value_is_that_of_the_greatest_step(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0, step=5, timestamp=1)
    store.metrics.log(run_id, "m", 9.0, step=4, timestamp=100)
    assert store.runs.get(run_id).data.metrics == {"m": 1.0}
    store.metrics.log(run_id, "m", 2.0, step=5, timestamp=2)
    store.metrics.log(run_id, "m", 0.0, step=5, timestamp=2)
    assert store.runs.get(run_id).data.metrics == {"m": 2.0}


def test_many_metrics_at_once_are_one_event(store: Store, run_id: str) -> None:
    sink = store.metrics.sink(run_id)
    sink.log_many({"a": 1.0, "b": 2}, 3, 4)
    sink.log_many({})
    (event,) = store.events.read(types=["run.metrics_logged"])
    assert event.body["keys"] == ["a", "b"]
    assert points(store, run_id, "b") == [(4, 3, 2.0)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_give_each_point_once_in_order(store: Store, run_id: str, size: int) -> None:
    store.runs.log_batch(
        run_id, [Metric(key="m", value=n, timestamp=9 - n, step=n) for n in range(7)]
    )
    found: list[Metric] = []
    token: str | None = ""
    while token is not None:
        page = store.metrics.history(run_id, "m", size, token or None)
        assert 1 <= len(page) <= size
        found += page
        token = page.token
    assert found == store.metrics.history(run_id, "m")
    assert len(found) == 7


def test_a_token_without_a_page_size_gives_the_rest(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id, [Metric(key="m", value=n, timestamp=n) for n in range(5)])
    token = store.metrics.history(run_id, "m", 2).token
    rest = store.metrics.history(run_id, "m", page_token=token)
    assert [one.value for one in rest] == [2, 3, 4]
    assert rest.token is None


@pytest.mark.parametrize("size", [0, -1, 1.5, "3"])
def test_a_page_of_no_points_is_refused(store: Store, run_id: str, size: object) -> None:
    with refused(store, InvalidValueError, "max_results"):
        store.metrics.history(run_id, "m", size)  # type: ignore[arg-type]


@pytest.mark.parametrize("token", ["x", "e30=", "eyJvZmZzZXQiOi0xfQ==", 5])
def test_a_token_of_no_page_is_refused(store: Store, run_id: str, token: object) -> None:
    with refused(store, InvalidValueError, "Invalid page token"):
        store.metrics.history(run_id, "m", 1, token)  # type: ignore[arg-type]


def test_arrays_hold_the_history_in_columns(store: Store, run_id: str) -> None:
    for step in range(5000):
        store.metrics.log(run_id, "m", step / 2, step, step * 10)
    arrays = store.metrics.arrays(run_id, "m")
    assert arrays.steps == array("q", range(5000))
    assert arrays.timestamps == array("q", range(0, 50_000, 10))
    assert arrays.values == array("d", [step / 2 for step in range(5000)])


def test_a_metric_never_logged_is_empty(store: Store, run_id: str) -> None:
    assert len(store.metrics.arrays(run_id, "m")) == 0
    assert store.metrics.history(run_id, "m") == []


def test_metrics_of_an_unknown_run_are_not_found(store: Store) -> None:
    for ask in (store.metrics.keys, store.metrics.sink):
        with refused(store, NotFoundError, "not found"):
            ask("f" * 32)
    with refused(store, NotFoundError):
        store.metrics.log("f" * 32, "m", 1.0)
    with refused(store, NotFoundError):
        store.metrics.history("f" * 32, "m")


def deletions(
    store: Store, run_id: str
) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Ways to delete a run, each with the way back."""
    return {
        "run": (lambda: store.runs.delete(run_id), lambda: store.runs.restore(run_id)),
        "experiment": (
            lambda: store.experiments.delete("0"),
            lambda: store.experiments.restore("0"),
        ),
        "undo": (
            lambda: undo_birth(store, run_id),
            lambda: store.runs.restore(run_id),
        ),
    }


def undo_birth(store: Store, run_id: str) -> None:
    store.history.undo(store.history.timeline(run_id)[0].address)


@pytest.mark.parametrize("way", ["run", "experiment", "undo"])
def test_a_kept_sink_refuses_a_deleted_run_and_takes_a_restored_one(
    store: Store, run_id: str, way: str
) -> None:
    delete, restore = deletions(store, run_id)[way]
    kept = store.metrics.sink(run_id)
    kept.log("m", 1.0, 1)
    for _ in range(2):
        delete()
        with refused(store, InvalidValueError, "must be in the 'active' state"):
            kept.log("m", 2.0, 2)
        with refused(store, InvalidValueError, "must be in the 'active' state"):
            kept.log_many({"m": 2.0}, 2)
        with refused(store, InvalidValueError, "must be in the 'active' state"):
            store.metrics.sink(run_id)
        restore()
        store.metrics.log(run_id, "m", 3.0, 3)
        kept.log("m", 4.0, 4)
    assert sorted(set(store.metrics.arrays(run_id, "m").steps)) == [1, 3, 4]


def test_what_was_logged_before_a_decision_stands_before_it(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0)
    store.runs.set_tags(run_id, {"t": 1})
    store.metrics.log(run_id, "m", 2.0)
    store.runs.delete(run_id)
    assert [event.type for event in store.history.timeline(run_id)] == [
        "run.started",
        "run.metric_logged",
        "run.tags_set",
        "run.metric_logged",
        "run.deleted",
    ]


def test_a_process_that_only_logs_points_has_a_session(
    store: Store, run_id: str, clock: ManualClock
) -> None:
    store.close()
    second = Store(store.path, source="second", clock=clock, ids=SeededIds("second"))
    second.metrics.log(run_id, "m", 1.0)
    (line,) = second.history.blame(run_id, "metric.m")
    assert line.session is not None
    assert line.session.source == "second"
    second.close()


def test_a_sink_of_a_closed_store_refuses(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", ids=SeededIds("closed"))
    run_id = store.runs.create("0").info.run_id
    sink = store.metrics.sink(run_id)
    sink.log("m", 1.0)
    store.close()
    with pytest.raises(StoreClosedError) as caught:
        sink.log("m", 2.0)
    assert caught.value.hint


def test_two_processes_log_to_one_run(store: Store, run_id: str) -> None:
    text = f"""
from eventtrack.store import open_store
store = open_store({str(store.path)!r})
for step in range(100):
    store.metrics.log({run_id!r}, "m", 1.0, step, 1)
"""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen([sys.executable, "-c", text], cwd=root)
    for step in range(100, 200):
        store.metrics.log(run_id, "m", 1.0, step, 1)
    assert process.wait(timeout=60) == 0
    assert store.metrics.arrays(run_id, "m").steps == array("q", range(200))
