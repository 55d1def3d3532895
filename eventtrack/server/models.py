"""Logged models over HTTP: none can be logged yet, and whoever looks for one is told so.

MLflow's client looks for models below a run's files whenever it fetches them.
"""

from eventtrack.compat import requests
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role


def _search(store: Store, sent: Values) -> Json:
    return {}


ENDPOINTS = (
    Endpoint("POST", "logged-models/search", requests.SEARCH_MODELS, _search, role=Role.READ),
)
