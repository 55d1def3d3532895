"""The requests about evaluation datasets: fields, types and rules of each (see `requests`)."""

from collections.abc import Sequence

from eventtrack import limits
from eventtrack.compat import rules
from eventtrack.compat.messages import Field, Message, int32, text, texts
from eventtrack.compat.requests import Request
from eventtrack.compat.rules import ARRAY, REQUIRED, STRING, TEXTS, WHOLE

_ID = text("dataset_id")


def _request(*fields: Field, **asked: Sequence[rules.Rule]) -> Request:
    return Request(Message(fields), asked)


CREATE = _request(
    text("name"),
    texts("experiment_ids"),
    text("tags"),
    name=[REQUIRED, STRING],
    experiment_ids=[ARRAY, TEXTS],
    tags=[STRING],
)
ONE = _request(_ID)
SEARCH = _request(
    texts("experiment_ids"),
    text("filter_string"),
    int32("max_results", limits.SEARCH_DATASETS_RESULTS_DEFAULT),
    texts("order_by"),
    text("page_token"),
    experiment_ids=[ARRAY, TEXTS],
    filter_string=[STRING],
    max_results=[WHOLE],
    order_by=[ARRAY, TEXTS],
    page_token=[STRING],
)
SET_TAGS = _request(_ID, text("tags"), tags=[REQUIRED, STRING])
ONE_TAG = _request(_ID, text("key"))
MERGE = _request(_ID, text("records"), records=[REQUIRED, STRING])
RECORDS = _request(
    _ID,
    int32("max_results", limits.DATASET_RECORDS_RESULTS_DEFAULT),
    text("page_token"),
    max_results=[WHOLE],
    page_token=[STRING],
)
DELETE_RECORDS = _request(_ID, texts("dataset_record_ids"), dataset_record_ids=[ARRAY, TEXTS])
EXPERIMENTS = _request(_ID, texts("experiment_ids"), experiment_ids=[ARRAY, TEXTS])
