"""What MLflow reads, we read alike; what it refuses, we refuse, but for our extensions.

Runs only where MLflow is installed; nothing of eventtrack needs it.
"""

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.trees import (
    And,
    Comparison,
    Expression,
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    mlflow_search = pytest.importorskip("mlflow.utils.search_utils", exc_type=ImportError)
    MlflowException = pytest.importorskip("mlflow.exceptions").MlflowException

pytestmark = pytest.mark.slow

Row = tuple[str, str, str, Any]

NUMERIC_FIELDS = [
    *("metrics.acc", "metric.acc", "metrics.a.b", "metrics.`a b`", 'metrics."a b"', "metrics.'a'"),
    *("`metrics`.a", "metrics.like", "metrics.0a", "metrics.日本", "metrics.time", "metrics.and"),
    *("start_time", "end_time", "created", "Created", "attributes.created", "run.end_time"),
    *("Metrics.a", "METRICS.a", '"metrics".a', "CREATED", "metricss.a", "acc"),
]
TEXT_FIELDS = [
    *("params.x", "param.x", "parameter.x", "parameters.x_1.y", "params.`x y`", 'params."x.y"'),
    *("tags.x", "tag.mlflow.user", "tags.`mlflow.user`", "tags.model", "tags.version", "tags.'x'"),
    *("status", "run_id", "run_name", "user_id", "artifact_uri", "`run name`", "`Run name`"),
    *('"Run Name"', "attributes.`Run name`", 'attributes."run name"', "attr.status", "run.status"),
    *("attribute.run_id", "`status`", '"status"', "`attributes`.status", "datasets.name"),
    *("dataset.digest", "datasets.context", "datasets.`name`", "datasets.profile", "status.x"),
    *("Status", "user", "Run name", "run name", "experiment_id", "lifecycle_stage", "runs.status"),
    *("Tags.x", "model.id", "outputs.x", "name", "params", "tags .x", "'status'"),
]
EXPERIMENT_FIELDS = [
    *("name", "attribute.name", "`name`", '"name"', "experiment_id", "attribute.experiment_id"),
    *("creation_time", "last_update_time", "attribute.last_update_time", "tags.x", "tag.`x y`"),
    *("attributes.name", "attr.name", "run.name", "Name", "created", "params.x", "metrics.x"),
    *("lifecycle_stage", "artifact_location", "datasets.name", "status"),
]
OPERATORS = [
    *("=", "!=", "<", "<=", ">", ">=", "LIKE", "like", "ILIKE", "Ilike", "IN", "in", "NOT IN"),
    *("not in", "==", "<>", "=<", "=>", "!>", "~", "RLIKE", "NOT LIKE", "not ilike"),
]
VALUES = [
    *("1", "-1", "0.5", "-.5", "5.", "1e5", "1E-5", "1664067852747", "'a'", '"a"', "''", '""'),
    *("'it is'", '"it\'s"', "'%a_'", "'a AND b'", "'a\nb'", "'1'", "a", "`a`", "NULL", "nan", "-"),
    *("('a')", "('a','b')", "( 'a' , \"b\" )", "('a',)", "()", "(1,2)", "(`a`)", "('a', 1)", "0x1"),
]
CLAUSES = [
    *("metrics.a > 1", "params.b = 'x'", "tags.`c d` LIKE '%e'", "run_id IN ('a', 'b')"),
    *("start_time<5", "tags.x IS NULL", "params.y is not null", 'datasets.name = "AND"'),
    *("run_id NOT IN ('a')", "(metrics.a > 1)", "metrics.a", "1 > 2", "status = RUNNING"),
]
JOINTS = [" AND ", " and ", "\nAnd\t", " OR ", " or ", ", ", "; ", " XOR ", " & ", " NOT "]
# What MLflow's SQL library lets pass by accident, and we refuse.
SLIPS = [
    *("metrics.a > 1 params.b = 'x'", "metrics.a > 1 AND", "AND metrics.a > 1", "metrics. > 1"),
    *("metrics.a > 1 AND AND params.b = 'x'", "metrics.`` > 1", "params. x = 'a'"),
    *("tags.a/b c IS NULL", "tags.mlflow.`user` = 'x'", "params.a(b) = 'x'", "params.x = 'a\\'b'"),
    "run_id IN ('a' 'b')",
]


def mlflow_rows(utils: Any, text: str) -> list[Row] | None:
    """MLflow's reading after all its checks, those of its store included; None if it refuses."""
    try:
        rows = []
        for found in utils.parse_search_filter(text):
            kind, key = found["type"], utils.translate_key_alias(found["key"])
            operator, value = found["comparator"].upper(), found["value"]
            accepted = (
                utils.is_string_attribute(kind, key, operator)
                or utils.is_numeric_attribute(kind, key, operator)
                or utils.is_metric(kind, operator)
                or utils.is_param(kind, operator)
                or utils.is_tag(kind, operator)
                or utils.is_dataset(kind, operator)
            )
            assert accepted
            if isinstance(value, tuple) and operator not in ("IN", "NOT IN"):
                return None
            if key == "experiment_id" and operator in ("LIKE", "ILIKE"):
                return None
            if utils is mlflow_search.SearchExperimentsUtils and isinstance(value, float):
                return None
            rows.append((kind, key, operator, float(value) if kind == "metric" else value))
    except MlflowException:
        return None
    return rows


def our_rows(parse: Callable[[str], Expression | None], text: str) -> list[Row] | None:
    try:
        expression = parse(text)
    except FilterSyntaxError:
        return None
    rows: list[Row] = []
    for part in expression.parts if isinstance(expression, And) else (expression,):
        assert isinstance(part, Comparison), part
        kind = "parameter" if part.field.kind == "param" else part.field.kind
        rows.append((kind, part.field.key, part.operator, part.value))
    return rows


def is_extension(rows: list[Row]) -> bool:
    return any(row[2] in ("IN", "NOT IN", "IS NULL", "IS NOT NULL") for row in rows)


def differences(
    utils: Any, parse: Callable[[str], Expression | None], texts: list[str]
) -> list[object]:
    found: list[object] = []
    for text in texts:
        theirs, ours = mlflow_rows(utils, text), our_rows(parse, text)
        if theirs != ours and not (theirs is None and ours is not None and is_extension(ours)):
            found.append((text, theirs, ours))
    return found


def comparisons(fields: list[str]) -> list[str]:
    triples = itertools.product(fields, OPERATORS, VALUES)
    nulls = itertools.product(fields, ["IS NULL", "is null", "IS NOT NULL", "is Not null"])
    return [" ".join(row) for row in itertools.chain(triples, nulls)]


def test_every_comparison_of_runs_is_read_as_mlflow_reads_it() -> None:
    texts = comparisons(NUMERIC_FIELDS + TEXT_FIELDS)
    assert differences(mlflow_search.SearchUtils, parse_run_filter, texts) == []


def test_every_comparison_of_experiments_is_read_as_mlflow_reads_it() -> None:
    texts = comparisons(EXPERIMENT_FIELDS)
    utils = mlflow_search.SearchExperimentsUtils
    assert differences(utils, parse_experiment_filter, texts) == []


def test_comparisons_are_joined_as_mlflow_joins_them() -> None:
    joints = [joint for joint in JOINTS if joint not in (" OR ", " or ")]
    texts = [a + j + b for a, j, b in itertools.product(CLAUSES, joints, CLAUSES)]
    texts = [text for text in texts if "(metrics" not in text]
    texts += [" AND ".join(row) for row in itertools.permutations(CLAUSES[:9], 3)]
    assert differences(mlflow_search.SearchUtils, parse_run_filter, texts) == []


@pytest.mark.parametrize("text", SLIPS)
def test_what_mlflow_lets_slip_is_refused(text: str) -> None:
    assert mlflow_rows(mlflow_search.SearchUtils, text) is not None
    assert our_rows(parse_run_filter, text) is None


def test_a_doubled_quote_is_one_quote_where_mlflow_keeps_two() -> None:
    text = "params.x = 'it''s'"
    assert mlflow_rows(mlflow_search.SearchUtils, text) == [("parameter", "x", "=", "it''s")]
    assert our_rows(parse_run_filter, text) == [("parameter", "x", "=", "it's")]


DIRECTIONS = ["", " ASC", " asc", " DESC", "  Desc", " descending", " DESC ASC", ", a", " > 1"]
# MLflow filters by `Run name` but does not order by it. Where a direction follows, it overlooks the
# quotes of "metrics".a.
ORDERED_DIFFERENTLY = {
    *("`Run name`", "`run name`", '"Run Name"', '"metrics".a'),
    *("attributes.`Run name`", 'attributes."run name"'),
}


def mlflow_order(clause: str, *, experiments: bool) -> Row | None:
    """MLflow's reading, the checks of its store included; None if it refuses."""
    utils = mlflow_search.SearchExperimentsUtils if experiments else mlflow_search.SearchUtils
    parse = utils.parse_order_by_for_search_runs
    if experiments:
        parse = utils.parse_order_by_for_search_experiments
    try:
        kind, key, ascending = parse(clause)
    except MlflowException:
        return None
    if kind == "dataset" or (experiments and kind != "attribute"):
        return None
    return kind, utils.translate_key_alias(key), "", ascending


def our_order(clause: str, *, experiments: bool) -> Row | None:
    try:
        (term,) = (parse_experiment_order if experiments else parse_run_order)([clause])
    except FilterSyntaxError:
        return None
    kind = "parameter" if term.field.kind == "param" else term.field.kind
    return kind, term.field.key, "", term.ascending


@pytest.mark.parametrize("experiments", [False, True])
def test_orders_are_read_as_mlflow_reads_them(experiments: bool) -> None:
    fields = {*NUMERIC_FIELDS, *TEXT_FIELDS, *EXPERIMENT_FIELDS} - ORDERED_DIFFERENTLY
    found = []
    for field, direction in itertools.product(sorted(fields), DIRECTIONS):
        clause = field + direction
        theirs = mlflow_order(clause, experiments=experiments)
        ours = our_order(clause, experiments=experiments)
        if ours != theirs:
            found.append((clause, theirs, ours))
    assert found == []
