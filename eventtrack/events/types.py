"""The events: one struct for each type of event, version 1 (docs/format.md, section 5).

Events are facts in the past tense, encoded as msgpack arrays. A new field is appended and has a
default. A change of meaning takes a new version, with an upcaster in `registry.py`. Times are
milliseconds since 1970 as the caller claimed them; the recorded time is in the envelope's header.
"""

from collections.abc import Sequence

import msgspec

from eventtrack.events.bounds import Int64, Natural, Reason, ViewName, ViewText


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Base of all events."""


class SessionOpened(Event, frozen=True):
    """A process began to write: its user, machine and program."""

    user: str
    host: str
    pid: Int64
    program: str
    cwd: str
    git_commit: str | None
    source: str
    version: str
    opened_ms: Int64


class KeyAnnounced(Event, frozen=True):
    """The public key for signatures of this feed's heads was announced, as a vkey."""

    key: str
    at_ms: Int64


class HeadSealed(Event, frozen=True):
    """A head of this feed was signed: the whole note (docs/audit.md)."""

    note: str


class HeadWitnessed(Event, frozen=True):
    """A head of another feed was checked and countersigned: the note with only that signature."""

    note: str


class PayloadsRedacted(Event, frozen=True):
    """Payloads and blobs were ordered to be erased everywhere.

    `Envelope.name` and index name an envelope. A replica without a mark behind it means all
    envelopes of that index.
    """

    envelopes: list[tuple[bytes, int]]
    blobs: list[bytes]
    reason: str
    at_ms: Int64


class Explained(Event, frozen=True):
    """The reason for the other events of its envelope was given."""

    reason: Reason


class ExperimentCreated(Event, frozen=True):
    """An experiment was born. `births` counts the earlier ones of its name (see `ids`)."""

    name: str
    artifact_location: str | None
    tags: dict[str, str]
    created_ms: Int64
    births: Natural = 0


class ExperimentRenamed(Event, frozen=True):
    """An experiment took another name."""

    name: str
    at_ms: Int64


class ExperimentDeleted(Event, frozen=True):
    """An experiment and all its runs were deleted; both can be restored."""

    at_ms: Int64


class ExperimentRestored(Event, frozen=True):
    """A deleted experiment and all its runs became active again."""

    at_ms: Int64


class ExperimentTagsSet(Event, frozen=True):
    """Tags of an experiment were set."""

    tags: dict[str, str]
    at_ms: Int64


class ExperimentTagDeleted(Event, frozen=True):
    """A tag of an experiment was removed."""

    key: str
    at_ms: Int64


class ExperimentViewSaved(Event, frozen=True):
    """A view of the runs of an experiment was saved under a name, or saved anew."""

    name: ViewName
    view: ViewText


class ExperimentViewDeleted(Event, frozen=True):
    """A saved view of an experiment was removed."""

    name: ViewName


class RunStarted(Event, frozen=True):
    """A run was born in an experiment."""

    experiment_id: str
    name: str
    user: str
    start_ms: Int64
    tags: dict[str, str]
    status: str = "RUNNING"


class RunUpdated(Event, frozen=True):
    """A run's status, end time or name changed. None leaves a field as it was."""

    status: str | None = None
    end_ms: Int64 | None = None
    name: str | None = None


class RunMoved(Event, frozen=True):
    """A run was moved into another experiment, with its whole history."""

    experiment_id: str


class RunDeleted(Event, frozen=True):
    """A run was deleted; it can be restored."""

    at_ms: Int64


class RunRestored(Event, frozen=True):
    """A deleted run became active again."""

    at_ms: Int64


class ParamsLogged(Event, frozen=True):
    """Params of a run, which do not change afterwards."""

    params: dict[str, str]


class ParamsWithdrawn(Event, frozen=True):
    """Params that were logged by mistake were taken back (undo). They may be logged anew."""

    keys: list[str]


class ParamsCorrected(Event, frozen=True):
    """Params got other values than those that were logged by mistake."""

    params: dict[str, str]


