"""Runs for which points of other runs count: forks and merged runs (docs/format.md, section 9).

No point is copied. The curve of a fork has parts in series of its parent, of the parent's parent,
and so on: those layers that the fork's cut covers, up to its step. The curve of a run into which
others were merged has parts in all their series.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from eventtrack.events.histories import Withdrawal
from eventtrack.limits import FORK_DEPTH_MAX, INT64_MAX
from eventtrack.projections import curves
from eventtrack.projections.curves import AnyCurve, Curve
from eventtrack.projections.hidden import Counter, merged
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState, Part, RunState, Steps

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


def _inherited(runs: Runs, run: RunState, only: str | None) -> Iterator[tuple[str, Part]]:
    """The parts of a fork's curves that lie in series of other runs."""
    count = Counter()
    for key, metric, hidden in _series(runs, run):
        if only is None or key == only:
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


def _series(runs: Runs, run: RunState) -> Iterator[tuple[str, MetricState, Steps]]:
    """The series of other runs that belong to a run, with the steps that are hidden."""
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
            for key, metric in source.metrics.items():
                yield key, metric, _hidden(others, key)
            for layer in source.layers:
                for key, part in layer.parts.items():
                    yield key, part.points, merged([*part.hidden, *_hidden(others, key)])
        yield from _ancestors(runs, source, own + others)


def _ancestors(
    runs: Runs, run: RunState, rules: list[_Rule]
) -> Iterator[tuple[str, MetricState, Steps]]:
    """The series of all ancestors that belong to a fork, with the steps that are hidden.

    Args:
        rules: They hold for all points with which the fork begins.
    """
    fork, seen = run.fork[0], {run.number}
    while fork is not None and len(seen) <= FORK_DEPTH_MAX:
        parent = runs.parent(fork.run_id)
        if parent is None or parent.number in seen:
            return  # not here yet, erased, or a circle, which only a forger makes
        seen.add(parent.number)
        if fork.step < INT64_MAX:
            rules.append((None, (fork.step + 1, INT64_MAX)))
        withdrawn = {it.id: _rule(it) for it in fork.withdrawals}
        for layer in parent.layers:
            if fork.cut in layer.cuts:
                those = rules + [withdrawn[cut] for cut in layer.cuts if cut in withdrawn]
                for key, part in layer.parts.items():
                    yield key, part.points, _hidden(those, key)
        rules += withdrawn.values()
        fork = parent.fork[0]


def _hidden(rules: Iterable[_Rule], key: str) -> Steps:
    return merged(steps for keys, steps in rules if keys is None or key in keys)


def _rule(withdrawal: Withdrawal) -> _Rule:
    keys = None if withdrawal.keys is None else set(withdrawal.keys)
    return keys, (withdrawal.first_step, withdrawal.last_step)
