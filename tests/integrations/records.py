"""What a training recorded, as the tests ask for it."""

from typing import Any

import eventtrack
from eventtrack.views.records import Run


def only_run(**search: Any) -> Run:
    """The only run of all experiments."""
    [run] = all_runs(**search)
    return run


def all_runs(**search: Any) -> list[Run]:
    """All runs of all experiments, oldest first."""
    runs = eventtrack.search_runs(
        search_all_experiments=True, output_format="list", order_by=["start_time ASC"], **search
    )
    assert isinstance(runs, list)
    return runs


def history(run_id: str, key: str) -> list[tuple[int, float]]:
    """Step and value of each point of a metric."""
    points = eventtrack.MlflowClient().get_metric_history(run_id, key)
    return [(point.step, point.value) for point in points]


def histories(client: Any, run: Any) -> dict[str, list[tuple[int, float]]]:
    """Step and value of all points of a run, with our client or MLflow's; times of work left out.

    Seconds and samples per second differ from one training to the next. So does whether a point
    that is logged twice falls into one millisecond, and is one point: such points count once.
    """
    return {
        key: sorted({(p.step, p.value) for p in client.get_metric_history(run.info.run_id, key)})
        for key in run.data.metrics
        if "second" not in key and "runtime" not in key
    }


def files(run_id: str, path: str | None = None) -> list[str]:
    """The paths of a run's files, folders before what is in them."""
    paths = []
    for info in eventtrack.artifacts.list_artifacts(run_id=run_id, artifact_path=path):
        paths.append(info.path)
        paths += files(run_id, info.path) if info.is_dir else []
    return paths
