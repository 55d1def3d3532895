"""Traces: reported, logged span by span in any order, judged, found, deleted."""

import json
from pathlib import Path
from typing import Any

import pytest

from eventtrack import limits
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.views.traces.records import Assessment, AssessmentFailure, Span, TraceInfo

MS = 1_000_000
T0 = 1_700_000_000_000
TRACE = "tr-" + "1" * 32
ROOT, CHILD, GRANDCHILD = "a" * 16, "b" * 16, "c" * 16


def span(
    span_id: str = ROOT, parent: str | None = None, *, trace: str = TRACE, **fields: Any
) -> Span:
    """A span of a second; `text` stands in its body, `at` is its start in ms after `T0`."""
    start = (T0 + fields.pop("at", 0)) * MS
    body = {"attributes": fields.pop("attributes", {}), "text": fields.pop("text", "")}
    made: dict[str, Any] = {
        "name": "step",
        "kind": "TOOL",
        "status": "OK",
        "start_time_ns": start,
        "end_time_ns": start + 1000 * MS,
        "body": json.dumps(body).encode(),
        **fields,
    }
    return Span(trace_id=trace, span_id=span_id, parent_id=parent, **made)


def report(store: Store, trace: str = TRACE, **fields: Any) -> TraceInfo:
    """A trace as its program reports it in the end."""
    made = {"request_time": T0 + 5, "execution_duration": 7, "state": "OK", **fields}
    return store.traces.record(trace, "0", **made)


def test_a_trace_follows_from_its_spans(store: Store) -> None:
    store.traces.log_spans("0", [span(CHILD, ROOT, at=10, about_trace={"session": "s"})])
    assert store.traces.get(TRACE).state == "IN_PROGRESS"
    late = span(at=1, status="ERROR", about_trace={"request_preview": "why?"})
    store.traces.log_spans("0", [late])
    info = store.traces.get(TRACE)
    assert (info.request_time, info.execution_duration, info.state) == (T0 + 1, 1009, "ERROR")
    assert (info.request_preview, info.response_preview, info.span_count) == ("why?", None, 2)
    assert info.trace_metadata == {"mlflow.trace.session": "s"}
    assert [one.span_id for one in store.traces.read(TRACE).spans] == [ROOT, CHILD]


def test_what_is_reported_counts_before_what_follows_from_spans(store: Store) -> None:
    told = {"session": "s", "user": "u", "request_preview": "no"}
    store.traces.log_spans("0", [span(about_trace=told)])
    info = report(
        store,
        request_preview="yes",
        metadata={"mlflow.trace.session": "t"},
        tags={"a": "1"},
        client_request_id="mine",
    )
    assert (info.request_time, info.execution_duration, info.state) == (T0 + 5, 7, "OK")
    assert (info.request_preview, info.client_request_id) == ("yes", "mine")
    assert info.trace_metadata == {"mlflow.trace.session": "t", "mlflow.trace.user": "u"}
    assert report(store, state="ERROR", tags={"b": "2"}).tags == {"a": "1", "b": "2"}


def test_a_report_from_before_the_end_gives_way_to_the_root_span(store: Store) -> None:
    assert report(store, state="IN_PROGRESS", execution_duration=None).state == "IN_PROGRESS"
    store.traces.log_spans("0", [span(status="ERROR")])
    assert store.traces.get(TRACE).state == "ERROR"


def test_spans_come_late_and_twice(store: Store) -> None:
    report(store, metadata={"mlflow.trace.sizeStats": '{"num_spans": 2}'})
    assert not store.traces.get(TRACE).complete
    store.traces.log_spans("0", [span(text="draft", end_time_ns=None)])
    store.traces.log_spans("0", [span(CHILD, ROOT), span(text="final")])
    trace = store.traces.read(TRACE)
    assert trace.info.complete
    assert [one.content()["text"] for one in trace.spans] == ["final", ""]


