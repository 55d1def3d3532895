"""Figures about traces: both servers answer the same questions alike, and refuse the same."""

from itertools import product
from typing import Any

import pytest

pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")

from tests.compat.tracing import T0, V3, again, export, new_id, span
from tests.compat.twin import Twin

START_MS = T0 * 1000
# Both ends of the reported times below, which begin elsewhere than the spans.
FIRST_MS, LAST_MS = 1777816800000, 1777816805000
TOKENS = (
    *("input_tokens", "output_tokens", "total_tokens"),
    *("cache_read_input_tokens", "cache_creation_input_tokens"),
)
COSTS = ("input_cost", "output_cost", "total_cost")
COUNT = [{"aggregation_type": "COUNT"}]
SPREAD = [
    *({"aggregation_type": name} for name in ("AVG", "MIN", "MAX")),
    *({"aggregation_type": "PERCENTILE", "percentile_value": p} for p in (0, 50, 90, 99.5, 100)),
]
AMOUNT = [{"aggregation_type": "SUM"}, *SPREAD]
MODEL = ("span_model_name", "span_model_provider")


@pytest.fixture
def a_few(twin: Twin) -> list[str]:
    """Traces that differ in all that can be counted."""
    twin.new_experiment()
    twin.new_run()
    ids = sorted(new_id() for _ in range(5))
    for number, trace_id in enumerate(ids):
        cost = {"input_cost": number / 4, "output_cost": 0.5, "total_cost": number / 4 + 0.5}
        usage = {"input_tokens": number, "output_tokens": 2, "total_tokens": number + 2}
        of_model = {
            "mlflow.spanType": "LLM",
            "mlflow.llm.model": f"gpt-{number % 2}",
            "mlflow.llm.provider": "openai",
            "mlflow.llm.cost": cost,
            "mlflow.chat.tokenUsage": usage,
        }
        export(
            twin,
            span(trace_id, 1, name="root", attributes={"mlflow.spanType": "AGENT"}),
            span(trace_id, 2, 1, name="ask", at=number * 1500, attributes=of_model),
            span(trace_id, 3, 1, name="ask", at=number * 1500 + 7),
        )
        again(
            twin,
            trace_id,
            request_time=f"2026-05-03T14:00:0{number}.250Z",
            execution_duration=f"{number}.125s" if number != 3 else None,
            state="ERROR" if number == 1 else "OK",
            tags={"mlflow.traceName": f"name {number % 2}", "team": f"t{number % 2}"},
            trace_metadata={
                "mlflow.trace.session": f"s{number % 2}",
                "who.is.it": f"w{number}",
                **({"mlflow.sourceRun": "{run}"} if number == 4 else {}),
            },
        )
        judge(twin, trace_id, number)
    twin._ask("POST", "/api/2.0/mlflow/traces/link-to-run", json=links(ids[:2]))
    return ids


def links(ids: list[str]) -> dict[str, Any]:
    """The traces that belong to the run by a link."""
    return {"trace_ids": ids, "run_id": "{run}"}


def judge(twin: Twin, trace_id: str, number: int) -> None:
    """Assessments of every kind of value."""
    moment = "2026-05-03T14:01:00Z"
    values: dict[str, Any] = {
        "good": number % 2 == 0,
        "score": number / 2,
        "answer": "yes" if number % 2 else " No ",
        "word": f"w {number % 2}",
        "details": {"a": [1.5, "ü"]},
    }
    for name, value in values.items():
        kind = "expectation" if name == "word" else "feedback"
        body = {
            "assessment_name": name,
            "source": {"source_type": "HUMAN", "source_id": "me"},
            "create_time": moment,
            "last_update_time": moment,
            kind: {"value": value},
        }
        pair = twin._ask("POST", f"{V3}traces/{trace_id}/assessments", json={"assessment": body})
        assert [one.status_code for one in pair] == [200, 200]


def ask(twin: Twin, view: str, metric: str, figures: list[Any], **fields: Any) -> Any:
    """A question to both servers; returns the points of our answer, which are theirs."""
    body = {
        "experiment_ids": ["{experiment}"],
        "view_type": view,
        "metric_name": metric,
        "aggregations": figures,
        **fields,
    }
    found = twin.same("POST", f"{V3}traces/metrics", json=body)
    return found.get("data_points", [])


