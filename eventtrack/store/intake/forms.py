"""The common form of foreign histories. Importers make it; times are milliseconds since 1970."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from eventtrack.events.items import Histogram, Text
from eventtrack.views.records import DatasetInput, Metric


@dataclass
class IncomingExperiment:
    """An experiment; `deleted_ms` is None for an active one."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    created_ms: int | None = None
    updated_ms: int | None = None
    deleted_ms: int | None = None


@dataclass
class IncomingFile:
    """One file of a run or a model.

    `fetch` brings a file that is not here to a path; `size` tells before whether that is needed.
    """

    path: str
    content: Path | bytes | None = None
    fetch: Callable[[Path], None] | None = None
    size: int | None = None


@dataclass
class IncomingMedium:
    """An image, a sound or another file as one item of a series."""

    content: Path | bytes
    media_type: str
    name: str | None = None
    caption: str | None = None


@dataclass
class IncomingItems:
    """Items of one series of a run: all of them texts, or histograms, or media.

    Steps, timestamps and values are as many.
    """

    key: str
    steps: list[int] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    values: list[Text] | list[Histogram] | list[IncomingMedium] = field(default_factory=list)


@dataclass
class IncomingRun:
    """A run without its metrics and files, in one of our experiments.

    `origin` has tags that name the source; only a run that is new here gets them.
    """

    run_id: str
    experiment_id: str
    name: str
    user: str = ""
    status: str = "RUNNING"
    start_ms: int = 0
    end_ms: int | None = None
    deleted_ms: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    datasets: list[DatasetInput] = field(default_factory=list)
    models_read: list[str] = field(default_factory=list)
    models_written: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class IncomingModel:
    """A logged model without its files, in one of our experiments.

    `points` are measurements of the model by runs, which they name; the runs' series have them too.
    """

    model_id: str
    experiment_id: str
    name: str
    status: str = "PENDING"
    created_ms: int = 0
    updated_ms: int = 0
    deleted_ms: int | None = None
    source_run_id: str | None = None
    model_type: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Metric] = field(default_factory=list)


@dataclass
class Taken:
    """Counts of the things that were new here and are now recorded."""

    experiments: int = 0
    runs: int = 0
    params: int = 0
    tags: int = 0
    points: int = 0
    items: int = 0  # of text, histograms and media
    inputs: int = 0
    files: int = 0
    models: int = 0
    updates: int = 0  # of a name, a status, an end, a stage

    def add(self, more: "Taken") -> None:
        """Add the counts of a decision."""
        for count in fields(self):
            setattr(self, count.name, getattr(self, count.name) + getattr(more, count.name))

    def total(self) -> int:
        """The sum of all counts; 0 if the store had everything."""
        return sum(getattr(self, count.name) for count in fields(self))
