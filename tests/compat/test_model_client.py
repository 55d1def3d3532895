"""The real `mlflow` package logs, finds and loads models, unchanged, on our server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import Running

mlflow: Any = pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def on_our_server(
    ours: Running, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """The fluent API on our server, in an experiment named after the test."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(ours.url)
    mlflow.set_experiment(request.node.name)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def trained() -> Any:
    """A classifier that knows two classes."""
    linear: Any = pytest.importorskip("sklearn.linear_model")
    return linear.LogisticRegression().fit([[0.0], [1.0]], [0, 1])


def test_a_model_is_logged_and_loaded_by_its_own_uri_and_by_its_run() -> None:
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(trained(), name="net", params={"depth": 3})
    assert info.model_uri == f"models:/{info.model_id}"
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/net"):
        assert list(mlflow.pyfunc.load_model(uri).predict([[5.0]])) == [1]
    known = mlflow.get_logged_model(info.model_id)
    assert (known.name, known.status, known.params["depth"]) == ("net", "READY", "3")
    assert known.source_run_id == run.info.run_id
    assert mlflow.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id


def test_a_model_is_measured_and_found_by_what_was_measured() -> None:
    import pandas as pd

    dataset = mlflow.data.from_pandas(pd.DataFrame({"x": [1]}), name="holdout")
    for accuracy in (0.5, 0.9):
        with mlflow.start_run():
            model = mlflow.initialize_logged_model(name="net", tags={"kind": "small"})
            mlflow.log_metric("acc", accuracy, model_id=model.model_id, dataset=dataset)
            mlflow.finalize_logged_model(model.model_id, "READY")
    found = mlflow.search_logged_models(
        filter_string="metrics.acc > 0.6 AND tags.kind = 'small'",
        datasets=[{"dataset_name": "holdout"}],
        order_by=[{"field_name": "metrics.acc", "ascending": False}],
        output_format="list",
    )
    assert [[(one.key, one.value) for one in model.metrics] for model in found] == [[("acc", 0.9)]]
    point = found[0].metrics[0]
    assert (point.dataset_name, point.model_id) == ("holdout", found[0].model_id)
    mlflow.set_logged_model_tags(found[0].model_id, {"a": "1", "b": "2"})
    mlflow.delete_logged_model_tag(found[0].model_id, "a")
    assert mlflow.get_logged_model(found[0].model_id).tags["b"] == "2"
    assert len(mlflow.search_logged_models()) == 2
    mlflow.MlflowClient().delete_logged_model(found[0].model_id)
    assert len(mlflow.search_logged_models()) == 1


@pytest.mark.slow
def test_a_framework_logs_its_models_by_itself() -> None:
    mlflow.sklearn.autolog()
    try:
        trained()
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = mlflow.last_active_run()
    assert run.data.params["max_iter"] == "100"
    [model] = mlflow.search_logged_models(output_format="list")
    assert list(mlflow.sklearn.load_model(model.model_uri).predict([[5.0]])) == [1]


@pytest.mark.slow
def test_files_of_a_model_are_fetched_from_the_shell(ours: Running, tmp_path: Path) -> None:
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(trained(), name="net")
    command = [sys.executable, "-m", "mlflow", "artifacts", "download", "-d", str(tmp_path)]
    command += ["--artifact-uri", info.model_uri]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ours.url}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=240)
    assert (tmp_path / "MLmodel").is_file()


def test_a_registered_model_is_loaded_by_number_alias_and_stage() -> None:
    name = "compat-client-net"
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(trained(), name="net", registered_model_name=name)
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(name, "best", "1")
    client.transition_model_version_stage(name, "1", "Production")
    mlflow.register_model(info.model_uri, name, tags={"a": "b"})
    for uri in (f"models:/{name}/1", f"models:/{name}@best", f"models:/{name}/Production"):
        assert list(mlflow.pyfunc.load_model(uri).predict([[5.0]])) == [1]
    assert list(mlflow.pyfunc.load_model(f"models:/{name}/latest").predict([[5.0]])) == [1]
    found = client.search_model_versions(f"name = '{name}'")
    assert sorted(int(one.version) for one in found) == [1, 2]
    client.delete_registered_model(name)
    assert not client.search_registered_models(f"name = '{name}'")


def test_prompts_are_registered_loaded_and_found() -> None:
    name = "compat-client-prompt"
    mlflow.genai.register_prompt(name=name, template="Hello {{who}}", commit_message="first")
    mlflow.genai.register_prompt(name=name, template="Good day {{who}}")
    mlflow.genai.set_prompt_alias(name, alias="best", version=1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@best").format(who="you") == "Hello you"
    assert mlflow.genai.load_prompt(name, version=2).template == "Good day {{who}}"
    assert name in [one.name for one in mlflow.genai.search_prompts()]
