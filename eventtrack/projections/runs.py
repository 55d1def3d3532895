"""Runs in the views: facts merge by their rules, and the search index learns what changes."""

from collections.abc import Callable, Iterable
from typing import Any

from eventtrack.events.types import ArtifactStored, Event, RunStarted
from eventtrack.facts.fact import Fact
from eventtrack.facts.run import (
    ARTIFACT,
    END,
    INPUT,
    LIFECYCLE,
    NAME,
    PARAM,
    RUN,
    STATUS,
    TAG,
)
from eventtrack.projections import index
from eventtrack.projections.files import take_file
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import RunState, Stamp
from eventtrack.projections.tables import Tables

_Take = Callable[[Tables, RunState, str, Any, Stamp], None]
_ATTRIBUTES = {
    NAME: "run_name",
    STATUS: "status",
    END: "end_time",
    LIFECYCLE: "lifecycle_stage",
}
_KEYED = {PARAM: index.PARAM, TAG: index.TAG}
_BORN = ((index.ATTRIBUTE, "start_time"), (index.ATTRIBUTE, "user_id"))


def fold(tables: Tables, stream: str, stamped: Iterable[tuple[Event, Stamp]]) -> None:
    """Fold events of one run that log no points; for those see `metrics.py`."""
    run = tables.change_run(stream)
    for event, stamp in stamped:
        kind = type(event)
        if kind is RunStarted:
            for field in _BORN:
                tables.touch(run, field)
            bear(run, event, stamp)
        for fact, key, value in RUN.says[kind](event):
            _TAKES[fact](tables, run, key, value, stamp)


def _take_of(fact: Fact) -> _Take:
    """The function that takes a claim of a fact: the index is told before the merge."""
    merge = MERGES[fact]
    if fact in _ATTRIBUTES:
        field = (index.ATTRIBUTE, _ATTRIBUTES[fact])

        def take_attribute(
            tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp
        ) -> None:
            tables.touch(run, field)
            merge(run, key, value, stamp)

        return take_attribute
    if fact in _KEYED:
        kind = _KEYED[fact]

        def take_keyed(tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp) -> None:
            tables.touch(run, (kind, key))
            merge(run, key, value, stamp)

        return take_keyed
    return lambda _, run, key, value, stamp: merge(run, key, value, stamp)


def _take_dataset(tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp) -> None:
    for name in index.DATASET_FIELDS:
        tables.touch(run, (index.DATASET, name))
    MERGES[INPUT](run, key, value, stamp)


def _take_artifact(
    tables: Tables, run: RunState, path: str, file: ArtifactStored | None, stamp: Stamp
) -> None:
    take_file(tables, run.number, path, file, stamp)


_TAKES: dict[Fact, _Take] = {
    **{fact: _take_of(fact) for fact in RUN.facts if fact in MERGES},
    INPUT: _take_dataset,
    ARTIFACT: _take_artifact,
}
