"""Empty answers for the features of MLflow's pages that this server does not have.

A page that gets an empty answer leaves the feature out. A page that gets an error shows a red box,
and asks again up to a dozen times.
"""

from eventtrack.compat.messages import Message, Values
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import AJAX_2, AJAX_3, API_2, API_3, Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role

_ANYTHING = Request(Message(()))
_3 = (API_3, AJAX_3)


def _nothing(store: Store, sent: Values) -> Json:
    """A search that matches nothing leaves its list out."""
    return {}


def _no_configs(store: Store, sent: Values) -> Json:
    """MLflow's server writes an empty list of configurations too."""
    return {"configs": []}


def _no_gateway(store: Store, sent: Values) -> Json:
    """The answer of MLflow's server without a gateway."""
    return {"endpoints": []}


def _no_telemetry(store: Store, sent: Values) -> Json:
    """The answer of MLflow's server with telemetry switched off."""
    return {"disable_ui_telemetry": True, "disable_ui_events": [], "ui_rollout_percentage": 0}


def _telemetry_ignored(store: Store, sent: Values) -> Json:
    return {"status": "disabled"}


def _search(method: str, path: str, prefixes: tuple[str, ...] = _3) -> Endpoint:
    return Endpoint(method, path, _ANYTHING, _nothing, prefixes=prefixes, role=Role.READ)


ENDPOINTS = (
    _search("POST", "issues/search"),
    _search("GET", "label-schemas/list"),
    _search("GET", "prompt-optimization/jobs/search"),
    _search("POST", "prompt-optimization/jobs/search"),
    _search("GET", "review-queues/list"),
    Endpoint("GET", "scorers/online-configs", _ANYTHING, _no_configs, prefixes=_3),
    _search("GET", "webhooks", (API_2, AJAX_2)),
    *(
        Endpoint(
            method, "gateway-proxy", _ANYTHING, _no_gateway, prefixes=(AJAX_2,), role=Role.READ
        )
        for method in ("GET", "POST")
    ),
    Endpoint("GET", "ui-telemetry", _ANYTHING, _no_telemetry, prefixes=(AJAX_3,)),
    Endpoint(
        "POST", "ui-telemetry", _ANYTHING, _telemetry_ignored, prefixes=(AJAX_3,), role=Role.READ
    ),
)
