"""Runs over HTTP: started, read, updated, deleted, found."""

from functools import partial

import msgspec

from eventtrack.compat import checks, requests, responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import Endpoint, Remarked
from eventtrack.server.experiments import VIEWS
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.records import Metric, Run


def _create(store: Store, sent: Values) -> Json:
    created = store.runs.create(
        checks.experiment_id(sent["experiment_id"]),
        user_id=sent["user_id"],
        start_time=sent["start_time"],
        tags=checks.new_run_tags(sent["tags"]),
        run_name=sent["run_name"] or None,
        run_id=sent["run_id"] or None,
    )
    shown = responses.run(created, ())
    # A new run has no outputs yet. MLflow leaves them out of this answer, and of no other.
    del shown["outputs"]
    return {"run": shown}


def _get(store: Store, sent: Values) -> Json:
    run = store.runs.get(checks.run_of(sent))
    latest = store.metrics.latest(run.info.run_id) if run.data.metrics else ()
    return {"run": responses.run(run, latest)}


def _update(store: Store, sent: Values) -> Json:
    info = store.runs.update(
        checks.run_of(sent),
        status=sent.given("status"),
        end_time=sent.given("end_time"),
        name=sent.given("run_name"),
    )
    return {"run_info": responses.run_info(info)}


def _delete(store: Store, sent: Values) -> Json:
    store.runs.delete(checks.known_run_id(sent["run_id"]))
    return {}


def _restore(store: Store, sent: Values) -> Json:
    store.runs.restore(checks.known_run_id(sent["run_id"]))
    return {}


def _search(store: Store, sent: Values, *, numbers: bool = False) -> Remarked:
    runs = store.runs.search_answers(
        _shown,
        list(map(checks.experiment_id, sent["experiment_ids"])),
        sent["filter"],
        VIEWS[sent["run_view_type"]],
        sent["max_results"],
        sent["order_by"],
        sent["page_token"] or None,
        shown=lambda run, uri: responses.location_of(run.experiment, run.run_id, uri),
        numbers=numbers,
    )
    page = responses.page("runs", list(map(msgspec.Raw, runs)), runs.token)
    return Remarked(page, runs.remark)


def _shown(run: Run, latest: list[Metric]) -> bytes:
    return msgspec.json.encode(responses.run(run, latest))


ENDPOINTS = (
    Endpoint("POST", "runs/create", requests.CREATE_RUN, _create, writes=True),
    Endpoint("GET", "runs/get", requests.GET_RUN, _get),
    Endpoint("POST", "runs/update", requests.UPDATE_RUN, _update, writes=True),
    Endpoint("POST", "runs/delete", requests.ONE_RUN, _delete, writes=True),
    Endpoint("POST", "runs/restore", requests.ONE_RUN, _restore, writes=True),
    Endpoint("POST", "runs/search", requests.SEARCH_RUNS, _search, role=Role.READ),
    # For our own client, which compares params with numbers in a folder too.
    Endpoint(
        "POST",
        "runs/search",
        requests.SEARCH_RUNS,
        partial(_search, numbers=True),
        prefixes=("/api/eventtrack/1/",),
        role=Role.READ,
    ),
)
