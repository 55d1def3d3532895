"""How much happened when, against every event counted one by one."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.envelope import Draft
from eventtrack.events.types import RunStarted, TagsSet
from eventtrack.ids import SeededIds
from eventtrack.projections import timeline
from eventtrack.store import Store
from eventtrack.views.history.density import BUCKETS_MAX, Density
from eventtrack.views.history.events import EventRecord
from tests.projections.test_ahead import DictRows
from tests.store.machines import send

RUNS = [f"{place:032x}" for place in range(5)]


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two machines' histories, one of a slow clock: what arrives late was recorded early."""
    folder = tmp_path_factory.mktemp("density")
    one = Store(folder / "one", clock=ManualClock(1_000_000), ids=SeededIds("one"))
    two = Store(folder / "two", clock=ManualClock(400_000), ids=SeededIds("two"))
    for place, store in enumerate((one, two, one)):
        drafts = [
            Draft.of(f"run/{RUNS[number % 5]}", *[TagsSet({"t": str(number)})] * (number % 3 + 1))
            for number in range(place, 900, 7)
        ]
        if not place:
            drafts[:0] = [
                Draft.of(f"run/{run}", RunStarted("0", "n", "u", 1, {})) for run in RUNS[:4]
            ]
        clock = store._engine.clock
        assert isinstance(clock, ManualClock)
        for draft in drafts:
            clock.advance(37)
            store.events.append(draft)
        send(two, one)
    return one


def counted(events: list[EventRecord], found: Density) -> tuple[list[int], list[int | None]]:
    counts = [0] * len(found.counts)
    latest: list[int | None] = [None] * len(counts)
    for event in events:
        at = event.position if found.by == "position" else event.recorded_ms
        bucket = (at - found.low) // found.width
        if 0 <= bucket < len(counts):
            counts[bucket] += 1
            latest[bucket] = max(latest[bucket] or 0, event.recorded_ms)
    return counts, latest


@settings(max_examples=60, deadline=None)
@given(
    by=st.sampled_from(["position", "time"]),
    buckets=st.integers(1, 300) | st.just(BUCKETS_MAX),
    low=st.none() | st.integers(-50, 500) | st.integers(300_000, 1_100_000),
    length=st.none() | st.integers(-3, 800) | st.integers(0, 700_000),
    of=st.sampled_from(["store", "experiment", *RUNS]),
)
def test_each_stretch_holds_the_events_that_lie_in_it(
    merged: Store, by: str, buckets: int, low: int | None, length: int | None, of: str
) -> None:
    high = None if length is None or low is None else low + length
    events = list(merged.events.read())
    if of == "store":
        found = merged.history.density(by, buckets, low=low, high=high)
    elif of == "experiment":
        found = merged.history.density(by, buckets, low=low, high=high, experiment_id="0")
        inside = {"experiment/0", *(f"run/{run}" for run in RUNS[:4])}
        events = [event for event in events if event.stream in inside]
    elif of == RUNS[4]:
        with pytest.raises(NotFoundError):
            merged.history.density(by, buckets, run_id=of)
        return
    else:
        found = merged.history.density(by, buckets, low=low, high=high, run_id=of)
        events = [event for event in events if event.stream == f"run/{of}"]
    assert len(found.counts) <= buckets
    assert (found.counts, found.latest_ms) == counted(events, found)
    assert found.events == sum(found.counts)
    if low is None and high is None:
        assert found.events == len(events)


def test_what_cannot_be_drawn_is_refused(merged: Store) -> None:
    for by, buckets in (("colour", 10), ("time", 0), ("position", BUCKETS_MAX + 1)):
        with pytest.raises(InvalidValueError, match="density goes by"):
            merged.history.density(by, buckets)


def test_the_last_moments_stay_open_and_see_what_arrives(
    store: Store, run_id: str, clock: ManualClock
) -> None:
    """A position is settled; of a time more may become known later."""
    head, time_ms = store.events.head(), clock.now_ms()
    at_time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()
    with store.moments.at(str(head)) as then, store.moments.at(at_time) as same:
        pass
    store.runs.set_tags(run_id, {"t": "within the same millisecond"})
    clock.advance(5)
    store.runs.set_tags(run_id, {"t": "later"})
    with store.moments.at(str(head)) as again:
        assert again is then
        assert "t" not in again.runs.get(run_id).data.tags
    with store.moments.at(at_time) as again:
        assert again is not same
        assert again.runs.get(run_id).data.tags["t"] == "within the same millisecond"
    with store.moments.at("0") as oldest:
        for position in range(1, 8):
            with store.moments.at(str(position)) as then:
                assert then.position == min(position, store.events.head())
        assert oldest.runs.search(["0"]) == []


def test_extents_of_many_streams_take_a_few_bytes_for_each() -> None:
    """The density of an experiment of 1,000,000 runs took 308 MB."""

    class Same(DictRows):
        def get(self, table: str, key: bytes) -> bytes | None:
            return None if key == bytes(4) else timeline._EXTENT.pack(1, 2, 3, 4, 5, True)

    many = 20_000
    tracemalloc.start()
    numbers, extents = timeline.extents_of(Same({}), range(many))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert list(numbers) == list(range(1, many))
    assert list(extents()) == [timeline.Extent(1, 2, 3, 4, 5)] * (many - 1)
    assert peak < 120 * many
