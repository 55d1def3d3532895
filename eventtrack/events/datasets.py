"""The events of evaluation datasets: of their records of inputs, with what is expected of them.

Everything about a dataset stands in the stream `dataset/<dataset id>`. A record is known by its
inputs: its id follows from the dataset's and from them, so machines that merge the same inputs mean
the same record.
"""

import msgspec

from eventtrack.events.bounds import Int64
from eventtrack.events.types import Event


class DatasetCreated(Event, frozen=True):
    """An evaluation dataset was born, without records; `user` is who made it, if that was told."""

    name: str
    tags: dict[str, str]
    experiment_ids: list[str]
    user: str | None
    created_ms: Int64


class DatasetDeleted(Event, frozen=True):
    """A dataset was deleted, with its records."""

    at_ms: Int64


class DatasetRestored(Event, frozen=True):
    """A deleted dataset is there again, with its records (only undo writes it)."""

    at_ms: Int64


class DatasetTagsSet(Event, frozen=True):
    """Tags of a dataset were set."""

    tags: dict[str, str]


class DatasetTagDeleted(Event, frozen=True):
    """A tag of a dataset was removed."""

    key: str


class ExperimentsAdded(Event, frozen=True):
    """A dataset belongs to further experiments."""

    experiment_ids: list[str]
    at_ms: Int64


class ExperimentsRemoved(Event, frozen=True):
    """A dataset belongs to some experiments no more."""

    experiment_ids: list[str]
    at_ms: Int64


class RecordMerged(msgspec.Struct, array_like=True, frozen=True):
    """One record, within `RecordsMerged`. Everything that programs gave is JSON.

    Args:
        outputs: None leaves them as they are; JSON's `null` is a value.
        expectations: Those that change, by key. None where none were ever given.
        tags: Those that change, by key.
        source: Where it came from; counts when the record is new.
        is_new: Whether its writer knew no such record.
    """

    record_id: str
    inputs: str
    outputs: str | None
    expectations: dict[str, str] | None
    tags: dict[str, str]
    source: str | None
    is_new: bool


class RecordsMerged(Event, frozen=True):
    """Records were merged into a dataset; `user` is who did, if that was told."""

    records: list[RecordMerged]
    at_ms: Int64
    user: str | None


class RecordsDeleted(Event, frozen=True):
    """Records were deleted; a record that is merged again afterwards begins anew."""

    record_ids: list[str]
    at_ms: Int64
