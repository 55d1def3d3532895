"""What happens to runs at the end of a program, after a fork, and between processes."""

import os
import sys
from types import ModuleType
from typing import Any

import pytest

from tests.fluent.conftest import Script


def runs(mlflow: ModuleType) -> list[Any]:
    """All runs of the test's store, oldest first."""
    found = mlflow.search_runs(
        search_all_experiments=True, output_format="list", order_by=["attributes.start_time ASC"]
    )
    assert isinstance(found, list)
    return found


def by_name(mlflow: ModuleType) -> dict[str, str]:
    """The status of each run."""
    return {run.info.run_name: run.info.status for run in runs(mlflow)}


def test_a_run_left_open_is_finished_at_exit(mlflow: ModuleType, script: Script) -> None:
    done = script(
        """
        import eventtrack as mlflow
        mlflow.start_run(run_name="parent")
        mlflow.start_run(run_name="child", nested=True)
        mlflow.log_metric("loss", 1.0)
        """
    )
    assert done.returncode == 0, done.stderr
    assert by_name(mlflow) == {"parent": "FINISHED", "child": "FINISHED"}
    assert all(run.info.end_time for run in runs(mlflow))


def test_a_run_left_open_by_a_thread_is_finished_at_exit(
    mlflow: ModuleType, script: Script
) -> None:
    done = script(
        """
        import threading, eventtrack as mlflow
        thread = threading.Thread(target=lambda: mlflow.start_run(run_name="worker"))
        thread.start(); thread.join()
        """
    )
    assert done.returncode == 0, done.stderr
    assert by_name(mlflow) == {"worker": "FINISHED"}


@pytest.mark.parametrize("error", ["ValueError('no')", "KeyboardInterrupt"])
def test_a_run_left_open_by_an_unhandled_exception_has_failed(
    mlflow: ModuleType, script: Script, error: str
) -> None:
    done = script(
        f"""
        import eventtrack as mlflow
        mlflow.start_run(run_name="broken")
        raise {error}
        """
    )
    assert done.returncode != 0
    assert error.split("(", maxsplit=1)[0] in done.stderr
    assert by_name(mlflow) == {"broken": "FAILED"}


def test_runs_in_two_stores_are_both_ended_at_exit(mlflow: ModuleType, script: Script) -> None:
    done = script(
        """
        import os, eventtrack as mlflow
        mlflow.start_run(run_name="first")
        first = os.environ["EVENTTRACK_URI"]
        mlflow.set_tracking_uri(first + "-second")
        mlflow.start_run(run_name="second", nested=True)
        """
    )
    assert done.returncode == 0, done.stderr
    assert by_name(mlflow) == {"first": "FINISHED"}
    mlflow.set_tracking_uri(mlflow.get_tracking_uri() + "-second")
    assert by_name(mlflow) == {"second": "FINISHED"}


def test_a_program_that_logs_nothing_writes_nothing(script: Script, store_path: Any) -> None:
    done = script("import eventtrack as mlflow; mlflow.end_run(); mlflow.flush()")
    assert done.returncode == 0, done.stderr
    assert not store_path.exists()


def test_mlflows_variables_choose_store_and_experiment(
    mlflow: ModuleType, script: Script, store_path: Any
) -> None:
    done = script(
        """
        import eventtrack as mlflow
        with mlflow.start_run(run_name="by variables"):
            pass
        """,
        EVENTTRACK_URI="",
        MLFLOW_TRACKING_URI=f"file://{store_path}",
        MLFLOW_EXPERIMENT_NAME="by name",
    )
    assert done.returncode == 0, done.stderr
    [run] = runs(mlflow)
    assert run.info.run_name == "by variables"
    assert mlflow.get_experiment(run.info.experiment_id).name == "by name"


