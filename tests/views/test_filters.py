"""Filters: what is read, and what is refused with which words."""

import pytest

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.fields import FieldKind
from eventtrack.views.filters.trees import (
    FILTER_DEPTH_MAX,
    And,
    Comparison,
    Expression,
    Field,
    Not,
    Or,
    Value,
    parse_experiment_filter,
    parse_experiment_order,
    parse_run_filter,
    parse_run_order,
)


def comparison(kind: FieldKind, key: str, operator: str, value: Value = None) -> Comparison:
    return Comparison(Field(kind, key), operator, value)


A = comparison("metric", "a", ">", 1.0)
B = comparison("metric", "b", ">", 2.0)
C = comparison("metric", "c", ">", 3.0)

COMPARISONS = {
    "metrics.acc > 0.5": ("metric", "acc", ">", 0.5),
    "metric.acc >= -1": ("metric", "acc", ">=", -1.0),
    "metrics.acc = 1e5": ("metric", "acc", "=", 1e5),
    "metrics.acc != 1E-5": ("metric", "acc", "!=", 1e-5),
    "metrics.acc <= +.5": ("metric", "acc", "<=", 0.5),
    "metrics.acc < 5.": ("metric", "acc", "<", 5.0),
    "metrics.acc>-1e+3": ("metric", "acc", ">", -1000.0),
    "metrics.`val loss` > 1": ("metric", "val loss", ">", 1.0),
    'metrics."val loss" > 1': ("metric", "val loss", ">", 1.0),
    "metrics.'val loss' > 1": ("metric", "val loss", ">", 1.0),
    "`metrics`.`a` > 1": ("metric", "a", ">", 1.0),
    "`metrics.val loss` > 1": ("metric", "val loss", ">", 1.0),
    "metrics.val/loss-1:top.5 > 1": ("metric", "val/loss-1:top.5", ">", 1.0),
    "metrics.0 > 1": ("metric", "0", ">", 1.0),
    "metrics.systèm_日本 > 1": ("metric", "systèm_日本", ">", 1.0),
    "metrics.and > 1": ("metric", "and", ">", 1.0),
    "metrics.`x AND y = (1)` > 1": ("metric", "x AND y = (1)", ">", 1.0),
    "metrics.loss IN (1, 2.5,-3)": ("metric", "loss", "IN", (1.0, 2.5, -3.0)),
    "metrics.loss NOT IN (1,)": ("metric", "loss", "NOT IN", (1.0,)),
    "metrics.loss BETWEEN 0 AND 1": ("metric", "loss", "BETWEEN", (0.0, 1.0)),
    "metrics.loss IS NULL": ("metric", "loss", "IS NULL", None),
    "params.x = 'a'": ("param", "x", "=", "a"),
    'param.x != "a"': ("param", "x", "!=", "a"),
    "parameter.x LIKE '%a%'": ("param", "x", "LIKE", "%a%"),
    "parameters.x ilike 'a_'": ("param", "x", "ILIKE", "a_"),
    "params.x = ''": ("param", "x", "=", ""),
    "params.x = 'it''s'": ("param", "x", "=", "it's"),
    "params.x = \"it's\"": ("param", "x", "=", "it's"),
    'params.x = "say ""hi"" it\'s"': ("param", "x", "=", "say \"hi\" it's"),
    "params.x = 'C:\\'": ("param", "x", "=", "C:\\"),
    "params.x = 'a\nAND b'": ("param", "x", "=", "a\nAND b"),
    "params.lr is  not\tnull": ("param", "lr", "IS NOT NULL", None),
    "params.x IN ('a', \"b\")": ("param", "x", "IN", ("a", "b")),
    "params.x between 'a' and 'b'": ("param", "x", "BETWEEN", ("a", "b")),
    "tags.mlflow.user = 'ada'": ("tag", "mlflow.user", "=", "ada"),
    "tag.`mlflow.parentRunId` = 'x'": ("tag", "mlflow.parentRunId", "=", "x"),
    "tags.`a``b` = 'x'": ("tag", "a`b", "=", "x"),
    'tags."a""b" = \'x\'': ("tag", 'a"b', "=", "x"),
    "status = 'RUNNING'": ("attribute", "status", "=", "RUNNING"),
    "attributes.status = 'x'": ("attribute", "status", "=", "x"),
    "attribute.status = 'x'": ("attribute", "status", "=", "x"),
    "attr.status != 'x'": ("attribute", "status", "!=", "x"),
    "run.status = 'x'": ("attribute", "status", "=", "x"),
    "`status` = 'x'": ("attribute", "status", "=", "x"),
    "\"status\" = 'x'": ("attribute", "status", "=", "x"),
    "run_id not in ('a','b')": ("attribute", "run_id", "NOT IN", ("a", "b")),
    "user_id LIKE 'a%'": ("attribute", "user_id", "LIKE", "a%"),
    "artifact_uri ILIKE 's3://%'": ("attribute", "artifact_uri", "ILIKE", "s3://%"),
    "run_name = 'x'": ("attribute", "run_name", "=", "x"),
    "`run name` = 'x'": ("attribute", "run_name", "=", "x"),
    "`Run name` = 'x'": ("attribute", "run_name", "=", "x"),
    "\"Run Name\" = 'x'": ("attribute", "run_name", "=", "x"),
    "attributes.`Run name` = 'x'": ("attribute", "run_name", "=", "x"),
    "start_time > 1664067852747": ("attribute", "start_time", ">", 1664067852747),
    "created > 1.5": ("attribute", "start_time", ">", 1.5),
    "attributes.Created = 1e3": ("attribute", "start_time", "=", 1000.0),
    "start_time BETWEEN 1 AND 2": ("attribute", "start_time", "BETWEEN", (1, 2)),
    "end_time IS NULL": ("attribute", "end_time", "IS NULL", None),
    "datasets.name = 'x'": ("dataset", "name", "=", "x"),
    "dataset.digest IN ('x')": ("dataset", "digest", "IN", ("x",)),
    "datasets.`context` LIKE 't%'": ("dataset", "context", "LIKE", "t%"),
}  # fmt: skip


