"""Searches for traces: both servers find the same, in the same order."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")

from tests.compat.tracing import V3, again, export, new_id, place, span
from tests.compat.twin import Twin


@pytest.fixture(autouse=True)
def an_experiment(twin: Twin) -> None:
    """Every test has an experiment of its own."""
    twin.new_experiment()


@pytest.fixture
def a_few(twin: Twin) -> list[str]:
    """Traces that differ in all that a search asks for."""
    ids = sorted(new_id() for _ in range(6))
    for number, trace_id in enumerate(ids):
        export(
            twin,
            span(
                trace_id,
                1,
                name=f"root {number % 2}",
                attributes={
                    "mlflow.spanInputs": {"question": f"number {number} ü"},
                    "mlflow.spanType": "AGENT",
                    "model": f"gpt-{number}",
                },
            ),
            span(trace_id, 2, 1, name="tool", attributes={"mlflow.spanType": "TOOL", "n": number}),
        )
        again(
            twin,
            trace_id,
            request_time=f"2026-05-03T14:00:0{number // 2}Z",
            execution_duration=f"{number}s" if number != 3 else None,
            state="ERROR" if number % 3 == 1 else "OK",
            client_request_id=f"c{number}" if number else None,
            tags={"mlflow.traceName": f"name {number}", **({"even": "yes"} if number % 2 else {})},
            trace_metadata={"mlflow.trace.session": f"s{number % 2}", "who": f"w{number}"},
        )
        judge(twin, trace_id, "good", number % 2 == 0, number)
        judge(twin, trace_id, "score", number / 2, number + 10)
        judge(twin, trace_id, "word", f"w{number}", number + 20)
    return ids


def judge(twin: Twin, trace_id: str, name: str, value: Any, second: int) -> None:
    """An assessment on both servers."""
    moment = f"2026-05-03T14:01:{second:02}Z"
    twin._ask(
        "POST",
        f"{V3}traces/{trace_id}/assessments",
        json={
            "assessment": {
                "assessment_name": name,
                "source": {"source_type": "HUMAN", "source_id": "me"},
                "create_time": moment,
                "last_update_time": moment,
                "feedback": {"value": value},
            }
        },
    )


def found(twin: Twin, filter_string: str, **fields: Any) -> list[str]:
    """The ids that both servers find, without their assessments' own ids."""
    body = {"locations": [place()], "filter": filter_string, **fields}
    pair = twin._ask("POST", f"{V3}traces/search", json=body)
    ours, theirs = ([one["trace_id"] for one in answer.json().get("traces", [])] for answer in pair)
    assert [one.status_code for one in pair] == [200, 200], filter_string
    assert ours == theirs, filter_string
    return ours


def test_traces_are_found_by_filters(twin: Twin, a_few: list[str]) -> None:
    twin.new_run()
    for filter_string in (
        "",
        "status = 'OK'",
        "status != 'OK'",
        "trace.status IN ('OK', 'ERROR')",
        "status NOT IN ('OK')",
        "attributes.status LIKE 'E%'",
        "timestamp > 1777816800000",
        "timestamp_ms >= 1777816801000 AND timestamp_ms < 1777816802000",
        "execution_time_ms > 1000",
        "execution_time <= 1000",
        "end_time >= 1777816802000",
        "name = 'name 3'",
        "name LIKE 'name%'",
        "name ILIKE 'NAME 2'",
        "name RLIKE '[12]$'",
        f"request_id = '{a_few[2]}'",
        f"request_id IN ('{a_few[2]}', '{a_few[4]}')",
        "client_request_id = 'c4'",
        "client_request_id != 'c4'",
        "tag.even = 'yes'",
        "tags.even != 'yes'",
        "tags.even IS NULL",
        "tags.even IS NOT NULL",
        "tags.`mlflow.traceName` = 'name 1'",
        "metadata.who = 'w2'",
        "request_metadata.who LIKE 'w%'",
        "metadata.who IS NULL",
        "metadata.`mlflow.trace.session` = 's1'",
        "span.name = 'tool'",
        "span.name = 'root 1'",
        "span.type = 'AGENT' AND span.name = 'tool'",
        "span.type = 'TOOL' AND span.name LIKE 't%'",
        "span.status = 'UNSET'",
        "span.name IN ('root 0', 'x')",
        "span.attributes.model LIKE '%gpt-3%'",
        "trace.text LIKE '%number 4%'",
        "trace.text ILIKE '%NUMBER 4 ü%'",
        "feedback.good = 'true'",
        "feedback.good != 'true'",
        "feedback.score > 1",
        "feedback.score <= 1.0",
        "feedback.word = 'w3'",
        "feedback.word IS NULL",
        "feedback.none IS NULL",
        "feedback.word IS NOT NULL",
        "expectation.word = 'w3'",
        "status = 'OK' AND feedback.score >= 1 AND tags.even = 'yes'",
    ):
        found(twin, filter_string)


def test_traces_are_ordered_and_paged(twin: Twin, a_few: list[str]) -> None:
    for order in (
        [],
        ["timestamp"],
        ["timestamp_ms ASC", "request_id DESC"],
        ["execution_time_ms DESC"],
        ["execution_time"],
        ["status", "timestamp DESC"],
        ["name DESC"],
        ["tags.even", "timestamp ASC"],
        ["tag.even DESC"],
        ["metadata.who DESC"],
        ["request_id"],
        ["experiment_id"],
    ):
        found(twin, "", order_by=order)
    assert len(found(twin, "", max_results=4)) == 4
    token = twin._ask(
        "POST",
        f"{V3}traces/search",
        json={"locations": [place()], "max_results": 4},
    )[0].json()["next_page_token"]
    assert len(found(twin, "", max_results=4, page_token=token)) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "status = OK"},
        {"filter": "status == 'OK'"},
        {"filter": "nothing = 'x'"},
        {"filter": "params.x = 'x'"},
        {"filter": "tags.x > 'x'"},
        {"filter": "status = 'OK' OR"},
        {"filter": "feedback.x = 1"},
        {"filter": "feedback.x > 'a'"},
        {"filter": "span.nothing = 'x'"},
        {"filter": "trace.text = 'x'"},
        {"filter": "prompt LIKE 'x/1'"},
        {"order_by": ["nothing"]},
        {"order_by": ["timestamp UP"]},
        {"order_by": ["timestamp", "timestamp DESC"]},
        {"order_by": ["span.name"]},
        {"page_token": "x"},
        {"max_results": 0},
        {"max_results": -1},
    ],
)
def test_searches_that_make_no_sense_are_refused(twin: Twin, fields: dict[str, Any]) -> None:
    body = {"locations": [place()], **fields}
    pair = twin._ask("POST", f"{V3}traces/search", json=body)
    codes = [(one.status_code, one.json().get("error_code")) for one in pair]
    assert codes[0] == (400, "INVALID_PARAMETER_VALUE")
    assert codes[1][0] in (400, 500)
