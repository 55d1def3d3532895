"""Calls that MLflow's own tests make of a store: ours answers what its SQL store answers."""

import contextlib
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow")

from mlflow import entities
from mlflow.entities import Metric, Param, RunStatus, RunTag, TraceInfo, TraceLocation, TraceState
from mlflow.exceptions import MlflowException

from eventtrack.plugin.registry import RegistryStore
from eventtrack.plugin.tracking import TrackingStore

pytestmark = pytest.mark.slow


class Side:
    """One of the two stores, with an experiment and a run of its own."""

    number = 0

    def __init__(self, store: Any, registry: Any) -> None:
        self.store, self.registry = store, registry
        self.begin()

    def begin(self) -> None:
        """Start anew, in another experiment."""
        Side.number += 1
        self.experiment = self.store.create_experiment(f"experiment {Side.number}")
        self.run = self.store.create_run(self.experiment, "u", 1000, [], "run").info.run_id

    def trace(self, trace_id: str, time_ms: int = 1000, **facts: dict[str, str]) -> None:
        """A trace without spans."""
        info = TraceInfo(
            trace_id=f"{trace_id}-{self.experiment}",
            trace_location=TraceLocation.from_experiment_id(self.experiment),
            request_time=time_ms,
            execution_duration=5,
            state=TraceState.OK,
            trace_metadata=facts.get("metadata", {}),
            tags=facts.get("tags", {}),
        )
        self.store.start_trace(info)

    def plain(self, found: Any) -> Any:
        """An answer without what each side names in its own way."""
        text = repr(found).replace(str(self.run), "<run>")
        return text.replace(str(self.experiment), "<experiment>")


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    """MLflow's SQL store, and ours."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    folder = tmp_path_factory.mktemp("stores")
    database, uri = f"sqlite:///{folder}/mlflow.db", f"eventtrack:{folder}/store"
    theirs = SqlAlchemyStore(database, f"{folder}/files")
    # Ids of experiments are counted on from here: no digits of an answer are taken for one.
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        connection.execute(
            "UPDATE experiments SET experiment_id = 987650000 WHERE name = 'Default'"
        )
    sql = Side(theirs, SqlRegistry(database))
    return sql, Side(TrackingStore(uri), RegistryStore(uri))


@pytest.fixture(autouse=True)
def anew(sides: tuple[Side, Side]) -> None:
    """An experiment for each test."""
    for side in sides:
        side.begin()


def outcome(ask: Callable[[Side], Any], side: Side) -> Any:
    """The answer, or the code and the text of the refusal without our hint."""
    try:
        return ask(side)
    except MlflowException as error:
        return error.error_code, error.message.partition("\nhint:")[0]


def same(sides: tuple[Side, Side], ask: Callable[[Side], Any]) -> Any:
    """Ask both; returns our answer, which is theirs."""
    theirs, ours = (side.plain(outcome(ask, side)) for side in sides)
    assert ours == theirs
    return ours


def dataset(name: str) -> entities.DatasetInput:
    """A use of a dataset."""
    return entities.DatasetInput(entities.Dataset(name, "1", "type", "source"), [])


def test_inputs_come_in_the_order_in_which_they_were_logged(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[str]:
        side.store.log_inputs(side.run, [dataset("b"), dataset("a"), dataset("c")])
        side.store.log_inputs(side.run, [dataset("0"), dataset("a")])
        found = side.store.get_run(side.run).inputs.dataset_inputs
        return [one.dataset.name for one in found]

    assert same(sides, ask) == "['b', 'a', 'c', '0']"


@pytest.mark.parametrize("location", ["s3://b/p?x=1", "s3://b/p/?x=1&y=2", "s3://b", "gs://b/p/"])
def test_a_location_keeps_its_query_at_the_end(sides: tuple[Side, Side], location: str) -> None:
    def ask(side: Side) -> tuple[str, str]:
        name = f"located {side.experiment} {location}"
        experiment = side.store.create_experiment(name, location)
        run = side.store.create_run(experiment, "u", 1, [], "r").info
        model = side.store.create_logged_model(experiment, "m")
        return (
            run.artifact_uri.replace(run.run_id, "R"),
            model.artifact_location.replace(model.model_id, "M"),
        )

    same(sides, ask)


def test_a_run_is_found_by_the_location_that_is_shown(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[int]:
        uri = side.store.get_run(side.run).info.artifact_uri
        texts = [
            f"artifact_uri = '{uri}'",
            f"artifact_uri LIKE '%{side.run}%'",
            "artifact_uri = 'x'",
        ]
        return [len(side.store.search_runs([side.experiment], text, 1)) for text in texts]

    assert same(sides, ask) == "[1, 1, 0]"


def test_behind_a_proxy_a_run_is_found_by_the_proxys_location(tmp_path: Path) -> None:
    store = TrackingStore(f"eventtrack:{tmp_path}/store", "mlflow-artifacts:/")
    run = store.create_run("0", "u", 1, [], "r").info
    assert run.artifact_uri.startswith("mlflow-artifacts:/")
    found = store.search_runs(["0"], f"attributes.artifact_uri = '{run.artifact_uri}'", 1)
    assert [one.info.run_id for one in found] == [run.run_id]


def test_a_link_may_come_before_its_trace(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[str]:
        side.store.link_traces_to_run([f"tr-1-{side.experiment}"], side.run)
        assert side.store.search_traces([side.experiment])[0] == []
        side.trace("tr-1")
        found = side.store.search_traces([side.experiment], f"run_id = '{side.run}'")[0]
        return [one.trace_id for one in found]

    assert same(sides, ask) == "['tr-1-<experiment>']"


def create_model(name: str, side: Side) -> Any:
    """Make a model."""
    return side.store.create_logged_model(side.experiment, name)


def test_models_without_a_run_or_with_a_bad_name(sides: tuple[Side, Side]) -> None:
    for name in ("", "a/b", "a:b", 'a"b'):
        same(sides, partial(create_model, name))
    for side in sides:
        made = side.store.create_logged_model(side.experiment, "m", source_run_id="")
        assert not made.source_run_id


def test_models_are_ordered_by_a_metric_on_a_digest(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[list[str]]:
        for name, values in (("a", (1, 9)), ("b", (5, 2))):
            model = side.store.create_logged_model(side.experiment, name).model_id
            for step, (digest, value) in enumerate(zip("xy", values, strict=True)):
                side.store.log_metric(
                    side.run,
                    Metric("m", value, 1, step, model, dataset_name="d", dataset_digest=digest),
                )
        found = []
        for digest in ("x", "y"):
            order = [{"field_name": "metrics.m", "ascending": True, "dataset_digest": digest}]
            page = side.store.search_logged_models([side.experiment], order_by=order)
            found.append([one.name for one in page])
        return found

    assert same(sides, ask) == "[['a', 'b'], ['b', 'a']]"


def test_filters_go_together_as_often_as_mlflow_says(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[Any]:
        for number in range(6):
            tags = {"a": str(int(number < 3)), "b": str(number % 2)}
            side.trace(f"tr-{number}", tags=tags)
        found = []
        for first, second, base in (
            ("tags.a = '1'", "tags.b = '1'", None),
            ("tags.a = '1'", "tags.a = '0'", None),
            ("tags.a = '1'", "tags.a = '1'", "tags.b = '1'"),
            ("tags.a = '1'", "tags.a = '1'", "tags.a = '1'"),
            ("tags.none = '1'", "tags.a = '1'", None),
            ("tags.a = '1'", "tags.b = '1'", "tags.none = '1'"),
        ):
            one = side.store.calculate_trace_filter_correlation(
                [side.experiment], first, second, base
            )
            shares = [round(share, 12) for share in (one.npmi, one.npmi_smoothed)]
            counts = (one.filter1_count, one.filter2_count, one.joint_count, one.total_count)
            found.append((shares, counts))
        return found

    same(sides, ask)


def test_sessions_that_have_ended_are_found(sides: tuple[Side, Side]) -> None:
    def ask(side: Side) -> list[Any]:
        for session, times in {
            "A": (100, 200, 300),
            "B": (100, 500),
            "C": (50,),
            "D": (300,),
        }.items():
            for time_ms in times:
                metadata = {"mlflow.trace.session": session}
                tags = {"first": str(time_ms == times[0] == 100)}
                side.trace(f"tr-{session}{time_ms}", time_ms, metadata=metadata, tags=tags)
        return [
            [
                vars(one)
                for one in side.store.find_completed_sessions(side.experiment, 200, 400, *more)
            ]
            for more in ((), (1,), (None, "tags.first = 'True'"))
        ]

    same(sides, ask)


def test_the_content_of_spans_and_prompts_without_a_version(sides: tuple[Side, Side]) -> None:
    def count(text: str) -> Callable[[Side], Any]:
        return lambda side: len(side.store.search_traces([side.experiment], text)[0])

    for text in ("span.content LIKE '%x%'", "span.content ILIKE '%x%'", "prompt = 'a/1'"):
        same(sides, count(text))
    for text in ("prompt = 'a'", "prompt = 'a/b/1'"):
        assert "Expected format: prompt = " in same(sides, count(text))
    ours = outcome(count("span.content = 'x'"), sides[1])
    assert ours[0] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("size", [0, -1, 50_001])
def test_sizes_of_pages_are_refused_in_the_same_words(sides: tuple[Side, Side], size: int) -> None:
    same(sides, lambda side: side.store.search_runs([side.experiment], "", 1, max_results=size))
    same(sides, lambda side: side.store.search_experiments(max_results=size))
    same(sides, lambda side: side.store.search_traces([side.experiment], max_results=size))


def count_models(size: int | None, side: Side) -> int:
    """How many models one page has."""
    return len(side.store.search_logged_models([side.experiment], max_results=size))


def test_no_size_is_every_run_and_a_usual_page_of_models(sides: tuple[Side, Side]) -> None:
    for size in (None, 0):
        same(
            sides,
            partial(count_models, size),
        )
    same(
        sides,
        lambda side: len(side.store.search_runs([side.experiment], "", 1, max_results=None)),
    )


def test_times_with_a_fraction_are_taken(sides: tuple[Side, Side]) -> None:
    for side in sides:
        info = side.store.update_run_info(side.run, RunStatus.FINISHED, 1234.75, None)
        assert int(info.end_time) == 1234
        assert int(side.store.create_run(side.experiment, "u", 12.5, [], "r").info.start_time) == 12


def test_a_page_token_of_another_search_is_refused(sides: tuple[Side, Side]) -> None:
    ours = sides[1]
    for number in range(3):
        ours.store.create_logged_model(ours.experiment, f"m{number}")
        ours.store.create_run(ours.experiment, "u", number, [], "r")
        ours.trace(f"tr-{number}")
    where = [ours.experiment]
    models = ours.store.search_logged_models(where, max_results=1).token
    runs = ours.store.search_runs(where, "", 1, max_results=1).token
    traces = ours.store.search_traces(where, max_results=1)[1]
    ours.store.search_logged_models(where, max_results=2, page_token=models)
    ours.store.search_runs(where, "", 1, max_results=2, page_token=runs)
    asks: tuple[Callable[[], Any], ...] = (
        lambda: ours.store.search_logged_models(where, "name = 'm1'", page_token=models),
        lambda: ours.store.search_logged_models([*where, "0"], page_token=models),
        lambda: ours.store.search_runs(where, "params.a = '1'", 1, page_token=runs),
        lambda: ours.store.search_runs(where, "", 1, order_by=["start_time"], page_token=runs),
        lambda: ours.store.search_runs(where, "", 1, page_token=traces),
        lambda: ours.store.search_traces(where, "tags.a = '1'", page_token=traces),
    )
    for ask in asks:
        with pytest.raises(MlflowException, match="belongs to another search") as refused:
            ask()
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def log(side: Side, *point: Any) -> None:
    """Log a point."""
    metric: Any = Metric
    side.store.log_metric(side.run, metric(*point))


REFUSED: dict[str, Callable[[Side], Any]] = {
    "no run": lambda side: side.store.get_run(None),
    "a run of no id": lambda side: side.store.get_run("a/b"),
    "an experiment of no id": lambda side: side.store.get_experiment("abc"),
    "a name of no text": lambda side: side.store.create_experiment(5),
    "no name": lambda side: side.store.create_experiment(None),
    "a point without a name": lambda side: log(side, None, 1, 1, 0),
    "a point without a value": lambda side: log(side, "k", None, 1, 0),
    "a point of text": lambda side: log(side, "k", "x", 1, 0),
    "a point without a time": lambda side: log(side, "k", 1, None, 0),
    "a point before 1970": lambda side: log(side, "k", 1, -1, 0),
    "a step of text": lambda side: log(side, "k", 1, 1, "x"),
    "a bad name": lambda side: log(side, "a//b", 1, 1, 0),
    "a long name": lambda side: log(side, "a" * 300, 1, 1, 0),
    "a param without a name": lambda side: side.store.log_param(side.run, Param(None, "1")),
    "a param with a bad name": lambda side: side.store.log_param(side.run, Param("a$", "1")),
    "a tag without a name": lambda side: side.store.set_tag(side.run, RunTag(None, "1")),
    "a tag with a long name": lambda side: side.store.set_tag(side.run, RunTag("a" * 251, "1")),
    "a bad point of a batch": lambda side: side.store.log_batch(
        side.run, [Metric("ok", 1, 1, 0), Metric("b$", 1, 1, 0)], [], []
    ),
    "a bad param of a batch": lambda side: side.store.log_batch(
        side.run, [], [Param("b$", "")], []
    ),
    "a bad tag of a batch": lambda side: side.store.log_batch(side.run, [], [], [RunTag("b$", "")]),
    "a param twice": lambda side: side.store.log_batch(
        side.run, [], [Param("a", "1"), Param("a", "2")], []
    ),
    "a long tag of an experiment": lambda side: side.store.set_experiment_tag(
        side.experiment, entities.ExperimentTag("a", "1" * 20_001)
    ),
    "a long name of a dataset": lambda side: side.store.log_inputs(side.run, [dataset("a" * 501)]),
    "a registered model without a name": lambda side: side.registry.create_registered_model(""),
    "a registered model with a bad name": lambda side: side.registry.create_registered_model("a/b"),
    "a version without a model": lambda side: side.registry.create_model_version("", "s3://a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_in_mlflows_words(sides: tuple[Side, Side], name: str) -> None:
    same(sides, REFUSED[name])


def test_values_of_odd_kinds_are_refused_as_mlflows_errors(sides: tuple[Side, Side]) -> None:
    ours = sides[1]
    asks: tuple[Callable[[], Any], ...] = (
        lambda: ours.store.search_runs(5, "", 1),
        lambda: ours.store.log_batch(ours.run, [5], [], []),
        lambda: ours.store.search_logged_models([ours.experiment], max_results="5"),
        lambda: ours.registry.search_model_versions(max_results="5"),
        lambda: ours.store.log_metric(ours.run, None),
    )
    for ask in asks:
        with pytest.raises(MlflowException) as refused:
            ask()
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_store_that_cannot_be_opened_is_an_error_of_mlflows(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no store")
    for made in (TrackingStore, RegistryStore):
        with pytest.raises(MlflowException):
            made(f"eventtrack:{tmp_path}/file")


def test_there_are_no_webhooks_and_that_is_said(sides: tuple[Side, Side]) -> None:
    registry = sides[1].registry
    assert list(registry.list_webhooks()) == []
    assert list(registry.list_webhooks_by_event(None)) == []
    asks: tuple[Callable[[], Any], ...] = (
        lambda: registry.create_webhook("a", "https://x", []),
        lambda: registry.get_webhook("a"),
        lambda: registry.update_webhook("a", name="b"),
        lambda: registry.delete_webhook("a"),
        lambda: registry.test_webhook("a"),
    )
    for ask in asks:
        with pytest.raises(MlflowException) as refused:
            ask()
        assert refused.value.error_code == "NOT_IMPLEMENTED"
