"""Refuses every other call of MLflow's wide interface in words, instead of answering None.

MLflow's base class enforces nothing: a method that is not written returns None or raises
`NotImplementedError`, depending on its age.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from mlflow.store.tracking.abstract_store import AbstractStore

from eventtrack.plugin.errors import not_implemented

Class = TypeVar("Class", bound=type)

# Methods of the base class that work as they are: they only call methods that we have.
INHERITED = frozenset(
    {
        "delete_traces",
        "end_async_logging",
        "flush_async_logging",
        "log_batch_async",
        "log_metric_async",
        "log_param_async",
        "log_spans_async",
        "set_model_versions_tags",
        "set_tag_async",
        "shut_down_async_logging",
    }
)
# Called by MLflow although its base class does not have them.
UNDECLARED = ("deprecated_start_trace_v2", "deprecated_end_trace_v2")


def refuse_the_rest(owner: Class) -> Class:
    """Class decorator: `owner` refuses each method that it inherits from MLflow unwritten."""
    declared = [
        name
        for name in dir(AbstractStore)
        if not name.startswith("__")
        and callable(getattr(AbstractStore, name))
        and getattr(owner, name) is getattr(AbstractStore, name)
        and name not in INHERITED
    ]
    for name in [*declared, *UNDECLARED]:
        setattr(owner, name, _refusal(name))
    return owner


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(_self: Any, *_arguments: Any, **_named: Any) -> Any:
        not_implemented(f"MLflow's {name.removeprefix('_')}()")

    refuse.__name__ = name
    refuse.__doc__ = f"Not kept by eventtrack: raises `NOT_IMPLEMENTED` ({name})."
    return refuse
