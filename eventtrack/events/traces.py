"""The events of traces: the steps of one request, as programs report them.

The stream `trace/<trace id>` holds everything about a trace, including assessments. Spans come in
any order, also long after the trace has ended. A span that comes again replaces its older self.
"""

import msgspec

from eventtrack.events.bounds import Int64, Nanoseconds, Natural
from eventtrack.events.types import ArtifactStored, Event


class TraceRecorded(Event, frozen=True):
    """A trace as a whole, as the caller reports it: its beginning, duration and end.

    Args:
        duration_ms: None while the trace is in progress.
        metadata: Facts that do not change afterwards, unlike `tags`.
    """

    experiment_id: str
    request_ms: Int64
    duration_ms: Int64 | None
    state: str
    client_request_id: str | None
    request_preview: str | None
    response_preview: str | None
    metadata: dict[str, str]
    tags: dict[str, str]


class SpanLogged(msgspec.Struct, array_like=True, frozen=True):
    """One step of a trace, within `SpansLogged`.

    Args:
        span_id: Unique within its trace: 16 hex digits.
        kind: The kind of work: LLM, TOOL, ...; "" if not reported.
        start_ns: Nanoseconds since 1970, like `end_ns`, which is None while the span runs.
        size: The number of bytes of the whole span as JSON.
        body: That JSON; None if a blob holds it.
        about_trace: Facts of the whole trace: session, user, usage, cost, previews.
    """

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    start_ns: Nanoseconds
    end_ns: Nanoseconds | None
    size: Natural
    sha256: bytes
    body: bytes | None
    about_trace: dict[str, str]

    @property
    def blob(self) -> bytes | None:
        """The SHA-256 of the blob that holds the JSON; None if `body` holds it."""
        return self.sha256 if self.body is None else None


class SpansLogged(Event, frozen=True):
    """Spans of a trace. `experiment_id` counts unless a `TraceRecorded` names an experiment."""

    experiment_id: str
    spans: list[SpanLogged]


class TraceTagsSet(Event, frozen=True):
    """Tags of a trace were set."""

    tags: dict[str, str]


class TraceTagDeleted(Event, frozen=True):
    """A tag of a trace was removed."""

    key: str


class TraceRunsLinked(Event, frozen=True):
    """A trace belongs to these runs, besides the run that its metadata may name."""

    run_ids: list[str]


class TraceRunsUnlinked(Event, frozen=True):
    """A trace does not belong to these runs any more."""

    run_ids: list[str]


class TracePromptsLinked(Event, frozen=True):
    """A trace used these prompts, each as `name/version`."""

    prompts: list[str]


class AssessmentError(msgspec.Struct, array_like=True, frozen=True):
    """The reason why an assessment could not be made."""

    code: str
    message: str | None = None
    stack_trace: str | None = None


class AssessmentCreated(Event, frozen=True):
    """A person or program judged a trace, or said what it should have answered.

    Args:
        kind: `feedback`, `expectation` or `issue`.
        value: As JSON.
        overrides: The id of the assessment that this assessment replaces.
    """

    assessment_id: str
    kind: str
    name: str
    value: str
    error: AssessmentError | None
    source_type: str
    source_id: str | None
    created_ms: Int64
    updated_ms: Int64
    span_id: str | None
    run_id: str | None
    rationale: str | None
    metadata: dict[str, str]
    overrides: str | None


class AssessmentUpdated(Event, frozen=True):
    """An assessment changed. None leaves a field as it was; `error` changes with `value`."""

    assessment_id: str
    at_ms: Int64
    name: str | None = None
    value: str | None = None
    error: AssessmentError | None = None
    rationale: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class AssessmentDeleted(Event, frozen=True):
    """An assessment was taken back."""

    assessment_id: str


class TraceArtifactsLogged(Event, frozen=True):
    """Files of a trace, stored as a run's are: pictures that a model was asked about, say."""

    files: list[ArtifactStored]


class TraceArtifactsDeleted(Event, frozen=True):
    """Files were taken out of a trace's list; the record of them stays."""

    paths: list[str]


class TraceDeleted(Event, frozen=True):
    """A trace was deleted. Later events about it are kept, but not shown."""

    at_ms: Int64


class TraceRestored(Event, frozen=True):
    """A deleted trace is shown again, with everything recorded about it."""

    at_ms: Int64
