"""The table of evaluation datasets. Their records are rows: `record.dr-1` is a fact."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from eventtrack.events import datasets as types
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    Claim,
    Each,
    Fact,
    Noun,
    Old,
    Rule,
    each,
    gone,
    staged,
    tags_back,
    unvalued,
    valued,
)
from eventtrack.hashing import sha256
from eventtrack.lazy import lazy

if TYPE_CHECKING:
    import json
else:
    json = lazy("json")

# The parts of a record of which the schema tells the types.
INPUTS, OUTPUTS, EXPECTATIONS = "inputs", "outputs", "expectations"
# Characters of a record that people are shown before it is cut.
_SHOWN_MAX = 200
# MLflow's words for types, by Python's.
_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "float",
    str: "string",
    list: "array",
    dict: "object",
}


def record_text(_: str, record: types.RecordMerged) -> str:
    """A record as people read it; a long one is cut, and told apart by a hash."""
    parts = {
        INPUTS: record.inputs,
        OUTPUTS: record.outputs,
        EXPECTATIONS: _object(record.expectations),
        "tags": _object(record.tags) if record.tags else None,
        "source": record.source,
    }
    text = ", ".join(f"{name} {part}" for name, part in parts.items() if part is not None)
    if len(text) <= _SHOWN_MAX:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{text[:_SHOWN_MAX]}... (sha256 {digest[:12]})"


def _object(values: Mapping[str, str] | None) -> str | None:
    if values is None:
        return None
    return f"{{{', '.join(f'{json.dumps(key)}: {values[key]}' for key in sorted(values))}}}"


NAME = Fact("name", Rule.BORN, "name")
USER = Fact("user", Rule.BORN, "user")
CREATED = Fact("creation_time", Rule.BORN, "created_ms")
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", initial="active")
TAG = Fact("tag", Rule.LAST, "tags", many=True)
EXPERIMENT = Fact(
    *("experiment", Rule.LAST, "experiments"),
    many=True,
    text=lambda experiment_id, _: experiment_id,
)
RECORD = Fact("record", Rule.ROWS, many=True, text=record_text)
UPDATED = Fact("last_update_time", Rule.GREATEST, "updated_ms", shown=False)
# The digest follows from the last merge, as in MLflow, and not from other updates.
MERGED = Fact("merge_time", Rule.GREATEST, "merged_ms", shown=False)
MERGED_BY = Fact("last_updated_by", Rule.LAST, "merged_by", shown=False)
# The type of each column, as the first record has it that has the column: of `inputs.question`, or
# of `outputs` where they are no object. The number is its place within its event.
COLUMN = Fact("column", Rule.FIRST, "columns", many=True, shown=False)


def _created(event: types.DatasetCreated) -> Iterator[Claim]:
    yield from each(TAG, event.tags)
    yield from ((EXPERIMENT, key, True) for key in event.experiment_ids)
    yield UPDATED, "", event.created_ms
    yield MERGED, "", event.created_ms
    yield MERGED_BY, "", event.user


def _placed(event: Any) -> Iterator[Claim]:
    is_added = isinstance(event, types.ExperimentsAdded)
    yield from ((EXPERIMENT, key, is_added) for key in event.experiment_ids)
    yield UPDATED, "", event.at_ms


def _merged(event: types.RecordsMerged) -> Iterator[Claim]:
    columns: dict[str, str] = {}
    for record in event.records:
        yield RECORD, record.record_id, record
        for column, kind in _columns(record):
            columns.setdefault(column, kind)
    for place, (column, kind) in enumerate(columns.items()):
        yield COLUMN, column, (place, kind)
    yield UPDATED, "", event.at_ms
    yield MERGED, "", event.at_ms
    yield MERGED_BY, "", event.user


def _columns(record: types.RecordMerged) -> Iterator[tuple[str, str]]:
    """The columns that a record has, with their types."""
    for part, text in ((INPUTS, record.inputs), (OUTPUTS, record.outputs)):
        said = _decoded(text)
        if isinstance(said, dict):
            yield from ((f"{part}.{key}", _type_of(value)) for key, value in said.items())
        elif said is not None:
            yield part, _type_of(said)
    for key, text in (record.expectations or {}).items():
        yield f"{EXPECTATIONS}.{key}", _type_of(_decoded(text))


def _decoded(text: str | None) -> Any:
    """The value that a text of an event stands for; None where it is no JSON."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _type_of(value: Any) -> str:
    return _TYPES.get(type(value), "unknown")


def _back(old: Old, _: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        yield types.DatasetDeleted(now_ms) if stage == "deleted" else types.DatasetRestored(now_ms)
    yield from tags_back(old, TAG, types.DatasetTagsSet, types.DatasetTagDeleted)
    if added := valued(old, EXPERIMENT):
        yield types.ExperimentsAdded(list(added), now_ms)
    if removed := unvalued(old, EXPERIMENT):
        yield types.ExperimentsRemoved(removed, now_ms)
    if records := valued(old, RECORD):
        yield types.RecordsMerged(list(records.values()), now_ms, None)
    if deleted := unvalued(old, RECORD):
        yield types.RecordsDeleted(deleted, now_ms)


_STAGES: dict[type[Event], str] = {
    types.DatasetDeleted: "deleted",
    types.DatasetRestored: "active",
}

DATASET = Noun(
    "dataset",
    facts=(
        *(NAME, USER, CREATED, LIFECYCLE, TAG, EXPERIMENT, RECORD),
        *(UPDATED, MERGED, MERGED_BY, COLUMN),
    ),
    births={types.DatasetCreated: ""},
    stages=_STAGES,
    says={
        types.DatasetCreated: _created,
        **{kind: staged(LIFECYCLE, stage) for kind, stage in _STAGES.items()},
        types.DatasetTagsSet: Each(TAG, "tags"),
        types.DatasetTagDeleted: lambda event: [(TAG, event.key, None)],
        types.ExperimentsAdded: _placed,
        types.ExperimentsRemoved: _placed,
        types.RecordsMerged: _merged,
        types.RecordsDeleted: lambda event: gone(RECORD, event.record_ids),
    },
    back=_back,
)
