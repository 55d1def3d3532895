"""Assessments of traces: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")

from tests.compat.tracing import V3, new_id, read, start
from tests.compat.twin import Twin


@pytest.fixture(autouse=True)
def an_experiment(twin: Twin) -> None:
    """Every test has an experiment of its own."""
    twin.new_experiment()


def assess(twin: Twin, trace_id: str, name: str = "one", **fields: Any) -> Any:
    """An assessment on both servers, remembered under its name."""
    body = {
        "assessment": {
            "assessment_name": name,
            "source": {"source_type": "HUMAN", "source_id": "me"},
            "create_time": "2026-05-03T14:00:00Z",
            "last_update_time": "2026-05-03T14:00:00.5Z",
            **fields,
        }
    }
    path = f"{V3}traces/{trace_id}/assessments"
    pair = twin._ask("POST", path, json=body)
    if all(one.status_code == 200 for one in pair):
        twin.remember(name, *(one.json()["assessment"]["assessment_id"] for one in pair))
    ours, theirs = (twin._plain(known, one) for known, one in zip(twin._known, pair, strict=True))
    assert (pair[0].status_code, ours) == (pair[1].status_code, theirs)
    return ours


@pytest.mark.parametrize(
    "fields",
    [
        {"feedback": {"value": True}},
        {"feedback": {"value": 5}},
        {"feedback": {"value": 0.25}},
        {"feedback": {"value": "yes"}},
        {"feedback": {"value": [1, "a"]}},
        {"feedback": {"value": {"a": True}}},
        {"feedback": {"value": None, "error": {"error_code": "X", "error_message": "m"}}},
        {"feedback": {"error": {"error_code": "X", "stack_trace": "s" * 12_000}}},
        {"feedback": {}},
        {"expectation": {"value": "Paris"}},
        {"expectation": {"value": 7}},
        {
            "expectation": {
                "serialized_value": {"serialization_format": "JSON_FORMAT", "value": "[1, 2]"}
            }
        },
        {"issue": {"issue_name": "slow"}},
        {"feedback": {"value": 1}, "rationale": "so", "metadata": {"a": "b"}, "span_id": "1" * 16},
        {"feedback": {"value": 1}, "source": {"source_type": "LLM_JUDGE"}},
        {"feedback": {"value": 1}, "metadata": {"mlflow.assessment.sourceRunId": "r"}},
    ],
)
def test_assessments_of_all_kinds_are_taken(twin: Twin, fields: dict[str, Any]) -> None:
    trace_id = new_id()
    start(twin, trace_id)
    assess(twin, trace_id, **fields)
    twin.same("GET", f"{V3}traces/{trace_id}/assessments/{{one}}")
    read(twin, trace_id)


def test_assessments_that_make_no_sense_are_refused(twin: Twin) -> None:
    trace_id = new_id()
    start(twin, trace_id)
    assess(twin, trace_id)
    assess(twin, trace_id, expectation={})
    wrong = {"serialization_format": "XML", "value": "1"}
    assess(twin, trace_id, expectation={"serialized_value": wrong})
    assess(twin, "nope", feedback={"value": 1})
    assess(twin, trace_id, feedback={"value": 1}, overrides="a-nope")
    twin.same("POST", f"{V3}traces/{trace_id}/assessments", json={})


def test_assessments_are_changed_overridden_and_deleted(twin: Twin) -> None:
    trace_id = new_id()
    start(twin, trace_id)
    assess(twin, trace_id, feedback={"value": True}, rationale="so", metadata={"a": "b"})
    assess(twin, trace_id, "two", expectation={"value": 1})
    one, two = (f"{V3}traces/{trace_id}/assessments/{{{name}}}" for name in ("one", "two"))
    for path, mask, fields in (
        (one, "feedback", {"feedback": {"value": "no"}}),
        (one, "rationale", {"rationale": "not so"}),
        (one, "metadata", {"metadata": {"c": "d"}}),
        (one, "assessmentName", {"assessment_name": "renamed"}),
        (one, "feedback,rationale", {"feedback": {"error": {"error_code": "E"}}}),
        (two, "expectation", {"expectation": {"value": 2}}),
        (two, "feedback", {"feedback": {"value": 2}}),
        (one, "expectation", {"expectation": {"value": 2}}),
        (f"{V3}traces/{trace_id}/assessments/a-nope", "rationale", {"rationale": "x"}),
    ):
        twin.same("PATCH", path, json={"assessment": fields, "update_mask": mask})
        read(twin, trace_id)
    twin.same("PATCH", one, json={"assessment": {}})
    assess(twin, trace_id, "three", feedback={"value": False}, overrides="{one}")
    read(twin, trace_id)
    for path in (f"{V3}traces/{trace_id}/assessments/{{three}}", two, two, one):
        twin.same("DELETE", path)
        read(twin, trace_id)
    twin.same("GET", one)
