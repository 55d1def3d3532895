"""The model registry: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin

MODELS, VERSIONS = "registered-models", "model-versions"
SOURCE = "s3://bucket/net"


def ask(twin: Twin, method: str, path: str, /, **body: Any) -> Any:
    """A request of the registry; what is asked with GET goes into the query."""
    if method == "GET":
        return twin.same(method, API + path, params=body)
    return twin.same(method, API + path, json=body)


@pytest.fixture
def name(twin: Twin) -> str:
    """A registered model on both."""
    ask(twin, "POST", f"{MODELS}/create", name=twin.word)
    return twin.word


@pytest.fixture
def versions(twin: Twin, name: str) -> str:
    """A registered model with three versions."""
    for place in range(3):
        tags = [{"key": "t", "value": str(place % 2)}]
        ask(
            twin,
            *("POST", f"{VERSIONS}/create"),
            name=name,
            source=f"{SOURCE}/{place}",
            tags=tags,
        )
    return name


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"description": "a net", "tags": [{"key": "a", "value": "1"}, {"key": "b"}]},
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"name": 5},
        {"name": "a/b"},
        {"name": "a:b"},
        {"name": "a/../b"},
        {"tags": "text"},
        {"tags": [{"key": "a$", "value": "1"}]},
        {"tags": [{"key": "k" * 251, "value": "1"}]},
        {"tags": [{"key": "k", "value": "v" * 100_001}]},
        {"description": 5},
    ],
)
def test_a_model_is_made_or_refused(twin: Twin, body: dict[str, Any]) -> None:
    ask(twin, "POST", f"{MODELS}/create", **{"name": twin.word, **body})


def test_a_name_is_taken_once(twin: Twin, name: str) -> None:
    ask(twin, "POST", f"{MODELS}/create", name=name)
    prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    ask(twin, "POST", f"{MODELS}/create", name=name, tags=prompt)


def test_a_model_is_read_changed_and_deleted(twin: Twin, name: str) -> None:
    ask(twin, "GET", f"{MODELS}/get", name=name)
    ask(twin, "PATCH", f"{MODELS}/update", name=name, description="better")
    ask(twin, "GET", f"{MODELS}/get", name=name)
    ask(twin, "PATCH", f"{MODELS}/update", name=name)
    ask(twin, "POST", f"{MODELS}/rename", name=name, new_name=f"{name}-b")
    ask(twin, "POST", f"{MODELS}/rename", name=f"{name}-b", new_name="a/b")
    ask(twin, "POST", f"{MODELS}/rename", name=f"{name}-b", new_name="")
    ask(twin, "GET", f"{MODELS}/get", name=name)
    ask(twin, "DELETE", f"{MODELS}/delete", name=f"{name}-b")
    ask(twin, "DELETE", f"{MODELS}/delete", name=f"{name}-b")


def test_no_model_is_renamed_to_one_that_exists(twin: Twin, name: str) -> None:
    ask(twin, "POST", f"{MODELS}/create", name=f"{name}-b")
    body = {"name": name, "new_name": f"{name}-b"}
    twin.same("POST", f"{API}{MODELS}/rename", json=body, own_words=True)


@pytest.mark.parametrize("path", ["get", "get-latest-versions"])
def test_a_model_that_does_not_exist_is_not_found(twin: Twin, path: str) -> None:
    ask(twin, "GET", f"{MODELS}/{path}", name="nothing")
    ask(twin, "GET", f"{MODELS}/{path}")
    for other in (f"{MODELS}/get", f"{VERSIONS}/get", f"{VERSIONS}/get-download-uri"):
        ask(twin, "GET", other, name="nothing", version="1")
    ask(twin, "PATCH", f"{MODELS}/update", name="nothing", description="x")
    ask(twin, "POST", f"{MODELS}/set-tag", name="nothing", key="a", value="b")
    ask(twin, "DELETE", f"{MODELS}/delete-tag", name="nothing", key="a")
    ask(twin, "POST", f"{MODELS}/alias", name="nothing", alias="a", version="1")
    ask(twin, "POST", f"{VERSIONS}/create", name="nothing", source=SOURCE)


def test_models_are_tagged(twin: Twin, name: str) -> None:
    for key, value in (("a", "1"), ("a", "2"), ("b", ""), ("c$", "1"), ("", "1")):
        ask(twin, "POST", f"{MODELS}/set-tag", name=name, key=key, value=value)
    for _ in range(2):
        ask(twin, "DELETE", f"{MODELS}/delete-tag", name=name, key="a")
    ask(twin, "GET", f"{MODELS}/get", name=name)


@pytest.mark.parametrize(
    "body",
    [
        {"source": SOURCE},
        {"source": SOURCE, "run_id": "r", "run_link": "http://x", "description": "first"},
        {"source": SOURCE, "tags": [{"key": "a", "value": "1"}]},
        {"source": "/etc/passwd"},
        {"source": "file:///etc/passwd"},
        {"source": "s3://bucket/../x"},
        {"source": "runs:/abc/net"},
        {"source": "runs:/abc/net", "run_id": "abc"},
        {"source": "mlflow-artifacts:/0/x/artifacts"},
        {"source": "models:/m-nothing"},
        {"source": "models:/nothing/1"},
        {"source": "dummy-source"},
        {"source": ""},
        {},
        {"source": 5},
    ],
)
def test_a_version_is_made_or_refused(twin: Twin, name: str, body: dict[str, Any]) -> None:
    ask(twin, "POST", f"{VERSIONS}/create", name=name, **body)
    ask(twin, "GET", f"{MODELS}/get", name=name)


def test_a_version_of_a_run_and_of_a_model_is_made(twin: Twin, name: str) -> None:
    twin.new_experiment()
    twin.new_run()
    source = "mlflow-artifacts:/{experiment}/{run}/artifacts/net"
    made = ask(twin, "POST", f"{VERSIONS}/create", name=name, source=source, run_id="{run}")
    assert made["model_version"]["version"] == "1"
    body = {"experiment_id": "{experiment}", "name": "net", "source_run_id": "{run}"}
    pair = twin._ask("POST", f"{API}logged-models", json=body)
    twin.remember("model", *(one.json()["model"]["info"]["model_id"] for one in pair))
    source = "mlflow-artifacts:/{experiment}/models/{model}/artifacts"
    for uri in (source, "models:/{model}"):
        ask(twin, "POST", f"{VERSIONS}/create", name=name, source=uri, model_id="{model}")
    ask(twin, "POST", f"{VERSIONS}/create", name=name, source="models:/{model}", model_id="m-1")
    twin.same("GET", f"{API}logged-models/{{model}}")


def test_a_version_is_made_of_another_one(twin: Twin, versions: str) -> None:
    ask(twin, "POST", f"{MODELS}/alias", name=versions, alias="best", version="2")
    for source in ("1", "9", "latest"):
        ask(
            twin, "POST", f"{VERSIONS}/create", name=versions, source=f"models:/{versions}/{source}"
        )
    ask(twin, "POST", f"{VERSIONS}/create", name=versions, source=f"models:/{versions}@best")
    ask(twin, "GET", f"{VERSIONS}/get-download-uri", name=versions, version="4")


def test_versions_are_read_changed_and_deleted(twin: Twin, versions: str) -> None:
    for version in ("1", "3", "4", "x", ""):
        ask(twin, "GET", f"{VERSIONS}/get", name=versions, version=version)
        ask(twin, "GET", f"{VERSIONS}/get-download-uri", name=versions, version=version)
    ask(twin, "PATCH", f"{VERSIONS}/update", name=versions, version="2", description="two")
    ask(twin, "GET", f"{VERSIONS}/get", name=versions, version="2")
    ask(twin, "PATCH", f"{VERSIONS}/update", name=versions, version="2")
    for _ in range(2):
        ask(twin, "DELETE", f"{VERSIONS}/delete", name=versions, version="3")
    ask(twin, "GET", f"{MODELS}/get", name=versions)
    ask(twin, "POST", f"{VERSIONS}/create", name=versions, source=SOURCE)


@pytest.mark.parametrize(
    "body",
    [
        {"stage": "Production"},
        {"stage": "production", "archive_existing_versions": True},
        {"stage": "Archived"},
        {"stage": "nonsense"},
        {"stage": ""},
        {"stage": "Staging", "archive_existing_versions": "x"},
        {"stage": "Staging", "version": "9"},
    ],
)
def test_versions_move_between_stages(twin: Twin, versions: str, body: dict[str, Any]) -> None:
    one = {"name": versions, "stage": "Production", "version": "1"}
    ask(twin, "POST", f"{VERSIONS}/transition-stage", **one)
    ask(twin, "POST", f"{VERSIONS}/transition-stage", **{**one, "version": "2", **body})
    found = {"name": versions}
    twin.same("GET", f"{API}{MODELS}/get-latest-versions", params=found, unordered=True)
    found["stages"] = "Production"
    ask(twin, "GET", f"{MODELS}/get-latest-versions", **found)
    ask(twin, "POST", f"{MODELS}/get-latest-versions", name=versions, stages=["nonsense"])


def test_only_active_stages_are_cleared(twin: Twin, versions: str) -> None:
    body = {"name": versions, "version": "1", "stage": "None", "archive_existing_versions": True}
    twin.same("POST", f"{API}{VERSIONS}/transition-stage", json=body, any_error=True)


def test_aliases_name_versions(twin: Twin, versions: str) -> None:
    for alias, version in (("best", "1"), ("best", "2"), ("x", "9"), ("v1", "1"), ("latest", "1")):
        ask(twin, "POST", f"{MODELS}/alias", name=versions, alias=alias, version=version)
    for alias in ("best", "latest", "nothing", "a b", ""):
        ask(twin, "GET", f"{MODELS}/alias", name=versions, alias=alias)
    ask(twin, "GET", f"{MODELS}/get", name=versions)
    ask(twin, "GET", f"{VERSIONS}/get", name=versions, version="2")
    ask(twin, "DELETE", f"{VERSIONS}/delete", name=versions, version="2")
    ask(twin, "GET", f"{MODELS}/alias", name=versions, alias="best")
    ask(twin, "DELETE", f"{MODELS}/alias", name=versions, alias="best")
    ask(twin, "GET", f"{MODELS}/get", name=versions)


def test_versions_are_tagged(twin: Twin, versions: str) -> None:
    one = {"name": versions, "version": "1"}
    for key, value in (("a", "1"), ("a", "2"), ("b", ""), ("c$", "1")):
        ask(twin, "POST", f"{VERSIONS}/set-tag", key=key, value=value, **one)
    for _ in range(2):
        ask(twin, "DELETE", f"{VERSIONS}/delete-tag", key="a", **one)
    ask(twin, "DELETE", f"{VERSIONS}/delete-tag", key="a", name=versions, version="9")
    ask(twin, "GET", f"{VERSIONS}/get", **one)


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    "query",
    [
        {"filter": "name = '{name}'"},
        {"filter": "name LIKE '{name}%'"},
        {"filter": "name = '{name}' AND tags.a = 'x'"},
        {"filter": "name ILIKE '{name}'", "order_by": "name DESC"},
        {"filter": "name = '{name}'", "order_by": "last_updated_timestamp"},
        {"filter": "name = '{name}'", "max_results": 1},
        {"max_results": 1001},
        {"max_results": "x"},
    ],
)
def test_models_are_searched(twin: Twin, query: dict[str, Any]) -> None:
    twin.remember("name", twin.word, twin.word)
    ask(twin, "GET", f"{MODELS}/search", **query)


@pytest.mark.usefixtures("versions")
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"order_by": "version_number ASC"},
        {"order_by": ["name DESC", "version_number DESC"]},
        {"max_results": 2, "order_by": "version_number"},
        {"filter": " AND version_number > 1"},
        {"filter": " AND version_number = 2"},
        {"filter": " AND source_path LIKE '%/1'"},
        {"filter": " AND tags.t = '0'"},
        {"filter": " AND tags.t != '0'"},
        {"filter": " AND run_id = 'r'"},
        {"max_results": 200_001},
    ],
)
def test_versions_are_searched(twin: Twin, query: dict[str, Any]) -> None:
    query = {"order_by": "version_number", **query}
    query["filter"] = f"name = '{twin.word}'" + query.get("filter", "")
    ask(twin, "GET", f"{VERSIONS}/search", **query)


@pytest.mark.usefixtures("name")
@pytest.mark.parametrize("path", [MODELS, VERSIONS])
@pytest.mark.parametrize("text", ["nonsense", "name > 'a'", "run_id", "other = 'x'"])
def test_what_is_no_filter_is_refused(twin: Twin, path: str, text: str) -> None:
    twin.same("GET", f"{API}{path}/search", params={"filter": text}, own_words=True)


def test_files_of_a_version_are_fetched(twin: Twin, name: str) -> None:
    twin.new_experiment()
    twin.new_run()
    root = "{experiment}/{run}/artifacts"
    put = f"/api/2.0/mlflow-artifacts/artifacts/{root}/net/MLmodel"
    twin.same("PUT", put, content=b"flavors: {}")
    source = f"mlflow-artifacts:/{root}/net"
    ask(twin, "POST", f"{VERSIONS}/create", name=name, source=source, run_id="{run}")
    query = {"name": name, "version": "1", "path": "MLmodel"}
    for path in ("/model-versions/get-artifact", f"{AJAX}model-versions/get-artifact"):
        # MLflow's own answers 404 where its proxy keeps the files, whatever the path.
        [ours, _] = twin._ask("GET", path, params=query)
        assert (ours.status_code, ours.content) == (200, b"flavors: {}")
        for odd, status in (({"path": "../x"}, 400), ({"version": "99"}, 404)):
            [ours, _] = twin._ask("GET", path, params={**query, **odd})
            assert ours.status_code == status
