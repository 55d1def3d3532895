"""The same mistakes on MLflow's store and on ours, what both list, and where they differ.

Runs only where MLflow is installed; nothing of eventtrack needs it.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.views import records
from tests.store.beside_mlflow import NUMBERS, Pair, agree, mlflow_entities, opened, outcome, paired

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store]]:
    """Both stores, shared by the tests of this module."""
    with opened(tmp_path_factory.mktemp("mlflow")) as both:
        yield both


def with_run(stores: tuple[Any, Store]) -> Pair:
    """A new experiment with one run in both stores."""
    pair = paired(stores)
    theirs = pair.theirs.create_run(pair.their_experiment, 1, run_name="run")
    ours = pair.ours.runs.create(pair.our_experiment, start_time=1, run_name="run")
    pair.runs.append((theirs.info.run_id, ours.info.run_id))
    return pair


def change_param(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    store.runs.log_params(run_id, {"p": 2})


MISTAKES: list[tuple[str, Callable[[Any, str, str], Any], Callable[[Store, str, str], Any]]] = [
    (
        "unknown run",
        lambda client, _, __: client.get_run("f" * 32),
        lambda store, _, __: store.runs.get("f" * 32),
    ),
    (
        "unknown experiment",
        lambda client, _, __: client.get_experiment("424242"),
        lambda store, _, __: store.experiments.get("424242"),
    ),
    (
        "name that is taken",
        lambda client, _, __: client.create_experiment("Default"),
        lambda store, _, __: store.experiments.create("Default"),
    ),
    (
        "empty name",
        lambda client, _, __: client.create_experiment(""),
        lambda store, _, __: store.experiments.create(""),
    ),
    (
        "long name",
        lambda client, _, __: client.create_experiment("x" * 501),
        lambda store, _, __: store.experiments.create("x" * 501),
    ),
    (
        "restoring what is active",
        lambda client, _, experiment: client.restore_experiment(experiment),
        lambda store, _, experiment: store.experiments.restore(experiment),
    ),
    (
        "missing experiment tag",
        lambda client, _, experiment: client.delete_experiment_tag(experiment, "none"),
        lambda store, _, experiment: store.experiments.delete_tag(experiment, "none"),
    ),
    (
        "missing tag",
        lambda client, run, _: client.delete_tag(run, "none"),
        lambda store, run, _: store.runs.delete_tag(run, "none"),
    ),
    (
        "long key",
        lambda client, run, _: client.log_param(run, "x" * 251, 1),
        lambda store, run, _: store.runs.log_params(run, {"x" * 251: 1}),
    ),
    (
        "bad key",
        lambda client, run, _: client.set_tag(run, "a//b", 1),
        lambda store, run, _: store.runs.set_tags(run, {"a//b": 1}),
    ),
    (
        "value of text",
        lambda client, run, _: client.log_metric(run, "m", "text"),
        lambda store, run, _: store.metrics.log(run, "m", "text"),  # type: ignore[arg-type]
    ),
    (
        "time before 1970",
        lambda client, run, _: client.log_metric(run, "m", 1.0, -1),
        lambda store, run, _: store.metrics.log(run, "m", 1.0, 0, -1),
    ),
    (
        "two names",
        lambda client, _, e: client.create_run(e, tags={"mlflow.runName": "a"}, run_name="b"),
        lambda store, _, e: store.runs.create(e, tags={"mlflow.runName": "a"}, run_name="b"),
    ),
    (
        "bad filter",
        lambda client, _, e: client.search_runs([e], "nonsense = 1"),
        lambda store, _, e: store.runs.search([e], "nonsense = 1"),
    ),
    (
        "bad order",
        lambda client, _, e: client.search_runs([e], order_by=["nonsense"]),
        lambda store, _, e: store.runs.search([e], order_by=["nonsense"]),
    ),
    (
        "page of nothing",
        lambda client, _, e: client.search_runs([e], max_results=0),
        lambda store, _, e: store.runs.search([e], max_results=0),
    ),
    (
        "long dataset name",
        lambda client, run, _: client.log_inputs(
            run,
            [mlflow_entities.DatasetInput(mlflow_entities.Dataset("x" * 501, "d", "s", "{}"), [])],
        ),
        lambda store, run, _: store.runs.log_inputs(
            run,
            [
                records.DatasetInput(
                    dataset=records.Dataset(
                        name="x" * 501, digest="d", source_type="s", source="{}"
                    )
                )
            ],
        ),
    ),
    (
        "param that changes",
        lambda client, run, _: [client.log_param(run, "p", value) for value in (1, 2)],
        lambda store, run, _: change_param(store, run),
    ),
    (
        "param twice in a batch",
        lambda client, run, _: client.log_batch(
            run, params=[mlflow_entities.Param("q", "1"), mlflow_entities.Param("q", "1")]
        ),
        lambda store, run, _: store.runs.log_batch(
            run, params=[records.Param(key="q", value="1"), records.Param(key="q", value="1")]
        ),
    ),
]
# Messages that begin alike; of the others only the code is the same.
WORDS = {
    "unknown run": "Run with id=",
    "unknown experiment": "No Experiment with id=424242 exists",
    "name that is taken": "Experiment(name=Default) already exists.",
    "param that changes": "Changing param values is not allowed. Param with key='p' was already",
    "two names": "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with",
    "param twice in a batch": "Duplicate parameter keys have been submitted: ['q']",
    "missing tag": "No tag with name: none in run with id",
    "bad filter": "Invalid attribute key 'nonsense' specified",
}


@pytest.mark.parametrize(
    ("name", "theirs", "ours"), [pytest.param(*row, id=row[0]) for row in MISTAKES]
)
def test_the_same_mistake_is_refused_alike(
    stores: tuple[Any, Store],
    name: str,
    theirs: Callable[[Any, str, str], Any],
    ours: Callable[[Store, str, str], Any],
) -> None:
    pair = with_run(stores)
    their_run, our_run = pair.runs[0]
    refused = outcome(lambda: theirs(pair.theirs, their_run, pair.their_experiment))
    refused_here = outcome(lambda: ours(pair.ours, our_run, pair.our_experiment))
    assert refused[0] != "ok"
    agree(refused, refused_here, name)
    if name in WORDS:
        assert refused[1].startswith(WORDS[name])
        assert refused_here[1].startswith(WORDS[name])


def test_experiments_are_listed_in_the_same_order(stores: tuple[Any, Store]) -> None:
    pairs = [paired(stores) for _ in range(4)]
    client, store = stores
    client.delete_experiment(pairs[1].their_experiment)
    store.experiments.delete(pairs[1].our_experiment)
    for view in (1, 2, 3):
        for text in ("", "name LIKE 'experiment%'", "name != 'Default'", "name ILIKE 'EXP%'"):
            for order in (["name"], ["name DESC"], ["creation_time", "name"]):
                theirs = client.search_experiments(view, filter_string=text, order_by=order)
                ours = store.experiments.search(view, filter_string=text, order_by=order)
                assert [one.name for one in ours] == [one.name for one in theirs]


def test_artifacts_are_listed_alike(stores: tuple[Any, Store], tmp_path: Path) -> None:
    client, store = stores
    name = f"files {next(NUMBERS)}"
    theirs = client.create_run(client.create_experiment(name, str(tmp_path / "theirs")))
    ours = store.runs.create(store.experiments.create(name)).info.run_id
    source = tmp_path / "source"
    (source / "sub" / "deep").mkdir(parents=True)
    for path in ("a", "b.txt", "sub/c", "sub/deep/d"):
        (source / path).write_text(path)
    for where in (None, "into"):
        client.log_artifacts(theirs.info.run_id, str(source), where)
        store.artifacts.log_folder(ours, source, where)
        client.log_artifact(theirs.info.run_id, str(source / "a"), "one/two")
        store.artifacts.log_file(ours, source / "a", "one/two")
    for folder in (None, "into", "into/sub", "one", "one/two/", "sub/deep", "a", "none"):
        assert [
            (one.path, one.is_dir, one.file_size) for one in store.artifacts.list(ours, folder)
        ] == [
            (one.path, one.is_dir, one.file_size)
            for one in client.list_artifacts(theirs.info.run_id, folder)
        ], folder


def test_a_relative_location_means_the_same_folder(
    stores: tuple[Any, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client, store = stores
    name = f"relative {next(NUMBERS)}"
    theirs = client.get_experiment(client.create_experiment(name, "some/where"))
    ours = store.experiments.get(store.experiments.create(name, "some/where"))
    assert ours.artifact_location == theirs.artifact_location


def test_long_values_are_cut_alike(stores: tuple[Any, Store]) -> None:
    pair = with_run(stores)
    their_run, our_run = pair.runs[0]
    pair.theirs.log_param(their_run, "p", "x" * 6001)
    pair.theirs.set_tag(their_run, "t", "x" * 8001)
    pair.ours.runs.log_params(our_run, {"p": "x" * 6001})
    pair.ours.runs.set_tags(our_run, {"t": "x" * 8001})
    theirs, ours = pair.theirs.get_run(their_run).data, pair.ours.runs.get(our_run).data
    assert (ours.params["p"], ours.tags["t"]) == (theirs.params["p"], theirs.tags["t"])


def test_the_differences_are_these(stores: tuple[Any, Store]) -> None:
    pair = with_run(stores)
    their_run, our_run = pair.runs[0]
    for value in (math.nan, -1.0):
        pair.theirs.log_metric(their_run, "m", value, 1, 1)
        pair.ours.metrics.log(our_run, "m", value, 1, 1)
    pair.theirs.log_metric(their_run, "n", -1.0, 1, 1)
    pair.theirs.log_metric(their_run, "n", math.nan, 1, 1)
    # NaN counts as 0 there and above all numbers here, so ours does not depend on the order.
    assert math.isnan(pair.theirs.get_run(their_run).data.metrics["m"])
    assert math.isnan(pair.ours.runs.get(our_run).data.metrics["m"])
    # The history of a run that is not there is empty there and refused here.
    assert pair.theirs.get_metric_history("f" * 32, "m") == []
    assert outcome(lambda: pair.ours.metrics.history("f" * 32, "m"))[0] == "RESOURCE_DOES_NOT_EXIST"
