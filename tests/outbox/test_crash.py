"""Programs and servers that die, fork, and meet: the server has everything, once."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from eventtrack.rest import TrackingServer, address_of
from tests.outbox.conftest import ROOT, Script
from tests.outbox.proxy import Proxy, proxy_to
from tests.outbox.seen import flush, points_of, run_of
from tests.server.running import running

pytestmark = pytest.mark.slow


def start(folder: Path, uri: str, text: str) -> "subprocess.Popen[str]":
    """A program that goes on until it is killed, or ends."""
    path = folder / f"program-{time.monotonic_ns()}.py"
    path.write_text(textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "EVENTTRACK_URI": uri},
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


ENDLESS = """
import sys
import eventtrack as mlflow
mlflow.set_experiment({experiment!r})
with mlflow.start_run():
    step = 0
    while True:
        mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
        if step % 1000 == 0:
            mlflow.log_param(f"p{{step}}", step)
            print(step, flush=True)
        step += 1
"""


@pytest.mark.parametrize("meets_the_server", [True, False])
def test_a_killed_program_leaves_what_it_logged_to_flush(
    tmp_path: Path, proxy: Proxy, server: TrackingServer, experiment: str, meets_the_server: bool
) -> None:
    if not meets_the_server:
        proxy.close()
    program = start(tmp_path, proxy.url, ENDLESS.format(experiment=experiment))
    assert program.stdout is not None
    said = 0
    with program:
        for line in program.stdout:
            said = int(line)
            if said >= 8_000:
                program.kill()
                break
    if not meets_the_server:
        assert flush()[0] == 9
        proxy.open()
    code, [report] = flush()
    assert (code, report["waiting"], report["refused"]) == (0, 0, [])
    run = run_of(server, experiment)
    points = points_of(server, run.info.run_id)
    assert len(points) > said
    assert points == [(step, step / 2) for step in range(len(points))]
    assert set(run.data.params) >= {f"p{step}" for step in range(0, said, 1000)}


def test_a_server_that_is_killed_and_comes_back_has_everything_once(
    tmp_path: Path, experiment: str
) -> None:
    with running(tmp_path / "store") as first, proxy_to(first.url) as proxy:
        program = start(
            tmp_path,
            proxy.url,
            f"""
                import time
                import eventtrack as mlflow
                mlflow.set_experiment({experiment!r})
                with mlflow.start_run():
                    for step in range(4000):
                        mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
                        time.sleep(0.001)
                """,
        )
        time.sleep(1.5)
        first.kill()
        time.sleep(1.0)
        with running(tmp_path / "store") as second:
            proxy._target = ("127.0.0.1", int(second.url.rpartition(":")[2]))
            _, errors = program.communicate(timeout=120)
            assert program.returncode == 0, errors
            assert flush()[0] == 0
            server = TrackingServer(address_of(second.url))
            run = run_of(server, experiment)
            assert run.info.status == "FINISHED"
            assert points_of(server, run.info.run_id) == [(s, s / 2) for s in range(4000)]
            server.close()


def test_several_programs_share_an_outbox(
    tmp_path: Path, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    programs = [
        start(
            tmp_path,
            proxy.url,
            f"""
            import eventtrack as mlflow
            mlflow.set_experiment({experiment!r})
            with mlflow.start_run(run_name="{number}"):
                for step in range(3000):
                    mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
                assert mlflow.get_run(mlflow.active_run().info.run_id).data.metrics["loss"]
            """,
        )
        for number in range(3)
    ]
    time.sleep(0.7)
    proxy.close()
    time.sleep(0.5)
    proxy.open()
    for program in programs:
        _, errors = program.communicate(timeout=120)
        assert program.returncode == 0 or "RemoteUnavailableError" in errors, errors
    assert flush()[0] == 0
    found = server.get_experiment_by_name(experiment)
    assert found is not None
    runs = server.search_runs([found.experiment_id])
    assert len(runs) == 3
    for run in runs:
        points = points_of(server, run.info.run_id)
        assert points == [(step, step / 2) for step in range(3000)]


def test_a_forked_child_logs_beside_its_parent(
    script: Script, proxy: Proxy, server: TrackingServer, experiment: str
) -> None:
    done = script(
        f"""
        import multiprocessing, os
        import eventtrack as mlflow

        def work(run_id, number):
            for step in range(500):
                mlflow.log_metrics({{f"child{{number}}": step / 2}}, step=step, run_id=run_id,
                                   timestamp=step)
            with mlflow.start_run(run_name=f"own{{number}}"):
                mlflow.log_param("number", number)

        mlflow.set_experiment({experiment!r})
        with mlflow.start_run(run_name="parent") as run:
            context = multiprocessing.get_context("fork")
            children = [
                context.Process(target=work, args=(run.info.run_id, number)) for number in range(2)
            ]
            for child in children:
                child.start()
            for step in range(500):
                mlflow.log_metric("loss", step / 2, step=step, timestamp=step)
            for child in children:
                child.join()
                assert child.exitcode == 0
            pid = os.fork()
            if pid == 0:
                mlflow.log_metrics({{"last": 1}}, run_id=run.info.run_id)
                os._exit(0)
            os.waitpid(pid, 0)
        """,
        proxy.url,
    )
    assert done.returncode == 0, done.stderr
    assert flush()[0] == 0
    found = server.get_experiment_by_name(experiment)
    assert found is not None
    runs = {run.info.run_name: run for run in server.search_runs([found.experiment_id])}
    assert set(runs) == {"parent", "own0", "own1"}
    parent_id = runs["parent"].info.run_id
    assert runs["parent"].data.metrics["last"] == 1
    for key in ("loss", "child0", "child1"):
        assert points_of(server, parent_id, key) == [(step, step / 2) for step in range(500)]


def test_parent_and_children_read_their_own_answers(
    script: Script, proxy: Proxy, experiment: str
) -> None:
    done = script(
        f"""
        import multiprocessing
        import eventtrack as mlflow

        def work(number):
            for turn in range(15):
                with mlflow.start_run(run_name=f"{{number}}/{{turn}}", tags={{"n": number}}) as run:
                    mlflow.log_metric("n", number)
                found = mlflow.get_run(run.info.run_id)
                assert found.info.run_name == f"{{number}}/{{turn}}"
                assert found.data.metrics == {{"n": number}}

        mlflow.set_experiment({experiment!r})
        work(0)  # connections are open
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(number,)) for number in (1, 2)]
        for child in children:
            child.start()
        work(3)
        for child in children:
            child.join()
            assert child.exitcode == 0
        assert len(mlflow.search_runs(output_format="list")) == 60
        """,
        proxy.url,
    )
    assert done.returncode == 0, done.stderr


def test_a_program_that_is_interrupted_ends_soon_and_says_what_is_left(
    tmp_path: Path, proxy: Proxy, experiment: str
) -> None:
    proxy.close()
    program = start(tmp_path, proxy.url, ENDLESS.format(experiment=experiment))
    assert program.stdout is not None
    program.stdout.readline()
    program.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = program.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert "KeyboardInterrupt" in errors
    assert f"eventtrack flush {proxy.url}" in errors
    proxy.open()
    assert flush()[0] == 0