@pytest.mark.parametrize("text", COMPARISONS)
def test_a_run_filter_of_one_comparison_is_read(text: str) -> None:
    kind, key, operator, value = COMPARISONS[text]
    parsed = parse_run_filter(text)
    assert isinstance(parsed, Comparison)
    assert (parsed.field.kind, parsed.field.key) == (kind, key)
    assert (parsed.operator, parsed.value) == (operator, value)
    assert type(parsed.value) is type(value)
    assert parse_run_filter(f" \n{text}\t ") == parsed
    assert parse_run_filter(f"(({text}))") == parsed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'x'", comparison("attribute", "name", "=", "x")),
        ("attribute.name ILIKE 'x%'", comparison("attribute", "name", "ILIKE", "x%")),
        ("name IN ('x', 'y')", comparison("attribute", "name", "IN", ("x", "y"))),
        ("experiment_id = '1'", comparison("attribute", "experiment_id", "=", "1")),
        ("experiment_id NOT IN ('1')", comparison("attribute", "experiment_id", "NOT IN", ("1",))),
        ("creation_time >= 5", comparison("attribute", "creation_time", ">=", 5)),
        ("last_update_time < -5", comparison("attribute", "last_update_time", "<", -5)),
        ("tags.`x y` LIKE 'a'", comparison("tag", "x y", "LIKE", "a")),
        ("tag.x IS NOT NULL", comparison("tag", "x", "IS NOT NULL")),
    ],
)
def test_an_experiment_filter_is_read(text: str, expected: Expression) -> None:
    assert parse_experiment_filter(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.a>1 AND metrics.b>2", And((A, B))),
        ("metrics.a>1 and metrics.b>2 And metrics.c>3", And((A, B, C))),
        ("metrics.a>1 OR metrics.b>2 or metrics.c>3", Or((A, B, C))),
        ("metrics.a>1 OR metrics.b>2 AND metrics.c>3", Or((A, And((B, C))))),
        ("(metrics.a>1 OR metrics.b>2) AND metrics.c>3", And((Or((A, B)), C))),
        ("metrics.a>1 AND (metrics.b>2 AND metrics.c>3)", And((A, B, C))),
        ("(metrics.a>1 OR metrics.b>2)OR(metrics.c>3)", Or((A, B, C))),
        ("NOT metrics.a>1 AND metrics.b>2", And((Not(A), B))),
        ("NOT (metrics.a>1 AND metrics.b>2)", Not(And((A, B)))),
        ("not not(metrics.a>1)", Not(Not(A))),
        (
            "metrics.a BETWEEN 1 AND 2 AND metrics.b>2",
            And((comparison("metric", "a", "BETWEEN", (1.0, 2.0)), B)),
        ),
    ],
)
def test_not_binds_closer_than_and_which_binds_closer_than_or(
    text: str, expected: Expression
) -> None:
    assert parse_run_filter(text) == expected


def test_no_filter_and_no_order_are_nothing() -> None:
    assert parse_run_filter(None) is None
    assert parse_run_filter("") is None
    assert parse_experiment_filter("") is None
    assert parse_run_order(None) == ()
    assert parse_experiment_order([]) == ()


