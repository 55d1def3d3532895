"""Evaluation datasets and their records as queries return them, under MLflow's names."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from eventtrack.facts.dataset import EXPECTATIONS, INPUTS, OUTPUTS
from eventtrack.projections.dataset_state import DatasetState, RecordState
from eventtrack.tags import USER_TAG
from eventtrack.views.filters.trees import Comparison, Expression, OrderTerm
from eventtrack.views.records import Record
from eventtrack.views.search.matching import compare_value, matches

# MLflow's version of what a schema says.
_SCHEMA_VERSION = "1.0"


class EvaluationDataset(Record):
    """An evaluation dataset without its records. Times are milliseconds since 1970.

    `digest`, `schema` and `profile` follow from the records as MLflow derives them: the schema has
    the type of each column as it came first, the profile the number of records, both as JSON.
    """

    dataset_id: str
    name: str
    digest: str
    created_time: int
    last_update_time: int
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    last_updated_by: str | None = None
    experiment_ids: list[str] = msgspec.field(default_factory=list)


class DatasetRecord(Record):
    """One record of an evaluation dataset, known by its inputs. Times are ms since 1970."""

    dataset_record_id: str
    dataset_id: str
    inputs: dict[str, Any]
    created_time: int
    last_update_time: int
    outputs: Any = None
    expectations: dict[str, Any] | None = None
    tags: dict[str, Any] = msgspec.field(default_factory=dict)
    source: dict[str, Any] | None = None
    created_by: str | None = None
    last_updated_by: str | None = None


def dataset_record(state: DatasetState) -> EvaluationDataset:
    """A dataset as a record."""
    return EvaluationDataset(
        dataset_id=state.dataset_id,
        name=state.name,
        digest=_digest(state),
        created_time=state.created_ms,
        last_update_time=state.updated_ms,
        tags=state.live_tags(),
        schema=_schema(state),
        profile=_profile(state),
        created_by=state.user,
        last_updated_by=state.merged_by[0],
        experiment_ids=state.live_experiments(),
    )


def record_of(dataset_id: str, state: RecordState) -> DatasetRecord | None:
    """A record of a dataset; None for one that is not there."""
    born, last, held = state.born, state.last, state.held()
    if born is None or last is None or held is None:
        return None
    tags = _values(held.tags)
    user, inputs, source = tags.get(USER_TAG), _value(held.inputs), _value(held.source)
    return DatasetRecord(
        dataset_record_id=state.record_id,
        dataset_id=dataset_id,
        inputs=inputs if isinstance(inputs, dict) else {INPUTS: inputs},
        created_time=born.at_ms,
        last_update_time=last.at_ms,
        outputs=_value(held.outputs),
        expectations=None if held.expectations is None else _values(held.expectations),
        tags=tags,
        source=source if isinstance(source, dict) else None,
        created_by=born.user or None,
        last_updated_by=None if user is None else str(user),
    )


def find(
    datasets: Sequence[EvaluationDataset], expression: Expression | None, order: Sequence[OrderTerm]
) -> list[EvaluationDataset]:
    """The matches in order; without one, the newest first."""
    matching = [
        dataset for dataset in datasets if expression is None or matches(expression, _test(dataset))
    ]
    matching.sort(key=attrgetter("dataset_id"), reverse=True)
    if not order:
        matching.sort(key=attrgetter("created_time"), reverse=True)
    for term in reversed(order):
        matching.sort(key=attrgetter(term.field.key), reverse=not term.ascending)
    return matching


def _test(dataset: EvaluationDataset) -> Callable[[Comparison], bool]:
    def compare(comparison: Comparison) -> bool:
        field = comparison.field
        if field.kind == "tag":
            return compare_value(dataset.tags.get(field.key), comparison)
        return compare_value(getattr(dataset, field.key), comparison)

    return compare


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    return {key: _value(text) for key, text in texts.items()}


def _value(text: str | None) -> Any:
    """The value that a text of an event stands for: itself where it is no JSON."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _digest(state: DatasetState) -> str:
    return hashlib.sha256(f"{state.name}:{state.merged_ms}".encode()).hexdigest()[:8]


def _profile(state: DatasetState) -> str | None:
    """None before the first record; JSON's null, as in MLflow, when all were deleted."""
    if not state.known:
        return None
    return json.dumps({"num_records": state.records} if state.records else None)


def _schema(state: DatasetState) -> str | None:
    """The type of each column, in the order in which they came; None before the first record."""
    if not state.known:
        return None
    columns: dict[str, Any] = {INPUTS: {}, OUTPUTS: {}, EXPECTATIONS: {}}
    claims = [(stamp, place, key, kind) for key, ((place, kind), stamp) in state.columns.items()]
    for _, _, key, kind in sorted(claims):
        part, dot, name = key.partition(".")
        if dot and isinstance(columns[part], dict):
            columns[part][name] = kind
        elif not dot and not columns[part]:
            columns[part] = kind  # outputs that are no object
    return json.dumps({**columns, "version": _SCHEMA_VERSION})
