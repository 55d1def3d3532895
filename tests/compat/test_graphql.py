"""GraphQL as MLflow's pages ask it, beside MLflow's own server."""

from typing import Any

import pytest

from tests.compat.twin import Twin
from tests.server.running import Running

# What the pages of MLflow 3.17.2 send, in their words.
GET_EXPERIMENT = """
query MlflowGetExperimentQuery($input: MlflowGetExperimentInput!)
@component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetExperiment(input: $input) {
    __typename
    apiError { __typename code message }
    experiment {
      __typename artifactLocation creationTime effectiveTraceArchivalRetention experimentId
      lastUpdateTime lifecycleStage name tags { __typename key value }
    }
  }
}"""
_RUN = """
  info {
    runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId
  }
  experiment {
    experimentId name tags { key value } artifactLocation lifecycleStage lastUpdateTime
  }
  modelVersions { status version name source }
  data { metrics { key value step timestamp } params { key value } tags { key value } }
  inputs {
    datasetInputs {
      dataset { digest name profile schema source sourceType } tags { key value }
    }
    modelInputs { modelId }
  }
  outputs { modelOutputs { modelId step } }
"""
GET_RUN = f"""
query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.ExperimentRunTracking") {{
  mlflowGetRun(input: $data) {{ apiError {{ helpUrl code message }} run {{ {_RUN} }} }}
}}"""
SEARCH_RUNS = f"""
query SearchRuns($data: MlflowSearchRunsInput!) {{
  mlflowSearchRuns(input: $data) {{ apiError {{ helpUrl code message }} runs {{ {_RUN} }} }}
}}"""
BULK_INTERVAL = """
query GetMetricHistoryBulkInterval($data: MlflowGetMetricHistoryBulkIntervalInput!)
@component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetMetricHistoryBulkInterval(input: $data) {
    __typename metrics { timestamp step runId key value } apiError { code message }
  }
}"""
LIST_ARTIFACTS = """
query ($data: MlflowListArtifactsInput) {
  mlflowListArtifacts(input: $data) { rootUri files { path isDir fileSize } nextPageToken }
}"""
SEARCH_MODEL_VERSIONS = """
query ($data: MlflowSearchModelVersionsInput) {
  mlflowSearchModelVersions(input: $data) { modelVersions { name version } nextPageToken }
}"""
SEARCH_DATASETS = """
mutation ($data: MlflowSearchDatasetsInput) {
  mlflowSearchDatasets(input: $data) { datasetSummaries { name digest context } }
}"""


def ask(twin: Twin, query: str, /, **variables: Any) -> Any:
    """The answer to a question, which is theirs."""
    return twin.same("POST", "/graphql", json={"query": query, "variables": variables})


def ask_ours(server: Running, query: str, /, **variables: Any) -> Any:
    """The answer to a question that theirs answers wrongly, or in other words."""
    found = server.client.post("/graphql", json={"query": query, "variables": variables})
    assert found.status_code == 200
    return found.json()


