"""Runs for which points of other runs count: forks and merged runs (docs/format.md, section 9).

No point is copied. The curve of a fork has parts in series of its parent, of the parent's parent,
and so on: those layers that the fork's cut covers, up to its step. The curve of a run into which
others were merged has parts in all their series. Items of text, histograms and media count as
points do.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from eventtrack.events.histories import Fork, Withdrawal
from eventtrack.limits import FORK_DEPTH_MAX, INT64_MAX
from eventtrack.projections import curves, item_curves
from eventtrack.projections.curves import AnyCurve, Curve
from eventtrack.projections.cuts import key_of
from eventtrack.projections.hidden import Counter, common, merged
from eventtrack.projections.item_curves import AnySeries, ItemCurve
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import (
    ItemsPart,
    ItemsState,
    Layer,
    MetricState,
    Part,
    RunState,
    Steps,
)

_T = TypeVar("_T")
# Steps that are hidden, of some metrics or, for None, of all.
_Rule = tuple[Collection[str] | None, tuple[int, int]]


class Runs(Protocol):
    """The views, to read runs and their points."""

    @property
    def rows(self) -> Rows:
        """The rows of all tables."""
        ...

    def parent(self, run_id: str) -> RunState | None:
        """A run whose series are about to be read as those of its fork."""
        ...


def curves_of(runs: Runs, run: RunState) -> Mapping[str, AnyCurve]:
    """The curves of a run, by key; metrics without a point that counts are left out."""
    own = curves.of_run(run)
    if not run.is_joined:
        return own
    parts: dict[str, list[Part]] = {}
    for key, part in _inherited(runs, run, None):
        parts.setdefault(key, []).append(part)
    of_own = {key: curves.parts_of(run, key) for key in own}
    return {
        key: Curve((run.number, key), parts.get(key, []) + of_own.get(key, []))
        for key in {*of_own, *parts}
    }


def curve_of(runs: Runs, run: RunState, key: str) -> AnyCurve | None:
    """The curve of a metric; None if it has no point that counts."""
    if not run.is_joined:
        return curves.curve_of(run, key)
    parts = [part for _, part in _inherited(runs, run, key)] + curves.parts_of(run, key)
    return Curve((run.number, key), parts) if parts else None


def series_of(runs: Runs, run: RunState) -> Mapping[str, AnySeries]:
    """The text, histograms and media of a run, by name; series without an item are left out."""
    own = item_curves.of_run(run)
    if not run.is_joined:
        return own
    states: dict[int, tuple[str, ItemsState, Steps]] = {}
    for source in _sources(runs, run):
        for name, state, steps in source.items:
            hidden = merged([*steps, *_hidden(source.rules, key_of(name))])
            known = states.get(state.series)
            # Two forks of one run may be merged: an item counts if it does for either.
            hidden = hidden if known is None else common(known[2], hidden)
            states[state.series] = name, state, hidden
    parts: dict[str, list[ItemsPart]] = {}
    for name, state, hidden in states.values():
        part = item_curves.counted(runs.rows, state, hidden)
        if part.count:
            parts.setdefault(name, []).append(part)
    for name in own:
        parts.setdefault(name, []).extend(item_curves.parts_of(run, name))
    return {name: ItemCurve(parts[name]) for name in sorted(parts)}


def related(runs: Runs, run: RunState) -> Iterator[RunState]:
    """A run and all whose points and files may count for it."""
    for source in merged_runs(runs, run):
        yield source
        yield from (parent for parent, _ in _chain(runs, source))


def _inherited(runs: Runs, run: RunState, only: str | None) -> Iterator[tuple[str, Part]]:
    """The parts of a fork's curves that lie in series of other runs."""
    count = Counter()
    for source in _sources(runs, run, only):
        for key, metric, steps in source.metrics:
            hidden = merged([*steps, *_hidden(source.rules, key)])
            left, latest = count(runs.rows, metric, hidden)
            if latest is not None:
                step, timestamp_ms, value = latest
                yield key, Part(metric, hidden, value, timestamp_ms, step, left)


