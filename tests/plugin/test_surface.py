"""The whole width of MLflow's interface: every call works or is refused in words."""

import inspect
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow")

from mlflow.exceptions import MlflowException
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.tracking._tracking_service.utils import _get_store

from eventtrack.plugin import TrackingStore
from eventtrack.plugin.unsupported import INHERITED, UNDECLARED


def own(name: str) -> bool:
    """Whether a method is written by one of our small classes."""
    return any(
        name in vars(base)
        for base in TrackingStore.__mro__[1:]
        if base.__module__.startswith("eventtrack.plugin")
    )


METHODS = sorted(
    name
    for name, member in inspect.getmembers(AbstractStore, callable)
    if not name.startswith("__")
)


@pytest.mark.parametrize(
    "name", [name for name in [*METHODS, *UNDECLARED] if not own(name) and name not in INHERITED]
)
def test_what_is_not_kept_is_refused_as_not_implemented(name: str, tmp_path: Path) -> None:
    store = TrackingStore(f"eventtrack:{tmp_path}/store")
    with pytest.raises(MlflowException, match=name.strip("_")) as caught:
        getattr(store, name)()
    assert (caught.value.error_code, caught.value.get_http_status_code()) == (
        "NOT_IMPLEMENTED",
        501,
    )


def test_the_entry_point_is_found(tmp_path: Path) -> None:
    assert isinstance(_get_store(f"eventtrack:{tmp_path}/store"), TrackingStore)


@pytest.mark.parametrize("name", [name for name in METHODS if own(name)])
def test_arguments_have_the_names_that_mlflow_calls_them_by(name: str) -> None:
    theirs = list(inspect.signature(getattr(AbstractStore, name)).parameters)
    ours: Any = inspect.signature(getattr(TrackingStore, name)).parameters
    assert list(ours)[: len(theirs)] == theirs
