"""The differences between MLflow's versions: everything that the plugin looks up by version.

pyproject.toml admits MLflow 3.5 and newer. Names that came later are looked up here when they are
needed, never at import: the plugin has to load with every version. `tools/dev.py matrix` runs the
plugin with the oldest, a middle and the newest version.
"""

import json
from typing import Any

from mlflow import entities

from eventtrack.views.queries.trace_sets import Correlation, Session


def span_content(span: entities.Span) -> dict[str, Any]:
    """A span as MLflow's SQL store keeps it; MLflow 3.7 and newer translate it first."""
    try:
        # This import loads translators of a dozen libraries: so only when spans come.
        from mlflow.tracing.otel.translation import translate_span_when_storing
    except ImportError:
        content: dict[str, Any] = span.to_dict()
        for event in content["events"]:
            event["attributes"] = dict(event["attributes"] or {})
        return content
    stored: dict[str, Any] = translate_span_when_storing(span)
    return stored


def stored_span(body: bytes) -> entities.Span:
    """A span from its stored bytes; MLflow 3.16 and newer decode it when it is first used."""
    from mlflow.entities import span

    if hasattr(span, "LazySpan"):
        return span.LazySpan.from_stored_content(body.decode())
    content = json.loads(body)
    try:
        from mlflow.tracing.otel.translation import translate_loaded_span
    except ImportError:
        return entities.Span.from_dict(content)
    return entities.Span.from_dict(translate_loaded_span(content))


def trace_metric(name: str, dimensions: Any, values: Any) -> Any:
    """A figure about traces (3.9)."""
    from mlflow.entities.trace_metrics import MetricDataPoint

    return MetricDataPoint(name, dimensions, values)


def correlation(counts: Correlation) -> Any:
    """The correlation of two filters over traces (3.5)."""
    from mlflow.tracing.analysis import TraceFilterCorrelationResult

    return TraceFilterCorrelationResult(
        npmi=counts.npmi,
        npmi_smoothed=counts.npmi_smoothed,
        filter1_count=counts.first,
        filter2_count=counts.second,
        joint_count=counts.joint,
        total_count=counts.total,
    )


def completed_session(session: Session) -> Any:
    """A session that has ended (3.9)."""
    from mlflow.genai.scorers.online.entities import CompletedSession

    return CompletedSession(session.session_id, session.first_ms, session.last_ms)


def issue_reference(**named: Any) -> Any:
    """An assessment that names an issue (3.10); older versions get a feedback instead."""
    from mlflow.entities import assessment

    if hasattr(assessment, "IssueReference"):
        return assessment.IssueReference(**named)
    known = {key: value for key, value in named.items() if key != "issue_name"}
    return assessment.Feedback(name=known.pop("issue_id"), value=named["issue_name"], **known)
