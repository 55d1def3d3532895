"""The endpoints of corrections, for which MLflow has no requests; see `docs/web-api.md`."""

from eventtrack.compat import checks
from eventtrack.compat.messages import Message, Values, int64, text, texts, truth
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING, TEXTS, TRUTH, WHOLE
from eventtrack.errors import InvalidValueError
from eventtrack.server.endpoint import Endpoint
from eventtrack.store import Store
from eventtrack.store.reasons import HEADER, REASON

PREFIX = "/api/eventtrack/1/"


def _move(store: Store, sent: Values) -> Json:
    run_ids = list(map(checks.known_run_id, sent["run_ids"]))
    target = checks.experiment_id(sent["experiment_id"])
    return {"run_ids": store.corrections.move(run_ids, target, children=sent["children"])}


def _correct_param(store: Store, sent: Values) -> Json:
    run_id = checks.known_run_id(sent["run_id"])
    store.corrections.correct_param(run_id, sent["key"], sent["value"], _reason())
    return {}


def _sign(store: Store, sent: Values) -> Json:
    run_id = checks.known_run_id(sent["run_id"])
    return store.signatures.sign(run_id, sent["meaning"], _reason()).to_dictionary()


def _signatures(store: Store, sent: Values) -> Json:
    run_id = checks.known_run_id(sent["run_id"])
    signed = [each.to_dictionary() for each in store.runs.signatures(run_id)]
    return {"digest": store.runs.digest(run_id), "signatures": signed}


def _fork(store: Store, sent: Values) -> Json:
    target = sent.given("experiment_id")
    forked = store.forks.fork(
        checks.known_run_id(sent["run_id"]),
        sent.given("step"),
        params=not sent["without_params"],
        tags=not sent["without_tags"],
        run_name=sent.given("run_name"),
        experiment_id=None if target is None else checks.experiment_id(target),
    )
    return {"run_id": forked}


def _merge(store: Store, sent: Values) -> Json:
    run_ids = [checks.known_run_id(sent[name]) for name in ("run_id", "other_run_id")]
    return {"merged": store.forks.merge(*run_ids)}


def _reason() -> str:
    reason = REASON.get()
    if reason is None:
        raise InvalidValueError(
            f"This change needs a reason, and no header {HEADER} came with it",
            hint="send the reason as UTF-8 with percent signs in that header",
        )
    return reason


_OWN = (PREFIX,)
_RUN = {"run_id": (REQUIRED, STRING)}
_MOVE = Request(
    Message((texts("run_ids"), text("experiment_id"), truth("children"))),
    {
        "run_ids": (REQUIRED, TEXTS),
        "experiment_id": (REQUIRED, STRING),
        "children": (TRUTH,),
    },
)
_PARAM = Request(
    Message((text("run_id"), text("key"), text("value"))),
    {**_RUN, "key": (REQUIRED, STRING), "value": (REQUIRED, STRING)},
)
_SIGN = Request(Message((text("run_id"), text("meaning"))), {**_RUN, "meaning": (REQUIRED, STRING)})
_ASKED = Request(Message((text("run_id"),)), _RUN)
_FORK = Request(
    Message(
        (
            text("run_id"),
            int64("step"),
            truth("without_params"),
            truth("without_tags"),
            text("run_name"),
            text("experiment_id"),
        )
    ),
    {**_RUN, "step": (WHOLE,), "without_params": (TRUTH,), "without_tags": (TRUTH,)},
)
_MERGE = Request(
    Message((text("run_id"), text("other_run_id"))), {**_RUN, "other_run_id": (REQUIRED, STRING)}
)

ENDPOINTS = (
    Endpoint("POST", "runs/move", _MOVE, _move, writes=True, prefixes=_OWN),
    Endpoint("POST", "runs/merge", _MERGE, _merge, writes=True, prefixes=_OWN),
    Endpoint("POST", "runs/fork", _FORK, _fork, writes=True, prefixes=_OWN),
    Endpoint("POST", "runs/correct-param", _PARAM, _correct_param, writes=True, prefixes=_OWN),
    Endpoint("POST", "runs/sign", _SIGN, _sign, writes=True, prefixes=_OWN),
    Endpoint("GET", "runs/signatures", _ASKED, _signatures, prefixes=_OWN),
)
