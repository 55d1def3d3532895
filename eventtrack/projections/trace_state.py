"""The state of traces, spans and assessments in the views.

The report of a whole trace and the facts that follow from its spans are kept side by side. A read
decides which of the two is shown, so they may arrive late and in any order.
"""

import msgspec

from eventtrack.events.traces import AssessmentError
from eventtrack.facts.trace import TraceReport
from eventtrack.projections.state import (
    BEYOND,
    NEVER,
    OptionalText,
    Stamp,
    Text,
    live_tags,
)

UNFINISHED = ("IN_PROGRESS", "STATE_UNSPECIFIED")
_NS_PER_MS = 1_000_000


class AssessmentState(msgspec.Struct, array_like=True):
    """One assessment. `born` is `BEYOND` if it is known by hearsay only."""

    assessment_id: str
    born: Stamp = BEYOND
    kind: str = ""
    source_type: str = ""
    source_id: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    span_id: str | None = None
    run_id: str | None = None
    overrides: str | None = None
    name: Text = ("", NEVER)
    value: tuple[tuple[str, AssessmentError | None], Stamp] = (("null", None), NEVER)
    rationale: OptionalText = (None, NEVER)
    metadata: dict[str, OptionalText] = {}
    deleted: bool = False

    @property
    def live(self) -> bool:
        """Whether the assessment was made and not taken back."""
        return self.born != BEYOND and not self.deleted


class SpanState(msgspec.Struct, array_like=True):
    """One span, without its body. Its stamp orders the times it was logged."""

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    start_ns: int
    end_ns: int | None
    size: int
    sha256: bytes
    in_blob: bool
    usage: str
    cost: str
    stamp: Stamp


class TraceState(msgspec.Struct, array_like=True):
    """One trace.

    `report` is None while only spans or hearsay are known. `placed` is the experiment that the
    first spans named. `first_ns` and `last_ns` are the beginning and end of all spans together.
    `from_spans` has facts of the whole trace that spans report; the first to report a fact counts.
    """

    number: int
    trace_id: str
    report: tuple[TraceReport | None, Stamp] = (None, NEVER)
    placed: Text = ("", BEYOND)
    first_ns: int | None = None
    last_ns: int | None = None
    spans: int = 0
    sums: bool = False
    root_status: OptionalText = (None, NEVER)
    from_spans: dict[str, Text] = {}
    request_preview: OptionalText = (None, NEVER)
    response_preview: OptionalText = (None, NEVER)
    metadata: dict[str, OptionalText] = {}
    tags: dict[str, OptionalText] = {}
    runs: dict[str, tuple[bool, Stamp]] = {}
    prompts: dict[str, Stamp] = {}
    assessments: dict[str, AssessmentState] = {}
    lifecycle: Text = ("active", NEVER)

    @property
    def experiment_id(self) -> str:
        """The id of the trace's experiment; "" if the trace is known by hearsay only."""
        report = self.report[0]
        return self.placed[0] if report is None else report.experiment_id

    @property
    def shown(self) -> bool:
        """Whether the trace exists and is not deleted."""
        return bool(self.experiment_id) and self.lifecycle[0] == "active"

    @property
    def request_ms(self) -> int:
        """The beginning of the trace, in milliseconds since 1970."""
        report = self.report[0]
        return (self.first_ns or 0) // _NS_PER_MS if report is None else report.request_ms

    @property
    def duration_ms(self) -> int | None:
        """The duration of the trace; None while it is unknown."""
        report = self.report[0]
        if report is not None:
            return report.duration_ms
        if self.last_ns is None:
            return None
        return self.last_ns // _NS_PER_MS - self.request_ms

    @property
    def state(self) -> str:
        """The state at the end. A report from before the end gives way to the root span's."""
        report = self.report[0]
        if report is not None and report.state not in UNFINISHED:
            return report.state
        if self.root_status[0] is not None:
            return "ERROR" if self.root_status[0] == "ERROR" else "OK"
        return UNFINISHED[0] if report is None else report.state

    @property
    def client_request_id(self) -> str | None:
        """The id that the caller's client gave to the request; None if none was reported."""
        report = self.report[0]
        return None if report is None else report.client_request_id

    @property
    def shown_request(self) -> str | None:
        """The preview of the request; see `preview`."""
        return self.preview("request_preview")

    @property
    def shown_response(self) -> str | None:
        """The preview of the response; see `preview`."""
        return self.preview("response_preview")

    def preview(self, name: str) -> str | None:
        """The `request_preview` or `response_preview`: as reported, else from the root span."""
        reported: OptionalText = getattr(self, name)
        return reported[0] if reported[1] else self.from_spans.get(name, (None, NEVER))[0]

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)

    def live_metadata(self) -> dict[str, str]:
        """The reported metadata, in order of their keys."""
        return live_tags(self.metadata)

    def live_assessments(self) -> list[AssessmentState]:
        """The assessments that hold or were overridden, oldest first."""
        live = [assessment for assessment in self.assessments.values() if assessment.live]
        return sorted(live, key=lambda assessment: (assessment.born, assessment.assessment_id))
