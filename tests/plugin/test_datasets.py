"""MLflow's evaluation datasets on a store of ours: in the plugin and through our server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import running


@pytest.fixture(params=["plugin", "server"])
def tracker(request: pytest.FixtureRequest, tmp_path: Path, quiet: None) -> Iterator[Any]:
    """MLflow's package with our store behind it."""
    mlflow: Any = pytest.importorskip("mlflow")
    pytest.importorskip("mlflow.genai.datasets")
    if request.param == "plugin":
        mlflow.set_tracking_uri(f"eventtrack:{tmp_path / 'store'}")
        yield mlflow
        return
    with running(tmp_path / "store") as server:
        mlflow.set_tracking_uri(str(server.client.base_url).rstrip("/"))
        yield mlflow


def test_a_dataset_is_made_filled_read_found_and_deleted(tracker: Any) -> None:
    datasets = tracker.genai.datasets
    experiment = tracker.set_experiment("evaluation").experiment_id
    made = datasets.create_dataset(name="qa", experiment_id=[experiment], tags={"team": "blue"})
    made.merge_records(
        [
            {"inputs": {"question": "a"}, "expectations": {"expected": "A"}},
            {"inputs": {"question": "b"}, "outputs": {"answer": "B"}},
        ]
    )
    frame = datasets.get_dataset(dataset_id=made.dataset_id).to_df()
    assert sorted(one["question"] for one in frame["inputs"]) == ["a", "b"]
    assert set(frame["source_type"]) == {"HUMAN", "CODE"}
    datasets.set_dataset_tags(dataset_id=made.dataset_id, tags={"stage": "gold", "team": None})
    [found] = datasets.search_datasets(
        experiment_ids=[experiment], filter_string="tags.stage = 'gold' AND name = 'qa'"
    )
    assert (found.dataset_id, found.tags["team"]) == (made.dataset_id, "blue")
    datasets.delete_dataset_tag(dataset_id=made.dataset_id, key="stage")
    other = tracker.create_experiment("other")
    datasets.add_dataset_to_experiments(dataset_id=made.dataset_id, experiment_ids=[other])
    assert sorted(datasets.get_dataset(dataset_id=made.dataset_id).experiment_ids) == sorted(
        [experiment, other]
    )
    datasets.remove_dataset_from_experiments(
        dataset_id=made.dataset_id, experiment_ids=[experiment]
    )
    known = datasets.get_dataset(dataset_id=made.dataset_id)
    assert known.experiment_ids == [other]
    assert known.delete_records([frame["dataset_record_id"][0]]) == 1
    assert len(known.to_df()) == 1
    assert known.profile == '{"num_records": 2}'
    datasets.delete_dataset(dataset_id=made.dataset_id)
    with pytest.raises(tracker.exceptions.MlflowException, match="not found"):
        datasets.get_dataset(dataset_id=made.dataset_id)


def test_a_thousand_records_and_more_are_all_loaded(tracker: Any) -> None:
    made = tracker.genai.datasets.create_dataset(name="many", experiment_id=["0"])
    made.merge_records([{"inputs": {"n": place}} for place in range(2100)])
    assert sorted(one["n"] for one in made.to_df()["inputs"]) == list(range(2100))


def test_traces_become_records(tracker: Any) -> None:
    tracker.set_experiment("traced")

    def answer(question: str) -> str:
        return question.upper()

    tracker.trace(answer)("why?")
    tracker.flush_trace_async_logging()
    traces = tracker.search_traces(return_type="list")
    made = tracker.genai.datasets.create_dataset(name="from traces")
    made.merge_records(traces)
    frame = tracker.genai.datasets.get_dataset(dataset_id=made.dataset_id).to_df()
    assert list(frame["inputs"]) == [{"question": "why?"}]
    assert list(frame["source_id"]) == [traces[0].info.trace_id]


@pytest.mark.slow
def test_a_stored_dataset_is_evaluated(tracker: Any) -> None:
    tracker.set_experiment("evaluation")
    made = tracker.genai.datasets.create_dataset(name="qa")
    made.merge_records(
        [
            {"inputs": {"question": "a"}, "expectations": {"expected": "A"}},
            {"inputs": {"question": "b"}, "expectations": {"expected": "C"}},
        ]
    )

    def is_right(outputs: str, expectations: dict[str, str]) -> bool:
        return outputs == expectations["expected"]

    result = tracker.genai.evaluate(
        data=tracker.genai.datasets.get_dataset(dataset_id=made.dataset_id),
        predict_fn=lambda question: question.upper(),
        scorers=[tracker.genai.scorer(is_right)],
    )
    assert result.metrics["is_right/mean"] == 0.5
    run = tracker.get_run(result.run_id)
    assert run.data.metrics["is_right/mean"] == 0.5
    [read] = run.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest) == (
        "qa",
        tracker.genai.datasets.get_dataset(dataset_id=made.dataset_id).digest,
    )
    assert len(tracker.search_traces(run_id=result.run_id, return_type="list")) == 2
