"""The points and items that count, by the letter of docs/format.md: one by one, and slowly."""

from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import Any

from hypothesis import strategies as st
from msgspec import msgpack

from eventtrack.events.envelope import Envelope
from eventtrack.events.histories import (
    Fork,
    HistoryShared,
    PointsRestored,
    PointsWithdrawn,
    RunForked,
    RunMerged,
    RunUnmerged,
    Withdrawal,
)
from eventtrack.events.items import ItemsLogged
from eventtrack.events.reading import events_of, read
from eventtrack.events.types import Event, MetricLogged, MetricsLogged
from eventtrack.facts.fact import Fact
from eventtrack.facts.run import FORK, ITEM_FACTS, MERGED, METRIC, RUN
from eventtrack.facts.run import WITHDRAWAL as WITHDRAWAL_FACT
from eventtrack.ids import SeededIds
from eventtrack.projections.build import Build
from eventtrack.projections.curves import latest_order
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.state import stamp_of
from eventtrack.projections.tables import Reader

# The ids of the replicas of a test, which are named "0", "1" and "2".
REPLICA_IDS = sorted(SeededIds(str(place)).id128() for place in range(3))
COVERS = st.dictionaries(st.sampled_from(REPLICA_IDS), st.sampled_from([1, 3, 9]), max_size=3)
WITHDRAWAL = st.builds(
    lambda covers, keys, steps, merged: Withdrawal(
        sorted(covers.items()), keys, min(steps), max(steps), merged
    ),
    COVERS,
    st.sampled_from([None, ["a"], ["a", "b"]]),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from([[], [], ["a" * 32, "b" * 32]]),
)
WITHDRAWAL_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(PointsWithdrawn, WITHDRAWAL, st.integers(0, 3)),
    st.builds(lambda it, now: PointsRestored([it.id], now), WITHDRAWAL, st.integers(0, 3)),
)
FORK_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda fork, covers, now: HistoryShared(fork, sorted(covers.items()), now),
        st.sampled_from(["f", "g"]),
        COVERS,
        st.integers(0, 3),
    ),
    st.builds(RunMerged, st.sampled_from(["a" * 32, "b" * 32]), st.integers(0, 3)),
    st.builds(RunUnmerged, st.sampled_from(["a" * 32, "b" * 32]), st.integers(0, 3)),
    st.builds(
        lambda run, step, covers, held, now: RunForked(
            Fork(run, step, HistoryShared("", sorted(covers.items()), 0).cut, held), now
        ),
        st.sampled_from(["a" * 32, "b" * 32]),
        st.integers(0, 3),
        COVERS,
        st.lists(WITHDRAWAL, max_size=1),
        st.integers(0, 3),
    ),
)
# Step, timestamp and the value as text, by run and metric or series.
Curves = dict[tuple[str, str], list[tuple[int, int, str]]]
# The same, with what tells equal items apart: their envelope and place. Equal points are one.
_Taken = dict[tuple[str, str], set[tuple[int, int, str, bytes, int]]]


def by_hand(envelopes: Iterable[Envelope]) -> Curves:
    """The points that count, of all runs."""
    streams: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        if envelope.header.stream.startswith("run/"):
            streams.setdefault(envelope.header.stream, []).append(envelope)
    curves = _Taken()
    for stream in streams:
        whole = [stream]
        for source in whole:
            named = sorted(_last(streams[source], MERGED).values(), key=str)
            others = [f"run/{run_id}" for run_id in named if run_id is not None]
            whole += [other for other in others if other in streams and other not in whole]
        for source in whole:
            held = _held(streams[source])
            beside = [
                (it, None)
                for owner in whole
                if source not in (owner, stream)
                for it in _held(streams[owner])
                if source.removeprefix("run/") in it.merged
            ]
            own = [(it, dict(it.covers)) for it in held]
            _take(curves, stream, streams[source], [*own, *beside])
            # What is withdrawn of a fork is withdrawn of all that it began with.
            _ancestors(curves, stream, source, streams, [*((it, None) for it in held), *beside])
    return {place: sorted(row[:3] for row in rows) for place, rows in curves.items()}


def _held(envelopes: list[Envelope]) -> list[Withdrawal]:
    return [it for it in _last(envelopes, WITHDRAWAL_FACT).values() if it is not None]


