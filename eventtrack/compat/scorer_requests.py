"""The requests about scorers: fields, types and rules of each (see `requests`)."""

from eventtrack.compat.messages import Message, int32, text, texts
from eventtrack.compat.requests import Request
from eventtrack.compat.rules import ARRAY, REQUIRED, STRING, TEXTS, WHOLE

_NEEDED = (STRING, REQUIRED)
_OF = (text("experiment_id"), text("name"))
REGISTER = Request(
    Message((*_OF, text("serialized_scorer"))),
    {"experiment_id": _NEEDED, "name": _NEEDED, "serialized_scorer": _NEEDED},
)
LIST = Request(
    Message((text("experiment_id"), texts("experiment_ids"))),
    {"experiment_id": [STRING], "experiment_ids": [ARRAY, TEXTS]},
)
ONE = Request(Message(_OF), {"experiment_id": _NEEDED, "name": _NEEDED})
VERSION = Request(
    Message((*_OF, int32("version"))),
    {"experiment_id": _NEEDED, "name": _NEEDED, "version": [WHOLE]},
)