@pytest.fixture
def filled(twin: Twin) -> Twin:
    """Both servers with a run that has one of everything."""
    twin.new_experiment(tags=[{"key": "team", "value": "blue"}])
    twin.new_run(start_time=1000, user_id="ada")
    twin.post(
        "runs/log-batch",
        {
            "run_id": "{run}",
            "params": [{"key": "lr", "value": "0.1"}],
            "tags": [{"key": "é", "value": "✓"}],
            "metrics": [
                {"key": "big", "value": 2, "timestamp": 2**53 + 1, "step": 2**60},
                {"key": "inf", "value": "Infinity", "timestamp": 1, "step": -3},
                *(
                    {"key": "loss", "value": 1 / (step + 1), "timestamp": 2000 + step, "step": step}
                    for step in range(20)
                ),
                {"key": "nan", "value": "NaN", "timestamp": 1, "step": 0},
            ],
        },
    )
    dataset = {"name": "iris", "digest": "d1", "source_type": "local", "source": "here"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    twin.post(
        "runs/log-inputs", {"run_id": "{run}", "datasets": [{"dataset": dataset, "tags": tags}]}
    )
    return twin


def test_an_experiment(filled: Twin) -> None:
    found = ask(filled, GET_EXPERIMENT, input={"experimentId": "{experiment}"})
    assert found["data"]["mlflowGetExperiment"]["experiment"]["lifecycleStage"] == "active"


def test_a_run_with_everything(filled: Twin) -> None:
    found = ask(filled, GET_RUN, data={"runId": "{run}"})
    run = found["data"]["mlflowGetRun"]["run"]
    assert run["info"]["endTime"] == "0"
    values = {point["key"]: point["value"] for point in run["data"]["metrics"]}
    assert values["nan"] is None


def test_a_run_without_anything(twin: Twin) -> None:
    twin.new_experiment()
    twin.new_run()
    ask(twin, GET_RUN, data={"runUuid": "{run}"})


def test_a_search_for_runs(filled: Twin) -> None:
    filled.new_run("second", start_time=3000)
    data = {"experimentIds": ["{experiment}"], "filter": "attributes.run_name = 'run'"}
    found = ask(filled, SEARCH_RUNS, data=data)
    assert len(found["data"]["mlflowSearchRuns"]["runs"]) == 1
    ask(filled, SEARCH_RUNS, data={"experimentIds": ["{experiment}"], "maxResults": 1})
    ask(filled, SEARCH_RUNS.replace("query", "mutation", 1), data={"experimentIds": []})


def test_a_search_for_deleted_runs(ours: Running) -> None:
    """MLflow's server takes no `runViewType` in GraphQL, though its schema has one."""
    experiment_id = ours.post("experiments/create", name="deleted runs")["experiment_id"]
    run_id = ours.post("runs/create", experiment_id=experiment_id)["run"]["info"]["run_id"]
    ours.post("runs/delete", run_id=run_id)

    def found(view: str) -> int:
        data = {"experimentIds": [experiment_id], "runViewType": view}
        return len(ask_ours(ours, SEARCH_RUNS, data=data)["data"]["mlflowSearchRuns"]["runs"])

    assert [found(view) for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")] == [0, 1, 1]


def test_the_points_of_a_chart(filled: Twin) -> None:
    asked = {"runIds": ["{run}"], "metricKey": "loss"}
    found = ask(filled, BULK_INTERVAL, data=asked)
    assert len(found["data"]["mlflowGetMetricHistoryBulkInterval"]["metrics"]) == 20
    ask(filled, BULK_INTERVAL, data={**asked, "metricKey": "missing"})


def test_a_chart_gets_what_it_asks_for(ours: Running) -> None:
    """MLflow's server leaves the last three fields of this question alone."""
    run_id = ours.new_run()["run_id"]
    for step in range(20):
        point = {"key": "loss", "value": step, "timestamp": 1, "step": step}
        ours.post("runs/log-metric", run_id=run_id, **point)

    def steps(**more: int) -> list[str]:
        data = {"runIds": [run_id], "metricKey": "loss", **more}
        found = ask_ours(ours, BULK_INTERVAL, data=data)["data"]
        return [point["step"] for point in found["mlflowGetMetricHistoryBulkInterval"]["metrics"]]

    assert steps(maxResults=3) == ["0", "7", "19"]
    assert steps(startStep=3, endStep=5) == ["3", "4", "5"]
    refused = ask_ours(
        ours, BULK_INTERVAL, data={"runIds": [run_id], "metricKey": "loss", "startStep": 3}
    )
    assert refused["data"] == {"mlflowGetMetricHistoryBulkInterval": None}
    assert "both must be specified" in refused["errors"][0]


def test_files_datasets_and_model_versions(filled: Twin) -> None:
    ask(filled, SEARCH_MODEL_VERSIONS, data={"filter": "run_id = '{run}'", "maxResults": 5})
    ask(filled, LIST_ARTIFACTS, data={"runId": "{run}"})
    ask(filled, SEARCH_DATASETS, data={"experimentIds": ["{experiment}"]})


def test_what_is_selected_is_answered_under_the_names_asked_for(filled: Twin) -> None:
    query = """
    query ($of: MlflowGetRunInput) {
      a: mlflowGetRun(input: $of) { ...named }
      b: mlflowGetRun(input: $of) { ... on MlflowGetRunResponse { __typename } }
    }
    fragment named on MlflowGetRunResponse { run { __typename info { name: runName } } }
    """
    found = ask(filled, query, of={"runId": "{run}"})
    run = {"__typename": "MlflowRunExtension", "info": {"name": "run"}}
    typed = {"__typename": "MlflowGetRunResponse"}
    assert found == {"data": {"a": {"run": run}, "b": typed}, "errors": None}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (GET_EXPERIMENT, {"input": {"experimentId": "987654321"}}),
        (GET_RUN, {"data": {"runId": "0" * 32}}),
        (LIST_ARTIFACTS, {"data": {"runId": "{run}", "path": "../x"}}),
        (SEARCH_DATASETS, {"data": {"experimentIds": []}}),
        # What graphql-core refuses by the schema, in its words.
        (GET_RUN, {}),
        (GET_RUN, {"data": {"runId": {"no": "text"}}}),
        (GET_RUN, {"data": {"nonsense": "1"}}),
        (SEARCH_RUNS, {"data": {"experimentIds": ["0"], "runViewType": "SOME"}}),
        ("{ nonsense }", {}),
        ('{ mlflowGetRun(input: {runId: "1"}) { run { info { nonsense } } } }', {}),
        ("{ mlflowGetRun }", {}),
        ("{ __typename }", {}),
        ("query a { __typename } query b { __typename }", {}),
        ("subscription { nonsense }", {}),
    ],
)
def test_a_refusal_is_theirs(filled: Twin, query: str, variables: dict[str, Any]) -> None:
    found = ask(filled, query, **variables)
    assert "errors" in found


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "{}", '{"query": 1}', '{"query": "{"}', '{"query": "{a}", "variables": 3}'],
)
def test_what_is_no_request_is_refused_in_the_same_shape(ours: Running, body: str) -> None:
    found = ours.client.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert found.status_code == 400
    answer = found.json()
    assert answer["data"] is None
    assert answer["errors"][0].startswith("Bad request: ")


