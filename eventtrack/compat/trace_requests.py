"""The requests about traces and assessments: their fields, types and rules.

Times are written as protobuf's JSON writes them: `2026-05-03T14:00:00.5Z`, and durations `1.5s`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eventtrack import limits
from eventtrack.compat import rules
from eventtrack.compat.messages import (
    Field,
    Message,
    ParseStoppedError,
    below,
    double,
    int32,
    int64,
    many,
    one_of,
    text,
    texts,
    truth,
)
from eventtrack.compat.requests import Request
from eventtrack.compat.rules import ARRAY, REQUIRED, STRING, TEXTS, WHOLE
from eventtrack.views.traces.metrics import OFFERS
from eventtrack.views.traces.records import TraceStatus

# MLflow (server/handlers.py): traces of one page.
SEARCH_MAX = 500
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})")
_DURATION = re.compile(r"(-?[0-9]{1,19})(?:\.(\d{1,9}))?s")
_SOURCES = ("SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE")


def _time(name: str) -> Field:
    """A moment; read as milliseconds since 1970."""
    return Field(name, _to_milliseconds, default=0)


def _to_milliseconds(value: Any) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ParseStoppedError
    zone = "+00:00" if match[3] == "Z" else match[3]
    try:
        moment = datetime.fromisoformat(match[1] + zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ParseStoppedError from error
    return int(moment.timestamp()) * 1000 + int((match[2] or "").ljust(3, "0")[:3])


def _duration(name: str) -> Field:
    """A length of time; read as milliseconds."""
    return Field(name, _duration_ms, default=0)


def _duration_ms(value: Any) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ParseStoppedError
    part = int((match[2] or "").ljust(3, "0")[:3])
    whole = int(match[1]) * 1000
    return whole - part if match[1].startswith("-") else whole + part


def _pairs(name: str) -> Field:
    """A map of texts; read as a dictionary."""
    return Field(name, _texts_by_name, default={})


def _texts_by_name(value: Any) -> dict[str, str]:
    good = isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())
    if not good:
        raise ParseStoppedError
    return dict(value)


def _anything(name: str) -> Field:
    """Any JSON; here null is a value, unlike in all other fields."""
    return Field(name, lambda value: value)


def _enum(name: str, names: tuple[str, ...]) -> Field:
    """One of several names, numbered from 0; the first name when unset."""
    numbered = one_of(name, names)

    def convert(value: Any) -> str:
        assert numbered.convert is not None
        is_number = isinstance(value, int) and not isinstance(value, bool)
        word: str = numbered.convert(value + 1 if is_number else value)
        return word

    return Field(name, convert, default=names[0])


def _paths(name: str) -> Field:
    """A field mask: names in camelCase with commas between them."""
    return Field(name, _snake_paths, default=[])


def _snake_paths(value: Any) -> list[str]:
    if not isinstance(value, str):
        raise ParseStoppedError
    return [
        re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", path)
        for path in value.split(",")
        if path
    ]


_EXPERIMENT = Message((text("experiment_id"),))
_LOCATION = Message(
    (
        _enum("type", ("TRACE_LOCATION_TYPE_UNSPECIFIED", "MLFLOW_EXPERIMENT", "INFERENCE_TABLE")),
        below("mlflow_experiment", _EXPERIMENT),
        below("inference_table", Message((text("full_table_name"),))),
    )
)
_ERROR = Message((text("error_code"), text("error_message"), text("stack_trace")))
ASSESSMENT = Message(
    (
        text("assessment_id"),
        text("assessment_name"),
        text("trace_id"),
        text("span_id"),
        below("source", Message((_enum("source_type", _SOURCES), text("source_id")))),
        _time("create_time"),
        _time("last_update_time"),
        below("feedback", Message((_anything("value"), below("error", _ERROR)))),
        below(
            "expectation",
            Message(
                (
                    _anything("value"),
                    below(
                        "serialized_value", Message((text("serialization_format"), text("value")))
                    ),
                )
            ),
        ),
        below("issue", Message((text("issue_name"),))),
        text("rationale"),
        below("error", _ERROR),
        _pairs("metadata"),
        text("overrides"),
        truth("valid"),
    )
)
_INFO = Message(
    (
        text("trace_id"),
        text("client_request_id"),
        below("trace_location", _LOCATION),
        text("request_preview"),
        text("response_preview"),
        _time("request_time"),
        _duration("execution_duration"),
        _enum("state", TraceStatus.ALL),
        _pairs("trace_metadata"),
        many("assessments", ASSESSMENT),
        _pairs("tags"),
    )
)
_NEEDED = [STRING, REQUIRED]
_IDS = [ARRAY, REQUIRED, TEXTS]


def _request(*fields: Field, **asked: Any) -> Request:
    return Request(Message(fields), asked)


START = _request(below("trace", Message((below("trace_info", _INFO),))), trace=[REQUIRED])
GET_INFO = _request(text("trace_id"))
GET = _request(
    text("trace_id"), truth("allow_partial"), trace_id=_NEEDED, allow_partial=[rules.TRUTH]
)
MANY = _request(
    texts("trace_ids"), texts("experiment_ids"), trace_ids=_IDS, experiment_ids=[ARRAY, TEXTS]
)
SEARCH = _request(
    many("locations", _LOCATION),
    text("filter"),
    int32("max_results", 100),
    texts("order_by"),
    text("page_token"),
    locations=[ARRAY, REQUIRED],
    filter=[STRING],
    max_results=[WHOLE, rules.at_most(SEARCH_MAX)],
    order_by=[ARRAY, TEXTS],
    page_token=[STRING],
)
METRICS = _request(
    texts("experiment_ids"),
    one_of("view_type", tuple(OFFERS)),
    text("metric_name"),
    many(
        "aggregations",
        Message(
            (
                one_of("aggregation_type", ("COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX")),
                double("percentile_value"),
            )
        ),
    ),
    texts("dimensions"),
    texts("filters"),
    int64("time_interval_seconds"),
    int64("start_time_ms"),
    int64("end_time_ms"),
    int32("max_results", limits.TRACE_METRICS_RESULTS_DEFAULT),
    text("page_token"),
    experiment_ids=_IDS,
    view_type=[REQUIRED],
    metric_name=_NEEDED,
    aggregations=[ARRAY, REQUIRED],
    dimensions=[ARRAY, TEXTS],
    filters=[ARRAY, TEXTS],
    time_interval_seconds=[WHOLE],
    start_time_ms=[WHOLE],
    end_time_ms=[WHOLE],
    max_results=[WHOLE],
    page_token=[STRING],
)
CORRELATION = _request(
    texts("experiment_ids"),
    text("filter_string1"),
    text("filter_string2"),
    text("base_filter"),
    experiment_ids=[ARRAY, REQUIRED, TEXTS],
    filter_string1=_NEEDED,
    filter_string2=_NEEDED,
    base_filter=[STRING],
)
DELETE = _request(
    text("experiment_id"),
    int64("max_timestamp_millis"),
    int32("max_traces"),
    texts("request_ids"),
    experiment_id=_NEEDED,
    max_timestamp_millis=[WHOLE],
    max_traces=[WHOLE],
    request_ids=[ARRAY, TEXTS],
)
SET_TAG = _request(text("key"), text("value"), key=_NEEDED, value=[STRING])
DELETE_TAG = _request(text("key"), key=_NEEDED)
LINK_RUN = _request(texts("trace_ids"), text("run_id"), trace_ids=_IDS, run_id=_NEEDED)
LINK_PROMPTS = _request(
    text("trace_id"),
    many("prompt_versions", Message((text("name"), text("version")))),
    trace_id=_NEEDED,
    prompt_versions=[ARRAY, REQUIRED],
)
CREATE_ASSESSMENT = _request(below("assessment", ASSESSMENT), assessment=[REQUIRED])
ONE_ASSESSMENT = _request(text("trace_id"))
UPDATE_ASSESSMENT = _request(
    below("assessment", ASSESSMENT),
    _paths("update_mask"),
    assessment=[REQUIRED],
    update_mask=[REQUIRED],
)