def _ancestors(
    curves: _Taken,
    stream: str,
    source: str,
    streams: dict[str, list[Envelope]],
    rules: "list[Rule]",
) -> None:
    fork, seen = _last(streams[source], FORK).get(""), {source}
    while fork is not None and (parent := f"run/{fork.run_id}") in streams:
        if parent in seen:
            break
        seen.add(parent)
        rules.append((Withdrawal([], None, fork.step + 1, 2**63 - 1), None))
        cuts = _cuts(streams[parent])
        named = [(it, cuts.get(it.id, {})) for it in fork.withdrawals]
        covered = [it for it in streams[parent] if _covers(cuts.get(fork.cut, {}), it)]
        _take(curves, stream, covered, [*rules, *named])
        rules += [(it, None) for it in fork.withdrawals]
        fork = _last(streams[parent], FORK).get("")


# A withdrawal with the envelopes that it covers; None for all.
Rule = tuple[Withdrawal, dict[bytes, int] | None]


def _take(curves: _Taken, stream: str, envelopes: list[Envelope], rules: Sequence[Rule]) -> None:
    for envelope in envelopes:
        for name, row in [*_points(envelope), *_items(envelope)]:
            if not any(
                (covers is None or _covers(covers, envelope))
                and (it.keys is None or name.rpartition(".")[2] in it.keys)
                and it.first_step <= row[0] <= it.last_step
                for it, covers in rules
            ):
                curves.setdefault((stream, name), set()).add(row)


def _covers(covers: dict[bytes, int], envelope: Envelope) -> bool:
    return envelope.header.index < covers.get(envelope.header.replica, 0)


def _cuts(envelopes: list[Envelope]) -> dict[str, dict[bytes, int]]:
    cuts: dict[str, dict[bytes, int]] = {}
    for envelope in envelopes:
        for event in events_of(envelope):
            if isinstance(event, PointsWithdrawn):
                cuts[event.withdrawal.id] = dict(event.withdrawal.covers)
            elif isinstance(event, HistoryShared):
                cuts[event.cut] = dict(event.covers)
    return cuts


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
                    curves[stream, key] = sorted({(*row[:2], _text(row[2])) for row in rows})
                    latest = curve.step, curve.timestamp_ms, curve.value
                    assert latest_order(latest) == latest_order(max(rows, key=latest_order))
                    assert curve.count >= len(rows)
            for name, series in ({} if run is None else reader.series(run)).items():
                curves[stream, name] = _shown_items(reader, series)
    return curves


def _shown_items(reader: Reader, series: AnySeries) -> list[tuple[int, int, str]]:
    """The items of a series, after a check of its figures, of their order, and of a part of it."""
    items = reader.items_of(series)
    assert (series.count, series.step) == (len(items), max(items.steps))
    assert series.timestamp_ms == max(items.timestamps)
    assert list(items.timestamps) == sorted(items.timestamps)
    half = reader.items_of(series, series.count // 2)
    assert list(map(bytes, half.values)) == list(map(bytes, items.values[series.count // 2 :]))
    values = (bytes(value).hex() for value in items.values)
    return sorted(zip(items.steps, items.timestamps, values, strict=True))


def _last(envelopes: list[Envelope], wanted: Fact) -> dict[str, Any]:
    """The value that was claimed last of a fact, by key."""
    last: dict[str, tuple[bytes, str, Any]] = {}
    for envelope in envelopes:
        for offset, event in enumerate(events_of(envelope)):
            if event is None or type(event) not in RUN.says:
                continue
            for fact, key, value in RUN.says[type(event)](event):
                claim = stamp_of(envelope, offset), repr(value), value
                if fact is wanted and (key not in last or claim[:2] > last[key][:2]):
                    last[key] = claim
    return {key: value for key, (_, _, value) in last.items()}


_Row = tuple[str, tuple[int, int, str, bytes, int]]


def _items(envelope: Envelope) -> Iterable[_Row]:
    place = 0
    for part in read(envelope).parts:
        for event in part.events or ():
            if isinstance(event, ItemsLogged):
                assert isinstance(event.steps, int)
                assert isinstance(event.timestamps_ms, int)
                name = ITEM_FACTS[type(event)].called(event.key)
                for item in event.items:
                    text = msgpack.encode(item).hex()
                    yield name, (event.steps, event.timestamps_ms, text, envelope.leaf_hash, place)
                    place += 1


def _points(envelope: Envelope) -> Iterable[_Row]:
    for part in read(envelope).parts:
        for event in part.events or ():
            if isinstance(event, MetricLogged):
                yield event.key, (event.step, event.timestamp_ms, _text(event.value), b"", 0)
            elif isinstance(event, MetricsLogged):
                assert isinstance(event.timestamps_ms, int)
                for fact, key, (value, step) in RUN.says[MetricsLogged](event):
                    assert fact is METRIC
                    yield key, (step, event.timestamps_ms, _text(value), b"", 0)


def _text(value: float) -> str:
    return repr(nan if isnan(value) else value)