METRICS: list[tuple[str, str, list[Any], tuple[str, ...]]] = [
    ("TRACES", "trace_count", COUNT, ("trace_name", "trace_status")),
    ("TRACES", "session_count", COUNT, ()),
    ("TRACES", "latency", SPREAD, ("trace_name",)),
    *(("TRACES", name, AMOUNT, ("trace_name",)) for name in TOKENS),
    ("SPANS", "span_count", COUNT, (*MODEL, "span_name", "span_status", "span_type")),
    ("SPANS", "latency", SPREAD, ("span_name", "span_status")),
    *(("SPANS", name, AMOUNT, MODEL) for name in COSTS),
    ("ASSESSMENTS", "assessment_count", COUNT, ("assessment_name", "assessment_value")),
    ("ASSESSMENTS", "assessment_value", SPREAD, ("assessment_name",)),
]


def test_every_metric_is_grouped_by_time_and_by_what_it_has(twin: Twin, a_few: list[str]) -> None:
    reported = {"start_time_ms": FIRST_MS, "end_time_ms": LAST_MS}
    begun = {"start_time_ms": START_MS, "end_time_ms": START_MS + 5000}
    spans_of_time: tuple[dict[str, Any], ...] = (
        {},
        {**reported, "time_interval_seconds": 2},
        {**begun, "time_interval_seconds": 3600},
        {"start_time_ms": FIRST_MS + 1250, "end_time_ms": FIRST_MS + 1250},
        {"start_time_ms": LAST_MS, "end_time_ms": FIRST_MS},
    )
    for view, metric, figures, dimensions in METRICS:
        groups = [[], *([one] for one in dimensions), list(dimensions), list(dimensions)[::-1]]
        for grouped, when in product(groups, spans_of_time):
            ask(twin, view, metric, figures, dimensions=grouped, **when)
    assert len(ask(twin, "TRACES", "trace_count", COUNT, dimensions=["trace_name"])) == 2
    assert ask(twin, "TRACES", "input_tokens", AMOUNT)[0]["values"]["SUM"] == 10
    assert ask(twin, "SPANS", "total_cost", AMOUNT)[0]["values"]["SUM"] == 5


def test_filters_bound_what_is_counted(twin: Twin, a_few: list[str]) -> None:
    counts = {"TRACES": "trace_count", "SPANS": "span_count", "ASSESSMENTS": "assessment_count"}
    of_all = (
        ["trace.status = 'OK'"],
        ['`trace`.status = "ERROR"'],
        ["trace.tag.team = 't1'"],
        ["trace.tag.`mlflow.traceName` = 'name 0'"],
        ["trace.metadata.who.is.it = 'w3'"],
        ["trace.metadata.`mlflow.trace.session` = 's0'"],
        ["trace.metadata.mlflow.sourceRun = '{run}'"],
        ["trace.tag.nothing = 'x'"],
        ["trace.status = 'OK'", "trace.tag.team = 't1'"],
    )
    of_spans = (["span.name = 'ask'"], ["span.type = 'LLM'"], ["span.status='UNSET'"])
    of_assessments = (["assessment.name = 'good'"], ["assessment.type = 'expectation'"])
    for view, filters in (
        *product(counts, of_all),
        *product(["SPANS"], of_spans),
        *product(["ASSESSMENTS"], of_assessments),
    ):
        ask(twin, view, counts[view], COUNT, filters=filters)
    assert ask(twin, "TRACES", "trace_count", COUNT, filters=["trace.status = 'OK'"])


def test_what_was_deleted_or_overridden_is_not_counted(twin: Twin, a_few: list[str]) -> None:
    body = {"experiment_id": "{experiment}", "request_ids": a_few[:2]}
    twin._ask("POST", f"{V3}traces/delete-traces", json=body)
    for view, metric, figures, dimensions in METRICS:
        ask(twin, view, metric, figures, dimensions=list(dimensions))


def test_where_nothing_is_there_is_a_count_of_it(twin: Twin) -> None:
    twin.new_experiment()
    for view, metric, figures, dimensions in METRICS:
        ask(twin, view, metric, figures)
        ask(twin, view, metric, figures, dimensions=list(dimensions))
        ask(twin, view, metric, figures, experiment_ids=["987654321"])
    assert ask(twin, "TRACES", "trace_count", COUNT)[0]["values"] == {"COUNT": 0}


