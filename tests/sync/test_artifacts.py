"""Files follow the events that name them, whole or not at all."""

import hashlib
import os
from collections.abc import Iterator

import pytest

from eventtrack.errors import ChecksumError, NotFoundError
from eventtrack.store import Store
from eventtrack.sync import Ways
from tests.sync.machines import PULL, PUSH, record_run, sync
from tests.sync.places import Place, remote_of

WEIGHTS = b"weights" * 1000


@pytest.fixture
def run_id(one: Store) -> str:
    """A run of the first machine, with a file."""
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, WEIGHTS, "model/weights.bin")
    return run_id


def content(store: Store, run_id: str) -> bytes:
    with store.artifacts.open(run_id, "model/weights.bin") as stream:
        return stream.read()


def test_files_come_with_the_events_that_name_them(
    one: Store, two: Store, run_id: str, place: Place
) -> None:
    report = sync(one, place.url)
    assert (report.pushed.artifacts, report.pushed.artifact_bytes) == (1, len(WEIGHTS))
    report = sync(two, place.url)
    assert (report.pulled.artifacts, report.pulled.artifact_bytes) == (1, len(WEIGHTS))
    assert content(two, run_id) == WEIGHTS
    assert two.maintenance.check().ok


def test_files_of_models_come_as_well(one: Store, two: Store, place: Place) -> None:
    model = one.models.create("0", name="net")
    one.models.artifacts.log_bytes(model.model_id, WEIGHTS, "net.bin")
    sync(one, place.url)
    assert sync(two, place.url).pulled.artifacts == 1


def test_files_that_were_left_out_come_with_a_later_sync(
    one: Store, two: Store, run_id: str, place: Place
) -> None:
    assert sync(one, place.url, Ways(artifacts=False)).pushed.artifacts == 0
    assert sync(two, place.url).pulled.artifacts_missing == 1
    with pytest.raises(NotFoundError, match="not here"):
        content(two, run_id)
    assert sync(one, place.url).pushed.artifacts == 1
    assert sync(two, place.url).pulled.artifacts == 1
    assert content(two, run_id) == WEIGHTS
    assert sync(two, place.url).pulled.artifacts_missing == 0


def test_a_relay_without_the_file_does_not_hide_it(
    one: Store, two: Store, three: Store, run_id: str, place: Place
) -> None:
    sync(one, place.url, Ways(artifacts=False))
    sync(two, place.url)
    other = place.beside("other").url
    assert sync(two, other, PUSH).pushed.artifacts_missing == 1
    sync(three, other)
    sync(one, place.url)
    sync(two, place.url)
    assert sync(two, other).pushed.artifacts == 1
    sync(three, other)
    assert content(three, run_id) == WEIGHTS


def test_an_artifact_with_other_bytes_is_refused(
    one: Store, two: Store, run_id: str, place: Place
) -> None:
    sync(one, place.url)
    [blob] = place.names("blobs")
    place.put(blob, b"other bytes")
    with pytest.raises(ChecksumError, match=blob.rpartition("/")[2]):
        sync(two, place.url, PULL)
    assert not list((two.path / "blobs").rglob("*.*"))
    with pytest.raises(NotFoundError, match="not here"):
        content(two, run_id)
    assert two.runs.get(run_id).info.run_name == "run"


@pytest.mark.parametrize("size", [10, 20 * 2**20])
def test_an_artifact_with_other_bytes_is_not_given_its_name(place: Place, size: int) -> None:
    remote = remote_of(place, create=True)
    right, wrong = os.urandom(size), os.urandom(size)
    digest = hashlib.sha256(right).digest()
    with pytest.raises(ChecksumError, match=digest.hex()):
        remote.put_blob(digest, pieces(wrong))
    assert remote.present_blobs([digest]) == set()
    remote.put_blob(digest, pieces(right))
    remote.put_blob(digest, pieces(right))
    assert remote.present_blobs([digest]) == {digest}
    assert b"".join(remote.get_blob(digest)) == right


def pieces(data: bytes) -> Iterator[bytes]:
    """The data in pieces of a MiB."""
    return (data[start : start + 2**20] for start in range(0, len(data), 2**20))


def test_many_files_are_found_where_they_are(one: Store, two: Store, place: Place) -> None:
    run_id = record_run(one)
    for number in range(20):
        one.artifacts.log_bytes(run_id, str(number).encode(), f"{number}.txt")
    assert sync(one, place.url).pushed.artifacts == 20
    for name in place.names("blobs")[:3]:
        place.delete(name)
    report = sync(two, place.url)
    assert (report.pulled.artifacts, report.pulled.artifacts_missing) == (17, 3)


def test_files_go_to_an_empty_place_also_when_another_was_there_before(
    one: Store, two: Store, run_id: str, place: Place
) -> None:
    sync(one, place.url)
    for name in place.names():
        place.delete(name)
    sync(one, place.url)
    sync(two, place.url)
    assert content(two, run_id) == WEIGHTS


def test_notes_about_earlier_rounds_may_be_lost(
    one: Store, two: Store, run_id: str, place: Place
) -> None:
    sync(one, place.url)
    sync(two, place.url)
    for store in (one, two):
        for note in (store.path / "remotes").iterdir():
            note.write_bytes(b"nonsense")
        report = sync(store, place.url)
        assert (report.pulled.artifacts, report.pushed.artifacts) == (0, 0)
