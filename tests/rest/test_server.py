"""The client says the same of both servers, and what it sent comes back."""

import io
import math
import uuid

import pytest

from eventtrack.errors import (
    AlreadyExistsError,
    EventtrackError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.rest import TrackingServer
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Run,
    ViewType,
)


@pytest.fixture
def name() -> str:
    """A name that neither server has heard of."""
    return f"experiment {uuid.uuid4().hex}"


@pytest.fixture
def run(server: TrackingServer, name: str) -> Run:
    """A run in an experiment of its own."""
    experiment_id = server.create_experiment(name)
    return server.create_run(experiment_id, user_id="ada", start_time=5, tags={"a": "b"})


def test_an_experiment_comes_back(server: TrackingServer, name: str) -> None:
    assert server.get_experiment_by_name(name) is None
    experiment_id = server.create_experiment(name, tags={"team": "vision"})
    found = server.get_experiment(experiment_id)
    assert (found.name, found.tags["team"]) == (name, "vision")
    assert server.get_experiment_by_name(name) == found
    with pytest.raises(AlreadyExistsError):
        server.create_experiment(name)
    server.rename_experiment(experiment_id, f"{name} again")
    server.set_experiment_tag(experiment_id, "team", "sound")
    server.delete_experiment_tag(experiment_id, "team")
    server.delete_experiment(experiment_id)
    only = [f"name = '{name} again'"]
    assert server.search_experiments(filter_string=only[0]) == []
    [deleted] = server.search_experiments(ViewType.DELETED_ONLY, filter_string=only[0])
    assert "team" not in deleted.tags
    server.restore_experiment(experiment_id)
    assert server.get_experiment(experiment_id).lifecycle_stage == "active"


def test_a_run_comes_back(server: TrackingServer, run: Run) -> None:
    run_id = run.info.run_id
    assert (run.info.user_id, run.info.start_time, run.info.status) == ("ada", 5, "RUNNING")
    assert run.data.tags["a"] == "b"
    points = [Metric(key="loss", value=one + 1.0, timestamp=7, step=one) for one in (0, 1)]
    server.log_batch(run_id, points, {"lr": "0.1"}, {"kept": "yes"})
    server.log_batch(run_id, [Metric(key="bad", value=math.nan, timestamp=7)])
    server.update_run(run_id, status="FINISHED", end_time=9, name="renamed")
    found = server.get_run(run_id)
    assert found.data.metrics["loss"] == 2
    assert math.isnan(found.data.metrics["bad"])
    assert found.data.params == {"lr": "0.1"}
    assert found.data.tags["kept"] == "yes"
    assert (found.info.run_name, found.info.status, found.info.end_time) == (
        "renamed",
        "FINISHED",
        9,
    )
    assert [(one.step, one.value) for one in server.metric_history(run_id, "loss")] == [
        (0, 1.0),
        (1, 2.0),
    ]
    server.delete_tag(run_id, "kept")
    [searched] = server.search_runs([run.info.experiment_id], "params.lr = '0.1'")
    assert "kept" not in searched.data.tags
    server.delete_run(run_id)
    assert server.search_runs([run.info.experiment_id]) == []
    server.restore_run(run_id)
    assert len(server.search_runs([run.info.experiment_id], max_results=1)) == 1


def test_what_a_run_read_comes_back(server: TrackingServer, run: Run) -> None:
    dataset = Dataset(name="iris", digest="abc", source_type="local", source="{}", schema="{}")
    used = DatasetInput(dataset=dataset, tags=[InputTag(key="context", value="training")])
    server.log_inputs(run.info.run_id, [used])
    assert server.get_run(run.info.run_id).inputs.dataset_inputs == [used]


def test_a_file_comes_back(server: TrackingServer, run: Run) -> None:
    run_id, uri = run.info.run_id, run.info.artifact_uri
    for path in ("a b/100%.txt", "top", "empty"):
        data = b"" if path == "empty" else path.encode()
        server.write_artifact(uri, path, io.BytesIO(data))
    listed = {one.path: (one.is_dir, one.file_size) for one in server.list_artifacts(run_id)}
    assert listed == {"a b": (True, None), "top": (False, 3), "empty": (False, 0)}
    assert [one.path for one in server.list_artifacts(run_id, "a b")] == ["a b/100%.txt"]
    assert b"".join(server.read_artifact(run_id, "a b/100%.txt")) == b"a b/100%.txt"
    with pytest.raises(EventtrackError):
        list(server.read_artifact(run_id, "nothing"))


def test_refusals_are_our_errors(server: TrackingServer, run: Run) -> None:
    run_id = run.info.run_id
    with pytest.raises(NotFoundError):
        server.get_run("f" * 32)
    server.log_batch(run_id, params={"lr": "1"})
    with pytest.raises(InvalidValueError, match="Changing param values"):
        server.log_batch(run_id, params={"lr": "2"})
    server.delete_run(run_id)
    with pytest.raises(InvalidValueError, match="active"):
        server.log_batch(run_id, [Metric(key="loss", value=1.0, timestamp=1)])


def test_what_may_be_asked_twice_changes_nothing_the_second_time(
    server: TrackingServer, run: Run
) -> None:
    run_id = run.info.run_id
    points = [Metric(key="loss", value=v, timestamp=7, step=1) for v in (1.0, math.nan, math.inf)]
    dataset = Dataset(name="iris", digest="abc", source_type="local", source="{}")
    for _ in range(2):
        server.log_batch(run_id, points, {"lr": "1"}, {"kept": "yes"})
        server.log_inputs(run_id, [DatasetInput(dataset=dataset)])
        server.update_run(run_id, status="FINISHED", end_time=9)
        server.write_artifact(run.info.artifact_uri, "file", io.BytesIO(b"1"))
    assert len(server.metric_history(run_id, "loss")) == 3
    assert len(server.get_run(run_id).inputs.dataset_inputs) == 1


def test_filters_compare_params_with_numbers_where_the_server_can(
    server: TrackingServer, ours_url: str, run: Run
) -> None:
    experiment_id = run.info.experiment_id
    server.log_batch(run.info.run_id, params={"lr": "1e-3"})
    if server.url == ours_url:
        found = server.search_runs([experiment_id], "params.lr < 0.01", order_by=["params.lr"])
        assert [one.info.run_id for one in found] == [run.info.run_id]
        assert list(server.search_runs([experiment_id], "params.lr > 0.01")) == []
    with pytest.raises(InvalidValueError):
        server.search_runs([experiment_id], "params.lr <")
    if server.url != ours_url:
        with pytest.raises(InvalidValueError):
            server.search_runs([experiment_id], "params.lr < 0.01")
