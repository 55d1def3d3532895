"""Values that are too long: cut with a warning, or refused where that is asked for."""

from collections.abc import Callable

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store
from eventtrack.views.records import Param, Run, RunTag
from tests.store.machines import refused

LONG_VALUES = pytest.mark.parametrize(
    ("length", "write", "read"),
    [
        (
            6000,
            lambda store, run, text: store.runs.log_params(run, {"p": text}),
            lambda run: run.data.params["p"],
        ),
        (
            6000,
            lambda store, run, text: store.runs.log_batch(run, params=[Param("p", text)]),
            lambda run: run.data.params["p"],
        ),
        (
            8000,
            lambda store, run, text: store.runs.set_tags(run, {"t": text}),
            lambda run: run.data.tags["t"],
        ),
        (
            8000,
            lambda store, run, text: store.runs.log_batch(run, tags=[RunTag("t", text)]),
            lambda run: run.data.tags["t"],
        ),
        (
            8000,
            lambda store, run, text: store.runs.update(run, name=text),
            lambda run: run.info.run_name,
        ),
    ],
    ids=["param", "param of a batch", "tag", "tag of a batch", "name"],
)


@LONG_VALUES
def test_a_value_that_is_too_long_is_cut_with_a_warning(
    store: Store,
    run_id: str,
    caplog: pytest.LogCaptureFixture,
    length: int,
    write: Callable[[Store, str, str], None],
    read: Callable[[Run], str],
) -> None:
    write(store, run_id, "ü" * length)
    assert caplog.messages == []
    other = store.runs.create("0").info.run_id
    write(store, other, "ü" * length + "x")
    assert read(store.runs.get(run_id)) == read(store.runs.get(other)) == "ü" * length
    (message,) = caplog.messages
    assert f"({length + 1} characters) is truncated to {length} characters" in message
    # What is cut is what is compared: logged again it is the same value.
    write(store, other, "ü" * length + "y")


@LONG_VALUES
def test_a_value_that_is_too_long_is_refused_where_that_is_asked_for(
    store: Store,
    run_id: str,
    monkeypatch: pytest.MonkeyPatch,
    length: int,
    write: Callable[[Store, str, str], None],
    read: Callable[[Run], str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "False")
    write(store, run_id, "x" * length)
    with refused(store, InvalidValueError, f"exceeds the maximum length of {length} characters"):
        write(store, run_id, "y" * (length + 1))


def test_a_setting_that_is_neither_true_nor_false_is_refused(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "perhaps")
    with refused(store, InvalidValueError, "MLFLOW_TRUNCATE_LONG_VALUES value must be one of"):
        store.runs.set_tags(run_id, {"t": "x" * 8001})


@pytest.mark.parametrize("write", ["log_params", "set_tags"])
def test_a_name_that_is_too_long_is_refused(store: Store, run_id: str, write: str) -> None:
    getattr(store.runs, write)(run_id, {"x" * 250: 1})
    with refused(store, InvalidValueError, "exceeds the maximum length of 250 characters"):
        getattr(store.runs, write)(run_id, {"x" * 251: 1})
