"""The model registry on our store, with MLflow's own client, alone and behind its server."""

from pathlib import Path
from typing import Any

import pytest

mlflow: Any = pytest.importorskip("mlflow")

from tests.plugin.server import Server  # noqa: E402


def register_and_load() -> None:
    """A model is registered, named and loaded under each of its names; so is a prompt."""
    linear: Any = pytest.importorskip("sklearn.linear_model")
    model = linear.LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="net", registered_model_name="sign")
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("sign", "best", "1")
    client.transition_model_version_stage("sign", "1", "Staging")
    client.set_model_version_tag("sign", "1", "a", "b")
    for name in ("sign/1", "sign@best", "sign/Staging", "sign/latest"):
        assert mlflow.pyfunc.load_model(f"models:/{name}").predict([[5.0]]) == [1]
    [found] = client.search_model_versions("name = 'sign' AND tags.a = 'b'")
    assert (found.version, found.current_stage) == ("1", "Staging")
    assert [one.name for one in client.search_registered_models()] == ["sign"]
    mlflow.genai.register_prompt(name="hello", template="Hello {{who}}")
    assert mlflow.genai.load_prompt("prompts:/hello/1").format(who="you") == "Hello you"
    assert [one.name for one in mlflow.genai.search_prompts()] == ["hello"]
    with pytest.raises(mlflow.exceptions.MlflowException, match="already exists"):
        client.create_registered_model("sign")
    client.delete_registered_model("sign")
    with pytest.raises(mlflow.exceptions.MlflowException, match="not found"):
        client.get_registered_model("sign")


@pytest.mark.usefixtures("uri")
def test_a_registry_lives_in_the_store() -> None:
    register_and_load()


@pytest.mark.slow
def test_a_registry_lives_in_the_store_behind_mlflows_server(tmp_path: Path) -> None:
    with Server(tmp_path / "served") as server:
        mlflow.set_tracking_uri(server.uri)
        register_and_load()
