"""The endpoints of eventtrack's own pages; `docs/web-api.md` describes each answer.

All only read, except those for which MLflow has no request: `undo` and `withdraw`.
"""

from functools import partial

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from eventtrack.clock import SystemClock
from eventtrack.compat import checks
from eventtrack.compat.messages import Message, Values, int32, int64, one_of, text, texts
from eventtrack.compat.requests import VIEW_TYPES, Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING, TEXTS, WHOLE
from eventtrack.projections.older import SHOWS_OLDER
from eventtrack.server import bodies, files
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.experiments import VIEWS
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.web import answers, bands, items, origins, past, replicas, series

PREFIX = "/api/eventtrack/1/"
# The most rows and events in one answer.
_ROWS_MAX = 1000
_ENTRIES_MAX = 10_000
_CHANGES_MAX = 10_000
_SERIES_BODY_BYTES_MAX = 1 << 20


def _experiments(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return answers.experiments(queries)


def _activity(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return queries.overview.activity(SystemClock().now_ms()).to_dictionary()


def _table(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return answers.table(
            queries,
            list(map(checks.experiment_id, sent["experiment_ids"])),
            sent["columns"],
            filter_string=sent["filter"],
            order_by=sent["order_by"],
            view_type=VIEWS[sent["run_view_type"]],
            group=answers.group(sent["by"], sent.given("value")),
            offset=max(sent["offset"], 0),
            limit=min(max(sent["limit"], 1), _ROWS_MAX),
        )


def _groups(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return answers.groups(
            queries,
            list(map(checks.experiment_id, sent["experiment_ids"])),
            sent["by"],
            sent["columns"],
            filter_string=sent["filter"],
            view_type=VIEWS[sent["run_view_type"]],
        )


def _columns(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return answers.columns(queries, list(map(checks.experiment_id, sent["experiment_ids"])))


def _run(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return answers.run(queries, checks.known_run_id(sent["run_id"]))


def _items(store: Store, sent: Values) -> Json:
    limit = min(max(sent["limit"], 1), items.ITEMS_MAX)
    with answers.as_of(store, sent["at"]) as queries:
        run_id = checks.known_run_id(sent["run_id"])
        kind = sent["kind"] or None
        return items.part(queries, run_id, sent["key"], kind, sent["start"], limit)


def _origin(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return origins.origin(queries, checks.known_run_id(sent["run_id"]))


def _density(store: Store, sent: Values) -> Json:
    experiment_id, run_id = sent.given("experiment_id"), sent.given("run_id")
    return store.history.density(
        sent["by"] or "position",
        sent["buckets"],
        low=sent.given("low"),
        high=sent.given("high"),
        experiment_id=checks.experiment_id(experiment_id) if experiment_id else None,
        run_id=checks.known_run_id(run_id) if run_id else None,
    ).to_dictionary()


def _diff(store: Store, sent: Values) -> Json:
    limit = min(max(sent["limit"], 1), _CHANGES_MAX)
    return past.diff(store, sent["older"], sent["newer"] or "now", sent["subject"] or None, limit)


def _moment(_: Store, sent: Values) -> Json:
    return past.moment(sent["text"], sent["zone"])


def _history(store: Store, sent: Values) -> Json:
    subject = sent["subject"] or checks.known_run_id(sent["run_id"])
    limit = min(max(sent["limit"], 1), _ENTRIES_MAX)
    return past.history(store, subject, limit, sent["at"])


def _log(store: Store, sent: Values) -> Json:
    limit = min(max(sent["limit"], 1), _ROWS_MAX)
    before, stream, kind = sent.given("before"), sent["stream"], sent["type"]
    return past.log(store, before, limit, stream, kind, sent["at"])


def _conflicts(store: Store, sent: Values) -> Json:
    return replicas.conflicts(store, max(sent["offset"], 0), min(max(sent["limit"], 1), _ROWS_MAX))


def _undo(store: Store, sent: Values) -> Json:
    return {"addresses": [event.address for event in store.history.undo(sent["address"])]}


def _withdraw(store: Store, sent: Values) -> Json:
    keys = sent["keys"] if sent.given("keys") is not None else None
    run_id = checks.known_run_id(sent["run_id"])
    steps = sent.given("first_step"), sent.given("last_step")
    return {"withdrawn": store.metrics.withdraw(run_id, keys, *steps)}


async def _series(services: Services, request: HttpRequest, _: str) -> Response:
    body = await bodies.read(request, _SERIES_BODY_BYTES_MAX)
    SHOWS_OLDER.set(True)
    answer = await services.answer(partial(series.answer, services.store, body), request.receive)
    return Response(answer, media_type="application/octet-stream")


async def _bands(services: Services, request: HttpRequest, _: str) -> Response:
    body = await bodies.read(request, _SERIES_BODY_BYTES_MAX)
    answer = await services.answer(partial(bands.answer, services.store, body), request.receive)
    return Response(answer, media_type="application/octet-stream")


async def _media(services: Services, request: HttpRequest, _: str) -> Response:
    asked = request.query_params
    return await files.send_medium(services, asked.get("run_id", ""), asked.get("sha256", ""))


_NOTHING = Request(Message(()))
_AT = text("at")
_MOMENT = Request(Message((_AT,)))
_SUBJECT = Request(Message((text("run_id"), text("subject"), int32("limit", 1000), _AT)))
_RUN_AT = Request(Message((text("run_id"), _AT)), {"run_id": (REQUIRED, STRING)})
_ITEMS = Request(
    Message((text("run_id"), text("kind"), text("key"), int64("start"), int32("limit", 200), _AT)),
    {
        "run_id": (REQUIRED, STRING),
        "key": (REQUIRED, STRING),
        "start": (WHOLE,),
        "limit": (WHOLE,),
    },
)
_EXPERIMENTS = Request(Message((texts("experiment_ids"), _AT)))
_TABLE = Request(
    Message(
        (
            texts("experiment_ids"),
            texts("columns"),
            text("filter"),
            texts("order_by"),
            one_of("run_view_type", VIEW_TYPES),
            text("by"),
            text("value"),
            int32("offset"),
            int32("limit", 200),
            _AT,
        )
    ),
    {"experiment_ids": (REQUIRED, TEXTS), "offset": (WHOLE,), "limit": (WHOLE,)},
)
_GROUPS = Request(
    Message(
        (
            texts("experiment_ids"),
            text("by"),
            texts("columns"),
            text("filter"),
            one_of("run_view_type", VIEW_TYPES),
            _AT,
        )
    ),
    {"experiment_ids": (REQUIRED, TEXTS), "by": (REQUIRED, STRING)},
)
_DENSITY = Request(
    Message(
        (
            text("by"),
            int32("buckets", 200),
            int64("low"),
            int64("high"),
            text("experiment_id"),
            text("run_id"),
        )
    )
)
_DIFF = Request(
    Message((text("older"), text("newer"), text("subject"), int32("limit", 1000))),
    {"older": (REQUIRED, STRING)},
)
_EVENTS = Request(
    Message((int64("before"), int32("limit", 200), text("stream"), text("type"), _AT)),
    {"before": (WHOLE,), "limit": (WHOLE,)},
)
_PAGE = Request(Message((int32("offset"), int32("limit", 200))))
_ADDRESS = Request(Message((text("address"),)), {"address": (REQUIRED, STRING)})
_STEPS = Request(
    Message((text("run_id"), texts("keys"), int64("first_step"), int64("last_step"))),
    {
        "run_id": (REQUIRED, STRING),
        "keys": (TEXTS,),
        "first_step": (WHOLE,),
        "last_step": (WHOLE,),
    },
)
_WRITTEN = Request(Message((text("text"), text("zone"))), {"text": (REQUIRED, STRING)})
_OWN = (PREFIX,)

ENDPOINTS = (
    Endpoint("GET", "about", _NOTHING, lambda store, _: answers.about(store), prefixes=_OWN),
    Endpoint("GET", "experiments", _MOMENT, _experiments, watched=True, prefixes=_OWN),
    Endpoint("GET", "moment", _WRITTEN, _moment, prefixes=_OWN),
    Endpoint("GET", "activity", _MOMENT, _activity, watched=True, prefixes=_OWN),
    Endpoint("GET", "columns", _EXPERIMENTS, _columns, watched=True, prefixes=_OWN),
    Endpoint(
        "POST", "groups", _GROUPS, _groups, watched=True, slow=True, prefixes=_OWN, role=Role.READ
    ),
    Endpoint("POST", "runs", _TABLE, _table, watched=True, prefixes=_OWN, role=Role.READ),
    Endpoint("GET", "run", _RUN_AT, _run, watched=True, prefixes=_OWN),
    Endpoint("GET", "items", _ITEMS, _items, watched=True, prefixes=_OWN),
    Endpoint("GET", "origin", _RUN_AT, _origin, watched=True, prefixes=_OWN),
    Endpoint("GET", "history", _SUBJECT, _history, watched=True, slow=True, prefixes=_OWN),
    Endpoint("GET", "log", _EVENTS, _log, watched=True, slow=True, prefixes=_OWN),
    Endpoint("POST", "undo", _ADDRESS, _undo, writes=True, prefixes=_OWN),
    Endpoint("POST", "withdraw", _STEPS, _withdraw, writes=True, prefixes=_OWN),
    Endpoint("GET", "density", _DENSITY, _density, watched=True, slow=True, prefixes=_OWN),
    Endpoint("GET", "diff", _DIFF, _diff, watched=True, slow=True, prefixes=_OWN),
    Endpoint("GET", "sync", _NOTHING, lambda store, _: replicas.sync(store), prefixes=_OWN),
    Endpoint("GET", "conflicts", _PAGE, _conflicts, watched=True, slow=True, prefixes=_OWN),
)
STREAMED = (
    Streamed("POST", f"{PREFIX}series", _series, role=Role.READ),
    Streamed("POST", f"{PREFIX}bands", _bands, role=Role.READ),
    Streamed("GET", f"{PREFIX}media", _media, role=Role.READ),
)