def test_a_huge_trace_is_several_small_envelopes_and_blobs(store: Store, tmp_path: Path) -> None:
    texts = ["x" * 2**20, *("y" * 60_000 for _ in range(200)), "z" * (5 * 2**20)]
    spans = [span(f"{place:016x}", text=text) for place, text in enumerate(texts)]
    store.traces.log_spans("0", spans)
    envelopes = [
        envelope
        for envelope in store._engine.log.read(0, 10_000)
        if envelope.header.stream == f"trace/{TRACE}"
    ]
    most = limits.SPANS_ENVELOPE_BYTES_MAX + limits.SPAN_BODY_INLINE_BYTES_MAX
    assert 2 < len(envelopes) < 10
    assert all(len(envelope.data) < most for envelope in envelopes)
    assert len(list((store.path / "blobs").glob("??/*"))) == 2
    assert [one.content()["text"] for one in store.traces.read(TRACE).spans] == texts
    assert [one.trace_id for one in store.traces.search(["0"], "trace.text LIKE '%zzz%'")] == [
        TRACE
    ]
    assert store.maintenance.check().ok


def test_the_blob_of_a_span_that_is_missing_is_named(store: Store) -> None:
    store.traces.log_spans("0", [span(text="x" * 2**17)])
    [blob] = (store.path / "blobs").glob("??/*")
    blob.unlink()
    with pytest.raises(NotFoundError, match=blob.name):
        store.traces.read(TRACE)
    report(store, "tr-2")
    store.traces.log_spans("0", [span(trace="tr-2")])
    assert [one.info.trace_id for one in store.traces.read_many([TRACE, "tr-2"])] == ["tr-2"]
    assert store.traces.search(["0"], "trace.text LIKE '%xxx%'") == []
    assert len(store.traces.search(["0"])) == 2
    problems = store.maintenance.check().problems
    assert [problem.where for problem in problems] == [f"blob {blob.name}"]


def test_sums_leave_out_what_a_span_above_them_tells(store: Store) -> None:
    def usage(tokens: int) -> dict[str, str]:
        found = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
        return {"usage": json.dumps(found), "cost": json.dumps({"total_cost": tokens / 10})}

    store.traces.log_spans("0", [span(GRANDCHILD, CHILD, about_trace=usage(1))])
    store.traces.log_spans("0", [span(CHILD, ROOT), span("d" * 16, ROOT, about_trace=usage(4))])
    found = store.traces.get(TRACE).trace_metadata
    assert json.loads(found["mlflow.trace.tokenUsage"])["total_tokens"] == 5
    assert json.loads(found["mlflow.trace.cost"])["total_cost"] == 0.5
    store.traces.log_spans("0", [span(CHILD, ROOT, about_trace=usage(2))])
    found = store.traces.get(TRACE).trace_metadata
    assert json.loads(found["mlflow.trace.tokenUsage"])["total_tokens"] == 6


def test_spans_of_many_traces_are_one_change(store: Store) -> None:
    run = store.runs.create("0").info.run_id
    head = store.events.head()
    others = [f"tr-{place}" for place in range(3)]
    store.traces.log_spans(
        "0",
        [span(trace=name) for name in others],
        tags={others[0]: {"service": "x"}},
        run_id=run,
    )
    assert store.events.head() == head + 3
    assert store.traces.get(others[0]).tags == {"service": "x"}
    assert [one.run_ids for one in store.traces.infos(others)] == [[run]] * 3
    with pytest.raises(NotFoundError, match="No Experiment with id=77"):
        store.traces.log_spans("77", [span(trace=others[0]), span(trace="new")])
    assert store.traces.read(others[0]).info.span_count == 1


def test_tags_are_set_and_deleted(store: Store) -> None:
    report(store, tags={"a": "1"})
    store.traces.set_tag(TRACE, "b", 2)
    head = store.events.head()
    store.traces.set_tag(TRACE, "b", "2")
    assert store.events.head() == head
    store.traces.delete_tag(TRACE, "a")
    assert store.traces.get(TRACE).tags == {"b": "2"}
    with pytest.raises(NotFoundError, match="No trace tag with key 'a'"):
        store.traces.delete_tag(TRACE, "a")
    with pytest.raises(NotFoundError, match="'other' not found"):
        store.traces.set_tag("other", "a", "1")


