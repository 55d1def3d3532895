"""Histories through MLflow's calls: pages, bulk, samples; each as MLflow's SQL store gives them."""

import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow")

import mlflow
from mlflow.entities import Metric, RunStatus

from eventtrack.plugin import TrackingStore

LARGEST = 1.7976931348623157e308


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, list[str]]]:
    """MLflow's SQL store and ours with the same points, and their runs."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("histories")
    chance = random.Random(7)
    points = [
        Metric("m", chance.choice([float(place), 0.5, -1.0]), chance.randrange(40), step)
        for place, step in enumerate(chance.choices(range(-3, 60), k=400))
    ]
    found: list[tuple[Any, list[str]]] = []
    for store in (
        SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", str(folder / "files")),
        TrackingStore(f"eventtrack:{folder}/store"),
    ):
        runs = [store.create_run("0", "me", 1, [], f"run {one}").info.run_id for one in range(2)]
        store.log_batch(runs[0], points, [], [])
        store.log_batch(runs[1], points[:7], [], [])
        found.append((store, runs))
    return found


def shown(points: Any) -> list[tuple[int, int, float]]:
    """Points without their run."""
    return [(one.step, one.timestamp, one.value) for one in points]


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 100, 399, 400, 2500])
@pytest.mark.parametrize("steps", [(None, None), (0, 20), (10, 10), (90, 99)])
def test_samples_are_mlflows(
    stores: list[tuple[Any, list[str]]], size: int, steps: tuple[int | None, int | None]
) -> None:
    theirs, ours = (
        shown(store.get_metric_history_bulk_interval(runs, "m", size, *steps))
        for store, runs in stores
    )
    assert ours == theirs


@pytest.mark.parametrize("size", [None, 1, 30, 1000])
def test_pages_are_mlflows(stores: list[tuple[Any, list[str]]], size: int | None) -> None:
    found: list[list[tuple[int, int, float]]] = []
    for store, (run_id, _) in stores:
        page = store.get_metric_history(run_id, "m", size)
        points = shown(page)
        while page.token and len(points) < 100:
            page = store.get_metric_history(run_id, "m", size, page.token)
            points += shown(page)
        found.append(points)
    assert found[0] == found[1]


def test_bulk_and_steps_are_mlflows(stores: list[tuple[Any, list[str]]]) -> None:
    theirs, ours = (
        (
            shown(store.get_metric_history_bulk([runs[1]], "m", 5)),
            len(store.get_metric_history_bulk(runs, "m", 380)),
            shown(store.get_metric_history_bulk_interval_from_steps(runs[0], "m", [1, 2], 9)),
            store.get_max_step_for_metric(runs[0], "m"),
        )
        for store, runs in stores
    )
    assert ours == theirs


def test_the_latest_point_comes_with_its_step_and_time(client: Any) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_batch(run_id, [Metric("m", 2.0, 50, 9), Metric("m", 1.0, 60, 8)])
    for run in (client.get_run(run_id), client.search_runs(["0"])[0]):
        [latest] = run.to_proto().data.metrics
        assert (latest.value, latest.timestamp, latest.step) == (2.0, 50, 9)


def test_infinities_are_read_back_as_the_largest_numbers(client: Any) -> None:
    run_id = client.create_run("0").info.run_id
    for value in ("inf", "-inf", "nan"):
        client.log_metric(run_id, value, float(value))
    data = client.get_run(run_id).data.metrics
    assert (data["inf"], data["-inf"]) == (LARGEST, -LARGEST)
    assert data["nan"] != data["nan"]
    assert client.get_metric_history(run_id, "inf")[0].value == LARGEST


def test_a_run_that_does_not_exist_has_an_empty_history(client: Any) -> None:
    assert client.get_metric_history("0" * 32, "m") == []


def test_a_status_goes_both_ways(client: Any) -> None:
    run_id = client.create_run("0").info.run_id
    for status in ("FAILED", "KILLED", "SCHEDULED", "RUNNING", "FINISHED"):
        client.set_terminated(run_id, status, end_time=5)
        assert client.get_run(run_id).info.status == status
        assert RunStatus.from_string(status) is not None


def test_long_values_are_refused_when_mlflow_is_told_not_to_cut(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_param(run_id, "cut", "v" * 7000)
    assert len(client.get_run(run_id).data.params["cut"]) == 6000
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    with pytest.raises(mlflow.exceptions.MlflowException, match="6000"):
        client.log_param(run_id, "whole", "v" * 7000)
