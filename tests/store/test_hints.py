"""Whatever a caller gets wrong: the right kind of error, what to do next, and nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import (
    AlreadyExistsError,
    EventtrackError,
    FilterSyntaxError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.store import Store
from eventtrack.views.records import Metric, Param, RunTag
from tests.store.machines import refused

UNKNOWN = "f" * 32
Call = Callable[[Store, str], Any]

NOT_TEXTS: list[Any] = [None, 5, b"x", ["x"], "\ud800"]
MISTAKES: list[tuple[type[EventtrackError], str, Call]] = [
    (NotFoundError, "experiment", lambda s, r: s.experiments.get("77")),
    (NotFoundError, "experiment rename", lambda s, r: s.experiments.rename("77", "a")),
    (NotFoundError, "experiment delete", lambda s, r: s.experiments.delete("77")),
    (NotFoundError, "experiment restore", lambda s, r: s.experiments.restore("77")),
    (NotFoundError, "experiment tag", lambda s, r: s.experiments.set_tag("77", "a", "b")),
    (NotFoundError, "experiment tag off", lambda s, r: s.experiments.delete_tag("0", "none")),
    (NotFoundError, "run of no experiment", lambda s, r: s.runs.create("77")),
    (NotFoundError, "run", lambda s, r: s.runs.get(UNKNOWN)),
    (NotFoundError, "run update", lambda s, r: s.runs.update(UNKNOWN, status="FAILED")),
    (NotFoundError, "run delete", lambda s, r: s.runs.delete(UNKNOWN)),
    (NotFoundError, "run restore", lambda s, r: s.runs.restore(UNKNOWN)),
    (NotFoundError, "params", lambda s, r: s.runs.log_params(UNKNOWN, {"p": 1})),
    (NotFoundError, "tags", lambda s, r: s.runs.set_tags(UNKNOWN, {"t": 1})),
    (NotFoundError, "tag off", lambda s, r: s.runs.delete_tag(r, "none")),
    (NotFoundError, "batch", lambda s, r: s.runs.log_batch(UNKNOWN)),
    (NotFoundError, "inputs", lambda s, r: s.runs.log_inputs(UNKNOWN)),
    (NotFoundError, "outputs", lambda s, r: s.runs.log_outputs(UNKNOWN, [])),
    (NotFoundError, "children", lambda s, r: s.runs.children(UNKNOWN)),
    (NotFoundError, "metric", lambda s, r: s.metrics.log(UNKNOWN, "m", 1.0)),
    (NotFoundError, "metric history", lambda s, r: s.metrics.history(UNKNOWN, "m")),
    (NotFoundError, "metric names", lambda s, r: s.metrics.keys(UNKNOWN)),
    (NotFoundError, "artifact", lambda s, r: s.artifacts.open(r, "none")),
    (NotFoundError, "artifacts", lambda s, r: s.artifacts.list(UNKNOWN)),
    (NotFoundError, "artifact of no run", lambda s, r: s.artifacts.log_bytes(UNKNOWN, b"", "f")),
    (NotFoundError, "event", lambda s, r: s.events.get("999.0")),
    (NotFoundError, "session", lambda s, r: s.sessions.get("00")),
    (NotFoundError, "timeline", lambda s, r: s.history.timeline(UNKNOWN)),
    (NotFoundError, "blame", lambda s, r: s.history.blame(UNKNOWN)),
    (NotFoundError, "difference of runs", lambda s, r: s.history.diff_runs(r, UNKNOWN)),
    (NotFoundError, "undo", lambda s, r: s.history.undo("999.0")),
    (AlreadyExistsError, "name", lambda s, r: s.experiments.create("Default")),
    (InvalidStateError, "undo of a session", lambda s, r: s.history.undo("1.0")),
    (InvalidValueError, "address", lambda s, r: s.events.get("x")),
    (InvalidValueError, "moment", lambda s, r: s.history.diff("x", "now")),
    (InvalidValueError, "other moment", lambda s, r: s.history.diff("now", "x")),
    (NotFoundError, "run id", lambda s, r: s.runs.get("not an id!")),
    (InvalidValueError, "given run id", lambda s, r: s.runs.create("0", run_id="no id!")),
    (InvalidValueError, "run id twice", lambda s, r: s.runs.create("0", run_id=r)),
    (InvalidValueError, "start", lambda s, r: s.runs.create("0", start_time="1")),  # type: ignore[arg-type]
    (InvalidValueError, "end", lambda s, r: s.runs.update(r, end_time="now")),  # type: ignore[arg-type]
    (InvalidValueError, "user", lambda s, r: s.runs.create("0", user_id=5)),  # type: ignore[arg-type]
    (InvalidValueError, "params of none", lambda s, r: s.runs.log_params(r, None)),  # type: ignore[arg-type]
    (InvalidValueError, "params in a list", lambda s, r: s.runs.log_params(r, [("p", 1)])),  # type: ignore[arg-type]
    (InvalidValueError, "tags of text", lambda s, r: s.runs.set_tags(r, "t")),  # type: ignore[arg-type]
    (InvalidValueError, "tags at birth", lambda s, r: s.runs.create("0", tags=["t"])),  # type: ignore[arg-type]
    (InvalidValueError, "experiment's tags", lambda s, r: s.experiments.create("a", tags=["t"])),  # type: ignore[arg-type]
    (InvalidValueError, "surrogate param", lambda s, r: s.runs.log_params(r, {"p": "\ud800"})),
    (InvalidValueError, "surrogate tag", lambda s, r: s.runs.set_tags(r, {"t": "\ud800"})),
    (InvalidValueError, "page", lambda s, r: s.runs.search(["0"], max_results=0)),
    (InvalidValueError, "large page", lambda s, r: s.runs.search(["0"], max_results=50_001)),
    (InvalidValueError, "token", lambda s, r: s.runs.search(["0"], page_token="x")),
    (
        InvalidValueError,
        "token beyond all numbers",
        lambda s, r: s.runs.search(["0"], page_token="eyJvZmZzZXQiOjkyMjMzNzIwMzY4NTQ3NzU4MDd9"),
    ),
    (FilterSyntaxError, "filter", lambda s, r: s.runs.search(["0"], "metrics.a >")),
    (FilterSyntaxError, "filter of no text", lambda s, r: s.runs.search(["0"], 5)),  # type: ignore[arg-type]
    (FilterSyntaxError, "order", lambda s, r: s.runs.search(["0"], order_by=["nothing"])),
    (FilterSyntaxError, "order of no list", lambda s, r: s.runs.search(["0"], order_by="a")),
    (
        FilterSyntaxError,
        "order twice",
        lambda s, r: s.runs.search(["0"], order_by=["start_time"] * 2),
    ),
    (
        FilterSyntaxError,
        "experiments' filter",
        lambda s, r: s.experiments.search(filter_string="x"),
    ),
    (
        FilterSyntaxError,
        "experiments' order",
        lambda s, r: s.experiments.search(order_by=["tags.x"]),
    ),
]


@pytest.mark.parametrize(
    ("error", "call"),
    [pytest.param(error, call, id=name) for error, name, call in MISTAKES],
)
def test_a_mistake_is_refused_with_a_hint(
    store: Store, run_id: str, error: type[EventtrackError], call: Call
) -> None:
    with refused(store, error):
        call(store, run_id)


@pytest.mark.parametrize("value", NOT_TEXTS, ids=repr)
def test_a_name_that_is_no_text_is_refused_everywhere(
    store: Store, run_id: str, value: Any
) -> None:
    metric = Metric(key=value, value=1.0, timestamp=0)
    calls: list[Callable[[], Any]] = [
        lambda: store.experiments.create(value),
        lambda: store.experiments.rename("0", value),
        lambda: store.experiments.set_tag("0", value, "x"),
        lambda: store.runs.log_batch(run_id, [metric]),
        lambda: store.runs.log_batch(run_id, params=[Param(key=value, value="1")]),
        lambda: store.runs.log_batch(run_id, tags=[RunTag(key=value, value="1")]),
        lambda: store.metrics.log(run_id, value, 1.0),
    ]
    if not isinstance(value, list):
        calls += [
            lambda: store.runs.log_params(run_id, {value: 1}),
            lambda: store.runs.set_tags(run_id, {value: 1}),
            lambda: store.metrics.sink(run_id).log_many({value: 1}),
        ]
    for call in calls:
        with refused(store, InvalidValueError):
            call()


@pytest.mark.parametrize(
    "text", ["run_id IS NULL", "artifact_uri IS NOT NULL", "run_id = '\ud800'"]
)
def test_odd_filters_are_answered(store: Store, run_id: str, text: str) -> None:
    assert len(store.runs.search(["0"], text)) == int("NOT" in text)


def test_numbers_beyond_all_floats_are_compared(store: Store, run_id: str) -> None:
    huge = "1" + "0" * 400
    assert len(store.runs.search(["0"], f"start_time < {huge} AND start_time > -{huge}")) == 1
    assert not store.runs.search(["0"], f"start_time = {huge} OR start_time IN ({huge})")


def test_a_mistake_about_files_leaves_no_file(store: Store, run_id: str, tmp_path: Path) -> None:
    with refused(store, NotFoundError):
        store.artifacts.log_file(run_id, tmp_path / "none")
    with refused(store, InvalidValueError):
        store.artifacts.log_bytes(run_id, b"x", "../x")
    assert not [path for path in (store.path / "blobs").rglob("*") if path.is_file()]
