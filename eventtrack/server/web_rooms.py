"""The endpoints of the pages beside experiments and runs; `docs/web-api.md` describes each."""

from eventtrack.compat.messages import Message, Values, int32, text
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING, WHOLE
from eventtrack.server.endpoint import Endpoint
from eventtrack.store import Store
from eventtrack.web import answers, home

_OWN = ("/api/eventtrack/1/",)


def _home(store: Store, sent: Values) -> Json:
    with answers.as_of(store, sent["at"]) as queries:
        return home.home(queries)


def _find(store: Store, sent: Values) -> Json:
    limit = min(max(sent["limit"], 1), home.HITS_MAX)
    with answers.as_of(store, sent["at"]) as queries:
        return home.find(queries, sent["text"], limit)


_AT = text("at")
_MOMENT = Request(Message((_AT,)))
_FIND = Request(
    Message((text("text"), int32("limit", 8), _AT)),
    {"text": (REQUIRED, STRING), "limit": (WHOLE,)},
)

ENDPOINTS = (
    Endpoint("GET", "home", _MOMENT, _home, watched=True, prefixes=_OWN),
    Endpoint("GET", "find", _FIND, _find, watched=True, slow=True, prefixes=_OWN),
)
