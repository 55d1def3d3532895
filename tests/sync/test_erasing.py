"""What was redacted leaves the places that only keep bytes, and nothing else does."""

import threading
import warnings

import pytest

from eventtrack.errors import EventtrackWarning, RemoteDeniedError
from eventtrack.spaces.space import Space
from eventtrack.store import Store
from eventtrack.sync import Ways
from tests.sync.machines import PULL, PUSH, envelopes, record_run, sync
from tests.sync.places import Place, remote_of, segments_of

SECRET = "patient-4711"
FILE = b"the face of " + SECRET.encode()


def holds(place: Place, text: bytes = SECRET.encode()) -> bool:
    """Whether the bytes are anywhere in the place."""
    return any(text in place.get(name) for name in place.names())


def meet(place: Place, *stores: Store) -> None:
    """Let everybody come to hold the same."""
    for store in (*stores, *stores):
        sync(store, place.url)
    heads = [store.replication.heads() for store in stores]
    assert all(one == heads[0] for one in heads)
    assert len({store.maintenance.digest() for store in stores}) == 1
    for store in stores:
        assert envelopes(store) == envelopes(stores[0])
        assert store.maintenance.check().ok


def record_secret(store: Store, secret: str = SECRET) -> str:
    """A run that should not have been recorded as it was; returns its id."""
    run_id = record_run(store, "keep")
    store.runs.set_tags(run_id, {"who": secret})
    record_run(store, "other")
    return run_id


def redact(store: Store, run_id: str) -> None:
    """Erase a run."""
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run_id}"), "asked for")


def test_what_was_redacted_is_gone_from_the_remote_with_the_next_sync(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    run_id = record_secret(one)
    sync(one, place.url)
    sync(two, place.url)
    assert holds(place)
    redact(one, run_id)
    sync(one, place.url)
    assert not holds(place)
    meet(place, two, three, one)
    assert not holds(place)
    assert not any(SECRET.encode() in data for data in envelopes(two).values())
    before = {name: place.get(name) for name in place.names()}
    assert not sync(two, place.url).changed
    assert {name: place.get(name) for name in place.names()} == before


def test_whoever_knows_of_it_erases_what_another_machine_wrote(
    one: Store, two: Store, place: Place
) -> None:
    """The one that recorded it never comes back; the other one redacts."""
    run_id = record_secret(one)
    sync(one, place.url)
    sync(two, place.url)
    redact(two, run_id)
    sync(two, place.url)
    assert not holds(place)
    assert len(remote_of(place).heads()) == 2


def test_what_comes_from_a_machine_that_has_not_heard_is_erased_again(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    run_id = record_secret(one)
    between = place.beside("between")
    sync(one, between.url)
    sync(two, between.url)
    sync(three, between.url)
    redact(two, run_id)
    sync(two, place.url)
    assert not holds(place)
    for name in place.names("feeds"):
        place.delete(name)
    sync(three, place.url, PUSH)
    assert holds(place)
    sync(two, place.url)
    assert not holds(place)
    sync(three, place.url)
    assert not any(SECRET.encode() in data for data in envelopes(three).values())


def test_two_that_erase_different_things_at_once_erase_both(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    first, second = record_secret(one), record_secret(one, "patient-4712")
    for store in (one, two, three):
        sync(store, place.url)
    redact(two, first)
    redact(three, second)
    start = threading.Barrier(2)

    def clean(store: Store) -> None:
        start.wait()
        sync(store, place.url, PUSH)

    threads = [threading.Thread(target=clean, args=(store,)) for store in (two, three)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meet(place, two, three, one)
    assert not holds(place, b"patient")
    assert len(segments_of(place, one.replication.log.replica)) == 1


def test_who_erases_while_others_write_loses_nothing_of_theirs(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    run_id = record_secret(one)
    for store in (one, two):
        sync(store, place.url)
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(12):
                record_run(two, str(number), points=1)
                sync(two, place.url)
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    redact(one, run_id)
    for _ in range(8):
        sync(one, place.url)
    writer.join()
    assert not failures
    meet(place, one, two, three)
    assert not holds(place)
    assert len(two.runs.search(["0"])) == 13


def test_files_that_were_redacted_are_deleted_and_do_not_come_back(
    one: Store, two: Store, place: Place
) -> None:
    run_id = record_run(one)
    other = record_run(one, "other")
    one.artifacts.log_bytes(run_id, FILE, "face.png")
    one.artifacts.log_bytes(other, b"fine", "fine.txt")
    sync(one, place.url)
    one.redaction.redact_artifact(run_id, "face.png", "asked for")
    sync(one, place.url)
    assert not holds(place, FILE)
    assert len(place.names("blobs")) == 1
    sync(two, place.url)


def test_a_redacted_file_is_not_fetched_from_where_it_still_lies(
    one: Store, two: Store, place: Place
) -> None:
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, FILE, "face.png")
    sync(one, place.url)
    sync(two, place.url)
    one.redaction.redact_artifact(run_id, "face.png", "asked for")
    sync(one, place.url, Ways(artifacts=False))
    assert holds(place, FILE)
    sync(two, place.url, PULL)
    assert sync(one, place.url, PULL).pulled.artifacts == 0
    assert not list((two.path / "blobs").glob("??/*"))
    sync(two, place.url)
    assert not holds(place, FILE)


def test_a_file_that_something_else_names_stays_when_a_run_is_redacted(
    one: Store, two: Store, place: Place
) -> None:
    redacted, kept = record_run(one, "redacted"), record_run(one, "kept")
    for run_id in (redacted, kept):
        one.artifacts.log_bytes(run_id, b"shared", "shared.txt")
    one.artifacts.log_bytes(redacted, FILE, "face.png")
    sync(one, place.url)
    redact(one, redacted)
    sync(one, place.url)
    assert not holds(place, FILE)
    sync(two, place.url)
    with two.artifacts.open(kept, "shared.txt") as stream:
        assert stream.read() == b"shared"


def test_who_may_not_delete_is_told_and_syncs_all_the_same(
    one: Store, two: Store, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = record_secret(one)
    sync(one, place.url)
    redact(one, run_id)
    after = record_run(one, "after")

    def refuse(space: Space, names: object) -> None:
        raise RemoteDeniedError("not you")

    monkeypatch.setattr(type(place.space()), "delete", refuse)
    with pytest.warns(EventtrackWarning, match="redacted"):
        sync(one, place.url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EventtrackWarning)
        sync(two, place.url)
    assert two.runs.get(after).info.run_name == "after"
