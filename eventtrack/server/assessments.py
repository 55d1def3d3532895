"""Assessments over HTTP."""

from typing import Any

import msgspec

from eventtrack.compat import checks, trace_checks, trace_requests, trace_responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint
from eventtrack.store import Store

_V3 = (API_3, AJAX_3)
_ALL = "traces/<trace_id>/assessments"
_ONE = f"{_ALL}/<assessment_id>"


def _create(store: Store, sent: Values) -> Json:
    assessment = trace_checks.assessment(sent["assessment"], sent["trace_id"])
    return {"assessment": trace_responses.assessment(store.traces.assessments.create(assessment))}


def _get(store: Store, sent: Values) -> Json:
    assessment = store.traces.assessments.get(sent["trace_id"], sent["assessment_id"])
    return {"assessment": trace_responses.assessment(assessment)}


def _update(store: Store, sent: Values) -> Json:
    given: Values = sent["assessment"]
    asked = set(sent["update_mask"])
    changes: dict[str, Any] = {"value": msgspec.UNSET}
    if "expectation" in asked and "feedback" in asked:
        checks.refuse("Cannot specify both `expectation` and `feedback` parameters.")
    for kind in asked & {"expectation", "feedback"}:
        changes |= {"kind": kind, "value": trace_checks.value_of(given, kind)}
        if kind == "feedback":
            changes["error"] = trace_checks.failure(given)
    if "assessment_name" in asked:
        changes["name"] = given["assessment_name"]
    if "rationale" in asked:
        changes["rationale"] = given["rationale"]
    if "metadata" in asked:
        changes["metadata"] = given["metadata"]
    assessment = store.traces.assessments.update(sent["trace_id"], sent["assessment_id"], **changes)
    return {"assessment": trace_responses.assessment(assessment)}


def _delete(store: Store, sent: Values) -> Json:
    store.traces.assessments.delete(sent["trace_id"], sent["assessment_id"])
    return {}


ENDPOINTS = (
    Endpoint(*("POST", _ALL, trace_requests.CREATE_ASSESSMENT, _create), writes=True, prefixes=_V3),
    Endpoint("GET", _ONE, trace_requests.ONE_ASSESSMENT, _get, prefixes=_V3),
    Endpoint(
        *("PATCH", _ONE, trace_requests.UPDATE_ASSESSMENT, _update), writes=True, prefixes=_V3
    ),
    Endpoint("DELETE", _ONE, trace_requests.ONE_ASSESSMENT, _delete, writes=True, prefixes=_V3),
)
