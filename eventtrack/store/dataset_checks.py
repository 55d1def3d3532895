"""The checks of a dataset's records before they are recorded."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError
from eventtrack.events.datasets import RecordMerged
from eventtrack.tags import USER_TAG

SOURCE_TYPES = ("UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE")
_SURROGATES = ("\ud800", "\udfff")


def listed(sources: object) -> list[Any]:
    """Some records as a list; what they are is not looked at.

    Raises:
        InvalidValueError: They are no list.
    """
    if isinstance(sources, str | bytes | Mapping) or not isinstance(sources, Iterable):
        raise InvalidValueError(
            f"records must be a list, but they are {str(sources)[:80]!r}",
            hint="pass a list of dictionaries, each with `inputs`",
        )
    return list(sources)


def records_of(dataset_id: str, sources: Sequence[Any]) -> list[RecordMerged]:
    """Records as they are recorded, each once: what one id is said to have, together.

    Raises:
        InvalidValueError: One is no record, or is too large.
    """
    result: dict[str, RecordMerged] = {}
    for place, source in enumerate(sources):
        record = _record(dataset_id, place, source)
        known = result.get(record.record_id)
        result[record.record_id] = record if known is None else _together(known, record)
    return list(result.values())


def user_of(sources: Sequence[Any]) -> str | None:
    """The user who merges records, by the last record that has one."""
    tags = (source.get("tags") for source in reversed(sources) if isinstance(source, Mapping))
    users = (item[USER_TAG] for item in tags if isinstance(item, Mapping) and USER_TAG in item)
    user = next(users, None)
    return None if user is None else validate.text("user", str(user))


def portions(records: Sequence[RecordMerged]) -> Iterator[list[RecordMerged]]:
    """Records in portions, each small enough for an envelope; one portion at least."""
    part: list[RecordMerged] = []
    size = 0
    for record in records:
        weight = _size(record)
        full = size + weight > limits.RECORDS_ENVELOPE_BYTES_MAX
        if part and (full or len(part) >= limits.RECORDS_ENVELOPE_MAX):
            yield part
            part, size = [], 0
        part.append(record)
        size += weight
    yield part


def as_json(what: str, value: object) -> str:
    """A value as JSON, with its letters as they are where UTF-8 has them.

    Raises:
        InvalidValueError: It cannot be written as JSON.
    """
    try:
        text = json.dumps(value, ensure_ascii=False)
        if any(_SURROGATES[0] <= letter <= _SURROGATES[1] for letter in text):
            text = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValueError(
            f"the {what} of a dataset record cannot be written as JSON: {error}",
            hint="use dictionaries, lists, texts, numbers, true, false and null",
        ) from error
    return text


def record_id_of(dataset_id: str, inputs: Mapping[str, Any]) -> str:
    """The id of the record with some inputs: the same on every machine."""
    text = json.dumps(inputs, sort_keys=True)
    return f"dr-{hashlib.sha256(f'{dataset_id}:{text}'.encode()).hexdigest()[:32]}"


def _record(dataset_id: str, place: int, source: object) -> RecordMerged:
    if not isinstance(source, Mapping):
        raise InvalidValueError(
            f"record {place} must be a dictionary, but it is {str(source)[:80]!r}",
            hint="write records as {'inputs': {...}, 'expectations': {...}}",
        )
    inputs = _mapping(f"inputs of record {place}", source.get("inputs", {}))
    expectations, tags = source.get("expectations"), source.get("tags")
    text = as_json("inputs", inputs)
    record = RecordMerged(
        record_id_of(dataset_id, inputs),
        text,
        as_json("outputs", source["outputs"]) if "outputs" in source else None,
        None if expectations is None else _texts("expectations", place, expectations),
        {} if tags is None else _texts("tags", place, tags),
        _source(place, source.get("source")),
        is_new=False,
    )
    if _size(record) > limits.RECORD_BYTES_MAX:
        raise InvalidValueError(
            f"record {place} has {_size(record)} bytes as JSON, which exceeds the limit of "
            f"{limits.RECORD_BYTES_MAX}",
            hint="log what is large as an artifact, and name it in the record",
        )
    return record


def _mapping(what: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValueError(
            f"the {what} must be a dictionary, but they are {str(value)[:80]!r}",
            hint="give every value a name: {'question': ...}",
        )
    return value


def _texts(what: str, place: int, values: object) -> dict[str, str]:
    result = _mapping(f"{what} of record {place}", values)
    return {validate.text("key", str(key)): as_json(what, value) for key, value in result.items()}


def _source(place: int, source: Any) -> str | None:
    """A record's origin as MLflow writes it: `{"source_type": ..., "source_data": ...}`."""
    if not source:
        return None
    result = source.to_dict() if hasattr(source, "to_dict") else source
    known = _mapping(f"source of record {place}", result)
    kind = str(known.get("source_type", "")).upper()
    if kind not in SOURCE_TYPES:
        raise InvalidValueError(
            f"Invalid dataset record source type: {kind}. Valid source types: {list(SOURCE_TYPES)}",
            hint="leave the source out where it is none of these",
        )
    return as_json("source", {"source_type": kind, "source_data": known.get("source_data") or {}})


def _together(item: RecordMerged, two: RecordMerged) -> RecordMerged:
    """Two records of the same inputs, the second merged into the first."""
    expectations = item.expectations
    if two.expectations:
        expectations = {**(expectations or {}), **two.expectations}
    return RecordMerged(
        item.record_id,
        item.inputs,
        item.outputs if two.outputs is None else two.outputs,
        expectations,
        {**item.tags, **two.tags},
        item.source,
        is_new=False,
    )


def _size(record: RecordMerged) -> int:
    texts = [record.inputs, record.outputs or "", record.source or ""]
    for values in (record.expectations or {}, record.tags):
        texts += [part for pair in values.items() for part in pair]
    return sum(len(text.encode()) for text in texts)
