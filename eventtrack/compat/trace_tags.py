"""The tags that MLflow's clients expect on a trace, beside the tags that callers set."""

from collections.abc import Mapping

from eventtrack.compat.checks import trace_tag
from eventtrack.errors import InvalidValueError
from eventtrack.tags import ARTIFACT_LOCATION_TAG, SPANS_LOCATION_TAG
from eventtrack.views.traces.records import TraceInfo

# MLflow (tracing/constant.py).
# The store takes all spans: no client has to keep them as a file.
TRACKING_STORE = "TRACKING_STORE"
# Set by stores, never by callers.
_RESERVED = (SPANS_LOCATION_TAG, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure")
_RESERVED_BUT_DELETABLE = ("mlflow.trace.archivalFailure",)


def shown(record: TraceInfo, location: str) -> dict[str, str]:
    """The tags of a trace, with the locations of its spans and files."""
    return {**record.tags, SPANS_LOCATION_TAG: TRACKING_STORE, ARTIFACT_LOCATION_TAG: location}


def without_ours(tags: dict[str, str]) -> dict[str, str]:
    """The tags that a caller sends, without the tags that state locations."""
    return {
        key: text
        for key, text in tags.items()
        if key not in (SPANS_LOCATION_TAG, ARTIFACT_LOCATION_TAG)
    }


def is_reserved(key: str, *, deleting: bool = False) -> bool:
    """Whether a tag cannot be set, or deleted, by a caller."""
    return key in _RESERVED and not (deleting and key in _RESERVED_BUT_DELETABLE)


def valid(tags: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """The tags of spans, by trace, that can be set; MLflow skips the others."""
    return {trace_id: _valid(given) for trace_id, given in tags.items()}


def _valid(tags: Mapping[str, str]) -> dict[str, str]:
    settable: dict[str, str] = {}
    for key, value in tags.items():
        try:
            tag = trace_tag(key, value)
        except InvalidValueError:
            continue
        settable[tag.key] = tag.value
    return settable
