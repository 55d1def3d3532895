"""Assessments of traces: feedback and expectations, made, changed, overridden, taken back."""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventtrack import validate
from eventtrack.errors import InvalidValueError
from eventtrack.events import traces as types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_tables import find_trace
from eventtrack.store.context import StoreContext
from eventtrack.store.engine import Engine
from eventtrack.store.trace_checks import check_texts
from eventtrack.tags import ASSESSMENT_RUN_KEY
from eventtrack.views.queries.assessments import (
    AssessmentQueries,
    existing_assessment,
    judged_trace,
)
from eventtrack.views.traces.lookup import existing_trace
from eventtrack.views.traces.records import Assessment, AssessmentFailure

KINDS = ("feedback", "expectation", "issue")
# The beginning of MLflow's ids of assessments.
ID_PREFIX = "a-"
# MLflow's key (server/auth and genai) for the run that made an assessment.


class Assessments(AssessmentQueries):
    """The assessments of a store's traces."""

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine

    def create(self, assessment: Assessment) -> Assessment:
        """Assess a trace. An assessment without an id gets one; the overridden one turns invalid.

        Raises:
            NotFoundError: There is no such trace, or nothing to override.
        """
        trace_id = assessment.trace_id
        event = assessment_event(assessment, self._engine)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = existing_trace(reader, trace_id)
            if event.overrides is not None:
                existing_assessment(state, event.overrides, found_by="overrides")
            if event.assessment_id in state.assessments:
                raise InvalidValueError(
                    f"Failed to create assessment for trace '{trace_id}': "
                    f"the ID '{event.assessment_id}' is taken",
                    hint="leave the id out: the store draws one",
                )
            return None, [_draft(trace_id, event)]

        self._engine.execute(decide)
        return self.get(trace_id, event.assessment_id)

    def update(
        self,
        trace_id: str,
        assessment_id: str,
        *,
        name: str | None = None,
        value: Any = msgspec.UNSET,
        error: AssessmentFailure | None = None,
        kind: str | None = None,
        rationale: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Assessment:
        """Change an assessment. Fields that are not given stay; metadata is added.

        Args:
            value: Replaces value and error, as does `error`.
            kind: The kind that the caller expects; another kind is refused.
        """
        event = types.AssessmentUpdated(
            assessment_id,
            self._engine.clock.now_ms(),
            name,
            None if value is msgspec.UNSET else _as_json(value),
            None if error is None else _failure(error),
            rationale,
            _texts(metadata or {}),
        )
        check_texts("assessment", [(name, event.value, rationale), *event.metadata.items()])

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = existing_assessment(judged_trace(reader, trace_id), assessment_id)
            if kind is not None and known.kind != kind:
                raise InvalidValueError(
                    f"Cannot update {kind} value on {_with_article(known.kind)} assessment.",
                    hint="delete it and make another one",
                )
            return None, [_draft(trace_id, event)]

        self._engine.execute(decide)
        return self.get(trace_id, assessment_id)

    def delete(self, trace_id: str, assessment_id: str) -> None:
        """Take an assessment back. An assessment that it overrode is valid again.

        A repetition changes nothing, and neither does an unknown id.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = find_trace(reader, validate.text("trace ID", trace_id))
            known = None if state is None else state.assessments.get(assessment_id)
            if state is None or known is None or not (state.shown and known.live):
                return None, []
            return None, [_draft(trace_id, types.AssessmentDeleted(assessment_id))]

        self._engine.execute(decide)


def assessment_event(assessment: Assessment, engine: Engine) -> types.AssessmentCreated:
    """The event that records an assessment.

    Raises:
        InvalidValueError: A text is no text, or the texts together are too long.
    """
    now = engine.clock.now_ms()
    metadata = _texts(assessment.metadata)
    event = types.AssessmentCreated(
        assessment.assessment_id or ID_PREFIX + engine.ids.id128().hex(),
        validate.status(assessment.kind, KINDS, "kind of assessment"),
        validate.text("assessment name", assessment.name),
        _as_json(assessment.value),
        None if assessment.error is None else _failure(assessment.error),
        assessment.source_type,
        assessment.source_id,
        assessment.create_time_ms or now,
        assessment.last_update_time_ms or now,
        assessment.span_id,
        assessment.run_id or metadata.get(ASSESSMENT_RUN_KEY),
        assessment.rationale,
        metadata,
        assessment.overrides,
    )
    error = event.error or types.AssessmentError("")
    texts = (
        *(event.assessment_id, event.name, event.value, event.source_type, event.source_id),
        *(event.span_id, event.run_id, event.rationale, event.overrides),
        *(error.code, error.message, error.stack_trace),
    )
    check_texts("assessment", [texts, *metadata.items()])
    return event


def _draft(trace_id: str, event: Event) -> Draft:
    return Draft.of(f"trace/{trace_id}", event)


def _failure(error: AssessmentFailure) -> types.AssessmentError:
    return types.AssessmentError(error.error_code, error.error_message, error.stack_trace)


def _texts(pairs: Mapping[str, str]) -> dict[str, str]:
    return {str(key): str(value) for key, value in pairs.items()}


def _as_json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, msgspec.EncodeError):
        raise InvalidValueError(
            f"an assessment's value must be JSON, but it is a {type(value).__name__}",
            hint="pass a number, a text, a boolean, or lists and dictionaries of them",
        ) from None


def _with_article(kind: str) -> str:
    return f"an {kind.capitalize()}" if kind[0] in "aeiou" else f"a {kind.capitalize()}"
