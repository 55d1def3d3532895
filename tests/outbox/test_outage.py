"""Whatever the way to the server does, the server ends up with what was logged, once."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventtrack.errors import RemoteUnavailableError
from eventtrack.rest import TrackingServer
from tests.outbox.conftest import Script
from tests.outbox.proxy import Proxy
from tests.outbox.seen import flush, points_of, run_of

STEPS = 300


def all_points(steps: int = STEPS) -> list[tuple[int, float]]:
    """What `train` logs."""
    return [(step, step / 2) for step in range(steps)]


def train(mlflow: ModuleType, between: Any = lambda step: None) -> str:
    """A training; returns its run's id."""
    with mlflow.start_run(tags={"kind": "outage"}) as run:
        mlflow.log_param("lr", 0.1)
        for step in range(STEPS):
            between(step)
            mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
        mlflow.log_text("yes", "file.txt")
    return str(run.info.run_id)


def check(server: TrackingServer, run: Any) -> None:
    """The server has all of `train`, once."""
    assert (run.info.status, run.data.params) == ("FINISHED", {"lr": "0.1"})
    assert run.data.tags["kind"] == "outage"
    assert points_of(server, run.info.run_id) == all_points()
    assert b"".join(server.read_artifact(run.info.run_id, "file.txt")) == b"yes"


def test_an_outage_in_the_middle_is_bridged_and_told_once(
    mlflow: ModuleType,
    proxy: Proxy,
    server: TrackingServer,
    experiment: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mlflow.set_experiment(experiment)

    def between(step: int) -> None:
        if step == 100:
            proxy.close()
        if step == 200:
            deadline = time.monotonic() + 60
            while "no answer" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.05)
            proxy.open()

    with caplog.at_level(logging.WARNING, "eventtrack"):
        run_id = train(mlflow, between)
        mlflow.flush()
    check(server, run_of(server, experiment))
    assert run_of(server, experiment).info.run_id == run_id
    assert caplog.text.count("no answer") == 1
    assert caplog.text.count("answers again") == 1


