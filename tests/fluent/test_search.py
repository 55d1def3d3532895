"""Searching runs."""

import math
import sys
from types import ModuleType

import pandas as pd
import pytest

from eventtrack.errors import EventtrackError, InvalidValueError, UsageError


@pytest.fixture
def runs(mlflow: ModuleType) -> list[str]:
    """Three runs: lr 0.1, 0.2, 0.3 with loss 1, 2, 3; the last has a tag, a metric less."""
    made = []
    for number in (1, 2, 3):
        with mlflow.start_run(run_name=f"run {number}") as run:
            mlflow.log_param("lr", number / 10)
            mlflow.log_metric("loss", number)
            if number < 3:
                mlflow.log_metric("accuracy", number / 2)
            else:
                mlflow.set_tag("best", "yes")
            made.append(run.info.run_id)
    return made


def test_a_frame_has_mlflows_columns(mlflow: ModuleType, runs: list[str]) -> None:
    frame = mlflow.search_runs(order_by=["metrics.loss ASC"])
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns[:6].tolist() == [
        "run_id",
        "experiment_id",
        "status",
        "artifact_uri",
        "start_time",
        "end_time",
    ]
    assert frame["run_id"].tolist() == runs
    assert frame["params.lr"].tolist() == ["0.1", "0.2", "0.3"]
    assert frame["metrics.loss"].tolist() == [1.0, 2.0, 3.0]
    assert math.isnan(frame["metrics.accuracy"].iloc[2])
    assert frame["tags.best"].iloc[2] == "yes"
    assert pd.isna(frame["tags.best"].iloc[0])
    assert frame["tags.mlflow.runName"].tolist() == ["run 1", "run 2", "run 3"]
    assert str(frame["start_time"].dt.tz) == "UTC"


def test_a_run_that_is_open_has_no_end(mlflow: ModuleType) -> None:
    with mlflow.start_run():
        assert mlflow.search_runs()["end_time"].isna().all()


def test_without_runs_the_frame_is_empty(mlflow: ModuleType) -> None:
    frame = mlflow.search_runs()
    assert frame.empty
    assert "run_id" in frame.columns


def test_a_list_holds_the_runs(mlflow: ModuleType, runs: list[str]) -> None:
    found = mlflow.search_runs(filter_string="metrics.loss > 1.5", output_format="list")
    assert sorted(run.info.run_id for run in found) == sorted(runs[1:])


def test_a_search_is_bounded(mlflow: ModuleType, runs: list[str]) -> None:
    best = mlflow.search_runs(order_by=["metrics.loss DESC"], max_results=1, output_format="list")
    assert [run.info.run_id for run in best] == [runs[2]]
    assert mlflow.search_runs(max_results=0, output_format="list") == []


def test_pages_are_put_together(
    mlflow: ModuleType, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventtrack.fluent.search._PAGE_SIZE", 1)
    found = mlflow.search_runs(order_by=["metrics.loss"], output_format="list")
    assert [run.info.run_id for run in found] == runs
    assert len(mlflow.search_runs(max_results=2, output_format="list")) == 2


def test_experiments_are_chosen_by_id_by_name_or_all(mlflow: ModuleType, runs: list[str]) -> None:
    other = mlflow.set_experiment("other").experiment_id
    with mlflow.start_run() as run:
        pass

    def ids(**arguments: object) -> set[str]:
        found = mlflow.search_runs(output_format="list", **arguments)
        return {run.info.run_id for run in found}

    mine = run.info.run_id
    assert ids() == {mine}
    assert ids(experiment_ids=["0"]) == set(runs)
    assert ids(experiment_ids=["0", other]) == {mine, *runs}
    assert ids(experiment_names=["other", "nobody"]) == {mine}
    assert ids(experiment_names=["nobody"]) == set()
    assert ids(search_all_experiments=True) == {mine, *runs}
    with pytest.raises(InvalidValueError, match="but not both"):
        ids(experiment_ids=["0"], experiment_names=["other"])


def test_deleted_runs_are_found_when_asked_for(mlflow: ModuleType, runs: list[str]) -> None:
    mlflow.delete_run(runs[0])
    view = mlflow.entities.ViewType
    found = mlflow.search_runs(run_view_type=view.DELETED_ONLY, output_format="list")
    assert [run.info.run_id for run in found] == runs[:1]
    assert len(mlflow.search_runs(run_view_type=view.ALL, output_format="list")) == 3


def test_without_pandas_the_way_out_is_named(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match='output_format="list"'):
        mlflow.search_runs()
    assert mlflow.search_runs(output_format="list") == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"output_format": "csv"},
        {"filter_string": "metrics.loss >"},
        {"order_by": ["nothing"]},
        {"max_results": "many"},
    ],
)
def test_a_bad_search_is_refused(mlflow: ModuleType, arguments: dict[str, object]) -> None:
    with pytest.raises(EventtrackError):
        mlflow.search_runs(**arguments)
