"""Event files that tensorboardX wrote, and what is left of damaged ones."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventtrack.errors import NotFoundError
from eventtrack.store import Store
from eventtrack.transfer import crc
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.tensorboard import EventFolders
from eventtrack.views.items import HistogramItem, TextItem
from tests.transfer.theirs import runs_of, state

STEPS = 300


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two folders of tensorboardX, one with hyperparameters below it."""
    writers: Any = pytest.importorskip("tensorboardX")
    for name in ("first", "second"):
        with writers.SummaryWriter(str(tmp_path / "logs" / name)) as writer:
            for step in range(STEPS):
                writer.add_scalar("loss/train", 1 / (step + 1), step, walltime=1.7e9 + step / 8)
                writer.add_scalar("odd", math.nan, -step, walltime=1.7e9)
            writer.add_text("note", "hello *world*", 1)
            writer.add_text("note", "again", 2)
            writer.add_histogram("h", list(range(2000)), 1)
            if name == "first":
                writer.add_hparams({"lr": 0.1, "n": 3, "on": True}, {"acc": 0.5}, name="trial")
    return tmp_path / "logs"


def take(store: Store, logs: Path) -> Report:
    """Import a folder."""
    return import_histories(store, EventFolders(logs), lambda done, total: None)


def test_scalars_hyperparameters_and_texts_come_in(logs: Path, store: Store) -> None:
    report = take(store, logs)
    assert (report.exit_code, report.not_taken) == (0, {})
    runs = {run.info.run_name: run for run in runs_of(store)}
    assert set(runs) == {"first", "first/trial", "second"}
    first = runs["first"]
    points = store.metrics.arrays(first.info.run_id, "loss/train")
    assert list(points.steps) == list(range(STEPS))
    assert list(points.timestamps) == [1_700_000_000_000 + 125 * step for step in range(STEPS)]
    assert points.values[9] == pytest.approx(0.1)
    odd = store.metrics.arrays(first.info.run_id, "odd")
    assert min(odd.steps) == 1 - STEPS
    assert all(map(math.isnan, odd.values))
    assert first.data.tags["note"] == "again"
    assert b"hello" in store.artifacts.open(first.info.run_id, "imported/texts.json").read()
    [histogram] = store.items.read(first.info.run_id, "h")
    assert isinstance(histogram, HistogramItem)
    assert (histogram.step, sum(histogram.counts)) == (1, 2000)
    assert (histogram.edges[0], histogram.edges[-1]) == (0, 1999)
    notes = store.items.read(first.info.run_id, "note", "text")
    assert [one.text for one in notes if isinstance(one, TextItem)] == ["hello *world*", "again"]
    trial = runs["first/trial"]
    assert trial.data.params == {"lr": "0.1", "n": "3", "on": "True"}
    assert trial.data.tags["mlflow.parentRunId"] == first.info.run_id


def test_again_from_another_place_and_grown(logs: Path, store: Store) -> None:
    take(store, logs)
    head, before = store.events.head(), state(store)
    moved = logs.rename(logs.with_name("elsewhere"))
    again = import_histories(store, EventFolders(moved, "logs"), lambda done, total: None)
    assert (again.taken.total(), store.events.head()) == (0, head)
    writers: Any = pytest.importorskip("tensorboardX")
    with writers.SummaryWriter(str(moved / "second"), filename_suffix=".later") as writer:
        writer.add_scalar("loss/train", 0.5, STEPS)
    grown = import_histories(store, EventFolders(moved, "logs"), lambda done, total: None)
    assert (grown.taken.points, grown.taken.runs, grown.taken.updates) == (1, 0, 1)
    assert len(state(store)) == len(before)


@pytest.mark.parametrize("cut", [1, 4, 5, 11])
def test_a_torn_last_record_is_named_and_the_rest_taken(logs: Path, store: Store, cut: int) -> None:
    [path] = (logs / "second").glob("*tfevents*")
    data = path.read_bytes()
    path.write_bytes(data[:5000] + data[5000 : 5000 + cut])
    report = take(store, logs)
    [damage] = report.damage
    assert damage.file == str(path)
    assert damage.offset is not None
    assert 4900 < damage.offset <= 5000 + cut
    assert report.exit_code == 8
    [second] = [run for run in runs_of(store) if run.info.run_name == "second"]
    assert 40 < len(store.metrics.arrays(second.info.run_id, "loss/train")) < STEPS


def test_a_flipped_bit_in_a_record_or_in_its_length_costs_that_record(
    logs: Path, store: Store
) -> None:
    [path] = (logs / "second").glob("*tfevents*")
    whole = path.read_bytes()
    place = whole.index(b"loss/train", 3000)
    head = whole.rindex(b"\0\0\0\0", 0, place) - 4  # the length of that record
    for at in (place, head):
        data = bytearray(whole)
        data[at] ^= 1
        path.write_bytes(data)
        report = take(store, logs)
        [damage] = report.damage
        assert (damage.file, damage.offset, report.exit_code) == (str(path), head, 8)
    [second] = [run for run in runs_of(store) if run.info.run_name == "second"]
    assert len(store.metrics.arrays(second.info.run_id, "loss/train")) == STEPS - 1


def test_a_folder_without_event_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="event file"):
        EventFolders(tmp_path)


def test_the_checksum_is_the_one_of_rfc_3720() -> None:
    # RFC 3720, B.4: 32 bytes of zeros have CRC-32C 0x8a9136aa.
    plain = 0x8A9136AA
    assert crc.masked(bytes(32)) == ((plain >> 15 | plain << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(st.lists(st.binary(max_size=200), max_size=40))
@example([bytes(length) for length in range(4)])
@example([bytes(range(256)) * 9, b"", bytes(64), bytes(65)])
def test_many_checksums_are_those_of_each(records: list[bytes]) -> None:
    assert crc.masked_many(records) == [crc.masked(record) for record in records]
