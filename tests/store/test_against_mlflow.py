"""The same calls on MLflow's SQLite store and on ours: same answers, same refusals.

Runs only where MLflow is installed; nothing of eventtrack needs it. Where the two differ on purpose
the difference is spelled out here: infinities stay infinite, long values are refused rather than
cut, and NaN counts above all numbers rather than as 0.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.views import records

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow = pytest.importorskip("mlflow", exc_type=ImportError)
    mlflow_entities = pytest.importorskip("mlflow.entities")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LARGEST = 1.7976931348623157e308
RUNS = 4
NUMBERS = itertools.count()


class Pair(NamedTuple):
    """MLflow's client, our store, and one experiment in both, with the runs made so far."""

    theirs: Any
    ours: Store
    their_experiment: str
    our_experiment: str
    runs: list[tuple[str, str]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store]]:
    """Both stores, empty but for Default."""
    folder = tmp_path_factory.mktemp("mlflow")
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


class Step(NamedTuple):
    """One call."""

    name: str
    place: int
    key: str
    value: str
    number: float
    step: int


steps = st.builds(
    Step,
    st.sampled_from(
        [
            *("create", "create", "status", "name", "end", "param", "param", "tag", "tag off"),
            *("metric", "metric", "batch", "delete", "restore", "hide", "show", "input"),
        ]
    ),
    st.integers(0, RUNS - 1),
    st.sampled_from(["a", "b", "mlflow.runName", "bad#key", "", "/x", "a/b c"]),
    st.sampled_from(["1", "2", "", "é%_"]),
    st.sampled_from([0.0, -1.5, 2.0, 1e300, math.inf, -math.inf]),
    st.integers(-2, 3),
)


def perform(pair: Pair, step: Step) -> None:
    """Make one call in both stores and compare what came of it."""
    theirs, ours = pair.theirs, pair.ours
    if step.name == "create":
        create(pair, step)
        return
    if step.name in ("hide", "show"):
        name = "delete_experiment" if step.name == "hide" else "restore_experiment"
        change = ours.experiments.delete if step.name == "hide" else ours.experiments.restore
        agree(
            outcome(lambda: getattr(theirs, name)(pair.their_experiment)),
            outcome(lambda: change(pair.our_experiment)),
            step,
        )
        return
    if step.name == "tag off" and step.key == "mlflow.runName":
        return  # MLflow looks for the name in its tag, so a run without it has none to be found by
    if step.place < len(pair.runs):
        their_run, our_run = pair.runs[step.place]
        agree(
            outcome(lambda: on_theirs(theirs, their_run, step)),
            outcome(lambda: on_ours(ours, our_run, step)),
            step,
        )


def create(pair: Pair, step: Step) -> None:
    if len(pair.runs) == RUNS:
        return
    start, made = len(pair.runs) + 1, []
    # MLflow takes any tag at a run's birth, and breaks over a name beside an empty name tag.
    tags = {step.key: step.value} if step.key in ("a", "b", "a/b c") else {}
    name = f"run {start}"
    for call in (
        lambda: pair.theirs.create_run(pair.their_experiment, start, tags, name),
        lambda: pair.ours.runs.create(
            pair.our_experiment, start_time=start, tags=tags, run_name=name
        ),
    ):
        made.append(outcome(lambda call=call: made.append(call())))  # type: ignore[misc]
    runs = [one for one in made if not isinstance(one, tuple)]
    theirs, ours = (one for one in made if isinstance(one, tuple))
    agree(theirs, ours, step)
    if runs:
        pair.runs.append((runs[0].info.run_id, runs[1].info.run_id))