def test_traces_are_linked_to_runs_and_prompts(store: Store) -> None:
    run = store.runs.create("0").info.run_id
    report(store)
    report(store, "tr-2", metadata={"mlflow.sourceRun": run})
    report(store, "tr-3")
    store.traces.link_run([TRACE, "unknown", TRACE], run)
    store.traces.link_prompts("tr-3", [("greeting", "1")])
    found = store.traces.search(["0"], f"run_id = '{run}'", order_by=["request_id"])
    assert {one.trace_id for one in found} == {TRACE, "tr-2"}
    assert [one.trace_id for one in store.traces.search(["0"], "prompt = 'greeting/1'")] == ["tr-3"]
    store.traces.unlink_run([TRACE, "tr-2"], run)
    assert [one.trace_id for one in store.traces.search(["0"], f"run_id = '{run}'")] == ["tr-2"]
    with pytest.raises(InvalidValueError, match="more than 100"):
        store.traces.link_run([str(number) for number in range(101)], run)
    with pytest.raises(NotFoundError, match="Run with id"):
        store.traces.link_run([TRACE], "f" * 32)


def test_deleted_traces_are_gone_and_their_events_stay(store: Store) -> None:
    for place in range(5):
        report(store, f"tr-{place}", request_time=T0 + place)
    assert store.traces.delete("0", trace_ids=["tr-4", "tr-4", "unknown"]) == 1
    assert store.traces.delete("12", trace_ids=["tr-3"]) == 0
    assert store.traces.delete("0", max_timestamp_millis=T0 + 3, max_traces=2) == 2
    assert [one.trace_id for one in store.traces.search()] == ["tr-3", "tr-2"]
    assert store.traces.delete("0", max_timestamp_millis=T0 + 2) == 1
    with pytest.raises(NotFoundError, match="'tr-0' not found"):
        store.traces.get("tr-0")
    with pytest.raises(NotFoundError, match="it was deleted"):
        store.traces.log_spans("0", [span(trace="tr-0")])
    with pytest.raises(NotFoundError, match="it was deleted"):
        report(store, "tr-0")
    assert [event.type for event in store.events.read(stream="trace/tr-0")] == [
        "trace.recorded",
        "trace.deleted",
    ]


def test_assessments_are_made_changed_and_taken_back(store: Store) -> None:
    report(store)
    made = store.traces.assessments.create(
        Assessment(assessment_id="", trace_id=TRACE, kind="feedback", name="good", value=True)
    )
    assert made.assessment_id.startswith("a-")
    assert (made.value, made.valid, made.create_time_ms > 0) == (True, True, True)
    better = store.traces.assessments.create(
        Assessment(
            assessment_id="",
            trace_id=TRACE,
            kind="feedback",
            name="good",
            value=None,
            error=AssessmentFailure(error_code="TIMEOUT"),
            overrides=made.assessment_id,
        )
    )
    assert [one.valid for one in store.traces.get(TRACE).assessments] == [False, True]
    changed = store.traces.assessments.update(
        TRACE, better.assessment_id, value=[1, {"a": "ä"}], rationale="so", metadata={"k": "v"}
    )
    assert (changed.value, changed.error, changed.rationale) == ([1, {"a": "ä"}], None, "so")
    store.traces.assessments.delete(TRACE, better.assessment_id)
    store.traces.assessments.delete(TRACE, better.assessment_id)
    assert [one.valid for one in store.traces.get(TRACE).assessments] == [True]
    with pytest.raises(NotFoundError, match="Assessment with ID"):
        store.traces.assessments.get(TRACE, better.assessment_id)


def test_assessments_that_make_no_sense_are_refused(store: Store) -> None:
    report(store)
    one = Assessment(assessment_id="a-1", trace_id=TRACE, kind="expectation", name="n", value=1)
    store.traces.assessments.create(one)
    with pytest.raises(InvalidValueError, match="taken"):
        store.traces.assessments.create(one)
    with pytest.raises(InvalidValueError, match="feedback value on an Expectation"):
        store.traces.assessments.update(TRACE, "a-1", value=2, kind="feedback")
    with pytest.raises(InvalidValueError, match="must be JSON"):
        store.traces.assessments.update(TRACE, "a-1", value=object())
    wrong = Assessment(assessment_id="a-2", trace_id=TRACE, kind="guess", name="n", value=1)
    with pytest.raises(InvalidValueError, match="guess"):
        store.traces.assessments.create(wrong)
    orphan = Assessment(assessment_id="a-3", trace_id="other", kind="issue", name="n", value=1)
    with pytest.raises(NotFoundError, match="'other' not found"):
        store.traces.assessments.create(orphan)


