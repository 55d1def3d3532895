"""The log as records: read, filtered, named by address, followed."""

import threading

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.store import Store
from eventtrack.views.history.events import EventRecord
from eventtrack.views.records import Metric, Param, RunTag
from tests.store.machines import refused


@pytest.fixture
def filled(store: Store, run_id: str) -> Store:
    """A store with a batch of three kinds, tags, and points."""
    store.runs.log_batch(
        run_id,
        [Metric(key="m", value=1.0, timestamp=5)],
        [Param(key="p", value="1")],
        [RunTag(key="t", value="a")],
    )
    store.runs.set_tags(run_id, {"t": "b"})
    for step in range(3):
        store.metrics.log(run_id, "m", 2.0, step)
    return store


def addresses(events: list[EventRecord]) -> list[str]:
    return [event.address for event in events]


def test_an_empty_log_has_only_what_makes_a_store(store: Store) -> None:
    assert [event.type for event in store.events.read()] == ["session.opened", "experiment.created"]


def test_events_come_in_order_of_position_and_place(filled: Store) -> None:
    events = list(filled.events.read())
    places = [(event.position, event.offset) for event in events]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert events[-1].position == filled.events.head()


def test_the_head_counts_what_is_still_in_the_journal(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.metrics.log(run_id, "m", 1.0)
    assert store.events.head() == head + 1


def test_reading_goes_on_after_any_position(filled: Store) -> None:
    events = list(filled.events.read())
    for after in range(-2, filled.events.head() + 2):
        assert list(filled.events.read(after)) == [e for e in events if e.position > after]
    assert list(filled.events.read(2**70)) == []


def test_filters_keep_just_what_they_name(filled: Store, run_id: str) -> None:
    events = list(filled.events.read())
    stream = f"run/{run_id}"
    session = events[0].session
    read = filled.events.read
    assert list(read(stream=stream)) == [e for e in events if e.stream == stream]
    assert list(read(stream=stream, after=4)) == [
        e for e in events if e.stream == stream and e.position > 4
    ]
    kinds = {"run.tags_set", "run.started"}
    assert list(read(types=kinds)) == [e for e in events if e.type in kinds]
    assert list(read(session=session)) == events
    assert list(read(session="00" * 16)) == []
    assert list(read(stream="run/none")) == list(read(types=["no"])) == []
    assert list(read(types=[])) == []
    for limit in (0, 1, 3, 100):
        assert list(read(limit=limit)) == events[:limit]
        assert (
            list(read(types=kinds, limit=limit)) == [e for e in events if e.type in kinds][:limit]
        )


def test_an_address_names_an_event_and_a_position_its_envelope(filled: Store) -> None:
    batch = next(e for e in filled.events.read() if e.type == "run.params_logged").position
    whole = filled.events.get(str(batch))
    assert [event.type for event in whole] == [
        "run.params_logged",
        "run.metrics_logged",
        "run.tags_set",
    ]
    for event in whole:
        assert filled.events.get(event.address) == [event]


@pytest.mark.parametrize("address", ["0", "999", "999.0", "1.7", "9" * 30])
def test_an_address_of_nothing_is_not_found(store: Store, address: str) -> None:
    with refused(store, NotFoundError, "there is no event"):
        store.events.get(address)


@pytest.mark.parametrize(
    "address", ["", "x", "1.", ".1", "1.x", "-1", "1.2.3", " 1", "²", "9" * 5000]
)
def test_what_is_no_address_is_refused(store: Store, address: str) -> None:
    with refused(store, InvalidValueError, "is no address of an event"):
        store.events.get(address)


def test_a_body_is_readable(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"x", "f")
    (event,) = store.events.read(types=["run.artifacts_logged"])
    assert event.body["files"][0]["sha256"] == store.artifacts.entry(run_id, "f").sha256
    plain = event.to_dictionary()
    assert plain["address"] == event.address
    assert plain["known"] is True


def test_an_event_of_an_unknown_type_is_shown_and_said_to_be_unknown(
    store: Store, run_id: str
) -> None:
    before = store.runs.get(run_id)
    body = encode_groups([("run.dreamt", 1, [b"\x92\xa1a\x01"])])
    store._engine.execute(lambda reader: (None, [Draft(f"run/{run_id}", body, 1)]))
    (event,) = store.events.read(types=["run.dreamt"])
    assert (event.known, event.body) == (False, {"fields": ["a", 1]})
    assert store.runs.get(run_id) == before
    assert store.stats().unknown_events == {"run.dreamt": 1}
    assert store.history.timeline(run_id)[-1] == event


def test_following_gives_what_was_and_then_what_comes(store: Store, run_id: str) -> None:
    stop = threading.Event()
    seen: list[EventRecord] = []
    got_some = threading.Semaphore(0)

    def follow() -> None:
        for event in store.events.follow(0, stop=stop):
            seen.append(event)
            got_some.release()

    thread = threading.Thread(target=follow)
    thread.start()
    for _ in store.events.read():
        assert got_some.acquire(timeout=10)
    store.runs.set_tags(run_id, {"t": 1})
    store.metrics.log(run_id, "m", 1.0)
    for _ in range(2):
        assert got_some.acquire(timeout=10)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert addresses(seen) == addresses(list(store.events.read()))


def test_following_from_a_position_skips_what_was(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.set_tags(run_id, {"t": 1})
    event = next(store.events.follow(head))
    assert event.type == "run.tags_set"


def test_a_reader_that_pauses_sees_what_came_meanwhile(store: Store, run_id: str) -> None:
    reading = store.events.read(types=["run.tags_set"])
    for number in range(5):
        store.runs.set_tags(run_id, {"t": number})
    assert next(reading).body == {"tags": {"t": "0"}}
    assert len(list(reading)) == 4