def test_a_run_id_variable_resumes_the_run_of_another_process(
    mlflow: ModuleType, script: Script
) -> None:
    with mlflow.start_run() as first:
        mlflow.log_param("lr", 0.1)
    done = script(
        """
        import eventtrack as mlflow
        mlflow.log_metric("loss", 0.5)
        mlflow.end_run()
        with mlflow.start_run(run_name="new"):
            pass
        """,
        MLFLOW_RUN_ID=first.info.run_id,
    )
    assert done.returncode == 0, done.stderr
    resumed = mlflow.get_run(first.info.run_id)
    assert resumed.data.metrics == {"loss": 0.5}
    assert resumed.info.status == "FINISHED"
    assert len(runs(mlflow)) == 2


def test_a_started_process_shares_store_and_experiment(mlflow: ModuleType, script: Script) -> None:
    done = script(
        """
        import subprocess, sys, eventtrack as mlflow
        mlflow.set_experiment("shared")
        child = 'import eventtrack as m; m.start_run(run_name="child"); m.end_run()'
        subprocess.run([sys.executable, "-c", child], check=True)
        with mlflow.start_run(run_name="parent"):
            pass
        """
    )
    assert done.returncode == 0, done.stderr
    assert {mlflow.get_experiment(run.info.experiment_id).name for run in runs(mlflow)} == {
        "shared"
    }
    assert set(by_name(mlflow)) == {"parent", "child"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_leaves_its_parents_runs_alone(mlflow: ModuleType, script: Script) -> None:
    done = script(
        """
        import os, sys, eventtrack as mlflow
        with mlflow.start_run(run_name="parent") as run:
            mlflow.log_metric("loss", 1.0, step=1)
            child = os.fork()
            if child == 0:
                assert mlflow.active_run() is None
                assert mlflow.last_active_run() is None
                with mlflow.start_run(run_name="child", parent_run_id=run.info.run_id):
                    mlflow.log_metric("loss", 2.0)
                sys.exit(0)  # unlike os._exit, this runs the exit handlers, and leaves the block
            _, status = os.waitpid(child, 0)
            assert status == 0
            assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
            mlflow.log_metric("loss", 3.0, step=2)
        """
    )
    assert done.returncode == 0, done.stderr
    assert by_name(mlflow) == {"parent": "FINISHED", "child": "FINISHED"}
    metrics = {run.info.run_name: run.data.metrics for run in runs(mlflow)}
    assert metrics == {"parent": {"loss": 3.0}, "child": {"loss": 2.0}}


def test_workers_of_a_pool_log_below_their_parent(mlflow: ModuleType, script: Script) -> None:
    done = script(
        """
        import multiprocessing, eventtrack as mlflow

        def work(arguments):
            parent, number = arguments
            with mlflow.start_run(parent_run_id=parent, run_name=f"child {number}"):
                mlflow.log_metric("number", number)

        if __name__ == "__main__":
            with mlflow.start_run(run_name="parent") as run:
                for method in ("fork", "spawn"):
                    start = 0 if method == "fork" else 4
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        pool.map(work, [(run.info.run_id, start + n) for n in range(4)])
        """
    )
    assert done.returncode == 0, done.stderr
    statuses = by_name(mlflow)
    assert len(statuses) == 9
    assert set(statuses.values()) == {"FINISHED"}


def test_a_program_says_where_it_is_from(mlflow: ModuleType, script: Script, tmp_path: Any) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs" / "heads" / "main").write_text("1" * 40 + "\n")
    done = script("import eventtrack as mlflow; mlflow.start_run()")
    assert done.returncode == 0, done.stderr
    [run] = runs(mlflow)
    assert run.data.tags["mlflow.source.name"] == str(tmp_path / "train.py")
    assert run.data.tags["mlflow.source.git.commit"] == "1" * 40


def test_importing_is_cheap_and_loads_nothing_else(script: Script) -> None:
    done = script(
        """
        import sys
        before = set(sys.modules)
        import eventtrack
        print(*sorted(name for name in set(sys.modules) - before if name.startswith("eventtrack")))
        eventtrack.log_metric
        loaded = {name.split(".")[0] for name in sys.modules}
        print(*sorted(loaded & {"numpy", "pandas", "PIL", "matplotlib", "rich", "click", "psutil"}))
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["eventtrack eventtrack._version", ""]
    assert sys.version_info >= (3, 11)
