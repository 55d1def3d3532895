"""The fields of a search for traces, under MLflow's names (`SearchTraceUtils`)."""

from collections.abc import Sequence

from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.fields import (
    NUMBER,
    TEXT_OPERATORS,
    FieldType,
    Schema,
)
from eventtrack.views.filters.trees import (
    Comparison,
    Expression,
    OrderTerm,
    comparisons,
    parse_filter,
    parse_order,
)

_TEXT = FieldType("text", (*TEXT_OPERATORS, "RLIKE"))
_ALIKE = FieldType("text", ("LIKE", "ILIKE", "RLIKE"))
# A number for < and >, a text otherwise.
_JUDGEMENT = FieldType(
    "either",
    ("=", "!=", "LIKE", "ILIKE", "RLIKE", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL"),
)
SPAN_KEYS = ("name", "type", "status")
# The key for the whole JSON of a span.
SPAN_CONTENT = "content"
SPAN_ATTRIBUTE_PREFIX = "attributes."

TRACES = Schema(
    entities={
        **dict.fromkeys(("trace", "attribute", "attributes"), "attribute"),
        **dict.fromkeys(("tag", "tags"), "tag"),
        **dict.fromkeys(("metadata", "request_metadata"), "metadata"),
        "span": "span",
        "feedback": "feedback",
        "expectation": "expectation",
        "issue": "issue",
    },
    entity_words="Valid entity types are ['trace', 'tag', 'metadata', 'span', 'feedback', "
    "'expectation', 'issue']",
    attributes={
        "request_id": _TEXT,
        "timestamp_ms": NUMBER,
        "execution_time_ms": NUMBER,
        "end_time_ms": NUMBER,
        "status": _TEXT,
        "client_request_id": _TEXT,
        "name": _TEXT,
        "run_id": _TEXT,
        "prompt": FieldType("text", ("=",)),
        "text": _ALIKE,
        "experiment_id": _TEXT,
    },
    aliases={
        "timestamp": "timestamp_ms",
        "execution_time": "execution_time_ms",
        "end_time": "end_time_ms",
        "trace_id": "request_id",
        "state": "status",
    },
    advice={
        "id": "write request_id",
        "duration": "write execution_time_ms",
        "session": "write metadata.`mlflow.trace.session`",
        "user": "write metadata.`mlflow.trace.user`",
        "content": "write trace.text LIKE '%...%'",
    },
    order_kinds=("attribute", "tag", "metadata"),
    kinds={
        "tag": _TEXT,
        "metadata": _TEXT,
        "span": _TEXT,
        "feedback": _JUDGEMENT,
        "expectation": _JUDGEMENT,
        "issue": FieldType("text", ("=",)),
    },
    keys={"span": (*SPAN_KEYS, SPAN_CONTENT, f"{SPAN_ATTRIBUTE_PREFIX}<name>"), "issue": ("id",)},
)


def parse_trace_filter(text: str | None) -> Expression | None:
    """The tree of a filter over traces; None for no filter (None or the empty text).

    Raises:
        FilterSyntaxError: The filter cannot be read; the message shows the place.
    """
    expression = parse_filter(text, TRACES)
    for comparison in comparisons(expression):
        _check(comparison)
    return expression


def _check(comparison: Comparison) -> None:
    """Refuse, in MLflow's words, faults that the table of fields cannot express."""
    field, operator = comparison.field, comparison.operator
    if (field.kind, field.key) == ("span", SPAN_CONTENT) and operator not in ("LIKE", "ILIKE"):
        raise FilterSyntaxError(
            f"span.content comparator '{operator}' not one of 'LIKE', 'ILIKE'",
            hint="write span.content LIKE '%...%'",
        )
    if (field.kind, field.key) == ("attribute", "prompt"):
        name, slash, version = str(comparison.value).partition("/")
        if not (name and slash and version) or "/" in version:
            raise FilterSyntaxError(
                f"Invalid prompts filter value '{comparison.value}'. "
                'Expected format: prompt = "name/version"',
                hint="name the version too, for example prompt = 'greeting/2'",
            )


def parse_trace_order(order_by: Sequence[str] | None) -> tuple[OrderTerm, ...]:
    """The fields to sort traces by, most important first; ascending unless DESC is written.

    Raises:
        FilterSyntaxError: A clause cannot be read, or two clauses name the same field.
    """
    return parse_order(order_by, TRACES)