def test_answers_that_are_cut_off_double_nothing(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    mlflow.set_experiment(experiment)

    def between(step: int) -> None:
        if step % 60 == 0:
            proxy.cut_answers += 1
            time.sleep(0.15)

    train(mlflow, between)
    time.sleep(0.2)
    proxy.cut_answers = 0
    mlflow.flush()
    check(server, run_of(server, experiment))


def test_a_run_whose_beginning_had_no_answer_is_begun_once(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    mlflow.set_experiment(experiment)
    with mlflow.start_run():
        pass
    mlflow.flush()
    mlflow.delete_run(mlflow.last_active_run().info.run_id)
    proxy.cut_answers = 1  # of the request that begins the run: the server has begun it
    run_id = train(mlflow)
    mlflow.flush()
    run = run_of(server, experiment)
    check(server, run)
    # By the id that the program knows, too.
    assert mlflow.get_run(run_id).info.run_id == run.info.run_id


def test_a_program_that_never_meets_the_server_loses_nothing(
    script: Script, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    proxy.close()
    done = script(
        f"""
        import eventtrack as mlflow
        mlflow.set_experiment({experiment!r})
        with mlflow.start_run(tags={{"kind": "outage"}}) as run:
            mlflow.log_param("lr", 0.1)
            with mlflow.start_run(nested=True, run_name="inner"):
                mlflow.log_metric("depth", 1)
            for step in range({STEPS}):
                mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
            mlflow.log_text("yes", "file.txt")
            assert mlflow.get_run(run.info.run_id).data.params == {{"lr": "0.1"}}
        print(run.info.run_id)
        """,
        proxy.url,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("no answer") == 1
    assert f"eventtrack flush {proxy.url}" in done.stderr
    code, [report] = flush()
    assert code == 9
    assert report["delivered"] == 0
    assert report["waiting"] > 0
    assert "no answer" in report["error"]
    proxy.open()
    code, [report] = flush(proxy.url)
    assert (code, report["waiting"], report["refused"]) == (0, 0, [])
    assert report["delivered"] > 0
    found = server.get_experiment_by_name(experiment)
    assert found is not None
    inner, outer = sorted(
        server.search_runs([found.experiment_id]), key=lambda run: run.info.run_name != "inner"
    )
    check(server, outer)
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
    if server.takes_run_ids():
        assert done.stdout.strip() == outer.info.run_id
        assert "eventtrack.outbox_id" not in outer.data.tags
    else:
        assert done.stdout.strip() == outer.data.tags["eventtrack.outbox_id"]
    assert flush(proxy.url) == (0, [{**report, "delivered": 0}])


def test_an_experiment_chosen_in_an_outage_is_the_one_of_that_name(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    there = server.create_experiment(experiment)
    proxy.close()
    here = mlflow.set_experiment(experiment).experiment_id
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1)
    proxy.open()
    mlflow.flush()
    assert run_of(server, experiment).info.experiment_id == there
    assert mlflow.get_experiment(here).experiment_id == there
    assert len(mlflow.search_runs([here], output_format="list")) == 1
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 1}


def test_reading_and_changing_in_an_outage_says_so_at_once(
    mlflow: ModuleType, proxy: Proxy, experiment: str
) -> None:
    experiment_id = mlflow.create_experiment(experiment)
    with mlflow.start_run() as run:
        pass
    mlflow.flush()
    proxy.close()
    assert mlflow.get_run(run.info.run_id).info.run_id == run.info.run_id  # as it is known here
    assert mlflow.get_experiment(experiment_id).name == experiment
    calls: tuple[Callable[[], object], ...] = (
        lambda: mlflow.search_runs([experiment_id], output_format="list"),
        lambda: mlflow.create_experiment("another"),
        lambda: mlflow.get_run("f" * 32),
        lambda: mlflow.delete_experiment(experiment_id),
        lambda: mlflow.artifacts.list_artifacts(run_id=run.info.run_id),
    )
    for call in calls:
        with pytest.raises(RemoteUnavailableError) as caught:
            call()
        assert caught.value.hint


def test_a_silent_server_does_not_slow_logging(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    mlflow.set_experiment(experiment)
    seconds = []

    def between(step: int) -> None:
        if step == 50:
            proxy.stalled.set()
        if step == 250:
            proxy.stalled.clear()
        if step in (51, 249):
            seconds.append(time.monotonic())

    train(mlflow, between)
    proxy.stalled.clear()
    mlflow.flush()
    check(server, run_of(server, experiment))
    assert seconds[1] - seconds[0] < 5  # a request would have waited for a minute


def test_what_is_no_tracking_server_is_an_outage(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, tmp_path: Path, experiment: str
) -> None:
    import http.server
    import threading

    mlflow.set_experiment(experiment)
    with mlflow.start_run():
        mlflow.log_metric("loss", 1)
        mlflow.flush()
        target = proxy._target
        page = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        try:
            proxy.close()
            proxy._target = ("127.0.0.1", page.server_port)
            proxy.open()
            mlflow.log_metric("loss", 2, step=1)
            with pytest.raises(RemoteUnavailableError):
                mlflow.flush()
        finally:
            page.shutdown()
            page.server_close()
        proxy.close()
        proxy._target = target
        proxy.open()
    mlflow.flush()
    assert [value for _, value in points_of(server, mlflow.last_active_run().info.run_id)] == [1, 2]


def test_the_outbox_is_gone_when_all_has_arrived(
    mlflow: ModuleType, state: Path, experiment: str
) -> None:
    mlflow.set_experiment(experiment)
    with mlflow.start_run():
        mlflow.log_metric("loss", 1)
    [folder] = (state / "outbox").iterdir()
    assert (folder / "store-0").is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    mlflow.flush()
    from eventtrack.fluent import location

    location.close_all()
    assert not list(folder.glob("store-*"))
    assert flush()[0] == 0


def test_a_metric_of_a_dataset_waits_for_nobody(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    data = mlflow.data.from_dict({"x": [1]}, name="numbers", source="https://example.org/n")
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        proxy.stalled.set()
        began = time.monotonic()
        for step in range(5):
            mlflow.log_metric("loss", step, step=step, dataset=data)
        assert time.monotonic() - began < 5
        proxy.stalled.clear()
    found = mlflow.get_run(run.info.run_id)
    assert [one.dataset.name for one in found.inputs.dataset_inputs] == ["numbers"]
    assert len(points_of(server, run.info.run_id)) == 5


@pytest.mark.parametrize("server_url", ["ours"], indirect=True)
def test_a_metric_keeps_the_model_that_it_names(mlflow: ModuleType, server: TrackingServer) -> None:
    run = mlflow.MlflowClient().create_run("0")
    run_id = run.info.run_id
    created = server.connection.post(
        "/api/2.0/mlflow/logged-models",
        {"experiment_id": "0", "name": "net", "source_run_id": run_id},
    )
    model_id = created["model"]["info"]["model_id"]
    mlflow.log_metrics({"loss": 0.5}, step=3, run_id=run_id, model_id=model_id)
    mlflow.flush()
    found = server.connection.get(f"/api/2.0/mlflow/logged-models/{model_id}")
    [metric] = found["model"]["data"]["metrics"]
    assert (metric["key"], metric["value"], metric["step"]) == ("loss", 0.5, 3)
    assert points_of(server, run_id) == [(3, 0.5)]
    assert [one.model_id for one in server.get_run(run_id).inputs.model_inputs] == [model_id]
