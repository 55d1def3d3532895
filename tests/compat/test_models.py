"""Logged models: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
MODELS = f"{API}logged-models"


@pytest.fixture(autouse=True)
def an_experiment(twin: Twin) -> None:
    """An experiment with a run, for models."""
    twin.new_experiment()
    twin.new_run()


def new_model(twin: Twin, name: str = "model", **body: Any) -> None:
    """A model on both, remembered under a name."""
    body = {"experiment_id": "{experiment}", "name": name, **body}
    pair = twin._ask("POST", MODELS, json=body)
    twin.remember(name, *(one.json()["model"]["info"]["model_id"] for one in pair))


def log_metric(twin: Twin, **fields: Any) -> None:
    """A point of the run, for a model."""
    body = {"run_id": "{run}", "key": "m", "value": 1, "timestamp": 1, "step": 0, **fields}
    twin.post("runs/log-metric", body)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "net"},
        {"name": "net", "model_type": "agent", "params": [{"key": "p", "value": "1"}]},
        {"name": "net", "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]},
        {"name": "net", "source_run_id": "{run}"},
        {"name": "a/b"},
        {"name": "a:b"},
        {"name": 5},
        {"name": "net", "experiment_id": "98765"},
        {"name": "net", "experiment_id": "x"},
        {"name": "net", "experiment_id": None},
        {"name": "net", "params": "text"},
        {"name": "net", "tags": {}},
    ],
)
def test_a_model_is_made_or_refused(twin: Twin, body: dict[str, Any]) -> None:
    twin.same("POST", MODELS, json={"experiment_id": "{experiment}", **body})


def test_none_is_made_in_a_deleted_experiment(twin: Twin) -> None:
    twin.post("experiments/delete", {"experiment_id": "{experiment}"})
    twin.same("POST", MODELS, json={"experiment_id": "{experiment}", "name": "net"})


def test_a_model_is_read_finalized_and_deleted(twin: Twin) -> None:
    new_model(twin)
    one = f"{MODELS}/{{model}}"
    twin.same("GET", one)
    states: list[Any] = ["LOGGED_MODEL_READY", 3, "LOGGED_MODEL_PENDING", None, [], "2"]
    for status in states:
        twin.same("PATCH", one, json={"model_id": "{model}", "status": status})
    twin.same("PATCH", one, json={"model_id": "{model}"})
    for status in ("nonsense", 1.5):
        twin.refused("PATCH", one, json={"model_id": "{model}", "status": status})
    twin.same("PATCH", one, json={"status": 2})
    for _ in range(2):
        twin.same("DELETE", one, json={"model_id": "{model}"})
    twin.same("GET", one)
    twin.same("GET", one, params={"allow_deleted": "true"})
    twin.same("GET", one, params={"allow_deleted": "nonsense"})


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_model_that_does_not_exist_is_not_found(twin: Twin, method: str) -> None:
    twin.same(method, f"{MODELS}/m-nothing")
    twin.same(method, f"{MODELS}/m-nothing/tags/x")
    twin.same("GET", f"{MODELS}/m-nothing/artifacts/directories")
    body = {"model_id": "m-nothing", "status": 2}
    twin.same("PATCH", f"{MODELS}/m-nothing", json=body)
    twin.same("PATCH", f"{MODELS}/m-nothing/tags", json={"tags": [{"key": "a", "value": "b"}]})
    twin.same("POST", f"{MODELS}/m-nothing/params", json={"model_id": "m-nothing", "params": []})


def test_params_and_tags_are_logged(twin: Twin) -> None:
    new_model(twin)
    params = [{"key": "p", "value": "1"}, {"key": "q", "value": "x y"}]
    twin.same("POST", f"{MODELS}/{{model}}/params", json={"model_id": "{model}", "params": params})
    twin.same("POST", f"{MODELS}/{{model}}/params", json={"params": params})
    tags = [{"key": "t", "value": "1"}, {"key": "t", "value": "2"}, {"key": "u", "value": ""}]
    twin.same("PATCH", f"{MODELS}/{{model}}/tags", json={"tags": tags})
    twin.same("PATCH", f"{MODELS}/{{model}}/tags", json={"tags": "text"})
    twin.same("PATCH", f"{MODELS}/{{model}}/tags", json={})
    twin.same("GET", f"{MODELS}/{{model}}")
    for _ in range(2):
        twin.same("DELETE", f"{MODELS}/{{model}}/tags/t")
    twin.same("GET", f"{MODELS}/{{model}}")


def test_points_logged_for_a_model_are_its_own(twin: Twin) -> None:
    new_model(twin)
    log_metric(twin, model_id="{model}")
    log_metric(twin, model_id="{model}")
    log_metric(twin, model_id="{model}", key="n", dataset_name="d", dataset_digest="1", value=-2)
    log_metric(twin, model_id="{model}", key="o", value="Infinity", step=3)
    log_metric(twin, key="not for a model")
    points = [
        {"key": "b", "value": 1, "timestamp": 5, "model_id": "{model}"},
        {"key": "c", "value": 2, "timestamp": 5},
    ]
    odd = [{**points[0], "dataset_name": "only a name"}]
    twin.post("runs/log-batch", {"run_id": "{run}", "metrics": odd})
    twin.post("runs/log-batch", {"run_id": "{run}", "metrics": points})
    found = twin.same("GET", f"{MODELS}/{{model}}", inner=("model", "data", "metrics"))
    assert len(found["model"]["data"]["metrics"]) == 4
    inner = ("run", "data", "metrics")
    twin.same("GET", f"{API}runs/get", params={"run_id": "{run}"}, inner=inner)


def test_points_for_a_model_that_is_not_known_are_kept_all_the_same(twin: Twin) -> None:
    body = {"run_id": "{run}", "key": "m", "value": 1, "timestamp": 1, "model_id": "m-nothing"}
    ours, theirs = twin._ask("POST", f"{API}runs/log-metric", json=body)
    assert (ours.status_code, theirs.status_code) == (200, 400)
    assert "FOREIGN KEY" in theirs.text
    twin.same("GET", f"{MODELS}/m-nothing")


def test_files_of_a_model_are_stored_listed_and_fetched(twin: Twin) -> None:
    new_model(twin)
    root = f"{PROXY}/{{experiment}}/models/{{model}}/artifacts"
    for path, content in (("MLmodel", b"flavors: {}"), ("data/net.bin", b"\0" * 9)):
        twin.same("PUT", f"{root}/{path}", content=content)
    directories = f"{MODELS}/{{model}}/artifacts/directories"
    twin.same("GET", directories)
    for path in ("data", "nothing", "..", "/etc", "data/"):
        twin.same("GET", directories, params={"artifact_directory_path": path})
        where = f"{{experiment}}/models/{{model}}/artifacts/{path}"
        twin.same("GET", PROXY, params={"path": where})
    files = f"{AJAX}logged-models/{{model}}/artifacts/files"
    for path in ("MLmodel", "data/net.bin"):
        for where, query in ((f"{root}/{path}", {}), (files, {"artifact_file_path": path})):
            ours, theirs = twin._ask("GET", where, params=query)
            assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
            assert ours.status_code == 200
    twin.same("GET", files)
    twin.same("GET", files, params={"artifact_file_path": "../x"})
    twin.same("DELETE", f"{root}/data/net.bin")
    twin.same("GET", directories, params={"artifact_directory_path": "data"})


@pytest.fixture
def three_models(twin: Twin) -> None:
    """Models that differ in everything that a search looks at."""
    for place, name in enumerate(("one", "two", "three")):
        params = [{"key": "p", "value": str(place)}] if place else []
        tags = [{"key": "t", "value": f"v{place % 2}"}]
        new_model(twin, name, params=params, tags=tags, model_type=f"type{place % 2}")
        for step in range(place):
            twin_metric = {"key": "acc", "value": place - step / 10, "step": step}
            log_metric(
                twin,
                model_id=f"{{{name}}}",
                dataset_name="d",
                dataset_digest=str(step),
                **twin_metric,
            )


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = 'one'",
        "name != 'one'",
        "name LIKE 't%' AND model_type = 'type0'",
        "attributes.name ILIKE 'T%'",
        "name IN ('one', 'two')",
        "name NOT IN ('one')",
        "params.p = '1'",
        "params.p != '1'",
        "tags.t = 'v0'",
        "tags.`t` != 'v0'",
        "metrics.acc > 1",
        "metrics.acc <= 1.9",
        "metrics.acc = 1.9",
        "metrics.nothing > 0",
        "creation_timestamp > 0",
        "last_updated_timestamp < 5",
        "model_id = '{two}'",
    ],
)
def test_models_are_found(twin: Twin, text: str) -> None:
    search(twin, filter=text)


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "params.p > '1'",
        "metrics.acc = 'x'",
        "other.x = '1'",
        "name = 'a' OR name = 'b'",
    ],
)
def test_what_is_no_filter_is_refused_or_more_than_mlflow_can(twin: Twin, text: str) -> None:
    ours, theirs = twin._ask(
        "POST", f"{MODELS}/search", json={"experiment_ids": ["{experiment}"], "filter": text}
    )
    assert theirs.status_code >= 400
    assert ours.status_code == (200 if " OR " in text else 400)


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize(
    "body",
    [
        {"order_by": [{"field_name": "name"}]},
        {"order_by": [{"field_name": "name", "ascending": True}]},
        {"order_by": [{"field_name": "name", "ascending": False}]},
        {"order_by": [{"field_name": "metrics.acc", "ascending": True}]},
        {"order_by": [{"field_name": "metrics.acc", "ascending": False}]},
        {"order_by": [{"field_name": "metrics.acc", "dataset_name": "d", "dataset_digest": "0"}]},
        {"order_by": [{"field_name": "model_type"}, {"field_name": "name", "ascending": False}]},
        {"order_by": [{"field_name": "params.p"}]},
        {"order_by": [{"field_name": "creation_timestamp", "ascending": True}]},
        {"order_by": "text"},
        {"datasets": [{"dataset_digest": "x"}]},
        {"datasets": "text"},
        {"max_results": 2},
        {"max_results": "x"},
        {"experiment_ids": ["98765"]},
        {"experiment_ids": "text"},
        {"experiment_ids": None},
    ],
)
def test_searches_are_treated_as_mlflow_does(twin: Twin, body: dict[str, Any]) -> None:
    search(twin, **body)


@pytest.mark.usefixtures("three_models")
def test_pages_follow_each_other(twin: Twin) -> None:
    found: list[str] = []
    token = ""
    while True:
        body = {"experiment_ids": ["{experiment}"], "max_results": 1, "page_token": token}
        [ours, _] = twin._ask("POST", f"{MODELS}/search", json=body)
        found += [one["info"]["name"] for one in ours.json()["models"]]
        token = ours.json().get("next_page_token", "")
        if not token:
            break
    assert found == ["three", "two", "one"]


@pytest.mark.usefixtures("three_models")
def test_only_points_on_a_dataset_count(twin: Twin) -> None:
    new_model(twin, "four")
    digest = {"dataset_name": "e", "dataset_digest": "1"}
    log_metric(twin, model_id="{four}", key="acc", value=4, **digest)
    found = search(twin, datasets=[digest])
    assert [one["info"]["name"] for one in found["models"]] == ["four"]
    found = search(twin, datasets=[digest], filter="metrics.acc > 3")
    assert search(twin, datasets=[digest], filter="metrics.acc > 4") == {}


def search(twin: Twin, **body: Any) -> Any:
    """The same search on both."""
    body = {"experiment_ids": ["{experiment}"], **body}
    return twin.same("POST", f"{MODELS}/search", json=body, inner=("models", "data", "metrics"))
