"""Folds runs into the views: merges facts by their rules, and tells the search index of changes."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from eventtrack.events.envelope import Envelope
from eventtrack.events.histories import HistoryShared, Withdrawal
from eventtrack.events.items import ItemsLogged
from eventtrack.events.types import ArtifactStored, Event, RunStarted
from eventtrack.facts.fact import Each, Fact
from eventtrack.facts.run import (
    ARTIFACT,
    END,
    FORK,
    INPUT,
    ITEM_FACTS,
    LIFECYCLE,
    MEDIA,
    MERGED,
    NAME,
    PARAM,
    RUN,
    SHARE,
    STATUS,
    TAG,
    WITHDRAWAL,
)
from eventtrack.projections import cuts, index
from eventtrack.projections.files import take_file
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import ParamClaim, ParamState, RunState, Stamp, stamp_of
from eventtrack.projections.tables import Tables

_Take = Callable[[Tables, RunState, str, Any, Stamp], None]
# Folds events of one stream, given their envelope and the offset of the first event.
Fold = Callable[[Tables, Envelope, Sequence[Event], int], None]
_ATTRIBUTES = {
    NAME: "run_name",
    STATUS: "status",
    END: "end_time",
    LIFECYCLE: "lifecycle_stage",
    FORK: index.JOINED,
}
_BORN = ((index.ATTRIBUTE, "start_time"), (index.ATTRIBUTE, "user_id"))


def fold_of(kind: type[Event]) -> Fold:
    """The fold of events of one type, of one run; for those that log points see `metrics.py`.

    Small events of runs are most of a log, so each type has a function of its own, made at import.
    """
    says = RUN.says[kind]
    if kind in ITEM_FACTS:
        return _fold_items
    if isinstance(says, Each):
        return _fold_of_map(says)

    def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
        run = tables.change_run(envelope.header.stream)
        for place, event in enumerate(events, offset):
            stamp = stamp_of(envelope, place)
            if kind is RunStarted:
                for field in _BORN:
                    tables.touch(run, field)
                bear(run, event, stamp)
            for fact, key, value in says(event):
                _TAKES[fact](tables, run, key, value, stamp)

    return fold


def _fold_items(tables: Tables, envelope: Envelope, events: Sequence[Any], offset: int) -> None:
    """Fold events that log text, histograms or media."""
    run = tables.change_run(envelope.header.stream)
    layer = cuts.layer_of(run, envelope)
    if layer is not None:
        tables.points.move(run)
    cuts.reach_out(run.reach if layer is None else layer.reach, envelope)
    fact = ITEM_FACTS[type(events[0])]
    origin = envelope.header.recorded.to_bytes(8, "big") + envelope.header.replica[:6]
    series: dict[str, list[ItemsLogged]] = {}
    for event in events:
        series.setdefault(event.key, []).append(event)
    for key, logged in series.items():
        # The items of the envelope's next events of this type come behind these.
        tables.new_items.of(run, fact.called(key), layer).add(origin, offset << 32, logged)
    if fact is MEDIA:
        tables.new_items.note_blobs(run, (medium for event in events for medium in event.items))


def _fold_of_map(says: Each) -> Fold:
    """The fold of events that have a map of values."""
    take, also, values_of = _TAKES[says.fact], says.also, attrgetter(says.values)

    def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
        run = tables.change_run(envelope.header.stream)
        for place, event in enumerate(events, offset):
            stamp, values = stamp_of(envelope, place), values_of(event)
            for key, value in values.items():
                take(tables, run, key, value, stamp)
            for key in also:
                if key in values:
                    _TAKES[also[key]](tables, run, "", values[key], stamp)

    return fold


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
    return lambda _, run, key, value, stamp: merge(run, key, value, stamp)


# The two facts that scripts set by the dozen are merged as `MERGES` does, with fewer calls.
def _take_param(tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp) -> None:
    tables.touch(run, (index.PARAM, key))
    if type(value) is not str or key in run.params:
        MERGES[PARAM](run, key, value, stamp)
    else:
        run.params[key] = ParamState([ParamClaim(stamp, value)])


def _take_tag(tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp) -> None:
    tables.touch(run, (index.TAG, key))
    if key in run.tags:
        MERGES[TAG](run, key, value, stamp)
    else:
        run.tags[key] = (value, stamp)


def _take_dataset(tables: Tables, run: RunState, key: str, value: Any, stamp: Stamp) -> None:
    for name in index.DATASET_FIELDS:
        tables.touch(run, (index.DATASET, name))
    MERGES[INPUT](run, key, value, stamp)


def _take_artifact(
    tables: Tables, run: RunState, path: str, file: ArtifactStored | None, stamp: Stamp
) -> None:
    take_file(tables, run.number, path, file, stamp)


def _take_withdrawal(
    tables: Tables, run: RunState, cut: str, withdrawal: Withdrawal | None, stamp: Stamp
) -> None:
    tables.points.recount(run)
    MERGES[WITHDRAWAL](run, cut, withdrawal, stamp)
    if withdrawal is not None and cuts.know(run, cut, dict(withdrawal.covers)):
        tables.points.unsplit.add(run.number)


def _take_share(
    tables: Tables, run: RunState, key: str, share: HistoryShared, stamp: Stamp
) -> None:
    tables.points.move(run)
    MERGES[SHARE](run, key, share, stamp)
    if cuts.know(run, share.cut, dict(share.covers)):
        tables.points.unsplit.add(run.number)


def _take_merged(tables: Tables, run: RunState, key: str, value: str | None, stamp: Stamp) -> None:
    tables.touch(run, (index.ATTRIBUTE, index.JOINED))
    MERGES[MERGED](run, key, value, stamp)


_TAKES: dict[Fact, _Take] = {
    **{fact: _take_of(fact) for fact in RUN.facts if fact in MERGES},
    PARAM: _take_param,
    TAG: _take_tag,
    INPUT: _take_dataset,
    ARTIFACT: _take_artifact,
    WITHDRAWAL: _take_withdrawal,
    SHARE: _take_share,
    MERGED: _take_merged,
}
