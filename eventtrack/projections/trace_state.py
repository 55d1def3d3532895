"""What the views keep of traces, spans and assessments.

What a program reports of a trace as a whole stands beside what follows from its spans; which of
the two is shown is decided when it is read. So they may arrive in any order, and late.
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
    """One assessment. `born` is `BEYOND` for one that is known by hearsay only."""

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
        """Whether it was made and not taken back."""
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

    `report` is None while only spans, or only hearsay, tell of it. `placed` is the experiment that
    its first spans named, `first_ns` and `last_ns` the span of time of all of them, `told` what
    they say of the trace: the first to say it counts.
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
    told: dict[str, Text] = {}
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
        """Where it belongs; "" for one that is known by hearsay only."""
        report = self.report[0]
        return self.placed[0] if report is None else report.experiment_id

    @property
    def shown(self) -> bool:
        """Whether it exists and is not deleted."""
        return bool(self.experiment_id) and self.lifecycle[0] == "active"

    @property
    def request_ms(self) -> int:
        """When it began, in milliseconds since 1970."""
        report = self.report[0]
        return (self.first_ns or 0) // _NS_PER_MS if report is None else report.request_ms

    @property
    def duration_ms(self) -> int | None:
        """How long it took; None while nobody can tell."""
        report = self.report[0]
        if report is not None:
            return report.duration_ms
        if self.last_ns is None:
            return None
        return self.last_ns // _NS_PER_MS - self.request_ms

    @property
    def state(self) -> str:
        """How it ended. A report from before the end gives way to the root span's."""
        report = self.report[0]
        if report is not None and report.state not in UNFINISHED:
            return report.state
        if self.root_status[0] is not None:
            return "ERROR" if self.root_status[0] == "ERROR" else "OK"
        return UNFINISHED[0] if report is None else report.state

    @property
    def client_request_id(self) -> str | None:
        """The id that the caller's client gave to the request; None where none was reported."""
        report = self.report[0]
        return None if report is None else report.client_request_id

    @property
    def shown_request(self) -> str | None:
        """The preview of the request, as of `preview`."""
        return self.preview("request_preview")

    @property
    def shown_response(self) -> str | None:
        """The preview of the response, as of `preview`."""
        return self.preview("response_preview")

    def preview(self, name: str) -> str | None:
        """`request_preview` or `response_preview`: as reported, else as the root span tells it."""
        reported: OptionalText = getattr(self, name)
        return reported[0] if reported[1] else self.told.get(name, (None, NEVER))[0]

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)

    def live_metadata(self) -> dict[str, str]:
        """The metadata that was reported, in order of their keys."""
        return live_tags(self.metadata)

    def live_assessments(self) -> list[AssessmentState]:
        """The assessments that hold or were overridden, oldest first."""
        found = [one for one in self.assessments.values() if one.live]
        return sorted(found, key=lambda one: (one.born, one.assessment_id))
