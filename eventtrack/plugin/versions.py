"""What MLflow's versions call differently: everything that the plugin asks for by version.

pyproject.toml admits MLflow 3.5 and newer. Names that came later are looked up here when they are
needed, never at import: the plugin has to load everywhere. `tools/dev.py matrix` runs it with the
oldest, a middle and the newest version.
"""

import json
from typing import Any

from mlflow import entities

from eventtrack.store.trace_sets import Correlation, Session


def span_content(span: entities.Span) -> dict[str, Any]:
    """A span as MLflow's SQL store keeps it: translated where the version translates (3.7)."""
    try:
        # Imports translators of a dozen libraries: only when spans come.
        from mlflow.tracing.otel.translation import translate_span_when_storing
    except ImportError:
        content: dict[str, Any] = span.to_dict()
        for event in content["events"]:
            event["attributes"] = dict(event["attributes"] or {})
        return content
    found: dict[str, Any] = translate_span_when_storing(span)
    return found


def stored_span(body: bytes) -> entities.Span:
    """A span from its stored bytes; read when it is looked at, where the version can (3.16)."""
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


def correlation(found: Correlation) -> Any:
    """How two filters over traces go together (3.5)."""
    from mlflow.tracing.analysis import TraceFilterCorrelationResult

    return TraceFilterCorrelationResult(
        npmi=found.npmi,
        npmi_smoothed=found.npmi_smoothed,
        filter1_count=found.first,
        filter2_count=found.second,
        joint_count=found.joint,
        total_count=found.total,
    )


def completed_session(found: Session) -> Any:
    """A session that has ended (3.9)."""
    from mlflow.genai.scorers.online.entities import CompletedSession

    return CompletedSession(found.session_id, found.first_ms, found.last_ms)


def issue_reference(**named: Any) -> Any:
    """An assessment that names an issue (3.10): a feedback where the version has none."""
    from mlflow.entities import assessment

    if hasattr(assessment, "IssueReference"):
        return assessment.IssueReference(**named)
    known = {key: value for key, value in named.items() if key != "issue_name"}
    return assessment.Feedback(name=known.pop("issue_id"), value=named["issue_name"], **known)
