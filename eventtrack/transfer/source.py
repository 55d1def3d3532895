"""Sources of histories: each gives experiments, and runs with their series and files."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eventtrack.errors import RemoteUnavailableError
from eventtrack.projections.points import Points
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingItems,
    IncomingModel,
    IncomingRun,
)
from eventtrack.transfer.report import Report

Series = Iterable[tuple[str, Points]]
Item = TypeVar("Item")
Result = TypeVar("Result")

# The time of a point whose source names none: the importer puts the run's start in its place.
NO_TIME = -(2**63)


@dataclass
class SourceRun:
    """One run as its source has it; `run.experiment_id` names one of the source's experiments.

    A source gives each run once, even if its parts lie in several places. Series and files are read
    once, when the run's turn comes.
    """

    source_id: str
    run: IncomingRun
    series: Series = ()
    files: Iterable[IncomingFile] = ()
    items: Iterable[IncomingItems] = ()


@dataclass
class SourceModel:
    """One logged model as its source has it."""

    model: IncomingModel
    files: Iterable[IncomingFile] = field(default_factory=tuple)


class Source:
    """A place with histories. Damage is reported, not raised, and the rest is read.

    Raises:
        EventtrackError: From the constructor, if the place has no histories of this kind.
    """

    kind = ""

    def __init__(self, place: str) -> None:
        self.place = place  # without passwords: it becomes a tag
        self.report = Report(f"{self.kind} {place}")

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by the ids that runs use for them."""
        raise NotImplementedError

    def count(self) -> int:
        """The number of runs, about, for the progress bar; 0 if nobody knows."""
        raise NotImplementedError

    def runs(self) -> Iterator[SourceRun]:
        """Every run, deleted ones too."""
        raise NotImplementedError

    def models(self) -> Iterator[SourceModel]:
        """Every logged model; asked for before the runs."""
        return iter(())

    def close(self) -> None:
        """Let go of files and connections."""

    def preview(self, points: int) -> dict[str, Any]:
        """A summary of everything to import, with the first `points` points of each metric."""
        raise NotImplementedError

    def each(
        self, items: Iterable[Item], read: Callable[[Item], Result], place: Callable[[Item], str]
    ) -> Iterator[Result]:
        """Every item as `read` gives it; an item that cannot be read is reported, with its place.

        Raises:
            RemoteUnavailableError: The server that is read has gone away.
        """
        for item in items:
            try:
                result = read(item)
            except RemoteUnavailableError:
                raise
            except Exception as error:
                self.report.failed(place(item), error)
            else:
                yield result


def run_id_of(*identity: str) -> str:
    """The id of a run whose tracker has other ids: the same identity gives the same id."""
    return hashlib.sha256("\0".join(identity).encode("utf-8", "replace")).hexdigest()[:32]