REFUSED = [
    (" ", "Invalid filter ' '. Could not be parsed", "leave the filter empty"),
    (
        "Metrics.a > 1",
        "Invalid entity type 'Metrics'. Valid values are ['metric'",
        "write metrics.",
    ),
    ("runs.status = 'x'", "Invalid entity type 'runs'", "write run."),
    ("model.id = 'x'", "Invalid entity type 'model'", "write one of metric."),
    ("acc > 1", "Invalid attribute key 'acc' specified. Valid keys are", "metrics.acc"),
    ("Status = 'x'", "Invalid attribute key 'Status'", "write status"),
    ("CREATED > 1", "Invalid attribute key 'CREATED'", "write start_time"),
    ("`Run ID` = 'x'", "Invalid attribute key 'Run ID'", "write run_id"),
    ("user = 'x'", "Invalid attribute key 'user'", "write user_id"),
    ("Run name = 'x'", "Invalid attribute key 'Run'", "`Run name`"),
    ("experiment_id = '1'", "Invalid attribute key 'experiment_id'", "beside the filter"),
    ("lifecycle_stage = 'x'", "Invalid attribute key 'lifecycle_stage'", "view type"),
    ("`bad.a` > 1", "Invalid entity type 'bad'", "write one of metric."),
    ("`metrics.` > 1", "its key is empty", "`my key`"),
    ("datasets.profile = 'x'", "Invalid dataset key 'profile' specified", "datasets.name"),
    ("metrics.`` > 1", "its key is empty", "`my key`"),
    ("metrics. > 1", "Invalid clause(s) in filter string: '.'", "right behind the dot"),
    ("metrics.a b > 1", "Invalid comparator 'b'", "backticks"),
    ("tags.mlflow.`user` = 'x'", "Invalid comparator '`user`'", "backticks"),
    ("metrics.a == 1", "Invalid comparator '==' not one of '=, !=", "write ="),
    ("metrics.a <> 1", "Invalid comparator '<>'", "write !="),
    ("metrics.a => 1", "Invalid comparator '=>'", "write >="),
    ("metrics.a LIKE '1'", "Invalid comparator 'LIKE'", "this is a number"),
    ("end_time LIKE 'x'", "Invalid comparator 'LIKE'", "this is a number"),
    ("params.x > 'a'", "Invalid comparator '>' not one of '=, !=, LIKE", "this is a text"),
    ("run_id >= 'a'", "Invalid comparator '>='", "this is a text"),
    ("tags.x RLIKE 'a'", "Invalid comparator 'RLIKE'", "this is a text"),
    ("params.x NOT LIKE 'a'", "Invalid comparator 'NOT LIKE'", "NOT field LIKE"),
    ("params.x NOT 'a'", "Invalid clause(s) in filter string: ''a''", "NOT IN"),
    ("metrics.a > '1'", "Expected numeric value type for metric. Found '1'", "without quotes"),
    ("metrics.a = nan", "Expected numeric value type for metric. Found nan", "number"),
    ("metrics.a > metrics.b", "Expected numeric value type for metric", "number"),
    ("metrics.a >", "Expected numeric value type for metric. Found nothing", "number"),
    ("metrics.a > - 1", "Invalid clause(s) in filter string: '-'", ""),
    ("metrics.a > 0x10", "Invalid clause(s) in filter string: '0x10'", ""),
    ("metrics.a > 1_000", "Invalid clause(s) in filter string: '1_000'", ""),
    ("metrics.a > 1AND metrics.b > 1", "Invalid clause(s) in filter string: '1AND'", ""),
    ("start_time > '1'", "Expected numeric value type for numeric attribute: start_time.", "milli"),
    ("params.x = 1", "Expected a quoted string value for parameter (e.g. 'my-value')", "write '1'"),
    ("tags.x = 1", "Expected a quoted string value for tag (e.g. 'my-value')", "write '1'"),
    ("status = 1", "Expected a quoted string value for attributes", "write '1'"),
    ("datasets.name = 1", "Expected a quoted string value for dataset attributes", "write '1'"),
    ("params.x = ('a')", "Expected a quoted string value for parameter", "a list needs IN"),
    ("params.x = a", "Parameter value is either not quoted or unidentified", "write 'a'"),
    ("params.x = `a`", "Parameter value is either not quoted or unidentified", "write 'a'"),
    ("params.x = 'a", "opens a quote and does not close it", "close it with '"),
    ("params.x = 'it\\'s'", "opens a quote and does not close it", "written twice: ''"),
    ("tags.`a = 'x'", "opens a quote and does not close it", "close it with `"),
    ("run_id IN ()", "expected a non-empty list of string values, but got empty", "at least one"),
    ("run_id IN (1, 2)", "While parsing a list in the query, expected a quoted", "write '1'"),
    ("metrics.a IN ('1')", "While parsing a list in the query, expected numeric", "number"),
    ("run_id IN 'a'", "Invalid clause(s) in filter string: ''a''", "in parentheses"),
    ("run_id IN ('a' 'b')", "Invalid clause(s) in filter string: ''b''", "commas"),
    ("run_id IN ('a', 'b'", "it ends too early", "close the list"),
    ("run_id IN (, 'a')", "While parsing a list in the query", ""),
    ("metrics.a BETWEEN 1, 2", "Invalid clause(s) in filter string: ','", "lowest AND highest"),
    ("metrics.a IS 1", "Invalid clause(s) in filter string: '1'", "IS NULL or IS NOT NULL"),
    ("1 < metrics.a", "Expected 'Identifier' found '1'", "field first"),
    ("'status' = 'x'", "Expected 'Identifier' found ''status''", "field first"),
    ("metrics.a", "it ends too early", "followed by one of"),
    (">", "Invalid clause(s) in filter string: '>'", "written like"),
    ("metrics.a > 1 AND", "it ends too early", "written like"),
    ("AND metrics.a > 1", "Invalid clause(s) in filter string: 'AND'", "written like"),
    ("metrics.a > 1 AND AND metrics.b > 1", "filter string: 'AND'", "written like"),
    ("metrics.a > 1 metrics.b > 1", "filter string: 'metrics.b'", "join comparisons with AND"),
    ("metrics.a > 1, metrics.b > 1", "filter string: ','", "join comparisons with AND"),
    ("(metrics.a > 1", "it ends too early", "close the parenthesis"),
    ("metrics.a > 1)", "Invalid clause(s) in filter string: ')'", "AND or OR"),
    ("metrics.a > 1; metrics.b > 1", "contained multiple expression", "instead of ;"),
    ("status = 'a';status = 'b'", "contained multiple expression", "instead of ;"),
    ("metrics.a > 1 -- comment", "Invalid clause(s) in filter string: '--'", ""),
    ("NOT", "it ends too early", "written like"),
]


