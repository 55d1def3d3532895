"""The endpoints of the pages beside experiments and runs; `docs/web-api.md` describes each."""

from eventtrack.compat import checks
from eventtrack.compat.messages import Message, Values, int32, text, texts, truth
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING, TEXTS, TRUTH, WHOLE
from eventtrack.server.endpoint import Endpoint
from eventtrack.store import Store
from eventtrack.web import answers, data, home, models, parquet, traces

_OWN = ("/api/eventtrack/1/",)


def _home(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return home.home(queries)


def _find(store: Store, sent: Values) -> Json:
    limit = min(max(sent["limit"], 1), home.HITS_MAX)
    with answers.as_of(store, sent["at"]) as queries:
        return home.find(queries, sent["text"], limit)


def _page(sent: Values, most: int) -> tuple[list[str], int, int]:
    """The experiments, the offset and the limit that a list of rows was asked with."""
    experiments = list(map(checks.experiment_id, sent["experiment_ids"]))
    return experiments, max(sent["offset"], 0), min(max(sent["limit"], 1), most)


def _traces(store: Store, sent: Values) -> Json:
    experiments, offset, limit = _page(sent, traces.ROWS_MAX)
    with answers.as_of(store, sent["at"]) as queries:
        return traces.traces(queries, experiments, sent["filter"], offset, limit)


def _sessions(store: Store, sent: Values) -> Json:
    experiments = list(map(checks.experiment_id, sent["experiment_ids"]))
    with answers.as_of(store, sent["at"]) as queries:
        return traces.sessions(queries, experiments)


def _trace(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return traces.trace(queries, sent["trace_id"])


def _span(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return traces.span(queries, sent["trace_id"], sent["span_id"])


def _models(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return models.registered(queries, sent["filter"], prompts=sent["prompts"])


def _model(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return models.model(queries, sent["name"])


def _logged_models(store: Store, sent: Values) -> Json:
    experiments, offset, limit = _page(sent, models.ROWS_MAX)
    with answers.as_of(store, sent["at"]) as queries:
        return models.logged_models(queries, experiments, sent["filter"], offset, limit)


def _logged_model(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return models.logged_model(queries, sent["model_id"])


def _datasets(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return data.datasets(queries)


def _dataset(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return data.dataset(queries, sent["digest"])


def _evaluation_dataset(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return data.evaluation_dataset(queries, sent["dataset_id"], sent["page_token"])


def _rows(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        run_id = checks.known_run_id(sent["run_id"])
        return parquet.rows(queries, run_id, sent["path"], sent["sha256"])


_AT = text("at")
_MOMENT = Request(Message((_AT,)))
_FIND = Request(
    Message((text("text"), int32("limit", 8), _AT)),
    {"text": (REQUIRED, STRING), "limit": (WHOLE,)},
)
_ROWS = Request(
    Message((texts("experiment_ids"), text("filter"), int32("offset"), int32("limit", 50), _AT)),
    {"experiment_ids": (TEXTS,), "offset": (WHOLE,), "limit": (WHOLE,)},
)
_SESSIONS = Request(Message((texts("experiment_ids"), _AT)), {"experiment_ids": (TEXTS,)})
_TRACE = Request(Message((text("trace_id"), _AT)), {"trace_id": (REQUIRED, STRING)})
_SPAN = Request(
    Message((text("trace_id"), text("span_id"), _AT)),
    {"trace_id": (REQUIRED, STRING), "span_id": (REQUIRED, STRING)},
)
_MODELS = Request(Message((text("filter"), truth("prompts"), _AT)), {"prompts": (TRUTH,)})
_MODEL = Request(Message((text("name"), _AT)), {"name": (REQUIRED, STRING)})
_LOGGED_MODEL = Request(Message((text("model_id"), _AT)), {"model_id": (REQUIRED, STRING)})
_DATASET = Request(Message((text("digest"), _AT)), {"digest": (REQUIRED, STRING)})
_RECORDS = Request(
    Message((text("dataset_id"), text("page_token"), _AT)), {"dataset_id": (REQUIRED, STRING)}
)
_TABLE = Request(
    Message((text("run_id"), text("path"), text("sha256"), _AT)), {"run_id": (REQUIRED, STRING)}
)

ENDPOINTS = (
    Endpoint("GET", "home", _MOMENT, _home, watched=True, prefixes=_OWN),
    Endpoint("GET", "find", _FIND, _find, watched=True, slow=True, prefixes=_OWN),
    Endpoint("GET", "traces", _ROWS, _traces, watched=True, prefixes=_OWN),
    Endpoint("GET", "sessions", _SESSIONS, _sessions, watched=True, slow=True, prefixes=_OWN),
    Endpoint("GET", "trace", _TRACE, _trace, watched=True, prefixes=_OWN),
    Endpoint("GET", "span", _SPAN, _span, watched=True, prefixes=_OWN),
    Endpoint("GET", "models", _MODELS, _models, watched=True, prefixes=_OWN),
    Endpoint("GET", "model", _MODEL, _model, watched=True, prefixes=_OWN),
    Endpoint("GET", "logged-models", _ROWS, _logged_models, watched=True, prefixes=_OWN),
    Endpoint("GET", "logged-model", _LOGGED_MODEL, _logged_model, watched=True, prefixes=_OWN),
    Endpoint("GET", "datasets", _MOMENT, _datasets, watched=True, prefixes=_OWN),
    Endpoint("GET", "dataset", _DATASET, _dataset, watched=True, prefixes=_OWN),
    Endpoint("GET", "evaluation", _RECORDS, _evaluation_dataset, watched=True, prefixes=_OWN),
    Endpoint("GET", "rows", _TABLE, _rows, watched=True, slow=True, prefixes=_OWN),
)
