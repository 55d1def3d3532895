"""The request of every endpoint that is served: its fields, their types, and its rules.

The numbers of MLflow's protobuf are left out: only JSON reaches a tracking server.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from eventtrack import limits
from eventtrack.compat import quick, rules
from eventtrack.compat.messages import (
    Field,
    Fields,
    Message,
    ParseStoppedError,
    Values,
    below,
    double,
    int32,
    int64,
    many,
    one_of,
    text,
    texts,
    truth,
)
from eventtrack.compat.rules import ARRAY, NUMBER, REQUIRED, STRING, TEXTS, WHOLE, Rules
from eventtrack.errors import InvalidValueError
from eventtrack.log.checked import UNREADABLE
from eventtrack.views.records import ModelStatus, RunStatus

VIEW_TYPES = ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
# MLflow (server/handlers.py): runs and points that one chart may ask for.
BULK_RUNS_MAX = 100
INTERVAL_POINTS_MAX = 2500


@dataclass(frozen=True)
class Request:
    """The request of an endpoint.

    Args:
        quick: Reads bodies in which nothing is odd; gives None for all others.
    """

    message: Message
    rules: Rules = field(default_factory=dict)
    quick: Callable[[bytes], Fields | None] | None = None

    def from_body(self, body: bytes) -> Fields:
        """Read a body.

        Raises:
            InvalidValueError: A field is spelled twice, missing or of the wrong type.
        """
        read = self.quick(body) if self.quick is not None else None
        return self.from_json(decode(body)) if read is None else read

    def from_json(self, source: object) -> Values:
        """Read a decoded body.

        Raises:
            InvalidValueError: A field is spelled twice, missing or of the wrong type.
        """
        if isinstance(source, str):
            source = decode(source)  # older clients encode twice
        if source is None:
            source = {}
        twice = self.message.doubly_spelled(source)
        if twice is not None:
            raise InvalidValueError(
                f"Request specifies both '{twice[0]}' and '{twice[1]}'; provide only one of them."
            )
        values, stopped = self.message.parse(source)
        if not isinstance(source, dict):
            raise InvalidValueError(
                f"Bad Request. The body must be a JSON object, not {type(source).__name__}."
            )
        return self._whole(values, source, stopped)

    def from_query(self, pairs: Sequence[tuple[str, str]]) -> Values:
        """Read the query of a GET; fields are known by their snake_case names only.

        Raises:
            InvalidValueError: A field is missing or of the wrong type.
        """
        source: dict[str, Any] = {}
        for member in self.message.fields:
            sent = [value for name, value in pairs if name == member.name]
            if sent:
                source[member.name] = member.of_query(sent)
        values, stopped = self.message.parse(source)
        return self._whole(values, source, stopped)

    def _whole(
        self, values: Values, source: Mapping[str, Any], stopped: ParseStoppedError | None
    ) -> Values:
        """The values; refused if the reading stopped early or a rule is broken."""
        rules.apply(self.rules, source, all_read=stopped is None)
        if stopped is not None:
            raise InvalidValueError(rules.unreadable(stopped.path, stopped.value))
        return values


def decode(body: str | bytes) -> object:
    """A body's JSON; None for an empty body. The last value of a repeated name counts.

    Raises:
        InvalidValueError: The body is no JSON. Neither NaN nor 1e400 is a number here.
    """
    try:
        return msgspec.json.decode(body) if body else None
    except UNREADABLE as error:
        raise InvalidValueError(
            f"Bad Request. The body cannot be read as JSON: {error}.",
            hint='JSON has no NaN and no infinities; send them as texts: "NaN", "Infinity"',
        ) from error


def _request(*fields: Field, **asked: Sequence[rules.Rule]) -> Request:
    return Request(Message(fields), asked)


_TAG = Message((text("key"), text("value")))
_METRIC = Message(
    (
        text("key"),
        double("value"),
        int64("timestamp"),
        int64("step"),
        text("dataset_name"),
        text("dataset_digest"),
        text("model_id"),
        text("run_id"),
    )
)
_DATASET = Message(
    tuple(map(text, ("name", "digest", "source_type", "source", "schema", "profile")))
)
_DATASET_INPUT = Message((many("tags", _TAG), below("dataset", _DATASET)))
_NEEDED = (REQUIRED, STRING)
# A run's id under its names of today and of long ago; clients send both.
_RUN = (text("run_id"), text("run_uuid"))
_RUN_NEEDED: Mapping[str, Sequence[rules.Rule]] = {"run_id": _NEEDED}

CREATE_EXPERIMENT = _request(
    text("name"),
    text("artifact_location"),
    many("tags", _TAG),
    name=_NEEDED,
    artifact_location=[STRING],
    tags=[ARRAY],
)
ONE_EXPERIMENT = _request(text("experiment_id"), experiment_id=_NEEDED)
EXPERIMENT_BY_NAME = _request(text("experiment_name"), experiment_name=_NEEDED)
SEARCH_EXPERIMENTS = _request(
    int64("max_results"),
    text("page_token"),
    text("filter"),
    texts("order_by"),
    one_of("view_type", VIEW_TYPES),
    view_type=[WHOLE],
    max_results=[WHOLE],
    order_by=[ARRAY],
    filter=[STRING],
    page_token=[STRING],
)
UPDATE_EXPERIMENT = _request(
    text("experiment_id"),
    text("new_name"),
    experiment_id=_NEEDED,
    new_name=[STRING, REQUIRED],
)
SET_EXPERIMENT_TAG = _request(
    text("experiment_id"),
    text("key"),
    text("value"),
    experiment_id=_NEEDED,
    key=_NEEDED,
    value=[STRING],
)
DELETE_EXPERIMENT_TAG = _request(
    text("experiment_id"), text("key"), experiment_id=_NEEDED, key=_NEEDED
)
SEARCH_DATASETS = _request(texts("experiment_ids"))

CREATE_RUN = _request(
    text("experiment_id"),
    text("user_id"),
    text("run_name"),
    int64("start_time"),
    many("tags", _TAG),
    # Not MLflow's: the id of a run that began while its program could not reach the server.
    text("run_id"),
    experiment_id=[STRING],
    start_time=[WHOLE],
    run_name=[STRING],
    run_id=[STRING],
)
GET_RUN = _request(*_RUN, **_RUN_NEEDED)
ONE_RUN = _request(text("run_id"), **_RUN_NEEDED)
UPDATE_RUN = _request(
    *_RUN,
    one_of("status", RunStatus.ALL),
    int64("end_time"),
    text("run_name"),
    run_id=_NEEDED,
    end_time=[WHOLE],
    status=[STRING],
    run_name=[STRING],
)
SEARCH_RUNS = _request(
    texts("experiment_ids"),
    text("filter"),
    one_of("run_view_type", VIEW_TYPES),
    int32("max_results", limits.SEARCH_RUNS_RESULTS_DEFAULT),
    texts("order_by"),
    text("page_token"),
    experiment_ids=[ARRAY],
    filter=[STRING],
    max_results=[WHOLE, rules.at_most(limits.SEARCH_RESULTS_MAX)],
    order_by=[ARRAY, TEXTS],
)

LOG_METRIC = _request(
    *_RUN,
    text("key"),
    double("value"),
    int64("timestamp"),
    int64("step"),
    text("model_id"),
    text("dataset_name"),
    text("dataset_digest"),
    run_id=_NEEDED,
    key=_NEEDED,
    value=[REQUIRED, NUMBER],
    timestamp=[WHOLE, REQUIRED],
    step=[WHOLE],
    model_id=[STRING],
    dataset_name=[STRING],
    dataset_digest=[STRING],
)
LOG_METRIC = replace(LOG_METRIC, quick=quick.metric)
LOG_PARAM = _request(*_RUN, text("key"), text("value"), run_id=_NEEDED, key=_NEEDED, value=[STRING])
SET_TAG = LOG_PARAM
DELETE_TAG = _request(text("run_id"), text("key"), run_id=_NEEDED, key=_NEEDED)
LOG_BATCH = _request(
    text("run_id"),
    many("metrics", _METRIC),
    many("params", _TAG),
    many("tags", _TAG),
    run_id=[STRING, REQUIRED],
    metrics=[ARRAY, rules.each_has("key", "value", "timestamp", of="metrics")],
    params=[ARRAY, rules.each_has("key", of="params")],
    tags=[ARRAY, rules.each_has("key", of="tags")],
)
LOG_BATCH = replace(LOG_BATCH, quick=quick.batch)
LOG_INPUTS = _request(
    text("run_id"),
    many("datasets", _DATASET_INPUT),
    many("models", Message((text("model_id"),))),
    run_id=_NEEDED,
    datasets=[ARRAY],
    models=[ARRAY],
)
LOG_OUTPUTS = _request(
    text("run_id"),
    many("models", Message((text("model_id"), int64("step")))),
    run_id=_NEEDED,
    models=[REQUIRED, ARRAY],
)
LOG_MODEL = _request(
    text("run_id"), text("model_json"), run_id=[STRING, REQUIRED], model_json=[STRING, REQUIRED]
)

METRIC_HISTORY = _request(
    *_RUN,
    text("metric_key"),
    text("page_token"),
    int32("max_results"),
    run_id=[STRING, REQUIRED],
    metric_key=[STRING, REQUIRED],
    page_token=[STRING],
)
# No message of MLflow's protobuf: its handler reads the query itself.
METRIC_BULK = _request(texts("run_id"), text("metric_key"), int32("max_results"))
METRIC_INTERVAL = _request(
    texts("run_ids"),
    text("metric_key"),
    int32("start_step"),
    int32("end_step"),
    int32("max_results"),
    run_ids=[
        REQUIRED,
        ARRAY,
        TEXTS,
        rules.no_more_than(
            BULK_RUNS_MAX,
            "GetMetricHistoryBulkInterval request must specify at most "
            f"{BULK_RUNS_MAX} run_ids. Received {{}} run_ids.",
        ),
    ],
    metric_key=_NEEDED,
    start_step=[WHOLE],
    end_step=[WHOLE],
    max_results=[
        WHOLE,
        rules.between(
            1, INTERVAL_POINTS_MAX, f"max_results must be between 1 and {INTERVAL_POINTS_MAX}."
        ),
    ],
)

# The protobuf's names for the states of a logged model, numbered from 0.
MODEL_STATUSES = dict(
    zip(
        (
            "LOGGED_MODEL_STATUS_UNSPECIFIED",
            "LOGGED_MODEL_PENDING",
            "LOGGED_MODEL_READY",
            "LOGGED_MODEL_UPLOAD_FAILED",
        ),
        ModelStatus.ALL,
        strict=True,
    )
)
CREATE_MODEL = _request(
    *map(text, ("experiment_id", "name", "model_type", "source_run_id")),
    many("params", _TAG),
    many("tags", _TAG),
    experiment_id=[STRING, REQUIRED],
    name=[STRING],
    model_type=[STRING],
    source_run_id=[STRING],
    params=[ARRAY],
    tags=[ARRAY],
)
# No message of MLflow's protobuf: its handler reads the query itself.
GET_MODEL = _request(text("allow_deleted"))
ONE_MODEL = _request()
FINALIZE_MODEL = _request(
    text("model_id"),
    one_of("status", tuple(MODEL_STATUSES), first=0),
    model_id=[STRING, REQUIRED],
    status=[WHOLE, REQUIRED],
)
LOG_MODEL_PARAMS = _request(
    text("model_id"), many("params", _TAG), model_id=[STRING, REQUIRED], params=[ARRAY]
)
SET_MODEL_TAGS = _request(many("tags", _TAG), tags=[ARRAY])
LIST_MODEL_ARTIFACTS = _request(text("artifact_directory_path"), artifact_directory_path=[STRING])
SEARCH_MODELS = _request(
    texts("experiment_ids"),
    text("filter"),
    many("datasets", Message((text("dataset_name"), text("dataset_digest")))),
    int32("max_results"),
    many(
        "order_by",
        Message(
            (
                text("field_name"),
                truth("ascending"),
                text("dataset_name"),
                text("dataset_digest"),
            )
        ),
    ),
    text("page_token"),
    experiment_ids=[ARRAY, TEXTS, REQUIRED],
    filter=[STRING],
    datasets=[ARRAY],
    max_results=[WHOLE],
    order_by=[ARRAY],
    page_token=[STRING],
)

LIST_ARTIFACTS = _request(
    *_RUN,
    text("path"),
    text("page_token"),
    run_id=[STRING, REQUIRED],
    path=[STRING],
    page_token=[STRING],
)
LIST_PROXIED = _request(text("path"))

_PART = Message((int64("part_number"), text("etag"), text("url")))
CREATE_MULTIPART = _request(text("path"), int64("num_parts"), path=_NEEDED, num_parts=[WHOLE])
COMPLETE_MULTIPART = _request(
    text("path"),
    text("upload_id"),
    many("parts", _PART),
    path=_NEEDED,
    upload_id=[STRING],
    parts=[REQUIRED],
)
ABORT_MULTIPART = _request(text("path"), text("upload_id"), path=_NEEDED, upload_id=[STRING])
