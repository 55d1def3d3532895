"""Metrics, params, tags, inputs and outputs: answered as MLflow's own server answers them."""

import json
from typing import Any

import pytest

from tests.compat.twin import API, Twin


@pytest.fixture(autouse=True)
def a_run(twin: Twin) -> None:
    """Every test has a run of its own."""
    twin.new_experiment()
    twin.new_run()


def read(twin: Twin) -> Any:
    """The run as both servers show it."""
    return twin.get("runs/get", run_id="{run}")["run"]


@pytest.mark.parametrize(
    "value", [1, 1.5, -2, "3.5", "NaN", "Infinity", "-Infinity", 1e308, 5e-324, "1e5", 0, True]
)
def test_a_metric_is_logged(twin: Twin, value: Any) -> None:
    body = {"run_id": "{run}", "key": "m", "value": value, "timestamp": 12, "step": 3}
    twin.post("runs/log-metric", body)
    twin.post("runs/log-metric", {**body, "run_uuid": "{run}", "step": "4"})
    read(twin)
    twin.get("metrics/get-history", run_id="{run}", metric_key="m")


GOOD = {"run_id": "{run}", "key": "m", "value": 1, "timestamp": 12}


@pytest.mark.parametrize(
    "change",
    [
        {"run_id": None},
        {"run_id": ""},
        {"run_id": 5},
        {"run_id": "nope"},
        {"run_id": "../x"},
        {"key": None},
        {"key": ""},
        {"key": 5},
        {"key": "a" * 251},
        {"key": "a$"},
        {"key": "a/../b"},
        {"key": "/a"},
        {"value": None},
        {"value": ""},
        {"value": []},
        {"timestamp": None},
        {"timestamp": -1},
        {"timestamp": "now"},
        {"step": "x"},
        {"step": None},
        {"step": -3},
        {"step": 1.0},
        {"unknown": {"a": 1}},
        {"runId": "{run}"},
        {"dataset_name": 5},
    ],
)
def test_a_metric_with_odd_fields_is_treated_as_mlflow_does(
    twin: Twin, change: dict[str, Any]
) -> None:
    twin.post("runs/log-metric", {**GOOD, **change})
    read(twin)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"timestamp": 1.5}, "timestamp"),
        ({"timestamp": 2**63}, "timestamp"),
        ({"timestamp": "0.5"}, "timestamp"),
        ({"step": 0.5}, "step"),
        ({"step": "1e-1"}, "step"),
        ({"step": True}, "step"),
        ({"step": 2**63}, "step"),
        ({"value": "1e400"}, "value"),
        ({"value": "nan"}, "value"),
        ({"value": 10**309}, "value"),
        ({"value": "many"}, "value"),
        ({"[extension]": 5}, "[extension]"),
    ],
)
def test_a_metric_that_mlflow_reads_by_half_is_refused(
    twin: Twin, change: dict[str, Any], path: str
) -> None:
    said = twin.refused("POST", f"{API}runs/log-metric", json={**GOOD, **change})
    assert f"for parameter '{path}' supplied" in said
    point = {name: value for name, value in {**GOOD, **change}.items() if name != "run_id"}
    batch = {"run_id": "{run}", "params": [{"key": "p"}], "metrics": [point]}
    said = twin.refused("POST", f"{API}runs/log-batch", json=batch)
    assert f"for parameter 'metrics[0].{path}' supplied" in said
    read(twin)


@pytest.mark.parametrize("call", ["runs/log-metric", "runs/log-batch"])
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "01", "0x1", ".5"]
)
def test_a_number_that_json_does_not_have_is_refused(twin: Twin, call: str, number: str) -> None:
    point = f'"key": "m", "timestamp": 1, "value": {number}, "step": 4'
    text = f'"metrics": [{{{point}}}]' if call.endswith("batch") else point
    said = twin.refused(
        "POST",
        API + call,
        content=f'{{"run_id": "{{run}}", {text}}}',
        headers={"content-type": "application/json"},
    )
    assert "The body cannot be read as JSON" in said
    read(twin)


