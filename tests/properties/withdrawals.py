"""The points that count, by the letter of docs/format.md: point by point, and slowly."""

from collections.abc import Iterable
from math import isnan, nan

from hypothesis import strategies as st

from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import read
from eventtrack.events.types import (
    Event,
    MetricLogged,
    MetricsLogged,
    PointsRestored,
    PointsWithdrawn,
    Withdrawal,
)
from eventtrack.facts.run import METRIC, RUN
from eventtrack.ids import SeededIds
from eventtrack.projections.build import Build
from eventtrack.projections.curves import latest_order
from eventtrack.projections.state import stamp_of

# The ids of the replicas of a test, which are named "0", "1" and "2".
REPLICA_IDS = sorted(SeededIds(str(place)).id128() for place in range(3))
COVERS = st.dictionaries(st.sampled_from(REPLICA_IDS), st.sampled_from([1, 3, 9]), max_size=3)
WITHDRAWAL = st.builds(
    lambda covers, keys, steps: Withdrawal(sorted(covers.items()), keys, *sorted(steps)),
    COVERS,
    st.sampled_from([None, ["a"], ["a", "b"]]),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)

WITHDRAWAL_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(PointsWithdrawn, WITHDRAWAL, st.integers(0, 3)),
    st.builds(lambda it, now: PointsRestored([it.id], now), WITHDRAWAL, st.integers(0, 3)),
)
# Step, timestamp and the value as text, by run and metric.
Curves = dict[tuple[str, str], set[tuple[int, int, str]]]


def by_hand(envelopes: Iterable[Envelope]) -> Curves:
    """The points that count, of all runs."""
    envelopes, curves = list(envelopes), Curves()
    for stream in {it.header.stream for it in envelopes if it.header.stream.startswith("run/")}:
        own = [it for it in envelopes if it.header.stream == stream]
        withdrawals = _held(own)
        for envelope in own:
            for key, step, timestamp, value in _points(envelope):
                if not any(
                    envelope.header.index < dict(it.covers).get(envelope.header.replica, 0)
                    and (it.keys is None or key in it.keys)
                    and it.first_step <= step <= it.last_step
                    for it in withdrawals
                ):
                    points = curves.setdefault((stream, key), set())
                    points.add((step, timestamp, _text(value)))
    return curves


def shown(build: Build, streams: Iterable[str]) -> Curves:
    """The points that the views show, after a check of the latest of each curve."""
    curves = Curves()
    with build.read() as reader:
        for stream in streams:
            run = reader.run(stream.partition("/")[2])
            for key, curve in ({} if run is None else reader.curves(run)).items():
                points = reader.history(curve)
                rows = list(zip(points.steps, points.timestamps, points.values, strict=True))
                if rows:
                    curves[stream, key] = {(*row[:2], _text(row[2])) for row in rows}
                    latest = curve.step, curve.timestamp_ms, curve.value
                    assert latest_order(latest) == latest_order(max(rows, key=latest_order))
                    assert curve.count >= len(rows)
    return curves


def _held(envelopes: list[Envelope]) -> list[Withdrawal]:
    last: dict[str, tuple[bytes, str, Withdrawal | None]] = {}
    for envelope in envelopes:
        offset = 0
        for part in read(envelope).parts:
            for event in part.events or ():
                if isinstance(event, PointsWithdrawn | PointsRestored):
                    for _, cut, value in RUN.says[type(event)](event):
                        claim = stamp_of(envelope, offset), repr(value), value
                        if cut not in last or claim[:2] > last[cut][:2]:
                            last[cut] = claim
                offset += 1
    return [value for _, _, value in last.values() if value is not None]


def _points(envelope: Envelope) -> Iterable[tuple[str, int, int, float]]:
    for part in read(envelope).parts:
        for event in part.events or ():
            if isinstance(event, MetricLogged):
                yield event.key, event.step, event.timestamp_ms, event.value
            elif isinstance(event, MetricsLogged):
                assert isinstance(event.timestamps_ms, int)
                for fact, key, (value, step) in RUN.says[MetricsLogged](event):
                    assert fact is METRIC
                    yield key, step, event.timestamps_ms, value


def _text(value: float) -> str:
    return repr(nan if isnan(value) else value)
