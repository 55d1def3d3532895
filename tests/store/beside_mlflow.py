"""MLflow's SQLite store and ours, side by side; whoever imports this needs MLflow."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
    mlflow_entities = pytest.importorskip("mlflow.entities")

NUMBERS = itertools.count()


class Pair(NamedTuple):
    """MLflow's client, our store, and one experiment in both, with the runs made so far."""

    theirs: Any
    ours: Store
    their_experiment: str
    our_experiment: str
    runs: list[tuple[str, str]]


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Any, Store]]:
    """MLflow's client on a database of its own and our store, both empty but for Default."""
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    client.search_experiments()
    store = Store(folder / "ours")
    yield client, store
    store.close()


def paired(stores: tuple[Any, Store]) -> Pair:
    """A new experiment in both stores."""
    client, store = stores
    name = f"experiment {next(NUMBERS)}"
    return Pair(client, store, client.create_experiment(name), store.experiments.create(name), [])


def outcome(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the beginning of the message of a refusal; "ok" for none."""
    try:
        call()
    except mlflow.MlflowException as error:
        return error.error_code, error.message
    except EventtrackError as error:
        return error.error_code if error.hint else "no hint", error.message
    return "ok", ""


def agree(theirs: tuple[str, str], ours: tuple[str, str], what: object) -> None:
    """Demand the same code."""
    assert (ours[0], what) == (theirs[0], what), (theirs, ours)