class TagsSet(Event, frozen=True):
    """Tags of a run were set."""

    tags: dict[str, str]


class TagDeleted(Event, frozen=True):
    """A tag of a run was removed."""

    key: str


class MetricLogged(Event, frozen=True):
    """One point of one metric: the most frequent event by far."""

    key: str
    value: float
    step: Int64
    timestamp_ms: Int64


class MetricsLogged(Event, frozen=True):
    """Points of several metrics. A single step or timestamp holds for all of them."""

    keys: list[str]
    values: list[float]
    steps: Int64 | list[Int64]
    timestamps_ms: Int64 | list[Int64]

    @staticmethod
    def flaw_of(rows: "Sequence[MetricsLogged]") -> str | None:
        """The fault that makes events not well-formed, beyond their fields' types; None if good."""
        for row in rows:
            count, steps, times = len(row.keys), row.steps, row.timestamps_ms
            if (
                len(row.values) != count
                or (type(steps) is list and len(steps) != count)
                or (type(times) is list and len(times) != count)
            ):
                return f"{count} keys come with another number of values, steps or timestamps"
        return None


class DatasetUsed(msgspec.Struct, array_like=True, frozen=True):
    """One dataset that a run read, within `InputsLogged`."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None
    tags: dict[str, str]


class InputsLogged(Event, frozen=True):
    """Datasets and models that a run read."""

    datasets: list[DatasetUsed]
    models: list[str]


class OutputsLogged(Event, frozen=True):
    """Models that a run wrote, each with its step."""

    models: list[tuple[str, Int64]]


class ArtifactStored(msgspec.Struct, array_like=True, frozen=True):
    """One file, within `ArtifactsLogged`. `place` is the file's URI, None for a blob."""

    path: str
    size: Natural
    sha256: bytes
    place: str | None = None

    @property
    def blob(self) -> bytes | None:
        """The SHA-256 of the blob that holds the bytes; None for a file elsewhere."""
        return self.sha256 if self.place is None else None


class ArtifactsLogged(Event, frozen=True):
    """Files of a run were logged. Their bytes lie beside the log, named by their hash."""

    files: list[ArtifactStored]


class ArtifactsDeleted(Event, frozen=True):
    """Files were taken out of a run's list; the record of them stays."""

    paths: list[str]


class ModelCreated(Event, frozen=True):
    """A logged model was born in an experiment; its files follow, then it is finalized."""

    experiment_id: str
    name: str
    source_run_id: str | None
    model_type: str | None
    params: dict[str, str]
    tags: dict[str, str]
    created_ms: Int64


class ModelFinalized(Event, frozen=True):
    """A model's files are all there, or could not be stored: its status, READY or FAILED say."""

    status: str
    at_ms: Int64


class ModelParamsLogged(Event, frozen=True):
    """Params of a model, which do not change afterwards."""

    params: dict[str, str]


class ModelTagsSet(Event, frozen=True):
    """Tags of a model were set."""

    tags: dict[str, str]


class ModelTagDeleted(Event, frozen=True):
    """A tag of a model was removed."""

    key: str


class ModelPoint(msgspec.Struct, array_like=True, frozen=True):
    """One point of a metric that describes a model, perhaps on a dataset."""

    key: str
    value: float
    step: Int64
    timestamp_ms: Int64
    dataset_name: str | None = None
    dataset_digest: str | None = None


class ModelMetricsLogged(Event, frozen=True):
    """A run measured a model. The run's own history has the points as well."""

    run_id: str
    points: list[ModelPoint]


class ModelDeleted(Event, frozen=True):
    """A model was deleted."""

    at_ms: Int64


class ModelRestored(Event, frozen=True):
    """A deleted model is back (only undo writes it)."""

    at_ms: Int64


class ModelArtifactsLogged(Event, frozen=True):
    """Files of a model, stored as a run's are."""

    files: list[ArtifactStored]


class ModelArtifactsDeleted(Event, frozen=True):
    """Files were taken out of a model's list; the record of them stays."""

    paths: list[str]
