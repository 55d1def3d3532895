"""The rows of evaluation datasets and their records in the views.

A record is a row, so that a dataset of many costs by what is new. `dataset_order` has a row for
each record that is there: `dataset number (u32) ‖ created ms (u64, the sign bit flipped) ‖ record
id`, so that a page of them is a short walk.
"""

from collections.abc import Iterator, Mapping

import msgspec

from eventtrack.events.datasets import RecordMerged
from eventtrack.projections import keys
from eventtrack.projections.rows import View, Writer, below, end_of
from eventtrack.projections.state import (
    BEYOND,
    NEVER,
    OptionalText,
    Stamp,
    Text,
    latest,
    live_tags,
)
from eventtrack.tags import USER_TAG

PREFIX = "dataset/"
DATASETS, RECORDS, ORDER = ("datasets", "dataset_records", "dataset_order")
_SIGN = 1 << 63
_ID_BYTES_MAX = 64


class DatasetState(msgspec.Struct, array_like=True):
    """One dataset. `records` are there now, `known` were there at some time."""

    number: int
    dataset_id: str
    born: Stamp = BEYOND
    name: str = ""
    user: str | None = None
    created_ms: int = 0
    updated_ms: int = 0
    merged_ms: int = 0
    merged_by: OptionalText = (None, NEVER)
    lifecycle: Text = ("active", NEVER)
    tags: dict[str, OptionalText] = {}
    experiments: dict[str, tuple[bool, Stamp]] = {}
    columns: dict[str, tuple[tuple[int, str], Stamp]] = {}
    records: int = 0
    known: int = 0

    @property
    def shown(self) -> bool:
        """Whether its creation was seen and it is not deleted."""
        return self.born != BEYOND and self.lifecycle[0] == "active"

    def live_tags(self) -> dict[str, str]:
        """The tags that are set, in order of their keys."""
        return live_tags(self.tags)

    def live_experiments(self) -> list[str]:
        """The ids of the experiments it belongs to, in order of when they were added."""
        result = [(stamp, key) for key, (there, stamp) in self.experiments.items() if there]
        return [key for _, key in sorted(result)]


class Merged(msgspec.Struct, array_like=True, order=True, frozen=True):
    """That a record was merged: when, by whom, from where; `expects` as of `RecordMerged`."""

    stamp: Stamp
    at_ms: int
    user: str = ""
    source: str = ""
    expects: bool = False


class RecordState(msgspec.Struct, array_like=True):
    """One record. What was said before its last deletion does not count any more.

    `births` are the merges since then whose writers knew no such record, `last` is the last of all
    merges. A record is there while that came after the deletion: so a merge by a machine that did
    not know of the deletion brings it back.
    """

    record_id: str
    inputs: Text = ("", BEYOND)
    deleted: Stamp = NEVER
    births: list[Merged] = []
    last: Merged | None = None
    outputs: OptionalText = (None, NEVER)
    expectations: dict[str, Text] = {}
    tags: dict[str, Text] = {}

    @property
    def born(self) -> Merged | None:
        """The merge that made it; None while it is not there."""
        if self.last is None or self.last.stamp <= self.deleted:
            return None
        return self.births[0] if self.births else self.last

    def take(self, record: RecordMerged, at_ms: int, stamp: Stamp) -> None:
        """Take what an event says of the record; in any order."""
        user = _text_of(record.tags.get(USER_TAG))
        expects = record.expectations is not None
        merged = Merged(stamp, at_ms, user, record.source or "", expects)
        self.inputs = min(self.inputs, (record.inputs, stamp), key=_first)
        self.last = merged if self.last is None else max(self.last, merged)
        if record.is_new:
            self.births = sorted([*self.births, merged])
        if record.outputs is not None:
            self.outputs = latest(self.outputs, record.outputs, stamp)
        _take_texts(self.expectations, record.expectations or {}, stamp)
        _take_texts(self.tags, record.tags, stamp)
        self._forget()

    def delete(self, stamp: Stamp) -> None:
        """Take a deletion."""
        self.deleted = max(self.deleted, stamp)
        self._forget()

    def held(self) -> RecordMerged | None:
        """The record as it is now, as an event would tell all of it; None for one not there."""
        born = self.born
        if born is None:
            return None
        expectations = {key: text for key, (text, _) in sorted(self.expectations.items())}
        return RecordMerged(
            self.record_id,
            self.inputs[0],
            self.outputs[0],
            expectations if expectations or born.expects else None,
            {key: text for key, (text, _) in sorted(self.tags.items())},
            born.source or None,
            is_new=True,
        )

    def _forget(self) -> None:
        """Let go of what the last deletion took."""
        if not self.deleted:
            return
        self.births = [item for item in self.births if item.stamp > self.deleted]
        if self.outputs[1] <= self.deleted:
            self.outputs = (None, NEVER)
        self.expectations = _since(self.expectations, self.deleted)
        self.tags = _since(self.tags, self.deleted)