def test_at_most_ten_questions_are_answered_at_once(ours: Running) -> None:
    def asked(count: int) -> Any:
        question = 'mlflowGetExperiment(input: {experimentId: "0"}) { __typename }'
        return ask_ours(ours, "{" + " ".join(f"a{at}: {question}" for at in range(count)) + "}")

    assert len(asked(10)["data"]) == 10
    assert asked(11)["errors"] == [
        "GraphQL queries should have at most 10 root fields, got 11 root fields."
    ]


def test_a_refusal_shows_where_a_filter_is_wrong(ours: Running) -> None:
    data = {"experimentIds": ["0"], "filter": "metrics.a = 'text'"}
    found = ask_ours(ours, SEARCH_RUNS, data=data)
    assert found["data"] == {"mlflowSearchRuns": None}
    assert "Expected numeric value type for metric" in found["errors"][0]


def test_a_request_without_end_is_refused(ours: Running) -> None:
    query = "{" + "a: __typename " * 1000 + "}"
    found = ours.client.post("/graphql", json={"query": query})
    assert found.status_code == 400
    assert "1000 tokens" in found.json()["errors"][0]
    found = ours.client.post("/graphql", json={"query": " " * 2**20})
    assert found.status_code == 413


def test_the_schema_is_theirs() -> None:
    graphql: Any = pytest.importorskip("graphql")
    theirs: Any = pytest.importorskip("mlflow.server.graphql.graphql_schema_extensions")
    from eventtrack.server.graphql import _schema

    def printed(schema: Any) -> list[str]:
        text = graphql.print_schema(graphql.lexicographic_sort_schema(schema))
        return [line for line in text.split("\n") if '"""' not in line]

    echoes = ("test", "Test", "Simple echoing", "Echoes", "output: String", "LongString Scalar")
    different = set(printed(theirs.schema.graphql_schema)) - set(printed(_schema()))
    assert [line for line in different if not any(echo in line for echo in echoes)] == []
    assert set(printed(_schema())) - set(printed(theirs.schema.graphql_schema)) == set()
