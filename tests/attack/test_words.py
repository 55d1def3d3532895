"""A state, a time or an assessment that nobody honest writes hides nothing from MLflow's clients.

They give up on a whole answer with a word that they do not know.
"""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from mlflow.protos import service_pb2 as messages

from eventtrack.compat import responses, trace_responses
from eventtrack.events import traces, types
from eventtrack.plugin import entities, trace_entities
from eventtrack.store import Store
from tests.attack.planted import Mallory

WORDS = ("later", "", "\0", "FINISHED\n")
TIMES = (2**63 - 1, -(2**63), 253_402_300_800_000)


@pytest.fixture
def run_id(store: Store) -> str:
    """A run of an honest machine."""
    return store.runs.create("0").info.run_id


@pytest.mark.parametrize("word", WORDS)
def test_a_state_that_nobody_knows_is_read(store: Store, run_id: str, word: str) -> None:
    mallory = Mallory()
    mallory.tell(store, f"run/{run_id}", types.RunUpdated(status=word))
    born = types.ModelCreated("0", "m", None, None, {}, {}, 1)
    mallory.tell(store, "model/m-1", born, types.ModelFinalized(word, 1))
    report = traces.TraceRecorded("0", 1, None, word, None, None, None, {}, {})
    mallory.tell(store, "trace/tr-1", report)
    run, model, trace = (
        store.runs.get(run_id),
        store.models.get("m-1"),
        store.traces.get("tr-1"),
    )
    ParseDict(responses.run(run, []), messages.Run())
    assert entities.run(run, [], "").info.status == "RUNNING"
    ParseDict(responses.logged_model(model), messages.LoggedModel())
    assert entities.logged_model(model, "").status.value == "UNSPECIFIED"
    ParseDict(trace_responses.trace_info(trace), messages.TraceInfoV3())
    assert trace_entities.trace_info(trace, "").state.value == "STATE_UNSPECIFIED"


@pytest.mark.parametrize("time_ms", TIMES)
def test_a_time_out_of_all_calendars_is_read(store: Store, time_ms: int) -> None:
    report = traces.TraceRecorded("0", time_ms, time_ms, "OK", None, None, None, {}, {})
    Mallory().tell(store, "trace/tr-1", report)
    ParseDict(trace_responses.trace_info(store.traces.get("tr-1")), messages.TraceInfoV3())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("later", "1"),
        ("issue", "1"),
        ("issue", '{"a": 1}'),
        ("issue", '{"issue_name": "x", "a": 1}'),
    ],
)
def test_an_assessment_without_a_message_is_left_out(store: Store, kind: str, value: str) -> None:
    mallory = Mallory()
    report = traces.TraceRecorded("0", 1, None, "OK", None, None, None, {}, {})
    mallory.tell(store, "trace/tr-1", report)
    good: Any = dict.fromkeys(("source_id", "span_id", "run_id", "rationale", "overrides"))
    good |= {"error": None, "created_ms": 1, "updated_ms": 1, "metadata": {}}
    for name, (its_kind, its_value) in {"good": ("feedback", "1"), "odd": (kind, value)}.items():
        made = traces.AssessmentCreated(
            assessment_id=name, kind=its_kind, name=name, value=its_value, source_type="?", **good
        )
        mallory.tell(store, "trace/tr-1", made)
    trace = store.traces.get("tr-1")
    ParseDict(trace_responses.trace_info(trace), messages.TraceInfoV3())
    shown = [each.name for each in trace_entities.trace_info(trace, "").assessments]
    assert "good" in shown
    assert ("odd" in shown) == ("issue_name" in value)
