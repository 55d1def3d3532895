"""Orders: what is read, and what is refused with which words."""

import pytest

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.trees import Field, OrderTerm, parse_experiment_order, parse_run_order


@pytest.mark.parametrize(
    ("clause", "field", "ascending"),
    [
        ("metrics.acc", Field("metric", "acc"), True),
        ("metrics.acc DESC", Field("metric", "acc"), False),
        ("  metric.acc\tasc ", Field("metric", "acc"), True),
        ("metrics.val/loss-x desc", Field("metric", "val/loss-x"), False),
        ("metrics.`desc` DESC", Field("metric", "desc"), False),
        ("metrics.order DESC", Field("metric", "order"), False),
        ("params.`x y`", Field("param", "x y"), True),
        ('params."x y" DESC', Field("param", "x y"), False),
        ("params.'x y' ASC", Field("param", "x y"), True),
        ("tags.mlflow.user ASC", Field("tag", "mlflow.user"), True),
        ("attributes.start_time ASC", Field("attribute", "start_time"), True),
        ("start_time", Field("attribute", "start_time"), True),
        ("Created Desc", Field("attribute", "start_time"), False),
        ('"start_time" DESC', Field("attribute", "start_time"), False),
        ("`Run name` DESC", Field("attribute", "run_name"), False),
    ],
)
def test_an_order_clause_is_read(clause: str, field: Field, ascending: bool) -> None:
    assert parse_run_order([clause]) == (OrderTerm(field, ascending),)


def test_order_clauses_keep_their_order() -> None:
    assert parse_experiment_order(("creation_time DESC", "experiment_id")) == (
        OrderTerm(Field("attribute", "creation_time"), ascending=False),
        OrderTerm(Field("attribute", "experiment_id"), ascending=True),
    )


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ([""], "Invalid order_by clause ''. Could not be parsed"),
        (["DESC"], "Invalid attribute key 'DESC'"),
        (["> 1"], "Invalid order_by clause"),
        (["metrics.a descending"], "Invalid ordering key in order_by clause"),
        (["metrics.a `b`"], "Invalid ordering key in order_by clause"),
        (["metrics.a > 1"], "Invalid ordering key in order_by clause"),
        (["metrics.a DESC NULLS LAST"], "Invalid order_by clause"),
        (["metrics.a, metrics.b"], "Invalid ordering key in order_by clause"),
        (["metrics.a;"], "Invalid order_by clause 'metrics.a;'"),
        (["metrics."], "Invalid order_by clause"),
        (["metrics.`a"], "Invalid order_by clause"),
        (["Metrics.a"], "Invalid entity type 'Metrics'"),
        (["experiment_id"], "Invalid attribute key 'experiment_id'"),
        (["datasets.name"], "Invalid order_by entity type 'dataset'"),
        (["metrics.a", "metric.`a` DESC"], "`order_by` contains duplicate fields"),
        (["start_time", "created DESC"], "`order_by` contains duplicate fields"),
        ("start_time", "Invalid order_by 'start_time'"),
        ([None], "Invalid order_by [None]"),
    ],
)
def test_a_malformed_order_is_refused(clauses: list[str], message: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_run_order(clauses)
    assert message in caught.value.message
    assert caught.value.hint


def test_experiments_are_ordered_by_attributes_only() -> None:
    with pytest.raises(FilterSyntaxError, match="Invalid order_by entity type 'tag'"):
        parse_experiment_order(["tags.x"])
