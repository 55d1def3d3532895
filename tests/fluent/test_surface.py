"""`eventtrack` itself: which names it hands out, and how."""

import ast
from pathlib import Path

import mlflow
import pytest

import eventtrack

# What MLflow users call by these names (mlflow 3.17.2), less models, traces and autologging.
MLFLOW_NAMES = [
    "ActiveRun",
    "Image",
    "MlflowClient",
    "MlflowException",
    "RunOperations",
    "active_run",
    "artifacts",
    "client",
    "config",
    "create_experiment",
    "data",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "end_run",
    "entities",
    "exceptions",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_inputs",
    "log_metric",
    "log_metrics",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_system_metrics_node_id",
    "set_system_metrics_samples_before_logging",
    "set_system_metrics_sampling_interval",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
    "tracking",
]


@pytest.mark.parametrize("name", eventtrack.__all__)
def test_every_name_can_be_fetched(name: str) -> None:
    assert getattr(eventtrack, name) is getattr(eventtrack, name)
    assert name in dir(eventtrack)


def test_mlflows_names_are_there() -> None:
    assert set(MLFLOW_NAMES) - set(eventtrack.__all__) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'autologs'$"):
        eventtrack.autologs  # noqa: B018


def test_what_only_mlflow_has_is_an_error_that_says_what_to_do() -> None:
    lacking = [name for name in mlflow.__all__ if not hasattr(eventtrack, name)]
    assert {"autolog", "register_model", "trace"} <= set(lacking)
    for name in [*lacking, "sklearn", "pyfunc"]:
        with pytest.raises(AttributeError, match=r"hint: .*set_tracking_uri\('eventtrack:"):
            getattr(eventtrack, name)
    with pytest.raises(AttributeError, match=r"`eventtrack.integrations.lightning` records it"):
        eventtrack.pytorch  # noqa: B018


def test_type_checkers_are_told_what_is_fetched() -> None:
    """The imports under TYPE_CHECKING and the table of homes name the same things."""
    path = eventtrack.__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    [block] = [block for block in blocks if ast.unparse(block.test) == "TYPE_CHECKING"]
    told: dict[str, set[str]] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        told[node.module] = {alias.name for alias in node.names}
    assert told.pop("eventtrack") == set(eventtrack._MODULES)
    assert told == {home: set(names) for home, names in eventtrack._HOMES.items()}
    named = set().union(*told.values(), eventtrack._MODULES, {"__version__"})
    assert named == set(eventtrack.__all__)


def test_one_error_class_catches_all() -> None:
    assert eventtrack.MlflowException is eventtrack.EventtrackError
    assert eventtrack.exceptions.MlflowException is eventtrack.EventtrackError
