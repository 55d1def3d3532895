"""The requests of the model registry: fields, types and rules of each (see `requests`)."""

from collections.abc import Sequence

from eventtrack import limits
from eventtrack.compat import rules
from eventtrack.compat.messages import Field, Message, int64, many, text, texts, truth
from eventtrack.compat.requests import Request
from eventtrack.compat.rules import ARRAY, REQUIRED, STRING, TEXTS, TRUTH, WHOLE

_NEEDED = (STRING, REQUIRED)
_TAG = Message((text("key"), text("value")))


def _request(*fields: Field, **asked: Sequence[rules.Rule]) -> Request:
    return Request(Message(fields), asked)


CREATE = _request(
    text("name"),
    many("tags", _TAG),
    text("description"),
    name=_NEEDED,
    tags=[ARRAY],
    description=[STRING],
)
ONE = _request(text("name"), name=_NEEDED)
UPDATE = _request(text("name"), text("description"), name=_NEEDED, description=[STRING])
RENAME = _request(text("name"), text("new_name"), name=_NEEDED, new_name=_NEEDED)
SEARCH = _request(
    text("filter"),
    int64("max_results", limits.SEARCH_REGISTERED_RESULTS_DEFAULT),
    texts("order_by"),
    text("page_token"),
    filter=[STRING],
    max_results=[WHOLE, rules.at_most(limits.SEARCH_REGISTERED_RESULTS_MAX)],
    order_by=[ARRAY, TEXTS],
    page_token=[STRING],
)
LATEST = _request(text("name"), texts("stages"), name=_NEEDED, stages=[ARRAY, TEXTS])
SET_TAG = _request(
    *map(text, ("name", "key", "value")),
    name=_NEEDED,
    key=_NEEDED,
    value=[STRING],
)
DELETE_TAG = _request(*map(text, ("name", "key")), name=_NEEDED, key=_NEEDED)
SET_ALIAS = _request(
    *map(text, ("name", "alias", "version")),
    name=_NEEDED,
    alias=_NEEDED,
    version=_NEEDED,
)
ONE_ALIAS = _request(*map(text, ("name", "alias")), name=_NEEDED, alias=_NEEDED)

CREATE_VERSION = _request(
    *map(text, ("name", "source", "run_id", "run_link", "description", "model_id")),
    many("tags", _TAG),
    name=_NEEDED,
    source=_NEEDED,
    run_id=[STRING],
    tags=[ARRAY],
    run_link=[STRING],
    description=[STRING],
    model_id=[STRING],
)
_VERSION = (text("name"), text("version"))
ONE_VERSION = _request(*_VERSION, name=_NEEDED, version=_NEEDED)
DOWNLOAD_URI = _request(*_VERSION)
UPDATE_VERSION = _request(
    *_VERSION,
    text("description"),
    name=_NEEDED,
    version=_NEEDED,
    description=[STRING],
)
SET_STAGE = _request(
    *_VERSION,
    text("stage"),
    truth("archive_existing_versions"),
    name=_NEEDED,
    version=_NEEDED,
    stage=_NEEDED,
    archive_existing_versions=[TRUTH],
)
SEARCH_VERSIONS = _request(
    text("filter"),
    int64("max_results", limits.SEARCH_VERSIONS_RESULTS_DEFAULT),
    texts("order_by"),
    text("page_token"),
    filter=[STRING],
    max_results=[WHOLE, rules.at_most(limits.SEARCH_VERSIONS_RESULTS_MAX)],
    order_by=[ARRAY, TEXTS],
    page_token=[STRING],
)
SET_VERSION_TAG = _request(
    *_VERSION,
    text("key"),
    text("value"),
    name=_NEEDED,
    version=_NEEDED,
    key=_NEEDED,
    value=[STRING],
)
DELETE_VERSION_TAG = _request(
    *_VERSION,
    text("key"),
    name=_NEEDED,
    version=_NEEDED,
    key=_NEEDED,
)
