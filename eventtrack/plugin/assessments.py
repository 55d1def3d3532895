"""MLflow's calls about assessments."""

from collections.abc import Mapping
from typing import Any

import msgspec
from mlflow import entities
from mlflow.exceptions import MlflowException

from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.trace_entities import assessment, assessment_record, failure, plain


class AssessmentCalls(OpenStore):
    """Makes, changes, overrides and deletes feedback and expectations."""

    def create_assessment(self, assessment: entities.Assessment) -> entities.Assessment:
        """Assess a trace."""
        record = assessment_record(assessment, str(assessment.trace_id))
        return _entity(self.store.traces.assessments.create(record))

    def get_assessment(self, trace_id: str, assessment_id: str) -> entities.Assessment:
        """An assessment by its id."""
        return _entity(self.store.traces.assessments.get(trace_id, assessment_id))

    def update_assessment(
        self,
        trace_id: str,
        assessment_id: str,
        name: str | None = None,
        expectation: Any = None,
        feedback: Any = None,
        rationale: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> entities.Assessment:
        """Change an assessment; an argument of None leaves its field as it is."""
        if expectation is not None and feedback is not None:
            raise MlflowException.invalid_parameter_value(
                "Cannot specify both `expectation` and `feedback` parameters."
            )
        given = feedback if feedback is not None else expectation
        kind = None
        if given is not None:
            kind = "feedback" if feedback is not None else "expectation"
        changed = self.store.traces.assessments.update(
            trace_id,
            assessment_id,
            name=name,
            value=msgspec.UNSET if given is None else plain(given.value),
            error=failure(getattr(given, "error", None)),
            kind=kind,
            rationale=rationale,
            metadata=metadata,
        )
        return _entity(changed)

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Take an assessment back."""
        self.store.traces.assessments.delete(trace_id, assessment_id)


def _entity(record: Any) -> Any:
    return assessment(record)