def on_theirs(client: Any, run_id: str, step: Step) -> None:
    match step.name:
        case "status":
            client.update_run(run_id, status=records.RunStatus.ALL[step.step])
        case "name":
            client.update_run(run_id, name=step.value)
        case "end":
            client.set_terminated(run_id, end_time=1 + abs(step.step))
        case "param":
            client.log_param(run_id, step.key, step.value)
        case "tag":
            client.set_tag(run_id, step.key, step.value)
        case "tag off":
            client.delete_tag(run_id, step.key)
        case "metric":
            client.log_metric(run_id, step.key, step.number, 5 - step.step, step.step)
        case "batch":
            entities = mlflow_entities
            client.log_batch(
                run_id,
                [entities.Metric(step.key, step.number, 7, step.step)],
                [entities.Param("p", step.value)],
                [entities.RunTag("t", step.value)],
            )
        case "delete":
            client.delete_run(run_id)
        case "restore":
            client.restore_run(run_id)
        case "input":
            entities = mlflow_entities
            dataset = entities.Dataset(f"d{step.value}", "d", "local", "{}")
            tags = [entities.InputTag("mlflow.data.context", step.key)]
            client.log_inputs(run_id, [entities.DatasetInput(dataset, tags)])


def on_ours(store: Store, run_id: str, step: Step) -> None:
    match step.name:
        case "status":
            store.runs.update(run_id, status=records.RunStatus.ALL[step.step])
        case "name":
            store.runs.update(run_id, name=step.value)
        case "end":
            store.runs.update(run_id, status="FINISHED", end_time=1 + abs(step.step))
        case "param":
            store.runs.log_params(run_id, {step.key: step.value})
        case "tag":
            store.runs.set_tags(run_id, {step.key: step.value})
        case "tag off":
            store.runs.delete_tag(run_id, step.key)
        case "metric":
            store.metrics.log(run_id, step.key, step.number, step.step, 5 - step.step)
        case "batch":
            store.runs.log_batch(
                run_id,
                [records.Metric(key=step.key, value=step.number, timestamp=7, step=step.step)],
                [records.Param(key="p", value=step.value)],
                [records.RunTag(key="t", value=step.value)],
            )
        case "delete":
            store.runs.delete(run_id)
        case "restore":
            store.runs.restore(run_id)
        case "input":
            dataset = records.Dataset(
                name=f"d{step.value}", digest="d", source_type="local", source="{}"
            )
            tags = [records.InputTag(key="mlflow.data.context", value=step.key)]
            store.runs.log_inputs(run_id, [records.DatasetInput(dataset=dataset, tags=tags)])


def clamped(value: float) -> float:
    """A number as MLflow stores it."""
    return max(-LARGEST, min(LARGEST, value))


def shown(run: Any) -> dict[str, Any]:
    """What get_run tells, without what is random."""
    info, data = run.info, run.data
    return {
        "name": info.run_name,
        "status": info.status,
        "times": (info.start_time, info.end_time),
        "stage": info.lifecycle_stage,
        "metrics": {key: clamped(value) for key, value in data.metrics.items()},
        "params": dict(data.params),
        "tags": dict(data.tags),
        "inputs": sorted(
            (one.dataset.name, one.dataset.digest, one.tags[0].value)
            for one in run.inputs.dataset_inputs
        ),
    }


def compare_runs(pair: Pair) -> None:
    for their_run, our_run in pair.runs:
        theirs = pair.theirs.get_run(their_run)
        ours = pair.ours.runs.get(our_run)
        assert shown(ours) == shown(theirs)
        for key in theirs.data.metrics:
            assert [
                (one.timestamp, one.step, clamped(one.value))
                for one in pair.ours.metrics.history(our_run, key)
            ] == [
                (one.timestamp, one.step, one.value)
                for one in pair.theirs.get_metric_history(their_run, key)
            ]