def test_the_latest_point_is_that_of_the_greatest_step(twin: Twin) -> None:
    for step, timestamp, number in ((5, 1, 1), (4, 9, 2), (5, 1, 0.5), (5, 0, 7), (-1, 10, 3)):
        body = {"run_id": "{run}", "key": "m", "value": number, "timestamp": timestamp}
        twin.post("runs/log-metric", {**body, "step": step})
        read(twin)
    for value in ("NaN", -1):
        body = {"run_id": "{run}", "key": "n", "value": value, "timestamp": 1}
        twin.post("runs/log-metric", body)
        read(twin)
    twin.get("metrics/get-history", run_id="{run}", metric_key="m")


def test_params_are_logged_once(twin: Twin) -> None:
    one = {"run_id": "{run}", "key": "p"}
    twin.post("runs/log-parameter", {**one, "value": "1"})
    twin.post("runs/log-parameter", {**one, "value": "1"})
    twin.post("runs/log-parameter", {**one, "value": "2"})
    twin.post("runs/log-parameter", {**one, "key": "empty", "value": ""})
    twin.post("runs/log-parameter", {**one, "key": "none"})
    twin.post("runs/log-parameter", {**one, "key": "long", "value": "v" * 6001})
    twin.post("runs/log-parameter", {**one, "key": "number", "value": 5})
    twin.post("runs/log-parameter", {**one, "key": "null", "value": None})
    twin.post("runs/log-parameter", {**one, "key": "unicode", "value": "é\u0000☃"})
    assert len(read(twin)["data"]["params"]) == 6


@pytest.mark.parametrize(
    "change", [{"key": ""}, {"key": "a$"}, {"key": "k" * 251}, {"run_id": "nope"}, {"key": "a//b"}]
)
def test_bad_params_and_tags_are_refused(twin: Twin, change: dict[str, Any]) -> None:
    body = {"run_id": "{run}", "key": "p", "value": "1", **change}
    twin.post("runs/log-parameter", body)
    twin.post("runs/set-tag", body)
    twin.post("runs/delete-tag", {key: value for key, value in body.items() if key != "value"})


def test_tags_are_set_and_deleted(twin: Twin) -> None:
    one = {"run_id": "{run}", "key": "t"}
    twin.post("runs/set-tag", {**one, "value": "1"})
    twin.post("runs/set-tag", {**one, "value": "2"})
    twin.post("runs/set-tag", {**one, "key": "long", "value": "v" * 8001})
    twin.post("runs/set-tag", {**one, "key": "mlflow.runName", "value": "renamed"})
    assert read(twin)["info"]["run_name"] == "renamed"
    twin.post("runs/delete-tag", one)
    twin.post("runs/delete-tag", one)
    read(twin)


def point(key: str = "m", **fields: Any) -> dict[str, Any]:
    """A point of a metric."""
    return {"key": key, "value": 1, "timestamp": 1, **fields}


def test_a_batch_is_logged(twin: Twin) -> None:
    body = {
        "run_id": "{run}",
        "metrics": [point(step=step, value=value) for step, value in enumerate((1, "NaN", 2.5))],
        "params": [{"key": "a", "value": "1"}, {"key": "b"}],
        "tags": [{"key": "t", "value": "x"}, {"key": "t", "value": "y"}],
    }
    twin.post("runs/log-batch", body)
    twin.post("runs/log-batch", body)
    twin.post("runs/log-batch", {"run_id": "{run}"})
    twin.post("runs/log-batch", {"run_id": "{run}", "metrics": [], "params": [], "tags": []})
    read(twin)
    twin.get("metrics/get-history", run_id="{run}", metric_key="m")


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": [point(), point("a$")]},
        {"metrics": [point(timestamp=-1)]},
        {"metrics": [{"key": "m", "value": 1}]},
        {"metrics": [{"key": "m", "timestamp": 1}]},
        {"metrics": [{"value": 1, "timestamp": 1}]},
        {"metrics": [point("k" * 251)]},
        {"metrics": {}},
        {"metrics": "text"},
        {"metrics": [None]},
        {"metrics": [5]},
        {"metrics": ["text"]},
        {"metrics": [point(step=step) for step in range(1001)]},
        {"params": [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]},
        {"params": [{"value": "1"}]},
        {"params": [{"key": "a b!", "value": "1"}]},
        {"params": [{"key": f"p{number}", "value": ""} for number in range(101)]},
        {"tags": [{"key": f"t{number}", "value": ""} for number in range(101)]},
        {"tags": [{"key": "../up", "value": ""}]},
        {"tags": [{"value": ""}]},
        {
            "metrics": [point(step=step) for step in range(950)],
            "params": [{"key": f"p{number}", "value": ""} for number in range(60)],
        },
        {"run_id": "nope"},
        {"run_id": "in valid"},
        {"run_id": None},
    ],
)
def test_a_bad_batch_is_refused_and_leaves_nothing(twin: Twin, body: dict[str, Any]) -> None:
    twin.post("runs/log-batch", {"run_id": "{run}", **body})
    read(twin)