def test_no_more_points_come_than_are_asked_for(twin: Twin, a_few: list[str]) -> None:
    for most in (1, 2, 0, -1, "3"):
        ask(twin, "SPANS", "span_count", COUNT, dimensions=["span_name"], max_results=most)
    ask(twin, "TRACES", "trace_count", COUNT, page_token="any")
    ask(twin, "TRACES", "trace_count", [{}], view_type=1)


def test_the_pages_ask_elsewhere(twin: Twin, a_few: list[str]) -> None:
    body = {
        "experiment_ids": ["{experiment}"],
        "view_type": "TRACES",
        "metric_name": "trace_count",
        "aggregations": COUNT,
    }
    assert twin.same("POST", "/ajax-api/3.0/mlflow/traces/metrics", json=body)["data_points"]
    twin.same("POST", f"{V3}traces/metrics", json={**body, "aggregations": []}, any_error=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"experiment_ids": []},
        {"experiment_ids": "1"},
        {"experiment_ids": ["x"]},
        {"view_type": None},
        {"view_type": ""},
        {"metric_name": "nothing"},
        {"metric_name": ""},
        {"metric_name": "latency"},
        {"aggregations": None},
        {"aggregations": [{"aggregation_type": "SUM"}]},
        {"dimensions": ["span_name"]},
        {"dimensions": "trace_name"},
        {"time_interval_seconds": 60},
        {"time_interval_seconds": 60, "start_time_ms": 1},
        {"time_interval_seconds": "x"},
        {"filters": "trace.status = 'OK'"},
    ],
)
def test_questions_that_make_no_sense_are_refused_in_the_same_words(
    twin: Twin, fields: dict[str, Any]
) -> None:
    twin.new_experiment()
    ask(twin, "TRACES", "trace_count", COUNT, **fields)


@pytest.mark.parametrize(
    "figures",
    [
        [{"aggregation_type": "PERCENTILE"}],
        [{"aggregation_type": "PERCENTILE", "percentile_value": 101}],
        [{"aggregation_type": "PERCENTILE", "percentile_value": -1}],
        [{"aggregation_type": "AVG", "percentile_value": 50}],
        [{"aggregation_type": "COUNT"}],
        [{"aggregation_type": "AVG"}, {"aggregation_type": "SUM"}],
    ],
)
def test_figures_that_make_no_sense_are_refused(twin: Twin, figures: list[Any]) -> None:
    twin.new_experiment()
    body = {"experiment_ids": ["{experiment}"], "view_type": "TRACES", "metric_name": "latency"}
    twin.same("POST", f"{V3}traces/metrics", json={**body, "aggregations": figures})


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "status = 'OK'",
        "run.status = 'OK'",
        "trace.name = 'x'",
        "trace.tag = 'x'",
        "trace.status.x = 'OK'",
        "trace.status = OK",
        "trace.status != 'OK'",
        "trace.status LIKE 'OK'",
        "trace.status = 'OK' AND trace.status = 'OK'",
        "span.name = 'x'",
        "assessment.name = 'x'",
    ],
)
def test_filters_that_make_no_sense_are_refused(twin: Twin, wrong: str) -> None:
    twin.new_experiment()
    body = {
        "experiment_ids": ["{experiment}"],
        "view_type": "TRACES",
        "metric_name": "trace_count",
        "aggregations": COUNT,
        "filters": [wrong],
    }
    found = twin.same("POST", f"{V3}traces/metrics", json=body, own_words=True)
    assert found["error_code"] == "INVALID_PARAMETER_VALUE"


def test_filters_go_together_as_often_as_mlflow_says(twin: Twin) -> None:
    path = "/api/3.0/mlflow/traces/calculate-filter-correlation"
    twin.new_experiment()
    for body in (
        {"filter_string1": "tags.a = '1'", "filter_string2": "tags.b = '1'"},
        {"filter_string1": "tags.a = '1'"},
        {"filter_string1": "tags.a = '1'", "filter_string2": 5},
    ):
        ours, theirs = twin._ask("POST", path, json={"experiment_ids": ["{experiment}"], **body})
        assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json())