FILTERS = [
    *("", "metrics.a > 0", "metrics.a != 2", "metrics.a <= -1.5", "metrics.`a/b c` >= 0"),
    *("params.a = '1'", "params.a != '1'", "params.p LIKE '%'", "params.p ILIKE 'É%'"),
    *("tags.a = ''", "tags.t LIKE 'é\\%%'", "tags.t != '2'", "tags.mlflow.runName LIKE 'run _'"),
    *("params.a IS NULL", "tags.a IS NOT NULL", "params.p IS NOT NULL AND tags.t IS NULL"),
    *("status = 'RUNNING'", "status != 'FINISHED' AND start_time > 0", "end_time >= 1"),
    *("attributes.run_name != 'run 1'", "run_name ILIKE 'RUN%'", "start_time < 2"),
    *("datasets.name = 'd1'", "datasets.digest LIKE 'd%'", "dataset.context IN ('a', 'b')"),
    *("metrics.a > -5 AND params.a = '2' AND tags.a != 'x'", "tags.b != ''"),
]
ORDERS = [
    *([], ["metrics.a DESC"], ["metrics.a"], ["params.a DESC", "start_time"], ["tags.t"]),
    *(["end_time DESC"], ["status", "metrics.b DESC"], ["run_name DESC"], ["start_time DESC"]),
]


def names_found(runs: Any) -> list[str]:
    """The runs by when they began, which both stores were told alike."""
    return [str(run.info.start_time) for run in runs]


def compare_searches(pair: Pair) -> None:
    for text, order, view in itertools.product(FILTERS, ORDERS[:1], (1, 2, 3)):
        compare_search(pair, text, order, view)
    for text, order, view in itertools.product(FILTERS[:2], ORDERS, (1, 3)):
        compare_search(pair, text, order, view)


def compare_search(pair: Pair, text: str, order: list[str], view: int) -> None:
    theirs = pair.theirs.search_runs([pair.their_experiment], text, view, order_by=order)
    ours = pair.ours.runs.search([pair.our_experiment], text, view, order_by=order)
    assert (names_found(ours), text, order) == (names_found(theirs), text, order)


@settings(
    max_examples=25,
    deadline=None,
    # Each example costs a second: a failure is told as it was found.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(steps, max_size=20))
def test_the_same_calls_have_the_same_effect(
    stores: tuple[Any, Store], history: list[Step]
) -> None:
    pair = paired(stores)
    for number in range(2):
        perform(pair, Step("create", 0, "", "", 0.0, number))
    for step in history:
        perform(pair, step)
    compare_runs(pair)
    compare_searches(pair)


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
    pair = paired(stores)
    perform(pair, Step("create", 0, "", "", 0.0, 0))
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


def test_the_differences_are_these(stores: tuple[Any, Store]) -> None:
    pair = paired(stores)
    perform(pair, Step("create", 0, "", "", 0.0, 0))
    their_run, our_run = pair.runs[0]
    for value in (math.nan, -1.0):
        pair.theirs.log_metric(their_run, "m", value, 1, 1)
        pair.ours.metrics.log(our_run, "m", value, 1, 1)
    pair.theirs.log_metric(their_run, "n", -1.0, 1, 1)
    pair.theirs.log_metric(their_run, "n", math.nan, 1, 1)
    # NaN counts as 0 there and above all numbers here, so ours does not depend on the order.
    assert math.isnan(pair.theirs.get_run(their_run).data.metrics["m"])
    assert math.isnan(pair.ours.runs.get(our_run).data.metrics["m"])
    # A long value is cut there and refused here.
    pair.theirs.log_param(their_run, "p", "x" * 6001)
    assert len(pair.theirs.get_run(their_run).data.params["p"]) == 6000
    code, _ = outcome(lambda: pair.ours.runs.log_params(our_run, {"p": "x" * 6001}))
    assert code == "INVALID_PARAMETER_VALUE"
    # The history of a run that is not there is empty there and refused here.
    assert pair.theirs.get_metric_history("f" * 32, "m") == []
    assert outcome(lambda: pair.ours.metrics.history("f" * 32, "m"))[0] == "RESOURCE_DOES_NOT_EXIST"
