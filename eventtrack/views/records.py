"""Records: the answers to queries, with MLflow's attribute names.

Code written for MLflow reads `run.info.run_id`, `run.data.metrics["loss"]`, `experiment.name`;
the same expressions work here. A record is a copy: changing it changes nothing in the store.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class ViewType:
    """The lifecycle stages that a search returns. The numbers are MLflow's."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class LifecycleStage:
    """The stages of a run or an experiment. A deleted run or experiment can be restored."""

    ACTIVE = "active"
    DELETED = "deleted"


class RunStatus:
    """The states of a run, as `run.info.status` spells them."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    ALL = (RUNNING, SCHEDULED, FINISHED, FAILED, KILLED)
    TERMINATED = (FINISHED, FAILED, KILLED)

    @staticmethod
    def is_terminated(status: str) -> bool:
        """Whether a run with that status has ended."""
        return status in RunStatus.TERMINATED

    @staticmethod
    def to_string(status: str) -> str:
        """The status itself: here a status is a text already."""
        return status

    @staticmethod
    def from_string(text: str) -> str:
        """The status that a text names.

        Raises:
            ValueError: The text names no status.
        """
        if text not in RunStatus.ALL:
            raise ValueError(f"{text!r} is no run status; use one of {', '.join(RunStatus.ALL)}")
        return text


class PagedList(list[T], Generic[T]):
    """A page of results; `token` asks for the next page and is None on the last page.

    `remark` says what made the search slow, and what to do; "" for nothing.
    """

    def __init__(self, items: Iterable[T] = (), token: str | None = None, remark: str = "") -> None:
        super().__init__(items)
        self.token = token
        self.remark = remark

    def to_list(self) -> list[T]:
        """The page as a plain list."""
        return list(self)


class Record(msgspec.Struct, kw_only=True):
    """The base of all records: comparable, printable, and convertible to a dictionary."""

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name in self.__struct_fields__:
            yield name, getattr(self, name)

    def to_dictionary(self) -> dict[str, Any]:
        """The record as nested dictionaries and lists of plain values."""
        return {name: _plain(value) for name, value in self}


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dictionary()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


class Experiment(Record):
    """A named group of runs. Times are milliseconds since 1970."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    tags: dict[str, str]
    creation_time: int
    last_update_time: int
    workspace: str | None = None


class RunInfo(Record):
    """The identity and state of a run. Times are milliseconds since 1970; no end while open."""

    run_id: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str

    @property
    def run_uuid(self) -> str:
        """MLflow's older name for `run_id`."""
        return self.run_id


class RunData(Record):
    """The recorded data of a run: the latest value of each metric, params and tags."""

    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


class Dataset(Record):
    """A dataset that a run read; `schema` and `profile` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class InputTag(Record):
    """A tag on a run's use of a dataset, for example `mlflow.data.context` = `training`."""

    key: str
    value: str


class DatasetInput(Record):
    """A run's use of one dataset."""

    dataset: Dataset
    tags: list[InputTag] = []


class LoggedModelInput(Record):
    """A model that a run read."""

    model_id: str


class LoggedModelOutput(Record):
    """A model that a run wrote, at a step."""

    model_id: str
    step: int = 0


class RunInputs(Record):
    """All datasets and models that a run read."""

    dataset_inputs: list[DatasetInput] = []
    model_inputs: list[LoggedModelInput] = []


class RunOutputs(Record):
    """All models that a run wrote."""

    model_outputs: list[LoggedModelOutput] = []


class Run(Record):
    """A run: identity and state (`info`), recorded `data`, `inputs` read, and `outputs` written."""

    info: RunInfo
    data: RunData
    inputs: RunInputs = msgspec.field(default_factory=RunInputs)
    outputs: RunOutputs = msgspec.field(default_factory=RunOutputs)


class Metric(Record):
    """One point of a metric: `timestamp` is milliseconds since 1970, `step` any 64-bit integer."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


class LoggedModel(Record):
    """A model with files of its own. Times are milliseconds since 1970.

    `metrics` are all points that runs logged for the model, in order of key, time, step and run.
    """

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    status: str
    lifecycle_stage: str
    model_type: str | None = None
    source_run_id: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[Metric] = []


class ModelStatus:
    """The states of a logged model."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"
    ALL = (UNSPECIFIED, PENDING, READY, FAILED)


class Param(Record):
    """One param of a run; both sides are text."""

    key: str
    value: str


class RunTag(Record):
    """One tag of a run."""

    key: str
    value: str


class ExperimentTag(Record):
    """One tag of an experiment."""

    key: str
    value: str


class FileInfo(Record):
    """One artifact or folder of artifacts; `path` is relative to the run's artifact root."""

    path: str
    is_dir: bool
    file_size: int | None = None


class ModelVersion(Record):
    """One version of a registered model. Times are milliseconds since 1970.

    `version` is the number it shows, `given` the number it was created with. They differ if another
    version already had that number.
    """

    name: str
    version: int
    version_id: str
    given: int
    creation_timestamp: int
    last_updated_timestamp: int
    current_stage: str
    source: str
    location: str
    status: str = "READY"
    description: str | None = None
    user_id: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    model_id: str | None = None
    tags: dict[str, str] = {}
    aliases: list[str] = []


class RegisteredModel(Record):
    """One registered model, with the latest version of each stage."""

    name: str
    registered_id: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    latest_versions: list[ModelVersion] = []
