"""eventtrack: an experiment tracker whose only truth is an append-only log.

`import eventtrack as mlflow` runs code that was written for MLflow:

    import eventtrack as mlflow

    with mlflow.start_run():
        mlflow.log_param("lr", 0.01)
        mlflow.log_metric("loss", 0.25, step=1)

Importing this loads nothing else: each name below is fetched from its module on first use. In a
notebook it also says how a run is shown.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from eventtrack._version import __version__

if TYPE_CHECKING:
    from eventtrack import artifacts, client, config, data, entities, exceptions, tracking
    from eventtrack.errors import EventtrackError
    from eventtrack.exceptions import MlflowException
    from eventtrack.fluent.artifacts import (
        get_artifact_uri,
        load_table,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_stream,
        log_table,
        log_text,
    )
    from eventtrack.fluent.client import EventtrackClient
    from eventtrack.fluent.experiments import (
        create_experiment,
        delete_experiment,
        delete_experiment_tag,
        get_experiment,
        get_experiment_by_name,
        restore_experiment,
        search_experiments,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
    )
    from eventtrack.fluent.images import Image
    from eventtrack.fluent.inputs import (
        log_input,
        log_inputs,
        log_outputs,
    )
    from eventtrack.fluent.items import (
        log_audio,
        log_histogram,
        log_html,
        log_media,
        log_text_line,
        log_video,
    )
    from eventtrack.fluent.location import (
        flush,
        flush_artifact_async_logging,
        flush_async_logging,
        get_tracking_uri,
        is_tracking_uri_set,
        set_tracking_uri,
    )
    from eventtrack.fluent.operations import RunOperations
    from eventtrack.fluent.recording import (
        delete_tag,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        set_tag,
        set_tags,
    )
    from eventtrack.fluent.runs import (
        active_run,
        delete_run,
        end_run,
        get_parent_run,
        get_run,
        last_active_run,
        restore_run,
        start_run,
    )
    from eventtrack.fluent.search import search_runs
    from eventtrack.fluent.stack import ActiveRun
    from eventtrack.fluent.system_metrics import (
        disable_system_metrics_logging,
        enable_system_metrics_logging,
        set_system_metrics_node_id,
        set_system_metrics_samples_before_logging,
        set_system_metrics_sampling_interval,
    )
    from eventtrack.notebook.extension import load_ipython_extension
    from eventtrack.notebook.showing import display
    from eventtrack.store.reasons import reason
    from eventtrack.tracking import MlflowClient

# Where each name lives. The imports above say the same to type checkers and editors; a test
# keeps the two alike.
_HOMES = {
    "eventtrack.errors": ("EventtrackError",),
    "eventtrack.exceptions": ("MlflowException",),
    "eventtrack.fluent.artifacts": (
        "get_artifact_uri",
        "load_table",
        "log_artifact",
        "log_artifacts",
        "log_dict",
        "log_figure",
        "log_image",
        "log_stream",
        "log_table",
        "log_text",
    ),
    "eventtrack.fluent.client": ("EventtrackClient",),
    "eventtrack.fluent.experiments": (
        "create_experiment",
        "delete_experiment",
        "delete_experiment_tag",
        "get_experiment",
        "get_experiment_by_name",
        "restore_experiment",
        "search_experiments",
        "set_experiment",
        "set_experiment_tag",
        "set_experiment_tags",
    ),
    "eventtrack.fluent.images": ("Image",),
    "eventtrack.fluent.inputs": (
        "log_input",
        "log_inputs",
        "log_outputs",
    ),
    "eventtrack.fluent.items": (
        "log_audio",
        "log_histogram",
        "log_html",
        "log_media",
        "log_audio",
        "log_histogram",
        "log_html",
        "log_media",
        "log_text_line",
        "log_video",
        "log_video",
    ),
    "eventtrack.fluent.location": (
        "flush",
        "flush_artifact_async_logging",
        "flush_async_logging",
        "get_tracking_uri",
        "is_tracking_uri_set",
        "set_tracking_uri",
    ),
    "eventtrack.fluent.operations": ("RunOperations",),
    "eventtrack.fluent.recording": (
        "delete_tag",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "set_tag",
        "set_tags",
    ),
    "eventtrack.fluent.runs": (
        "active_run",
        "delete_run",
        "end_run",
        "get_parent_run",
        "get_run",
        "last_active_run",
        "restore_run",
        "start_run",
    ),
    "eventtrack.fluent.search": ("search_runs",),
    "eventtrack.fluent.stack": ("ActiveRun",),
    "eventtrack.fluent.system_metrics": (
        "disable_system_metrics_logging",
        "enable_system_metrics_logging",
        "set_system_metrics_node_id",
        "set_system_metrics_samples_before_logging",
        "set_system_metrics_sampling_interval",
    ),
    "eventtrack.store.reasons": ("reason",),
    "eventtrack.notebook.extension": ("load_ipython_extension",),
    "eventtrack.notebook.showing": ("display",),
    "eventtrack.tracking": ("MlflowClient",),
}
_MODULES = ("artifacts", "client", "config", "data", "entities", "exceptions", "tracking")
# The module that knows what MLflow's package has and this lacks.
_ABSENT = "eventtrack.fluent.absent"
# The module that imports others without the garbage collector in the way.
_LAZY = "eventtrack.lazy"
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ActiveRun",
    "EventtrackClient",
    "EventtrackError",
    "Image",
    "MlflowClient",
    "MlflowException",
    "RunOperations",
    "__version__",
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
    "display",
    "enable_system_metrics_logging",
    "end_run",
    "entities",
    "exceptions",
    "flush",
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
    "load_ipython_extension",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_audio",
    "log_dict",
    "log_figure",
    "log_histogram",
    "log_html",
    "log_image",
    "log_input",
    "log_inputs",
    "log_media",
    "log_metric",
    "log_metrics",
    "log_outputs",
    "log_param",
    "log_params",
    "log_stream",
    "log_table",
    "log_text",
    "log_text_line",
    "log_video",
    "reason",
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


if "IPython" in sys.modules:
    importlib.import_module("eventtrack.notebook.formatting").register()


def __getattr__(name: str) -> Any:
    """Fetch a public name on its first use and keep it, so that the second is a plain lookup."""
    if name in _MODULES:
        return importlib.import_module(f"eventtrack.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(_missing(name))
    value = getattr(importlib.import_module(_LAZY).load(home), name)
    globals()[name] = value
    return value


def _missing(name: str) -> str:
    """The words of the error for a name that is none of ours."""
    absent = importlib.import_module(_ABSENT)
    if not absent.is_mlflow_name(name):
        return f"module 'eventtrack' has no attribute {name!r}"
    location = importlib.import_module(_HOME_OF["get_tracking_uri"])
    words: str = absent.message(name, location.current_place())
    return words


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
