"""Files follow the events that name them, whole or not at all."""

from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, NotFoundError
from eventtrack.store import Store
from eventtrack.sync import Ways
from tests.sync.machines import PULL, PUSH, record_run, sync

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
    one: Store, two: Store, run_id: str, stick: Path
) -> None:
    report = sync(one, stick)
    assert (report.pushed.artifacts, report.pushed.artifact_bytes) == (1, len(WEIGHTS))
    report = sync(two, stick)
    assert (report.pulled.artifacts, report.pulled.artifact_bytes) == (1, len(WEIGHTS))
    assert content(two, run_id) == WEIGHTS
    assert two.maintenance.check().ok


def test_files_of_models_come_as_well(one: Store, two: Store, stick: Path) -> None:
    model = one.models.create("0", name="net")
    one.models.artifacts.log_bytes(model.model_id, WEIGHTS, "net.bin")
    sync(one, stick)
    assert sync(two, stick).pulled.artifacts == 1


def test_files_that_were_left_out_come_with_a_later_sync(
    one: Store, two: Store, run_id: str, stick: Path
) -> None:
    assert sync(one, stick, Ways(artifacts=False)).pushed.artifacts == 0
    assert sync(two, stick).pulled.artifacts_missing == 1
    with pytest.raises(NotFoundError, match="not here"):
        content(two, run_id)
    assert sync(one, stick).pushed.artifacts == 1
    assert sync(two, stick).pulled.artifacts == 1
    assert content(two, run_id) == WEIGHTS
    assert sync(two, stick).pulled.artifacts_missing == 0


def test_a_relay_without_the_file_does_not_hide_it(
    one: Store, two: Store, three: Store, run_id: str, stick: Path, tmp_path: Path
) -> None:
    sync(one, stick, Ways(artifacts=False))
    sync(two, stick)
    other = tmp_path / "other"
    assert sync(two, other, PUSH).pushed.artifacts_missing == 1
    sync(three, other)
    sync(one, stick)
    sync(two, stick)
    assert sync(two, other).pushed.artifacts == 1
    sync(three, other)
    assert content(three, run_id) == WEIGHTS


def test_an_artifact_with_other_bytes_is_refused(
    one: Store, two: Store, run_id: str, stick: Path
) -> None:
    sync(one, stick)
    [blob] = (stick / "blobs").glob("??/*")
    blob.chmod(0o644)
    blob.write_bytes(b"other bytes")
    with pytest.raises(ChecksumError, match=blob.name):
        sync(two, stick, PULL)
    assert not list((two.path / "blobs").rglob("*.*"))
    with pytest.raises(NotFoundError, match="not here"):
        content(two, run_id)
    assert two.runs.get(run_id).info.run_name == "run"


def test_files_go_to_an_empty_place_also_when_another_was_there_before(
    one: Store, two: Store, run_id: str, stick: Path
) -> None:
    sync(one, stick)
    stick.rename(stick.with_name("lost"))
    sync(one, stick)
    sync(two, stick)
    assert content(two, run_id) == WEIGHTS


def test_notes_about_earlier_rounds_may_be_lost(
    one: Store, two: Store, run_id: str, stick: Path
) -> None:
    sync(one, stick)
    sync(two, stick)
    for store in (one, two):
        for note in (store.path / "remotes").iterdir():
            note.write_bytes(b"nonsense")
        report = sync(store, stick)
        assert (report.pulled.artifacts, report.pushed.artifacts) == (0, 0)