_encode = msgspec.msgpack.Encoder().encode
_decode_dataset = msgspec.msgpack.Decoder(DatasetState).decode
_decode_record = msgspec.msgpack.Decoder(RecordState).decode


def dataset(view: View, dataset_id: str) -> DatasetState | None:
    """A dataset by its id; None for one never heard of."""
    number = view.number(PREFIX + dataset_id)
    return None if number is None else by_number(view, number)


def by_number(view: View, number: int) -> DatasetState | None:
    """A dataset by its local number."""
    value = view.rows.get(DATASETS, _number(number))
    return None if value is None else _decode_dataset(value)


def datasets(view: View) -> list[DatasetState]:
    """Every dataset whose creation was seen, deleted ones too."""
    rows = view.rows.scan(DATASETS)
    return [state for _, value in rows if (state := _decode_dataset(value)).born != BEYOND]


def record(view: View, of: DatasetState, record_id: str) -> RecordState | None:
    """A record by its id, deleted or not; None for one never heard of."""
    value = view.rows.get(RECORDS, _record_key(of.number, record_id))
    return None if value is None else _decode_record(value)


def records(view: View, of: DatasetState) -> Iterator[RecordState]:
    """Every record, deleted ones too, in no order."""
    for _, value in below(view.rows, RECORDS, _number(of.number)):
        yield _decode_record(value)


def records_in_order(
    view: View, of: DatasetState, after: tuple[int, str] | None = None
) -> Iterator[RecordState]:
    """The records that are there, by when they were made, then by id.

    Args:
        after: The time in milliseconds, and the id, of the record behind which to begin.
    """
    prefix = _number(of.number)
    start = prefix if after is None else _order_key(of.number, *after)
    for key, value in view.rows.scan(ORDER, start, end_of(prefix)):
        if after is None or key > start:
            result = view.rows.get(RECORDS, value)
            assert result is not None, "a row of the order is of a record"
            yield _decode_record(result)


def put_dataset(tables: Writer, state: DatasetState) -> None:
    """Store a dataset."""
    tables.rows.put(DATASETS, _number(state.number), _encode(state))


def put_record(
    tables: Writer, of: DatasetState, state: RecordState, before: tuple[Merged | None, bool]
) -> None:
    """Store a record, its place in the order, and what the dataset counts.

    Args:
        before: What made it, and whether it was ever merged, as of the row that is replaced.
    """
    rows, key = tables.rows, _record_key(of.number, state.record_id)
    rows.put(RECORDS, key, _encode(state))
    old, born = before[0], state.born
    if old != born:
        if old is not None:
            rows.delete(ORDER, _order_key(of.number, old.at_ms, state.record_id))
        if born is not None:
            rows.put(ORDER, _order_key(of.number, born.at_ms, state.record_id), key)
    of.records += (born is not None) - (old is not None)
    of.known += (state.last is not None) - before[1]


def _number(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _record_key(number: int, record_id: str) -> bytes:
    return _number(number) + keys.hashed(record_id)[:16]


def _order_key(number: int, at_ms: int, record_id: str) -> bytes:
    name = record_id.encode("utf-8", "surrogatepass")[:_ID_BYTES_MAX]
    when = (at_ms + _SIGN).to_bytes(8, "big")
    return _number(number) + when + name + b"\0" + keys.hashed(record_id)[:8]


def _take_texts(known: dict[str, Text], new: Mapping[str, str], stamp: Stamp) -> None:
    for key, text in new.items():
        known[key] = latest(known.get(key, ("", NEVER)), text, stamp)


def _since(facts: dict[str, Text], deleted: Stamp) -> dict[str, Text]:
    return {key: fact for key, fact in facts.items() if fact[1] > deleted}


def _first(claim: Text) -> tuple[Stamp, str]:
    return claim[1], claim[0]


def _text_of(json_text: str | None) -> str:
    """The text that some JSON stands for; "" where it is none."""
    try:
        result = "" if json_text is None else msgspec.json.decode(json_text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return result if isinstance(result, str) else str(json_text)
