"""What a server refuses, or breaks down over: kept, told, listed, and in nobody's way."""

import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from eventtrack.errors import RemoteDeniedError, RemoteFailedError, RemoteRefusedError
from eventtrack.outbox import runs
from eventtrack.rest import TrackingServer
from tests.outbox.proxy import Proxy
from tests.outbox.seen import flush, points_of


@pytest.mark.parametrize("server_url", ["ours", "theirs"], indirect=True)
def test_what_the_server_refuses_blocks_nothing_and_is_not_lost(
    mlflow: ModuleType, proxy: Proxy, server: TrackingServer, caplog: pytest.LogCaptureFixture
) -> None:
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        mlflow.log_param("kept", 1)
        mlflow.flush()
        server.log_batch(run_id, params={"lr": "theirs"})
        mlflow.log_params({"lr": "ours", "depth": 3, "width": 4})
        mlflow.log_metric("loss", 1)
        with pytest.raises(RemoteRefusedError, match="lr"):
            mlflow.flush()
        mlflow.flush()  # said once
    mlflow.flush()
    found = server.get_run(run_id)
    assert found.data.params == {"kept": "1", "lr": "theirs", "depth": "3", "width": "4"}
    assert found.data.metrics == {"loss": 1}
    assert "refused 1 of the calls" in caplog.text
    code, [report] = flush()
    assert (code, report["waiting"]) == (10, 0)
    [refused] = report["refused"]
    assert (refused["kind"], refused["label"], refused["run_id"]) == ("param", "lr", run_id)
    assert "Changing param values" in refused["error"]
    shown = subprocess.run(
        [sys.executable, "-m", "eventtrack", "flush"], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (10, "")
    assert f"run {run_id}  param lr: Changing param values" in shown.stdout
    assert flush("--retry")[0] == 10
    code, [report] = flush("--forget")
    assert (code, report["refused"]) == (0, [])
    assert flush()[0] == 0


def test_all_of_a_deleted_run_is_refused_until_it_is_restored(
    mlflow: ModuleType, server: TrackingServer, proxy: Proxy
) -> None:
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        mlflow.flush()
        server.delete_run(run_id)
        for step in range(3000):
            mlflow.log_metric("loss", 1.0, step=step)
        mlflow.log_param("lr", 1)
        before = proxy.seen
        with pytest.raises(RemoteRefusedError):
            mlflow.flush()
        assert proxy.seen - before < 60  # not one request for each point
    server.restore_run(run_id)
    code, [report] = flush("--retry")
    assert (code, report["refused"], report["error"]) == (0, [], None)
    assert len(points_of(server, run_id)) == 3000
    assert server.get_run(run_id).data.params == {"lr": "1"}


def test_denied_is_told_and_nothing_is_thrown_away(
    monkeypatch: pytest.MonkeyPatch, mlflow: ModuleType, server: TrackingServer
) -> None:
    denied = RemoteDeniedError("refused (403)", hint="log in")

    def deny(*arguments: object, **named: object) -> None:
        raise denied

    with mlflow.start_run() as run:
        mlflow.flush()
        with monkeypatch.context() as patch:
            patch.setattr(TrackingServer, "log_batch", deny)
            mlflow.log_metric("loss", 1)
            with pytest.raises(RemoteDeniedError):
                mlflow.flush()
        mlflow.flush()
    assert server.get_run(run.info.run_id).data.metrics == {"loss": 1}
    assert runs.NO_ANSWER  # a denial at the start of a run is the caller's to see


def test_what_a_server_breaks_down_over_is_put_aside(
    monkeypatch: pytest.MonkeyPatch, mlflow: ModuleType, server: TrackingServer
) -> None:
    send = TrackingServer.log_batch

    def break_down(self: TrackingServer, run_id: str, *arguments: Any, **named: Any) -> None:
        if "bad" in named.get("params", {}):
            raise RemoteFailedError("failed (500)")
        send(self, run_id, *arguments, **named)

    with mlflow.start_run() as run:
        mlflow.flush()
        with monkeypatch.context() as patch:
            patch.setattr(TrackingServer, "log_batch", break_down)
            mlflow.log_params({"bad": 1})
            mlflow.log_metric("loss", 1)
            refused = None
            for _ in range(100):
                try:
                    mlflow.flush()
                except RemoteFailedError:
                    continue
                except RemoteRefusedError as error:
                    refused = error
                    break
            assert "bad" in str(refused)
            assert server.get_run(run.info.run_id).data.metrics == {"loss": 1}
    assert flush("--retry")[0] == 0
    assert server.get_run(run.info.run_id).data.params == {"bad": "1"}
