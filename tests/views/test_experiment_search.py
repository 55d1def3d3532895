"""Search over experiments against one that asks each record, in the order that MLflow documents."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import FilterSyntaxError, InvalidValueError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.filters.trees import And, Comparison, Expression, Field, Not, Or, OrderTerm
from eventtrack.views.records import Experiment, ViewType
from tests.views import oracle
from tests.views.expressions import rendered

NAMES = ["a", "A", "ab", "b%", "a_b", "é", "日本", "x" * 80, "10", "9", "a\0"]
START = 1_700_000_000_000
TIMES = [START, START + 1, START + 5, START + 6]

names = st.sampled_from(NAMES)
tags = st.dictionaries(st.sampled_from("tu"), names)
# Name, tags, the milliseconds before it is made, and whether it is deleted or tagged later.
made_ups = st.lists(
    st.tuples(names, tags, st.integers(0, 2), st.sampled_from(["left", "deleted", "tagged"])),
    unique_by=lambda one: one[0],
    max_size=8,
)
fields = {
    "text": st.sampled_from([Field("attribute", "name"), Field("tag", "t"), Field("tag", "no")]),
    "number": st.sampled_from(
        [Field("attribute", "creation_time"), Field("attribute", "last_update_time")]
    ),
}
times = st.sampled_from(TIMES)
leaves = st.one_of(
    st.builds(Comparison, fields["text"], st.sampled_from(["=", "!="]), names),
    st.builds(
        Comparison,
        fields["text"],
        st.sampled_from(["LIKE", "ILIKE"]),
        st.text("aAb%_é", max_size=4),
    ),
    st.builds(
        Comparison,
        fields["text"],
        st.sampled_from(["IN", "NOT IN"]),
        st.lists(names, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Comparison, fields["text"], st.just("BETWEEN"), st.tuples(names, names)),
    st.builds(
        Comparison, fields["number"], st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), times
    ),
    st.builds(Comparison, fields["number"], st.just("BETWEEN"), st.tuples(times, times)),
    st.builds(
        Comparison,
        fields["number"],
        st.sampled_from(["IN", "NOT IN"]),
        st.lists(times, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        Comparison,
        st.one_of(*fields.values()),
        st.sampled_from(["IS NULL", "IS NOT NULL"]),
        st.none(),
    ),
)


def joined(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    parts = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, children), st.builds(And, parts), st.builds(Or, parts))


expressions = st.none() | st.recursive(leaves, joined, max_leaves=4)
attributes = st.sampled_from(["name", "creation_time", "last_update_time", "experiment_id"])
orders = st.lists(
    st.builds(OrderTerm, st.builds(Field, st.just("attribute"), attributes), st.booleans()),
    max_size=3,
    unique_by=lambda term: term.field,
)


@contextmanager
def made(plan: list[tuple[str, dict[str, str], int, str]]) -> Iterator[Store]:
    clock = ManualClock(START)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store", clock=clock, ids=SeededIds("search"))
        with store.batch():
            for name, found, wait, _ in plan:
                clock.advance(wait)
                store.experiments.create(name, tags=found)
            for name, _, _, fate in plan:
                experiment = store.experiments.get_by_name(name)
                assert experiment is not None
                if fate == "deleted":
                    store.experiments.delete(experiment.experiment_id)
                elif fate == "tagged":
                    store.experiments.set_tag(experiment.experiment_id, "t", "a")
        yield store
        store.close()


def expected(
    store: Store, expression: Expression | None, view_type: int, order: list[OrderTerm]
) -> list[str]:
    """The ids that a look at each experiment gives, in order."""
    created = store.events.read(types=["experiment.created"])
    all_of_them = [store.experiments.get(event.stream.partition("/")[2]) for event in created]
    found = [
        one
        for one in all_of_them
        if oracle.is_viewed(one.lifecycle_stage, view_type)
        and (expression is None or matches(one, expression))
    ]
    if not order:
        found.sort(key=lambda one: int(one.experiment_id))
        found.sort(key=lambda one: one.creation_time, reverse=True)
    else:
        found.sort(key=lambda one: int(one.experiment_id), reverse=True)
        for term in reversed(order):
            found.sort(key=lambda one: value_of(one, term.field), reverse=not term.ascending)
    return [one.experiment_id for one in found]


def value_of(experiment: Experiment, field: Field) -> str | int:
    if field.key == "experiment_id":
        return int(experiment.experiment_id)
    value: str | int = getattr(experiment, field.key)
    return value


def matches(experiment: Experiment, expression: Expression) -> bool:
    match expression:
        case And(parts):
            return all(matches(experiment, part) for part in parts)
        case Or(parts):
            return any(matches(experiment, part) for part in parts)
        case Not(part):
            return not matches(experiment, part)
    field, operator = expression.field, expression.operator
    tag = experiment.tags.get(field.key)
    found = tag if field.kind == "tag" else getattr(experiment, field.key)
    if found is None or operator == "IS NULL":
        return operator == "IS NULL" and found is None
    return operator == "IS NOT NULL" or oracle.holds(found, expression)


@settings(max_examples=80, deadline=None)
@given(
    made_ups,
    expressions,
    st.sampled_from([ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL]),
    orders,
    st.integers(1, 10),
)
def test_search_finds_what_looking_at_every_experiment_finds(
    plan: list[tuple[str, dict[str, str], int, str]],
    expression: Expression | None,
    view_type: int,
    order: list[OrderTerm],
    size: int,
) -> None:
    text = None if expression is None else rendered(expression)
    clauses = [f"{term.field.key} {'ASC' if term.ascending else 'DESC'}" for term in order]
    with made(plan) as store:
        found: list[str] = []
        token = None
        while True:
            page = store.experiments.search(view_type, size, text, clauses, token)
            assert page or token is None, "an empty page after a full one"
            found += [one.experiment_id for one in page]
            token = page.token
            if token is None:
                break
            assert len(page) == size
        assert found == expected(store, expression, view_type, order)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", clock=ManualClock(START), ids=SeededIds("one"))
    yield store
    store.close()


def test_ids_are_found_and_ordered_as_numbers(store: Store) -> None:
    ids = ["0", *(store.experiments.create(name) for name in "abcdefghij")]
    found = store.experiments.search(order_by=["experiment_id"])
    assert [one.experiment_id for one in found] == sorted(ids, key=int)
    some = store.experiments.search(filter_string=f"experiment_id IN ('{ids[3]}', '0', '7')")
    assert {one.experiment_id for one in some} == {ids[3], "0"}


def test_a_whole_number_beyond_all_floats_can_be_asked_for(store: Store) -> None:
    assert len(store.experiments.search(filter_string=f"creation_time < 1{'0' * 400}")) == 1
    assert not store.experiments.search(filter_string=f"creation_time > 1{'0' * 400}")


@pytest.mark.parametrize("size", [0, -1, 50_001, True, "10", 1.0])
def test_a_page_has_between_one_and_fifty_thousand_entries(store: Store, size: object) -> None:
    with pytest.raises(InvalidValueError, match="max_results") as caught:
        store.experiments.search(max_results=size)  # type: ignore[arg-type]
    assert caught.value.hint


def test_a_malformed_filter_is_refused(store: Store) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        store.experiments.search(filter_string="params.x = 'a'")
    assert caught.value.hint
