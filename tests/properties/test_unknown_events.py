"""Events from the future are kept, forwarded byte for byte, counted and skipped."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import TagsSet
from eventtrack.projections import fold
from eventtrack.projections.digest import digest
from eventtrack.projections.skipped import unknown_counts
from tests.properties.replicas import RUNS, Replica

KNOWN = msgspec.msgpack.encode(TagsSet({"known": "yes"}))
# Any msgpack value: a later version may hold anything.
BODY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
).map(msgspec.msgpack.encode)
UNKNOWN_TYPE = st.sampled_from(["run.teleported", "dataset.versioned", "", "x" * 600, "é" * 300])
GROUP = st.one_of(
    st.tuples(UNKNOWN_TYPE, st.integers(1, 3), st.lists(BODY, min_size=1, max_size=3)),
    st.tuples(
        st.sampled_from([entry.name for entry in REGISTRY]),
        st.sampled_from([0, 2, 99]),
        st.lists(BODY, min_size=1, max_size=3),
    ),
    st.tuples(st.just("run.tags_set"), st.just(1), st.just([KNOWN])),
)
STREAM = st.sampled_from([*RUNS, "dataset/1", "something else"])


@given(st.lists(st.tuples(STREAM, st.lists(GROUP, min_size=1, max_size=4)), min_size=1, max_size=4))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_unknown_events_are_kept_counted_and_skipped(
    tmp_path_factory: pytest.TempPathFactory,
    recorded: list[tuple[str, list[tuple[str, int, list[bytes]]]]],
) -> None:
    folder = tmp_path_factory.mktemp("unknown")
    first, second = Replica.make("1", folder / "1", on_disk=True), Replica.make("2", folder / "2")
    unknown: Counter[str] = Counter()
    for stream, groups in recorded:
        # A type we know stands only where we would write it.
        parts = [one for one in groups if stream in RUNS or one[2] != [KNOWN]]
        if parts:
            count = sum(len(bodies) for _, _, bodies in parts)
            first.record(Draft(stream, encode_groups(parts), count))
        for name, _, bodies in parts:
            if bodies != [KNOWN]:
                unknown[name] += len(bodies)
    second.pull_all(first)
    kept = [envelope.data for envelope in first.log.read(0, 100)]
    assert [envelope.data for envelope in second.log.read(0, 100)] == kept
    assert first.fold_all() == second.fold_all()
    with first.build.read() as reader:
        counts = unknown_counts(reader)
        assert sum(counts.values()) == sum(unknown.values())
        for name, count in unknown.items():
            if 0 < len(name.encode()) <= 400:
                assert counts[name] == count
        for run in RUNS:
            state = reader.run(run.partition("/")[2])
            assert state is None or state.live_tags() == {"known": "yes"}
    first.close()
    second.close()


def test_an_event_that_is_known_later_is_folded_by_a_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade shows what an older version kept without understanding it."""
    replica = Replica.make("1", tmp_path)
    replica.record(Draft.of(RUNS[0], TagsSet({"a": "b"})))
    with monkeypatch.context() as patch:
        patch.setattr(fold.apply, "__defaults__", (Registry(),))
        replica.fold_all()
        with replica.build.read() as reader:
            assert unknown_counts(reader) == {"run.tags_set": 1}
            assert reader.run(RUNS[0].partition("/")[2]) is None
            before = digest(reader)
    assert replica.fold_anew("anew")[0] != before
    replica.close()