@pytest.mark.parametrize(
    "fields",
    [
        {"span_id": "xyz"},
        {"span_id": ROOT, "parent": "A" * 16},
        {"status": "FINE"},
        {"start_time_ns": -1},
        {"end_time_ns": 2**64},
        {"trace": ""},
        {"trace": "t" * 51},
        {"about_trace": {"session": "s" * 2**21}},
    ],
)
def test_spans_that_make_no_sense_are_refused(store: Store, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        store.traces.log_spans("0", [span("e" * 16), span(**fields)])
    assert store.traces.search() == []


def test_reports_that_make_no_sense_are_refused(store: Store) -> None:
    store.experiments.create("gone")
    gone = store.experiments.get_by_name("gone")
    assert gone is not None
    store.experiments.delete(gone.experiment_id)
    with pytest.raises(InvalidValueError, match="'active' state"):
        store.traces.record(TRACE, gone.experiment_id, request_time=1)
    with pytest.raises(NotFoundError, match="No Experiment with id=9"):
        store.traces.record(TRACE, "9", request_time=1)
    with pytest.raises(InvalidValueError, match="Invalid trace state"):
        report(store, state="DONE")
    with pytest.raises(InvalidValueError, match="Trace name"):
        report(store, tags={"mlflow.traceName": "n" * 5000})
    with pytest.raises(InvalidValueError, match="exceeds the limit"):
        report(store, metadata={"k": "v" * 2**21})


def test_files_of_a_trace_are_kept_as_those_of_a_run(store: Store) -> None:
    report(store)
    store.traces.artifacts.log_bytes(TRACE, b"png", "attachments/one.png")
    assert [one.path for one in store.traces.artifacts.entries(TRACE)] == ["attachments/one.png"]
    with store.traces.artifacts.open(TRACE, "attachments/one.png") as file:
        assert file.read() == b"png"


def test_what_was_done_to_a_trace_can_be_undone(store: Store) -> None:
    report(store, tags={"a": "1"})
    before = str(store.events.head())
    store.traces.set_tag(TRACE, "a", "2")
    store.history.undo(last(store))
    assert store.traces.get(TRACE).tags == {"a": "1"}
    store.traces.delete_tag(TRACE, "a")
    store.history.undo(last(store))
    assert store.traces.get(TRACE).tags == {"a": "1"}
    store.traces.delete("0", trace_ids=[TRACE])
    deleted = last(store)
    [change] = store.history.diff(before, "now")
    assert (change.fact, change.after) == ("lifecycle", "deleted")
    store.history.undo(deleted)
    assert store.traces.get(TRACE).tags == {"a": "1"}
    with pytest.raises(InvalidStateError, match="lifecycle changed again since"):
        store.history.undo(deleted)
    store.history.undo(last(store))
    assert store.traces.search() == []
    store.traces.log_spans("0", [span(trace="tr-2")])
    with pytest.raises(InvalidStateError, match="stays on record"):
        store.history.undo(last(store))


def test_blame_and_differences_agree_about_a_deleted_trace(store: Store) -> None:
    report(store)
    before = str(store.events.head())
    store.traces.delete("0", trace_ids=[TRACE])
    [change] = store.history.diff(before, "now")
    line = store.history.blame(f"trace/{TRACE}", "lifecycle")[-1]
    assert (line.before, line.after) == (change.before, change.after) == ("active", "deleted")
    assert line.event.address == change.address


def test_assessments_of_a_trace_are_blamed_and_undone(store: Store) -> None:
    report(store)
    made = store.traces.assessments.create(
        Assessment(assessment_id="", trace_id=TRACE, kind="feedback", name="good", value=0.5)
    )
    store.traces.assessments.update(TRACE, made.assessment_id, value=0.9)
    fact = f"assessment.{made.assessment_id}.value"
    line = store.history.blame(f"trace/{TRACE}", fact)[-1]
    assert (line.before, line.after) == ("0.5", "0.9")
    store.history.undo(last(store))
    assert store.history.blame(f"trace/{TRACE}", fact)[-1].after == "0.5"


def last(store: Store) -> str:
    """The address of the newest event."""
    return f"{store.events.head()}.0"


def test_the_past_knows_its_traces(store: Store) -> None:
    report(store, tags={"a": "1"})
    position = store.events.head()
    store.traces.set_tag(TRACE, "a", "2")
    store.traces.delete("0", trace_ids=[TRACE])
    with store.at(str(position)) as then:
        assert then.traces.get(TRACE).tags == {"a": "1"}
    with store.at("now") as now:
        assert now.digest() == store.maintenance.check().digest