def test_a_batch_with_another_value_of_a_param_leaves_nothing(twin: Twin) -> None:
    twin.post("runs/log-parameter", {"run_id": "{run}", "key": "p", "value": "1"})
    params = [{"key": "p", "value": "2"}, {"key": "q", "value": "1"}]
    body = {"run_id": "{run}", "params": params, "metrics": [point()]}
    twin.post("runs/log-batch", body)
    read(twin)


def used(**fields: Any) -> dict[str, Any]:
    """A dataset as a run reads it."""
    dataset = {"name": "iris", "digest": "d", "source_type": "local", "source": "{}", **fields}
    return {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}


def test_inputs_are_logged(twin: Twin) -> None:
    body = {"run_id": "{run}", "datasets": [used(), used(digest="e", schema="{}", profile="{}")]}
    twin.post("runs/log-inputs", body)
    twin.post("runs/log-inputs", {**body, "datasets": [{**used(), "tags": []}]})
    found = read(twin)
    assert len(found["inputs"]["dataset_inputs"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"datasets": "text"},
        {"datasets": [used(name="n" * 501)]},
        {"datasets": [used(digest="n" * 37)]},
        {"datasets": [used(source="n" * 65536)]},
        {"datasets": [{**used(), "tags": [{"key": "k" * 256, "value": "v"}]}]},
        {"datasets": [{**used(), "tags": [{"key": "k", "value": "v" * 501}]}]},
        {"run_id": "in valid"},
        {"run_id": "nope"},
        {"run_id": None},
    ],
)
def test_odd_inputs_are_treated_as_mlflow_does(twin: Twin, body: dict[str, Any]) -> None:
    twin.post("runs/log-inputs", {"run_id": "{run}", **body})
    read(twin)


def test_outputs_without_their_fields_are_refused(twin: Twin) -> None:
    twin.post("runs/outputs", {"run_id": "{run}"})
    twin.post("runs/outputs", {"models": []})
    twin.post("runs/outputs", {"run_id": "{run}", "models": "text"})


def test_outputs_are_logged(twin: Twin) -> None:
    models = [{"model_id": "m-1", "step": 2}, {"model_id": "m-2"}]
    twin.post("runs/outputs", {"run_id": "{run}", "models": models})
    read(twin)


def test_models_of_old_clients_are_noted(twin: Twin) -> None:
    model = {
        "artifact_path": "model",
        "flavors": {"sklearn": {"version": "1", "config": {"a": 1}}},
        "utc_time_created": "2026-01-01 00:00:00",
        "run_id": "r",
        "model_uuid": "u",
    }
    for _ in range(2):
        twin.post("runs/log-model", {"run_id": "{run}", "model_json": json.dumps(model)})
    read(twin)
    for text in ("", "{", "{}"):
        body = {"run_id": "{run}", "model_json": text}
        twin.post("runs/log-model", body, own_words=text == "{}")
    twin.post("runs/log-model", {"model_json": "{}"})


def test_bodies_in_odd_clothes(twin: Twin) -> None:
    path = f"{API}runs/set-tag"
    body = '{"run_id": "{run}", "key": "t", "value": "1"}'
    json_type = {"content-type": "application/json; charset=utf-8"}
    twin.same("POST", path, content=json.dumps(body), headers=json_type)
    for content in ("", "null", "[]", "5"):
        twin.same("POST", path, content=content, headers=json_type)
    for content in (
        "{",
        '"text"',
        "[[[[",
        "[" * 100_000,
        "{'key': 1}",
        body + "}",
        '{"key": "\\ud800"}',
    ):
        said = twin.refused("POST", path, content=content, headers=json_type)
        assert "The body cannot be read as JSON" in said
    twin.same("POST", path, content=body, headers={"content-type": "text/plain"})
    twin.same("POST", path, content=body, headers={"content-type": "application/JSON"})
    twin.same("POST", path, content=body)
    read(twin)
