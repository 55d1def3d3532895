"""The machine's load beside a run."""

import importlib.util
import time
from types import ModuleType
from typing import Any

import pytest

from eventtrack.errors import InvalidValueError, UsageError
from eventtrack.machine import is_wanted
from eventtrack.machine.monitor import settings

KEYS = {
    "cpu_utilization_percentage",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
    "disk_usage_percentage",
    "disk_usage_megabytes",
    "disk_available_megabytes",
    "network_receive_megabytes",
    "network_transmit_megabytes",
}


def wait_for_points(mlflow: ModuleType, run_id: str, count: int) -> list[int]:
    """The steps of the processor's load, once there are `count` of them."""
    client = mlflow.MlflowClient()
    for _ in range(500):
        points = client.get_metric_history(run_id, "system/cpu_utilization_percentage")
        if len(points) >= count:
            return [point.step for point in points]
        time.sleep(0.01)
    pytest.fail("no system metrics came")


def test_load_is_logged_while_the_run_is_open(mlflow: ModuleType) -> None:
    mlflow.set_system_metrics_sampling_interval(0.01)
    with mlflow.start_run(log_system_metrics=True) as run:
        assert wait_for_points(mlflow, run.info.run_id, 3)[:3] == [0, 1, 2]
    data = mlflow.get_run(run.info.run_id).data
    assert set(data.metrics) == {f"system/{key}" for key in KEYS}
    assert 0 < data.metrics["system/system_memory_usage_percentage"] <= 100


def test_a_resumed_run_goes_on_where_it_stopped(mlflow: ModuleType) -> None:
    mlflow.set_system_metrics_sampling_interval(0.01)
    with mlflow.start_run(log_system_metrics=True) as run:
        before = wait_for_points(mlflow, run.info.run_id, 1)
    with mlflow.start_run(run_id=run.info.run_id, log_system_metrics=True):
        steps = wait_for_points(mlflow, run.info.run_id, len(before) + 5)
    assert sorted(steps) == list(range(len(steps)))


def test_several_samples_make_one_point_of_a_node(mlflow: ModuleType) -> None:
    mlflow.set_system_metrics_sampling_interval(0.01)
    mlflow.set_system_metrics_samples_before_logging(2)
    mlflow.set_system_metrics_node_id("node0")
    mlflow.enable_system_metrics_logging()
    with mlflow.start_run() as run:
        for _ in range(500):
            if mlflow.get_run(run.info.run_id).data.metrics:
                break
            time.sleep(0.01)
    assert set(mlflow.get_run(run.info.run_id).data.metrics) == {
        f"system/node0/{key}" for key in KEYS
    }
    mlflow.set_system_metrics_sampling_interval(None)
    mlflow.set_system_metrics_samples_before_logging(None)
    mlflow.set_system_metrics_node_id(None)


def test_it_can_be_switched_for_all_runs(mlflow: ModuleType) -> None:
    assert not is_wanted(None)
    mlflow.enable_system_metrics_logging()
    assert is_wanted(None)
    assert not is_wanted(False)
    mlflow.disable_system_metrics_logging()
    assert not is_wanted(None)
    assert is_wanted(True)
    assert settings() == (10.0, 1, "system/")


def test_a_short_run_waits_for_nothing(mlflow: ModuleType) -> None:
    began = time.monotonic()
    with mlflow.start_run(log_system_metrics=True):
        pass
    assert time.monotonic() - began < 5


def test_without_psutil_the_run_is_not_started(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name == "psutil" else find_spec(name, package)

    monkeypatch.setattr("importlib.util.find_spec", find)
    with pytest.raises(UsageError, match="`psutil` is not installed"):
        mlflow.start_run(log_system_metrics=True)
    assert mlflow.active_run() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "perhaps"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "soon"),
        ("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "-1"),
    ],
)
def test_a_bad_setting_is_refused(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    mlflow.enable_system_metrics_logging()
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidValueError, match=name):
        mlflow.start_run()
    assert mlflow.active_run() is None