def merged_runs(runs: Runs, run: RunState) -> list[RunState]:
    """A run and all runs that are merged into it, or into one of those."""
    whole, seen = [run], {run.number}
    for source in whole:
        for run_id in source.live_merged():
            other = runs.parent(run_id) if len(whole) <= FORK_DEPTH_MAX else None
            if other is not None and other.number not in seen:
                seen.add(other.number)
                whole.append(other)
    return whole


class _Source(NamedTuple):
    """Stored points and items of another run, with the steps that are hidden in each.

    `rules` hide further steps.
    """

    metrics: Iterable[tuple[str, MetricState, Steps]]
    items: Iterable[tuple[str, ItemsState, Steps]]
    rules: list[_Rule]


def _sources(runs: Runs, run: RunState, only: str | None = None) -> Iterator[_Source]:
    """The stored points and items of other runs that belong to a run.

    Args:
        only: The metric whose points are asked for; None for all metrics.
    """
    whole = merged_runs(runs, run)
    for source in whole:
        own = [_rule(it) for it, _ in source.withdrawals.values() if it is not None]
        # A run's own points are judged by its own withdrawals alone.
        others = [
            _rule(it)
            for owner in (whole if source is not run else ())
            for it, _ in owner.withdrawals.values()
            if it is not None and owner is not source and source.run_id in it.merged
        ]
        if source is not run:
            yield _Source(
                [(key, metric, []) for key, metric in _entries(source.metrics, only)],
                [(name, state, []) for name, state in source.items.items()],
                others,
            )
            for layer in source.layers:
                yield _of_layer(layer, others, only, hides=True)
        yield from _ancestors(runs, source, own + others, only)


def _ancestors(
    runs: Runs, run: RunState, rules: list[_Rule], only: str | None
) -> Iterator[_Source]:
    """The stored points and items of all ancestors that belong to a fork.

    Args:
        rules: They hold for all points with which the fork begins.
    """
    for parent, fork in _chain(runs, run):
        if fork.step < INT64_MAX:
            rules.append((None, (fork.step + 1, INT64_MAX)))
        withdrawn = {it.id: _rule(it) for it in fork.withdrawals}
        for layer in parent.layers:
            if fork.cut in layer.cuts:
                those = rules + [withdrawn[cut] for cut in layer.cuts if cut in withdrawn]
                yield _of_layer(layer, those, only, hides=False)
        rules += withdrawn.values()


def _chain(runs: Runs, run: RunState) -> Iterator[tuple[RunState, Fork]]:
    """The ancestors of a fork, each with the fork that refers to it."""
    fork, seen = run.fork[0], {run.number}
    while fork is not None and len(seen) <= FORK_DEPTH_MAX:
        parent = runs.parent(fork.run_id)
        if parent is None or parent.number in seen:
            return  # not here yet, erased, or a circle, which only a forger makes
        seen.add(parent.number)
        yield parent, fork
        fork = parent.fork[0]


def _of_layer(layer: Layer, rules: list[_Rule], only: str | None, *, hides: bool) -> _Source:
    """A layer's points and items; `hides` for without those that its run has withdrawn."""
    return _Source(
        [
            (key, part.points, part.hidden if hides else [])
            for key, part in _entries(layer.parts, only)
        ],
        [(name, part.items, part.hidden if hides else []) for name, part in layer.items.items()],
        rules,
    )


def _entries(states: Mapping[str, _T], only: str | None) -> Iterable[tuple[str, _T]]:
    """The entries of a map, or that of one name."""
    if only is None:
        return states.items()
    return [(only, states[only])] if only in states else []


def _hidden(rules: Iterable[_Rule], key: str) -> Steps:
    return merged(steps for keys, steps in rules if keys is None or key in keys)


def _rule(withdrawal: Withdrawal) -> _Rule:
    keys = None if withdrawal.keys is None else set(withdrawal.keys)
    return keys, (withdrawal.first_step, withdrawal.last_step)
