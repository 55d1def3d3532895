"""The endpoints of saved views of experiments; see `docs/web-api.md`."""

import msgspec

from eventtrack.compat import checks
from eventtrack.compat.messages import Message, Values, text
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING
from eventtrack.errors import InvalidValueError
from eventtrack.server.endpoint import Endpoint
from eventtrack.server.web_api import PREFIX
from eventtrack.store import Store
from eventtrack.web import answers


def _list(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        views = queries.experiments.views(checks.experiment_id(sent["experiment_id"]))
    return {"views": [{"name": name, "view": view} for name, view in views.items()]}


def _save(store: Store, sent: Values) -> Json:
    experiment_id = checks.experiment_id(sent["experiment_id"])
    try:
        view = msgspec.json.decode(sent["view"], type=dict[str, str])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidValueError(
            "`view` is no JSON object of texts", hint='send for example {"x": "time"}'
        ) from error
    store.experiments.save_view(experiment_id, sent["name"], view)
    return {}


def _delete(store: Store, sent: Values) -> Json:
    store.experiments.delete_view(checks.experiment_id(sent["experiment_id"]), sent["name"])
    return {}


_OWN = (PREFIX,)
_EXPERIMENT = {"experiment_id": (REQUIRED, STRING)}
_NAMED = {**_EXPERIMENT, "name": (REQUIRED, STRING)}
_LIST = Request(Message((text("experiment_id"), text("at"))), _EXPERIMENT)
_SAVE = Request(
    Message((text("experiment_id"), text("name"), text("view"))),
    {**_NAMED, "view": (REQUIRED, STRING)},
)
_DELETE = Request(Message((text("experiment_id"), text("name"))), _NAMED)

ENDPOINTS = (
    Endpoint("GET", "experiments/views", _LIST, _list, prefixes=_OWN),
    Endpoint("POST", "experiments/save-view", _SAVE, _save, writes=True, prefixes=_OWN),
    Endpoint("POST", "experiments/delete-view", _DELETE, _delete, writes=True, prefixes=_OWN),
)
