"""Traces for the pages: lists, sessions, and a trace with its tree of spans."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.projections.trace_state import SpanState
from eventtrack.store import Queries
from eventtrack.tags import (
    TRACE_NAME_TAG,
    TRACE_RUN_KEY,
    TRACE_SESSION_KEY,
    TRACE_USAGE_KEY,
    TRACE_USER_KEY,
)
from eventtrack.views.traces.records import TraceInfo
from eventtrack.web.answers import Json, shortened

ROWS_MAX = 500
# Sessions are gathered from so many of the newest traces.
SESSIONS_OF = 2000


def traces(
    queries: Queries, experiment_ids: Sequence[str], filter_string: str, offset: int, limit: int
) -> Json:
    """Some traces, newest first; `more` if there are further ones. No experiment means all."""
    infos = queries.traces.part(experiment_ids or None, filter_string, offset, offset + limit + 1)
    rows = [_row(info) for info in infos[:limit]]
    return {
        "traces": rows,
        "more": len(infos) > limit,
        "experiments": _names(queries, {info.experiment_id for info in infos}),
    }


def sessions(queries: Queries, experiment_ids: Sequence[str]) -> Json:
    """The sessions of the newest traces, the last active first; `more` if there are older traces.

    A session is a conversation: the traces that name it in their metadata.
    """
    infos = queries.traces.part(experiment_ids or None, "", 0, SESSIONS_OF + 1)
    known: dict[str, Json] = {}
    for info in infos[:SESSIONS_OF]:
        name = info.trace_metadata.get(TRACE_SESSION_KEY)
        if not name:
            continue
        session = known.setdefault(
            name,
            {
                "session": name,
                "user": info.trace_metadata.get(TRACE_USER_KEY),
                "experiment_id": info.experiment_id,
                "traces": 0,
                "errors": 0,
                "tokens": 0,
                "last_ms": info.request_time,
            },
        )
        session["traces"] += 1
        session["errors"] += info.state == "ERROR"
        session["tokens"] += _tokens(info) or 0
        session["first_ms"] = info.request_time
        session["request"] = shortened(info.request_preview or "")
    return {"sessions": list(known.values()), "more": len(infos) > SESSIONS_OF}


def trace(queries: Queries, trace_id: str) -> Json:
    """A trace with its spans, whose bodies have a request of their own."""
    info = queries.traces.get(trace_id)
    spans = queries.traces.outline(trace_id)
    runs = dict.fromkeys(filter(None, (info.trace_metadata.get(TRACE_RUN_KEY), *info.run_ids)))
    return {
        **_row(info),
        "client_request_id": info.client_request_id,
        "request": info.request_preview,
        "response": info.response_preview,
        "metadata": info.trace_metadata,
        "tags": info.tags,
        "complete": info.complete,
        "runs": {run_id: _run_name(queries, run_id) for run_id in runs},
        "experiments": _names(queries, {info.experiment_id}),
        "assessments": [assessment.to_dictionary() for assessment in info.assessments],
        "spans": [_span(span) for span in spans],
    }


def span(queries: Queries, trace_id: str, span_id: str) -> Json:
    """The body of a span: inputs, outputs, attributes and events, decoded as far as they are JSON.

    Attributes are texts of JSON in the body; see docs/format.md, section 9.
    """
    content = queries.traces.span(trace_id, span_id).content()
    attributes = content.get("attributes")
    events = content.get("events")
    return {
        "attributes": {
            str(key): _decoded(value)
            for key, value in (attributes.items() if isinstance(attributes, dict) else ())
        },
        "events": events if isinstance(events, list) else [],
        "status": content.get("status"),
    }


def _row(info: TraceInfo) -> Json:
    return {
        "trace_id": info.trace_id,
        "experiment_id": info.experiment_id,
        "name": info.tags.get(TRACE_NAME_TAG, ""),
        "state": info.state,
        "request_time": info.request_time,
        "duration": info.execution_duration,
        "request": shortened(info.request_preview or ""),
        "response": shortened(info.response_preview or ""),
        "session": info.trace_metadata.get(TRACE_SESSION_KEY),
        "user": info.trace_metadata.get(TRACE_USER_KEY),
        "tokens": _tokens(info),
        "span_count": info.span_count,
        "judgements": [
            {"name": assessment.name, "kind": assessment.kind, "value": assessment.value}
            for assessment in info.assessments
            if assessment.valid
        ],
    }


def _span(state: SpanState) -> Json:
    usage = _decoded(state.usage)
    return {
        "span_id": state.span_id,
        "parent_id": state.parent_id,
        "name": state.name,
        "kind": state.kind,
        "status": state.status,
        "start_ns": str(state.start_ns),
        "end_ns": None if state.end_ns is None else str(state.end_ns),
        "tokens": usage.get("total_tokens") if isinstance(usage, dict) else None,
    }


def _tokens(info: TraceInfo) -> int | None:
    usage = _decoded(info.trace_metadata.get(TRACE_USAGE_KEY))
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return int(total) if isinstance(total, int | float) and abs(total) < 2**53 else None


def _names(queries: Queries, experiment_ids: set[str]) -> dict[str, str]:
    names = {}
    for experiment_id in experiment_ids:
        with suppress(NotFoundError):
            names[experiment_id] = queries.experiments.get(experiment_id).name
    return names


def _run_name(queries: Queries, run_id: str) -> str | None:
    """The name of a run that a trace names; None for a run that is not here."""
    with suppress(NotFoundError):
        return queries.runs.get(run_id).info.run_name
    return None


def _decoded(value: Any) -> Any:
    """The value of a JSON text; whatever is no such text stands as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
