"""Search over runs against a search that looks at every record, over stores and filters made up."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.filters.trees import And, Comparison, Expression, Field, Not, Or, OrderTerm
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from eventtrack.views.search import ordering, sets
from eventtrack.views.search import runs as run_search
from tests.views import oracle
from tests.views.expressions import quoted, rendered

# The index holds 64 bytes of a text: these agree in their beginnings, end at the border, or are cut
# within a letter. A NUL is also what ends a text in the index.
TEXTS = [
    *("", "a", "A", "ab", "a%b", "a_b", "é", "É", "日本", "a\nb", "a'b", "`"),
    *("\0", "a\0", "a\0b", "a\x01", "a\0\0"),
    *(
        "x" * 63,
        "x" * 64,
        "x" * 65,
        "x" * 70 + "a",
        "x" * 70 + "b",
        "x" * 63 + "é",
        "x" * 63 + "èa",
    ),
    *("é" * 32, "é" * 32 + "z", "é" * 33, "x" * 63 + "\0", "x" * 63 + "\0y"),
    # Numbers, some of them equal, and what only looks like one.
    *("1.5", "1.50", " 15e-1\t", "-3", "0", "-.0", "2."),
    *("1e308", "1e309", "nan", "inf", "0x1", "1_0"),
]
NUMBERS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, -3.0, 1e308, 5e-324, 2.0**53]
TIMES = [0, 5, 10, 1_700_000_000_000]
METRICS, PARAMS, TAGS = ("m", "n", "val loss"), ("p", "q"), ("t", "u")
ATTRIBUTES = ("run_name", "status", "user_id", "run_id", "artifact_uri")
RUN_IDS = [f"{(place * 7919) % 97:032x}" for place in range(12)]

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(NUMBERS)


class RunPlan(NamedTuple):
    """A run to be made."""

    experiment: int
    start: int
    end: int | None
    status: str
    name: str
    user: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    datasets: list[tuple[str, str, str | None]]
    deleted: bool


class Plan(NamedTuple):
    """A store to be made. What happens to an experiment happens after its runs were deleted."""

    runs: list[RunPlan]
    fates: list[str]


run_plans = st.builds(
    RunPlan,
    st.integers(0, 2),
    st.sampled_from(TIMES),
    st.none() | st.sampled_from(TIMES),
    st.sampled_from(RunStatus.ALL),
    texts.filter(bool),
    texts,
    st.dictionaries(st.sampled_from(METRICS), numbers),
    st.dictionaries(st.sampled_from(PARAMS), texts),
    st.dictionaries(st.sampled_from(TAGS), texts),
    st.lists(st.tuples(texts.filter(bool), st.sampled_from("de"), st.none() | texts), max_size=3),
    st.sampled_from([False, False, True]),
)
plans = st.builds(
    Plan,
    st.lists(run_plans, max_size=len(RUN_IDS)),
    st.lists(
        st.sampled_from(["left", "left", "deleted", "restored", "restored, run deleted"]),
        min_size=3,
        max_size=3,
    ),
)


@contextmanager
def made(plan: Plan) -> Iterator[tuple[Store, list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store", clock=ManualClock(), ids=SeededIds("search"))
        try:
            with store.batch():
                ids = fill(store, plan)
            yield store, ids
        finally:
            store.close()


def fill(store: Store, plan: Plan) -> list[str]:
    ids = [store.experiments.create(name) for name in "abc"]
    for run_id, run in zip(RUN_IDS, plan.runs, strict=False):
        store.runs.create(
            ids[run.experiment],
            user_id=run.user,
            start_time=run.start,
            run_name=run.name,
            run_id=run_id,
        )
        store.runs.update(run_id, status=run.status, end_time=run.end)
        store.runs.log_batch(
            run_id,
            [Metric(key=key, value=value, timestamp=0) for key, value in run.metrics.items()],
            [Param(key=key, value=value) for key, value in run.params.items()],
            [RunTag(key=key, value=value) for key, value in run.tags.items()],
        )
        store.runs.log_inputs(run_id, [used(*one) for one in run.datasets])
        if run.deleted:
            store.runs.delete(run_id)
    for experiment_id, fate in zip(ids, plan.fates, strict=True):
        if fate != "left":
            store.experiments.delete(experiment_id)
        if fate.startswith("restored"):
            store.experiments.restore(experiment_id)
    for run_id, run in zip(RUN_IDS, plan.runs, strict=False):
        if plan.fates[run.experiment].endswith("run deleted") and run.start:
            store.runs.delete(run_id)
    return ids


def used(name: str, digest: str, context: str | None) -> DatasetInput:
    tags = [] if context is None else [InputTag(key=oracle.CONTEXT, value=context)]
    return DatasetInput(
        dataset=Dataset(name=name, digest=digest, source_type="local", source="s"), tags=tags
    )


def comparisons(
    fields: st.SearchStrategy[Field],
    operators: Sequence[str],
    values: st.SearchStrategy[str | float],
) -> st.SearchStrategy[Expression]:
    lists = st.lists(values, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Comparison, fields, st.sampled_from(operators), values),
        st.builds(Comparison, fields, st.sampled_from(["IN", "NOT IN"]), lists),
        st.builds(Comparison, fields, st.just("BETWEEN"), st.tuples(values, values)),
        st.builds(Comparison, fields, st.sampled_from(["IS NULL", "IS NOT NULL"]), st.none()),
    )


def named(kind: str, keys: Sequence[str]) -> st.SearchStrategy[Field]:
    return st.builds(Field, st.just(kind), st.sampled_from(keys))


patterns = st.text("aAéÉx%_b\n", max_size=5)
text_fields = st.one_of(
    named("param", (*PARAMS, "never")),
    named("tag", (*TAGS, "mlflow.runName")),
    named("attribute", ATTRIBUTES),
    named("dataset", ("name", "digest", "context")),
)
numeric_fields = named("metric", (*METRICS, "never"))
number_fields = named("param", (*PARAMS, "never")) | named("tag", TAGS)
time_fields = named("attribute", oracle.TIMES)
finite = st.sampled_from([number for number in NUMBERS if math.isfinite(number)])
relations = ["=", "!=", "<", "<=", ">", ">="]
leaves = st.one_of(
    comparisons(numeric_fields, relations, finite),
    comparisons(time_fields, relations, st.sampled_from(TIMES) | st.sampled_from([4.5, 10.0])),
    comparisons(number_fields, relations, finite),
    comparisons(text_fields, ["=", "!="], texts | st.sampled_from([*RUN_IDS, *RunStatus.ALL])),
    st.builds(Comparison, text_fields, st.sampled_from(["LIKE", "ILIKE"]), patterns),
)


def joined(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    parts = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, children), st.builds(And, parts), st.builds(Or, parts))


expressions = st.none() | st.recursive(leaves, joined, max_leaves=5)
order_fields = st.one_of(
    numeric_fields,
    time_fields,
    named("param", PARAMS),
    named("tag", TAGS),
    named("attribute", ATTRIBUTES),
)
orders = st.lists(
    st.builds(OrderTerm, order_fields, st.booleans()),
    max_size=3,
    unique_by=lambda term: term.field,
)
views = st.sampled_from([ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL])


class Question(NamedTuple):
    """A search."""

    expression: Expression | None
    view_type: int
    order: list[OrderTerm]
    page: int
    by_number: bool = False


def by_number(question: Question) -> Question:
    """The same with params and tags sorted as numbers."""
    order = [
        structs.replace(term, numbers=term.field.kind in ("param", "tag"))
        for term in question.order
    ]
    return question._replace(order=order, by_number=True)


questions = st.builds(Question, expressions, views, orders, st.integers(1, 13), st.just(False))
questions |= questions.map(by_number)


def clauses(order: Sequence[OrderTerm]) -> list[str]:
    return [
        f"{term.field.kind}.{quoted(term.field.key, '`')} {'ASC' if term.ascending else 'DESC'}"
        for term in order
    ]


def asked(store: Store, ids: list[str], question: Question) -> list[str]:
    """The run ids that the store finds, page by page."""
    text = "" if question.expression is None else rendered(question.expression)
    found: list[str] = []
    token = None
    while True:
        page = store.runs.search(
            ids,
            text,
            question.view_type,
            question.page,
            clauses(question.order),
            token,
            by_number=question.by_number,
        )
        assert len(page) <= question.page
        assert page or token is None, "an empty page after a full one"
        found += ids_of(page)
        token = page.token
        if token is None:
            return found
        assert len(page) == question.page


def ids_of(runs: Sequence[Run]) -> list[str]:
    return [run.info.run_id for run in runs]


def everything(store: Store, ids: list[str]) -> list[Run]:
    """Every run of some experiments, without the help of search."""
    runs = [store.runs.get(event.stream[4:]) for event in store.events.read(types=["run.started"])]
    return [run for run in runs if run.info.experiment_id in ids]


searching = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What a cut text and a text with a NUL would do to an order that only looks at the index.
NUL_PLAN = Plan(
    [
        RunPlan(place % 2, 0, None, "RUNNING", "r", "", {}, {"p": text}, {}, [], False)
        for place, text in enumerate(["a", "a\0", "a\x01", "a\0\0", "a", "x" * 64, "x" * 64 + "y"])
    ],
    ["left"] * 3,
)
RATES = ["0.001", "1e-05", "auto", "10", "1e1", "-1", "9"]
NUMBERS_PLAN = NUL_PLAN._replace(
    runs=[run._replace(params={"p": text}) for run, text in zip(NUL_PLAN.runs, RATES, strict=True)]
)
CUT_PLAN = NUL_PLAN._replace(
    runs=[
        run._replace(params={"p": "x" * 70 + letter}, metrics={"m": value})
        for run, letter, value in zip(
            NUL_PLAN.runs,
            "bacabcb",
            [math.nan, 2.0, 1.0, math.inf, -math.inf, math.nan, 2.0],
            strict=True,
        )
    ]
)
RUNNING = Comparison(Field("attribute", "status"), "=", "RUNNING")
BY_M = Question(RUNNING, ViewType.ALL, [OrderTerm(Field("metric", "m"), False)], 2)
BY_P = Question(None, ViewType.ALL, [OrderTerm(Field("param", "p"), True)], 3)


@searching
@example(NUL_PLAN, [BY_P], [0, 1], 0, 0)
@example(NUL_PLAN, [BY_P._replace(order=[OrderTerm(Field("param", "p"), False)])], [0, 1], 0, 0)
@example(NUMBERS_PLAN, [by_number(BY_P), BY_P], [0, 1], 0, 0)
@example(NUMBERS_PLAN, [by_number(BY_P)], [0, 1], 512, 0)
@example(CUT_PLAN, [BY_P, BY_M], [0, 1], 0, 0)
@example(CUT_PLAN, [BY_P, BY_M], [0, 1], 512, 0)
@example(CUT_PLAN, [BY_M._replace(order=[*BY_M.order, *BY_P.order])], [1, 0], 1, 0)
@given(
    plans,
    st.lists(questions, min_size=1, max_size=8),
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
    st.sampled_from([0, 1, 3, 512]),
    st.sampled_from([0, 3, 99]),
)
def test_search_finds_what_looking_at_every_run_finds_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan,
    questions: list[Question],
    places: list[int],
    sorted_max: int,
    set_rows_max: int,
) -> None:
    # 0 makes every order a walk of the index, 512 sorts what was found; 1 and 3 mix both.
    for name, value in {"SORTED_MAX": sorted_max, "ROWS_A_RUN": 1, "LOOKS_MAX": 2}.items():
        monkeypatch.setattr(ordering, name, value)
    # 0 tries each filter on the first runs, two at a time, then makes its set; 99 makes it at once.
    for name, value in {"SET_ROWS_MAX": set_rows_max, "TRIED_MAX": 4, "TRIED_AT_ONCE": 2}.items():
        monkeypatch.setattr(run_search, name, value)
    # 0 looks deleted runs up one by one, until that was done for as many as are sorted.
    monkeypatch.setattr(run_search, "DELETED_READ_MAX", set_rows_max)
    monkeypatch.setattr(sets, "ASKED_MAX", sorted_max)
    with made(plan) as (store, ids):
        chosen = [ids[place] for place in places]
        runs = everything(store, chosen)
        for question in questions:
            wanted = oracle.search(runs, question.expression, question.view_type, question.order)
            assert asked(store, chosen, question) == ids_of(wanted), question


@searching
@given(plans, questions)
def test_a_page_shows_the_runs_as_get_run_shows_them(plan: Plan, question: Question) -> None:
    with made(plan) as (store, ids):
        for run in store.runs.search(ids, view_type=ViewType.ALL, order_by=clauses(question.order)):
            assert repr(store.runs.get(run.info.run_id)) == repr(run)


def test_a_run_that_changes_is_found_under_its_new_values_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("one"))
    run_id = store.runs.create("0", tags={"t": "old"}, run_name="old").info.run_id
    store.metrics.log(run_id, "m", 1.0, 1)
    store.runs.set_tags(run_id, {"t": "x" * 80})
    store.runs.update(run_id, status="FAILED", end_time=5, name="new")
    store.metrics.log(run_id, "m", math.nan, 2)

    def count(text: str) -> int:
        return len(store.runs.search(["0"], text))

    stale = ["tags.t = 'old'", "run_name = 'old'", "status = 'RUNNING'", "metrics.m = 1"]
    assert [count(text) for text in stale] == [0, 0, 0, 0]
    fresh = ["tags.t LIKE 'x%'", "run_name = 'new'", "end_time = 5", "metrics.m != 1"]
    assert [count(text) for text in fresh] == [1, 1, 1, 1]
    store.runs.delete_tag(run_id, "t")
    assert count("tags.t IS NULL") == 1
    store.close()


def test_a_late_point_that_is_not_the_latest_is_not_searched(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("one"))
    run_id = store.runs.create("0").info.run_id
    store.metrics.log(run_id, "m", 1.0, step=10, timestamp=1)
    store.metrics.log(run_id, "m", 2.0, step=9, timestamp=2)
    assert len(store.runs.search(["0"], "metrics.m = 1")) == 1
    assert not store.runs.search(["0"], "metrics.m = 2")
    store.close()
