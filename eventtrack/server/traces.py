"""Traces over HTTP: reported, read, tagged, linked, found, deleted."""

import time

from eventtrack.compat import checks, trace_checks, trace_requests, trace_responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json, page
from eventtrack.errors import NotFoundError
from eventtrack.server.endpoint import AJAX_3, API_3, BOTH, Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.traces.records import Trace

V3 = (API_3, AJAX_3)
# A program sends spans and reports in the background, so the rest of a trace may still be on its
# way. The server waits this long for it, as MLflow's does.
_WAIT_S = 3.0
_LOOK_S = 0.1


def _start(store: Store, sent: Values) -> Json:
    report = trace_checks.report(sent["trace"]["trace_info"])
    report["experiment_id"] = checks.experiment_id(report["experiment_id"])
    return {"trace": {"trace_info": trace_responses.trace_info(store.traces.record(**report))}}


def _get_info(store: Store, sent: Values) -> Json:
    info = store.traces.get(sent["trace_id"])
    return {"trace": {"trace_info": trace_responses.trace_info(info)}}


def _get(store: Store, sent: Values) -> Json:
    trace = read_trace(store, sent["trace_id"], allow_partial=sent["allow_partial"])
    return {"trace": trace_responses.trace(trace)}


def read_trace(store: Store, trace_id: str, *, allow_partial: bool) -> Trace:
    """A trace with its spans; without `allow_partial`, waits a little for all its spans."""
    if not store.traces.infos([trace_id]):
        raise NotFoundError(f"Trace with ID {trace_id} is not found.")
    deadline = time.monotonic() + _WAIT_S
    while not (allow_partial or store.traces.get(trace_id).complete):
        if time.monotonic() > deadline:
            raise trace_checks.incomplete(trace_id)
        time.sleep(_LOOK_S)
    return store.traces.read(trace_id)


def _get_many(store: Store, sent: Values) -> Json:
    traces = store.traces.read_many(sent["trace_ids"], sent.given("experiment_ids"))
    return {"traces": [trace_responses.trace(trace) for trace in traces]} if traces else {}


def _get_infos(store: Store, sent: Values) -> Json:
    infos = store.traces.infos(sent["trace_ids"], sent.given("experiment_ids"))
    return {"trace_infos": [trace_responses.trace_info(info) for info in infos]} if infos else {}


def _search(store: Store, sent: Values) -> Json:
    places = map(trace_checks.experiment_of, sent["locations"])
    infos = store.traces.search(
        [checks.experiment_id(place) for place in places if place is not None],
        sent["filter"],
        sent["max_results"],
        sent["order_by"],
        sent["page_token"] or None,
    )
    return page("traces", list(map(trace_responses.trace_info, infos)), infos.token)


def _delete(store: Store, sent: Values) -> Json:
    which = trace_checks.deletion(sent)
    count = store.traces.delete(checks.experiment_id(sent["experiment_id"]), **which)
    return {"traces_deleted": count}


def _set_tag(store: Store, sent: Values) -> Json:
    trace_checks.refuse_reserved(sent["key"], "set")
    tag = checks.trace_tag(sent["key"], sent["value"])
    store.traces.set_tag(_id(sent), tag.key, tag.value)
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    trace_checks.refuse_reserved(sent["key"], "deleted")
    store.traces.delete_tag(_id(sent), sent["key"])
    return {}


def _id(sent: Values) -> str:
    """The trace that a path names, as `trace_id` or by its old name `request_id`."""
    trace_id: str = sent["trace_id"] if sent.has("trace_id") else sent["request_id"]
    return trace_id


def _link_run(store: Store, sent: Values) -> Json:
    store.traces.link_run(sent["trace_ids"], checks.known_run_id(sent["run_id"]))
    return {}


def _link_prompts(store: Store, sent: Values) -> Json:
    named = [(prompt["name"], prompt["version"]) for prompt in sent["prompt_versions"]]
    store.traces.link_prompts(sent["trace_id"], named)
    return {}


ENDPOINTS = (
    Endpoint("POST", "traces", trace_requests.START, _start, writes=True, prefixes=V3),
    Endpoint("GET", "traces/get", trace_requests.GET, _get, prefixes=V3),
    Endpoint("GET", "traces/batchGet", trace_requests.MANY, _get_many, prefixes=V3),
    Endpoint(
        *("POST", "traces/batchGetInfos", trace_requests.MANY, _get_infos),
        prefixes=V3,
        role=Role.READ,
    ),
    Endpoint(
        *("POST", "traces/search", trace_requests.SEARCH, _search), prefixes=V3, role=Role.READ
    ),
    Endpoint("GET", "traces/<trace_id>", trace_requests.GET_INFO, _get_info, prefixes=V3),
    *(
        Endpoint(
            *("POST", "traces/delete-traces", trace_requests.DELETE, _delete),
            writes=True,
            prefixes=prefixes,
        )
        for prefixes in (V3, BOTH)
    ),
    *(
        Endpoint(method, f"traces/<{name}>/tags", request, answer, writes=True, prefixes=prefixes)
        for name, prefixes in (("trace_id", V3), ("request_id", BOTH))
        for method, request, answer in (
            ("PATCH", trace_requests.SET_TAG, _set_tag),
            ("DELETE", trace_requests.DELETE_TAG, _delete_tag),
        )
    ),
    Endpoint("POST", "traces/link-to-run", trace_requests.LINK_RUN, _link_run, writes=True),
    Endpoint(
        "POST", "traces/link-prompts", trace_requests.LINK_PROMPTS, _link_prompts, writes=True
    ),
)
