"""The table of traces. Their assessments are parts: `assessment.a-1.value` is a fact.

A report of the whole trace meets what its spans tell; the facts that people see follow from both.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from eventtrack.events import traces as types
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    LASTS,
    Claim,
    Each,
    Fact,
    Noun,
    Old,
    Rule,
    each,
    file_text,
    files,
    files_back,
    gone,
    staged,
    tags_back,
    unvalued,
    valued,
)

ASSESSMENT = "assessment"


class TraceReport(msgspec.Struct, array_like=True, frozen=True):
    """A trace as its program told it; the last report counts as a whole."""

    experiment_id: str
    request_ms: int
    duration_ms: int | None
    state: str
    client_request_id: str | None


def _value_text(_: str, value: tuple[str, types.AssessmentError | None]) -> str:
    text, error = value
    return text if error is None else f"{text} ({error.code})"


KIND = Fact("kind", Rule.BORN, "kind", part=ASSESSMENT)
OVERRIDES = Fact("overrides", Rule.BORN, "overrides", part=ASSESSMENT)
SOURCE_TYPE = Fact("source_type", Rule.BORN, "source_type", part=ASSESSMENT)
SOURCE = Fact("source", Rule.BORN, "source_id", part=ASSESSMENT)
CREATED = Fact("creation_time", Rule.BORN, "created_ms", part=ASSESSMENT)
SPAN_ID = Fact("span", Rule.BORN, "span_id", part=ASSESSMENT)
RUN_ID = Fact("run", Rule.BORN, "run_id", part=ASSESSMENT)
NAME = Fact("name", Rule.LAST, "name", part=ASSESSMENT, lasts=LASTS)
VALUE = Fact("value", Rule.LAST, "value", part=ASSESSMENT, text=_value_text, lasts=LASTS)
RATIONALE = Fact(
    *("rationale", Rule.LAST, "rationale"),
    part=ASSESSMENT,
    lasts=LASTS,
)
NOTED = Fact(
    *("metadata", Rule.LAST, "metadata"),
    many=True,
    part=ASSESSMENT,
    lasts=LASTS,
)
ASSESSED = Fact("lifecycle", Rule.ONCE, "deleted", part=ASSESSMENT, initial="active")
ASSESSMENT_UPDATED = Fact(
    "last_update_time", Rule.GREATEST, "updated_ms", part=ASSESSMENT, shown=False
)

# What people see follows from the report and the spans, whichever came.
EXPERIMENT = Fact("experiment", Rule.DERIVED, "experiment_id")
STATE = Fact("state", Rule.DERIVED, "state")
REQUEST_TIME = Fact("request_time", Rule.DERIVED, "request_ms")
DURATION = Fact("duration_ms", Rule.DERIVED, "duration_ms")
CLIENT_REQUEST = Fact("client_request", Rule.DERIVED, "client_request_id")
REQUEST = Fact("request_preview", Rule.DERIVED, "shown_request")
RESPONSE = Fact("response_preview", Rule.DERIVED, "shown_response")
SPANS = Fact("spans", Rule.DERIVED, "spans")
REPORT = Fact("report", Rule.LAST, "report", shown=False)
REPORTED_REQUEST = Fact("reported_request", Rule.LAST, "request_preview", shown=False)
REPORTED_RESPONSE = Fact("reported_response", Rule.LAST, "response_preview", shown=False)
PLACED = Fact("placed", Rule.FIRST, "placed", shown=False)
SPAN = Fact("span", Rule.ROWS, many=True, shown=False)
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", initial="active")
METADATA = Fact("metadata", Rule.LAST, "metadata", many=True)
TAG = Fact("tag", Rule.LAST, "tags", many=True)
RUN = Fact("run", Rule.LAST, "runs", many=True, text=lambda run_id, _: run_id)
PROMPT = Fact("prompt", Rule.SEEN, "prompts", many=True)
ARTIFACT = Fact("artifact", Rule.ROWS, many=True, text=file_text)


def _recorded(event: types.TraceRecorded) -> Iterator[Claim]:
    yield (
        REPORT,
        "",
        TraceReport(
            event.experiment_id,
            event.request_ms,
            event.duration_ms,
            event.state,
            event.client_request_id,
        ),
    )
    if event.request_preview is not None:
        yield REPORTED_REQUEST, "", event.request_preview
    if event.response_preview is not None:
        yield REPORTED_RESPONSE, "", event.response_preview
    yield from each(METADATA, event.metadata)
    yield from each(TAG, event.tags)


def _spans_logged(event: types.SpansLogged) -> Iterator[Claim]:
    yield PLACED, "", event.experiment_id
    for place, span in enumerate(event.spans):
        yield SPAN, span.span_id, (place, span)


def _assessment_created(event: types.AssessmentCreated) -> Iterator[Claim]:
    yield ASSESSMENT_UPDATED, "", event.updated_ms
    yield NAME, "", event.name
    yield VALUE, "", (event.value, event.error)
    if event.rationale is not None:
        yield RATIONALE, "", event.rationale
    yield from each(NOTED, event.metadata)


def _assessment_updated(event: types.AssessmentUpdated) -> Iterator[Claim]:
    yield ASSESSMENT_UPDATED, "", event.at_ms
    if event.name is not None:
        yield NAME, "", event.name
    if event.value is not None:
        yield VALUE, "", (event.value, event.error)
    if event.rationale is not None:
        yield RATIONALE, "", event.rationale
    yield from each(NOTED, event.metadata)


def _back(old: Old, part: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        yield types.TraceDeleted(now_ms) if stage == "deleted" else types.TraceRestored(now_ms)
    yield from tags_back(old, TAG, types.TraceTagsSet, types.TraceTagDeleted)
    if linked := valued(old, RUN):
        yield types.TraceRunsLinked(list(linked))
    if unlinked := unvalued(old, RUN):
        yield types.TraceRunsUnlinked(unlinked)
    yield from files_back(old, ARTIFACT, types.TraceArtifactsLogged, types.TraceArtifactsDeleted)
    yield from _assessment_back(old, part, now_ms)


def _assessment_back(old: Old, part: str, now_ms: int) -> Iterator[Event]:
    if old.get((ASSESSED, "")) == "deleted":
        yield types.AssessmentDeleted(part)
    name, rationale = old.get((NAME, "")), old.get((RATIONALE, ""))
    value, error = old.get((VALUE, ""), (None, None))
    updated = types.AssessmentUpdated(
        part, now_ms, name, value, error, rationale, valued(old, NOTED)
    )
    if updated != types.AssessmentUpdated(part, now_ms):
        yield updated


def _linked(event: Any) -> Iterator[Claim]:
    is_linked = isinstance(event, types.TraceRunsLinked)
    yield from ((RUN, run_id, is_linked) for run_id in event.run_ids)


_STAGES: dict[type[Event], str] = {types.TraceDeleted: "deleted", types.TraceRestored: "active"}
_ON_RECORD = "what a program told of a trace stays on record"

TRACE = Noun(
    "trace",
    facts=(
        *(EXPERIMENT, STATE, REQUEST_TIME, DURATION, CLIENT_REQUEST, REQUEST, RESPONSE, SPANS),
        *(REPORT, REPORTED_REQUEST, REPORTED_RESPONSE, PLACED, SPAN),
        *(LIFECYCLE, METADATA, TAG, RUN, PROMPT, ARTIFACT),
        *(KIND, OVERRIDES, SOURCE_TYPE, SOURCE, CREATED, SPAN_ID, RUN_ID, NAME, VALUE, RATIONALE),
        *(NOTED, ASSESSED, ASSESSMENT_UPDATED),
    ),
    births={types.TraceRecorded: "", types.SpansLogged: "", types.AssessmentCreated: ASSESSMENT},
    stages=_STAGES | {types.AssessmentDeleted: "deleted"},
    says={
        types.TraceRecorded: _recorded,
        types.SpansLogged: _spans_logged,
        **{kind: staged(LIFECYCLE, stage) for kind, stage in _STAGES.items()},
        types.TraceTagsSet: Each(TAG, "tags"),
        types.TraceTagDeleted: lambda event: [(TAG, event.key, None)],
        types.TraceRunsLinked: _linked,
        types.TraceRunsUnlinked: _linked,
        types.TracePromptsLinked: lambda event: [(PROMPT, name, name) for name in event.prompts],
        types.AssessmentCreated: _assessment_created,
        types.AssessmentUpdated: _assessment_updated,
        types.AssessmentDeleted: staged(ASSESSED, "deleted"),
        types.TraceArtifactsLogged: lambda event: files(ARTIFACT, event.files),
        types.TraceArtifactsDeleted: lambda event: gone(ARTIFACT, event.paths),
    },
    back=_back,
    final={
        types.TraceRecorded: _ON_RECORD,
        types.SpansLogged: _ON_RECORD,
        types.TracePromptsLinked: "the prompts that a trace used stay on record",
        types.AssessmentDeleted: "an assessment that was deleted stays so",
        types.TraceArtifactsDeleted: "log the files again; their bytes may be gone",
    },
    part="assessment_id",
)
