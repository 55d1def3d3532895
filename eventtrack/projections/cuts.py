"""Cuts and layers: which points of a run count (docs/format.md, section 9, "Withdrawn points").

A *cut* names envelopes by feed positions: of each replica, those below an index. A withdrawal has
one. The points and items of a run lie in *layers*: those of one layer come from envelopes that the
same cuts cover. Nearly all runs have no cut: theirs are in `RunState.metrics` and `RunState.items`.

A writer covers what it has of the run. So a cut that is made here takes the points so far into a
layer, as they are stored, and hides steps there: it costs the same for ten points as for millions.
A cut that comes from elsewhere may divide the points that are here; `fold.split_runs` then folds
the points of that run anew.
"""

from collections.abc import Iterable

from eventtrack.events.envelope import Envelope
from eventtrack.projections import item_curves
from eventtrack.projections.hidden import Counter, merged
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import Layer, MetricState, Part, Reach, RunState


def layer_of(run: RunState, envelope: Envelope) -> Layer | None:
    """The layer of the points and items in an envelope; None where no cut covers it."""
    if not run.cuts:
        return None
    replica, index = envelope.header.replica, envelope.header.index
    cuts = sorted(cut for cut, sizes in run.cuts.items() if index < sizes.get(replica, 0))
    if not cuts:
        return None
    for layer in run.layers:
        if layer.cuts == cuts:
            return layer
    run.layers.append(Layer(cuts, {}))
    return run.layers[-1]


def reach_out(reach: Reach, envelope: Envelope) -> None:
    """Note that an envelope brought points or items."""
    replica, index = envelope.header.replica, envelope.header.index
    low, high = reach.get(replica, (index, index))
    reach[replica] = min(low, index), max(high, index)


def covering(run: RunState) -> list[tuple[bytes, int]]:
    """A cut that covers all points and items that are here: for each replica a size, sorted."""
    sizes: dict[bytes, int] = {}
    for reach in (run.reach, *(layer.reach for layer in run.layers)):
        for replica, (_, high) in reach.items():
            sizes[replica] = max(sizes.get(replica, 0), high + 1)
    return sorted(sizes.items())


def know(run: RunState, cut: str, sizes: dict[bytes, int]) -> bool:
    """Learn of a cut. Returns whether it divides points that are here: then split the run."""
    if cut in run.cuts:
        return False
    divides = False
    run.cuts[cut] = sizes
    for layer in run.layers:
        covered = _covered(layer.reach, sizes)
        if covered:
            layer.cuts = sorted([*layer.cuts, cut])
        divides |= covered is None
    covered = _covered(run.reach, sizes)
    if covered:
        parts = {key: _part(metric) for key, metric in run.metrics.items()}
        series = {name: item_curves.whole(state) for name, state in run.items.items()}
        run.layers.append(Layer([cut], run.reach, parts, series))
        run.metrics, run.items, run.reach = {}, {}, {}
    return divides or covered is None


def recount(rows: Rows, run: RunState, grown: Iterable[int]) -> None:
    """Bring up to date which steps of each layer are hidden, and which points and items count.

    Args:
        grown: The series that have more points or items than before.
    """
    held = [(cut, it) for cut, (it, _) in run.withdrawals.items() if it is not None]
    keys = {cut: None if it.keys is None else set(it.keys) for cut, it in held}
    count = Counter()
    for layer in run.layers:
        cuts = set(layer.cuts)
        those = [(keys[cut], (it.first_step, it.last_step)) for cut, it in held if cut in cuts]
        for key, part in layer.parts.items():
            hidden = merged(steps for only, steps in those if only is None or key in only)
            if hidden != part.hidden or part.points.series in grown:
                part.hidden = hidden
                part.count, latest = count(rows, part.points, hidden)
                if latest is not None:
                    part.step, part.timestamp_ms, part.value = latest
        for name, series in layer.items.items():
            hidden = merged(steps for only, steps in those if only is None or key_of(name) in only)
            if hidden != series.hidden or series.items.series in grown:
                layer.items[name] = item_curves.counted(rows, series.items, hidden)


def key_of(name: str) -> str:
    """The key in the name of a series of items, as `console` in `text.console`."""
    return name.partition(".")[2]


def _part(metric: MetricState) -> Part:
    return Part(metric, [], metric.value, metric.timestamp_ms, metric.step, metric.count)


def _covered(reach: Reach, sizes: dict[bytes, int]) -> bool | None:
    """Whether a cut covers all envelopes of a reach, or none of them; None for some."""
    verdicts = set()
    for replica, (low, high) in reach.items():
        size = sizes.get(replica, 0)
        if low < size <= high:
            return None
        verdicts.add(high < size)
    return None if len(verdicts) > 1 else verdicts == {True}
