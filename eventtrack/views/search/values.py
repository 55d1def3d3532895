"""Values of fields in searches: as the index encodes them, and as texts that are tested."""

from collections.abc import Callable
from math import inf

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.state import RunState
from eventtrack.tags import DATASET_CONTEXT_TAG
from eventtrack.views.filters.regular import regular_test
from eventtrack.views.filters.trees import Field, like_matcher

_KINDS = {
    "metric": index.METRIC,
    "param": index.PARAM,
    "tag": index.TAG,
    "attribute": index.ATTRIBUTE,
    "dataset": index.DATASET,
}
_NUMERIC = ("start_time", "end_time")


def name_of(field: Field) -> FieldName:
    """The name of a field in the index."""
    return _KINDS[field.kind], field.key


def encoded(number: object) -> bytes:
    """A filter's number as in the index; an integer beyond all floats counts as infinite."""
    assert isinstance(number, int | float)
    try:
        return index.encode_number(float(number))
    except OverflowError:
        return index.encode_number(inf if number > 0 else -inf)


def is_cut(field: Field, value: bytes) -> bool:
    """Whether the index has only the beginning of a text."""
    is_text = not is_numeric(field) and value[:1] != index.AMONG_TEXTS
    return is_text and value[-1:] == index.CUT


def is_numeric(field: Field) -> bool:
    """Whether a field's values are numbers."""
    return field.kind == "metric" or (field.kind == "attribute" and field.key in _NUMERIC)


def is_indexed(field: Field) -> bool:
    """Whether the index has the field."""
    return not (field.kind == "attribute" and field.key in ("run_id", "artifact_uri"))


def texts_of(state: RunState, name: FieldName) -> list[str]:
    """The whole texts of a run under a field; the index holds only the beginnings of long texts."""
    kind, key = name
    if kind == index.PARAM:
        return [text] if (text := state.params[key].value) is not None else []
    if kind == index.TAG:
        return [text] if (text := state.tags[key][0]) is not None else []
    if kind == index.DATASET:
        used = [dataset for dataset, _ in state.datasets.values()]
        if key == "context":
            return [
                text
                for dataset in used
                if (text := dataset.tags.get(DATASET_CONTEXT_TAG)) is not None
            ]
        return [dataset.name if key == "name" else dataset.digest for dataset in used]
    attributes = {
        "status": state.status[0],
        "run_name": state.name[0],
        "user_id": state.user,
        "lifecycle_stage": state.lifecycle[0],
    }
    return [attributes[key]]


def text_test(operator: str, value: object) -> Callable[[str], bool]:
    """The test of a text for an operator and its value."""
    if operator in ("LIKE", "ILIKE"):
        return like_matcher(str(value), operator == "LIKE")
    if operator == "RLIKE":
        return regular_test(str(value))
    if operator == "BETWEEN" and isinstance(value, tuple):
        low, high = map(str, value)
        return lambda text: low <= text <= high
    wanted = set(value) if isinstance(value, tuple) else {value}
    if operator in ("=", "IN"):
        return lambda text: text in wanted
    if operator in ("!=", "NOT IN"):
        return lambda text: text not in wanted
    raise AssertionError(f"no text operator: {operator}")
