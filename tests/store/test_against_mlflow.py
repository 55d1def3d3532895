"""The same calls on MLflow's SQLite store and on ours: same answers, same refusals.

Runs only where MLflow is installed; nothing of eventtrack needs it. Where the two differ on purpose
the difference is spelled out here: infinities stay infinite, long values are refused rather than
cut, and NaN counts above all numbers rather than as 0.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventtrack.store import Store
from eventtrack.views import records
from tests.store.beside_mlflow import Pair, agree, mlflow_entities, opened, outcome, paired

LARGEST = 1.7976931348623157e308
RUNS = 4
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Store]]:
    """Both stores, shared by the tests of this module."""
    with opened(tmp_path_factory.mktemp("mlflow")) as both:
        yield both


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
    *("params.a = '1'", "params.a != '1'", "params.p LIKE '%'", "params.p ILIKE 'é%'"),
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
    max_examples=12,
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