@pytest.mark.parametrize(("text", "message", "hint"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_malformed_run_filter_is_refused_in_mlflows_words_and_with_a_hint(
    text: str, message: str, hint: str
) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_run_filter(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.a > 1", "Invalid entity type 'metrics'. Valid entity types are"),
        ("attributes.name = 'x'", "Invalid entity type 'attributes'"),
        ("created > 5", "Invalid attribute key 'created'"),
        ("artifact_location = 'x'", "Invalid attribute key 'artifact_location'"),
        ("name > 'x'", "Invalid comparator '>'"),
        ("experiment_id LIKE '1'", "Invalid comparator 'LIKE'"),
        ("experiment_id = 1", "Expected a quoted string value for attributes. Got value 1"),
        ("creation_time > 1.5", "Invalid value for numeric attribute 'creation_time': '1.5'"),
        ("creation_time = '1'", "Expected numeric value type for numeric attribute"),
    ],
)
def test_a_malformed_experiment_filter_is_refused(text: str, message: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_experiment_filter(text)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("metrics.a == 1", ["  metrics.a == 1", "            ^"]),
        ("status\t=\n5", ["  status = 5", "           ^"]),
        (
            "params.key = '" + 100 * "x" + "' AND acc > 1" + 60 * " ",
            ["  ..." + 34 * "x" + "' AND acc > 1" + 33 * " " + "...", 45 * " " + "^"],
        ),
    ],
)
def test_the_message_shows_the_place_on_one_line(text: str, lines: list[str]) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_run_filter(text)
    assert caught.value.message.split("\n")[1:] == lines


def test_nesting_is_bounded_more_than_a_flat_filter_is() -> None:
    deepest = FILTER_DEPTH_MAX * "(" + "metrics.a > 1" + FILTER_DEPTH_MAX * ")"
    assert parse_run_filter(deepest) == A
    for opening, closing in (("(", ")"), ("NOT ", "")):
        with pytest.raises(FilterSyntaxError, match="nests more than"):
            parse_run_filter(100_000 * opening + "metrics.a > 1" + 100_000 * closing)
    flat = parse_run_filter(" AND ".join(["metrics.a > 1"] * 1000))
    assert isinstance(flat, And)
    assert len(flat.parts) == 1000


def test_a_number_of_very_many_digits_is_read_or_refused() -> None:
    digits = "9" * 5000
    assert parse_run_filter(f"start_time < {digits}") == comparison(
        "attribute", "start_time", "<", float("inf")
    )
    with pytest.raises(FilterSyntaxError, match="Invalid value for numeric attribute"):
        parse_experiment_filter(f"creation_time < {digits}")
