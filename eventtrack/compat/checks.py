"""The checks of MLflow's tracking store on a request, with its own words of refusal.

The rules of names and lengths stand in `validate.py`, which the store asks again; only these checks
know the place of a value in the request.
"""

import functools
import math
import urllib.parse
from collections.abc import Sequence
from numbers import Number
from typing import Any, NoReturn

from eventtrack import limits, validate
from eventtrack.compat import quick
from eventtrack.compat.messages import Fields
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.locations import is_local
from eventtrack.store.points import PointLike
from eventtrack.tags import TRACE_NAME_TAG
from eventtrack.validate import invalid_value, no_longer
from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    Metric,
    Param,
    RunTag,
)

# MLflow (utils/validation.py): the bounds of a batch.
BATCH_METRICS_MAX = 1000
BATCH_PARAMS_MAX = 100
BATCH_TAGS_MAX = 100
BATCH_MAX = 1000
# MLflow (server/handlers.py): saved views of its pages, kept as tags of an experiment.
CUSTOM_VIEW_PREFIX = "mlflow.customView.view"
CUSTOM_VIEWS_MAX = 50


def refuse(message: str, hint: str = "") -> NoReturn:
    """Raise `InvalidValueError`."""
    raise InvalidValueError(message, hint=hint)


def experiment_id(text: str) -> str:
    """An experiment's id: a whole number; "" means the default experiment."""
    try:
        return str(int(text or "0"))
    except ValueError:
        refuse(f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer.")


def run_id(text: str) -> str:
    """A run's id, for requests in which MLflow checks its form."""
    if not validate.may_be_run_id(text):
        refuse(invalid_value("run_id", text))
    return text


def known_run_id(text: str) -> str:
    """A run's id for a lookup: a text that cannot be an id is a run that does not exist.

    Raises:
        NotFoundError: No run has such an id.
    """
    if not validate.may_be_run_id(text):
        raise NotFoundError(f"Run with id={text} not found")
    return text


def run_of(source: Fields) -> str:
    """The run that a request names, by today's field `run_id` or the old `run_uuid`."""
    return known_run_id(source["run_id"] or source["run_uuid"])


def experiment_name(name: str) -> str:
    """An experiment's name."""
    if not name:
        refuse(f"Invalid experiment name: '{name}'")
    no_longer("name", limits.EXPERIMENT_NAME_LENGTH_MAX, name)
    return name


def artifact_location(location: str) -> str | None:
    """The location of an experiment's files; None if the server keeps them.

    Folders are refused, though MLflow takes them: a path of the client's machine would name a
    folder of the server's machine, and `eventtrack:` any store of that machine.
    """
    if not location:
        return None
    try:
        parts = urllib.parse.urlparse(location)
    except ValueError:
        refuse(f"Invalid artifact location: '{location}'")
    if parts.fragment or parts.params:
        refuse("'artifact_location' URL can't include fragments or params.")
    if ".." in fully_decoded(parts.query):
        refuse("Invalid query string")
    if location.startswith("runs:"):
        refuse(f"Artifact location cannot be a runs:/ URI. Given: '{location}'")
    if len(location) > limits.ARTIFACT_LOCATION_LENGTH_MAX:
        refuse(
            f"Invalid artifact path length. The length of the artifact path cannot be greater than "
            f"{limits.ARTIFACT_LOCATION_LENGTH_MAX} characters."
        )
    if is_local(location):
        refuse(
            f"Invalid artifact location: '{location}' names a folder or a store, which only a user "
            "of the server's machine can choose",
            "leave it out: the server keeps the files; or name a place that every client reaches "
            "by itself, such as s3://bucket/folder",
        )
    return location


def experiment_tags(tags: Sequence[Fields]) -> dict[str, str]:
    """The tags of a new experiment."""
    tag_records = [experiment_tag(sent["key"], sent["value"]) for sent in tags]
    views = sum(tag.key.startswith(CUSTOM_VIEW_PREFIX) for tag in tag_records)
    if views > CUSTOM_VIEWS_MAX:
        too_many_views("")
    return {tag.key: tag.value for tag in tag_records}


def too_many_views(of: str) -> NoReturn:
    """Refuse another custom view of an experiment."""
    refuse(
        f"Unable to create another custom view{of}; the maximum number of custom views per "
        f"experiment is {CUSTOM_VIEWS_MAX}. Delete an existing custom view before creating a new "
        "one."
    )


def experiment_tag(key: str, value: str) -> ExperimentTag:
    """A tag of an experiment."""
    validate.tag_key(key)
    no_longer("value", limits.EXPERIMENT_TAG_VALUE_LENGTH_MAX, value)
    return ExperimentTag(key=key, value=value)


def logged_metric(source: Fields) -> PointLike:
    """The point of a request that logs one; the request itself if nothing has to be added."""
    if isinstance(source, quick.LoggedMetric) and _is_plain(source.key):
        return source
    return metric(source)


def metric(source: Fields, path: str = "") -> Metric:
    """A point of a metric; `path` is its place in the request, with a dot at its end."""
    key, timestamp = source["key"], source["timestamp"]
    if bool(source["dataset_name"]) != bool(source["dataset_digest"]):
        refuse("Both dataset_name and dataset_digest must be provided if one is provided")
    point(key, source["value"], timestamp, source["step"], path)
    return Metric(
        key=key,
        value=source["value"],
        timestamp=timestamp,
        step=source["step"],
        model_id=source["model_id"] or None,
        dataset_name=source["dataset_name"] or None,
        dataset_digest=source["dataset_digest"] or None,
    )


def point(key: Any, value: Any, timestamp: Any, step: Any, path: str = "") -> None:
    """Refuse an impossible point of a metric; the arguments are as `metric` reads them."""
    if not isinstance(key, str) or not _is_plain(key):
        validate.metric_key(key, f"{path}name")
    if value is None:
        refuse(f"Missing value for required parameter '{path}value'.")
    if isinstance(value, bool) or not isinstance(value, Number):
        detail = f"(timestamp={timestamp}). Please specify value as a valid double "
        refuse(invalid_value(f"{path}value", value, f"{detail}(64-bit floating point)"))
    about = f"metric '{key}' (value={value})."
    if not isinstance(timestamp, int | float) or not timestamp >= 0:
        detail = f"{about} Timestamp must be a nonnegative long (64-bit integer) "
        refuse(invalid_value(f"{path}timestamp", timestamp, detail))
    if not isinstance(step, int | float):
        detail = f"{about} Step must be a valid long (64-bit integer)."
        refuse(invalid_value(f"{path}step", step, detail))


def param(source: Fields, path: str = "") -> Param:
    """A param; a value that is too long is cut."""
    key = validate.param_key(source["key"], f"{path}key")
    return Param(key=key, value=validate.param_value(key, source["value"]))


def run_tag(source: Fields, path: str = "") -> RunTag:
    """A tag of a run; a value that is too long is cut."""
    key = validate.tag_key(source["key"], f"{path}key")
    return RunTag(key=key, value=validate.tag_value(key, source["value"]))


def pairs(sources: Sequence[Fields]) -> dict[str, str]:
    """Params or tags by key, as they were sent; the last value of a key counts."""
    return {pair["key"]: pair["value"] for pair in sources}


def trace_tag(key: str, value: str) -> RunTag:
    """A tag of a trace; a value that is too long is cut."""
    validate.tag_key(key)
    if key == TRACE_NAME_TAG:
        no_longer("Trace name", limits.TRACE_NAME_LENGTH_MAX, value)
    return RunTag(key=key, value=validate.tag_value(key, value))


def registry_tag(key: str, value: str) -> tuple[str, str]:
    """A tag of a registered model or of a version."""
    validate.tag_key(key)
    no_longer("value", limits.REGISTERED_TAG_VALUE_LENGTH_MAX, value)
    return key, value


def new_run_tags(tags: Sequence[Fields]) -> dict[str, str]:
    """The tags of a new run."""
    tag_records = [run_tag(sent) for sent in tags]
    return {tag.key: tag.value for tag in tag_records}


def batch(source: Fields) -> tuple[Sequence[PointLike], list[Param], list[RunTag]]:
    """The points, params and tags of a batch, checked as a whole.

    The points are those of the request if nothing has to be added to any.
    """
    metrics: Sequence[PointLike]
    if isinstance(source, quick.Batch) and _have_plain_names(source.metrics):
        metrics = source.metrics
    else:
        metrics = [metric(sent, f"metrics[{at}].") for at, sent in enumerate(source["metrics"])]
    params = [param(sent, f"params[{at}].") for at, sent in enumerate(source["params"])]
    tags = [run_tag(sent, f"tags[{at}].") for at, sent in enumerate(source["tags"])]
    _at_most("metrics", BATCH_METRICS_MAX, len(metrics))
    _at_most("params", BATCH_PARAMS_MAX, len(params))
    _at_most("tags", BATCH_TAGS_MAX, len(tags))
    together = len(metrics) + len(params) + len(tags)
    _at_most("metrics, params, and tags", BATCH_MAX, together)
    keys = [param_record.key for param_record in params]
    twice = [key for at, key in enumerate(keys) if key in keys[:at]]
    if twice:
        refuse(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
            "contains only one param value per param key."
        )
    return metrics, params, tags


def dataset_input(source: Fields) -> DatasetInput:
    """A run's use of a dataset."""
    sent = source["dataset"]
    for name, longest in (
        ("name", limits.DATASET_NAME_LENGTH_MAX),
        ("digest", limits.DATASET_DIGEST_LENGTH_MAX),
        ("source", limits.DATASET_SOURCE_LENGTH_MAX),
        ("schema", limits.DATASET_SCHEMA_LENGTH_MAX),
        ("profile", limits.DATASET_PROFILE_LENGTH_MAX),
    ):
        no_longer(name, longest, sent[name])
    tags = [InputTag(key=tag["key"], value=tag["value"]) for tag in source["tags"]]
    for tag in tags:
        no_longer("key", limits.INPUT_TAG_KEY_LENGTH_MAX, tag.key)
        no_longer("value", limits.INPUT_TAG_VALUE_LENGTH_MAX, tag.value)
    dataset = Dataset(
        name=sent["name"],
        digest=sent["digest"],
        source_type=sent["source_type"],
        source=sent["source"],
        schema=sent["schema"] or None,
        profile=sent["profile"] or None,
    )
    return DatasetInput(dataset=dataset, tags=tags)


def stored_double(value: float) -> float:
    """The number that MLflow's SQL store keeps: infinities become the largest doubles."""
    return math.copysign(_DOUBLE_MAX, value) if math.isinf(value) else value


def artifact_path(path: str) -> str:
    """A path below a run's artifacts, decoded once like everything in a request.

    Every name means one file. So an escape that is left belongs to the name: `%2e` is no dot. The
    store opens no file by such a path; its files lie under the names of their digests.

    Raises:
        InvalidValueError: The path leads outside.
    """
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        refuse("Invalid path")
    return path


def fully_decoded(text: str) -> str:
    """A text decoded until no escape is left: `%252e` is `.`.

    Raises:
        InvalidValueError: The text is encoded too many times.
    """
    for _ in range(10):
        decoded = urllib.parse.unquote(text)
        if decoded == text:
            return decoded
        text = decoded
    refuse("Failed to decode url")


_DOUBLE_MAX = 1.7976931348623157e308


# Names of metrics that `metric` has accepted: a program logs under few names, again and again.
_plain_names: set[str] = set()
_PLAIN_NAMES_MAX = 10_000


def _have_plain_names(points: Sequence[quick.Point]) -> bool:
    """Whether `metric` would take the names of all points as they are."""
    names = [point.key for point in points]
    if _plain_names.issuperset(names):
        return True
    if not all(map(_is_plain, names)):
        return False
    if len(_plain_names) > _PLAIN_NAMES_MAX:
        _plain_names.clear()
    _plain_names.update(names)
    return True


@functools.lru_cache(maxsize=4096)
def _is_plain(key: str) -> bool:
    """Whether a key is allowed; accepted keys are remembered, since few names come often."""
    return validate.is_plain_key(key)


def _at_most(what: str, most: int, count: int) -> None:
    if count > most:
        refuse(
            f"A batch logging request can contain at most {most} {what}. Got {count} {what}. "
            f"Please split up {what} across multiple requests and try again."
        )
