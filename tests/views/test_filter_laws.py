"""Laws of filters and orders: what is written out is read back, and no text breaks the parser."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.trees import (
    And,
    Comparison,
    Expression,
    Field,
    Not,
    Or,
    OrderTerm,
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)
from tests.views.expressions import quoted, rendered

KEYS = st.text(min_size=1, max_size=12)
TEXTS = st.text(max_size=12)
METRIC_VALUES = st.floats(allow_nan=False, allow_infinity=False)
TEXT_FIELDS = st.one_of(
    st.builds(Field, st.sampled_from(["param", "tag"]), KEYS),
    st.builds(
        Field, st.just("attribute"), st.sampled_from(["run_id", "run_name", "status", "user_id"])
    ),
    st.builds(Field, st.just("dataset"), st.sampled_from(["name", "digest", "context"])),
)
METRICS = st.builds(Field, st.just("metric"), KEYS)
TIMES = st.builds(Field, st.just("attribute"), st.sampled_from(["start_time", "end_time"]))


def comparisons_of(
    fields: st.SearchStrategy[Field], operators: list[str], values: st.SearchStrategy[str | float]
) -> st.SearchStrategy[Expression]:
    lists = st.lists(values, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Comparison, fields, st.sampled_from(operators), values),
        st.builds(Comparison, fields, st.sampled_from(["IN", "NOT IN"]), lists),
        st.builds(Comparison, fields, st.just("BETWEEN"), st.tuples(values, values)),
        st.builds(Comparison, fields, st.sampled_from(["IS NULL", "IS NOT NULL"]), st.none()),
    )


ORDERED = ["=", "!=", "<", "<=", ">", ">="]
LEAVES = st.one_of(
    comparisons_of(METRICS, ORDERED, METRIC_VALUES),
    comparisons_of(TIMES, ORDERED, st.integers() | METRIC_VALUES.filter(lambda v: v % 1 != 0)),
    comparisons_of(TEXT_FIELDS, ["=", "!=", "LIKE", "ILIKE"], TEXTS),
)


def without(kind: type[And] | type[Or], parts: list[Expression]) -> tuple[Expression, ...]:
    """The parts as the parser gives them: an And directly in an And is one And."""
    return tuple(
        inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))
    )


def joined(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    parts = st.lists(children, min_size=2, max_size=3)
    return st.one_of(
        st.builds(Not, children),
        st.builds(And, parts.map(lambda found: without(And, found))),
        st.builds(Or, parts.map(lambda found: without(Or, found))),
    )


EXPRESSIONS = st.recursive(LEAVES, joined, max_leaves=8)


@given(EXPRESSIONS)
def test_a_tree_written_out_is_read_back_the_same(expression: Expression) -> None:
    assert parse_run_filter(rendered(expression)) == expression


@given(KEYS, st.booleans())
def test_an_order_written_out_is_read_back_the_same(key: str, ascending: bool) -> None:
    clause = f"tags.{quoted(key, '`')} {'ASC' if ascending else 'DESC'}"
    assert parse_run_order([clause]) == (OrderTerm(Field("tag", key), ascending),)


WORDS = (
    "metrics a b.c params.x tags. datasets.name status start_time name AND OR NOT IN IS NULL DESC"
)
MARKS = """. > = != == ( ) , ; ' " ` \\ 'v' `y` 1.5 -2 BETWEEN LIKE é"""
PIECES = st.sampled_from([*WORDS.split(), *MARKS.split(), " ", "\n"])


@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_run_filter, parse_experiment_filter):
        with contextlib.suppress(FilterSyntaxError):
            parse(text)
    for parse_order in (parse_run_order, parse_experiment_order):
        with contextlib.suppress(FilterSyntaxError):
            parse_order([text])
