"""Assessments of traces, read."""

from eventtrack import validate
from eventtrack.errors import NotFoundError
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import AssessmentState, TraceState
from eventtrack.projections.trace_tables import find_trace
from eventtrack.views.context import ReadContext
from eventtrack.views.traces.records import Assessment, assessments


class AssessmentQueries:
    """Reads of the assessments of a store's traces."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, trace_id: str, assessment_id: str) -> Assessment:
        """An assessment by its id.

        Raises:
            NotFoundError: There is no such trace, or it has no such assessment.
        """
        with self._context.read() as reader:
            state = judged_trace(reader, trace_id)
            existing_assessment(state, assessment_id)
            return next(
                assessment
                for assessment in assessments(state)
                if assessment.assessment_id == assessment_id
            )


def judged_trace(reader: Reader, trace_id: str) -> TraceState:
    """The state of a trace whose assessments are asked for.

    Raises:
        NotFoundError: There is no such trace.
    """
    state = find_trace(reader, validate.text("trace ID", trace_id))
    if state is None or not state.shown:
        raise NotFoundError(
            f"Trace with request_id '{trace_id}' not found", hint="check the trace's id"
        )
    return state


def existing_assessment(
    state: TraceState, assessment_id: str, found_by: str = ""
) -> AssessmentState:
    """An assessment of a trace that was not taken back.

    Raises:
        NotFoundError: The trace has no such assessment.
    """
    known = state.assessments.get(assessment_id)
    if known is None or not known.live:
        raise NotFoundError(
            f"Assessment with ID '{assessment_id}' not found for trace '{state.trace_id}'",
            hint=f"the trace's `assessments` lists them{'; see ' + found_by if found_by else ''}",
        )
    return known
