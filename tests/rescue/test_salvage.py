"""A salvage takes all that survives, invents nothing, and says what is gone."""

import random
import resource
import shutil
from pathlib import Path

import pytest

from eventtrack.errors import (
    AlreadyExistsError,
    DiskFullError,
    InvalidValueError,
    StoreMissingError,
)
from eventtrack.rescue import salvage, salvaging
from eventtrack.store import Store
from eventtrack.sync import Remotes
from eventtrack.views.records import Metric
from tests.rescue.damage import (
    PAGE_BYTES,
    POINTS,
    Sample,
    assert_all_that_survived,
    damaged,
    salvaged,
)
from tests.sync.machines import machine, record_run, snapshot_of, sync


def assert_survivors(sample: Sample, data: bytes, folder: Path) -> None:
    """A salvage of a store with such a log takes what is left of it."""
    old = damaged(sample, folder / "old", data)
    with salvaged(old, folder / "new") as (store, report):
        assert_all_that_survived(sample, data, store, report)


@pytest.fixture
def no_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the views knew is compared by tests of its own: it costs a process each time."""
    monkeypatch.setattr(salvaging, "note_losses", lambda *_: None)


@pytest.mark.slow
@pytest.mark.usefixtures("no_views")
@pytest.mark.parametrize("wreck", ["zeros", "garbage", "cut"])
def test_whatever_page_is_damaged_all_others_are_salvaged(
    sample: Sample, tmp_path: Path, wreck: str
) -> None:
    chance = random.Random(wreck)
    pages = len(sample.data) // PAGE_BYTES
    assert pages > 20
    for page in range(pages):
        data = bytearray(sample.data)
        start, stop = page * PAGE_BYTES, (page + 1) * PAGE_BYTES
        if wreck == "zeros":
            data[start:stop] = bytes(PAGE_BYTES)
        elif wreck == "garbage":
            data[start:stop] = chance.randbytes(PAGE_BYTES)
        else:
            del data[start + chance.randrange(PAGE_BYTES) :]
        assert_survivors(sample, bytes(data), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("no_views")
def test_a_flipped_bit_never_changes_what_is_salvaged(sample: Sample, tmp_path: Path) -> None:
    chance = random.Random(3)
    places = [place for place, byte in enumerate(sample.data) if byte]
    for place in chance.sample(places, 60):
        data = bytearray(sample.data)
        data[place] ^= 1 << chance.randrange(8)
        assert_survivors(sample, bytes(data), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("no_views")
def test_many_damaged_pages_at_once_are_survived(sample: Sample, tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(12):
        data = bytearray(sample.data)
        for _ in range(chance.randrange(2, 9)):
            start = chance.randrange(len(data) // 512) * 512
            data[start : start + 512 * chance.randrange(1, 9)] = bytes(512)
        assert_survivors(sample, bytes(data), tmp_path)


@pytest.mark.usefixtures("no_views")
def test_a_header_with_a_flipped_bit_is_put_right_by_the_root(
    sample: Sample, tmp_path: Path
) -> None:
    """A header has no checksum of its own."""
    target = next(one for one in sample.envelopes if one.header.stream.startswith("run/"))
    wrong = target.data[:2] + target.header_bytes.replace(b"run/", b"rwn/") + target.payload
    data = sample.data.replace(target.data, wrong)
    assert target.data not in data
    old = damaged(sample, tmp_path / "old", data)
    with salvaged(old, tmp_path / "new") as (store, report):
        assert report.repaired == 1
        assert report.complete
        assert store.maintenance.digest() == sample.digest


@pytest.mark.parametrize("missing", ["FORMAT", "log/lock.mdb", "views", "journal", "blobs"])
def test_no_other_file_of_a_store_is_needed(sample: Sample, tmp_path: Path, missing: str) -> None:
    old = damaged(sample, tmp_path / "old", sample.data)
    gone = old / missing
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    with salvaged(old, tmp_path / "new") as (store, report):
        assert store.maintenance.digest() == sample.digest
        assert report.envelopes == len(sample.envelopes)
        assert report.complete == (missing != "blobs")


@pytest.mark.parametrize("size", [0, 100, 3 * PAGE_BYTES])
def test_of_a_log_that_is_empty_or_cut_short_the_rest_is_told_by_name(
    sample: Sample, tmp_path: Path, size: int
) -> None:
    old = damaged(sample, tmp_path / "old", sample.data[:size])
    with salvaged(old, tmp_path / "new") as (store, report):
        assert not report.complete
        assert not report.is_end_known
        names = {loss.name for loss in report.losses if loss.kind == "run"}
        assert names >= {"run-0", "run-9"}
        assert store.maintenance.check().ok


def test_without_both_meta_pages_everything_is_salvaged(sample: Sample, tmp_path: Path) -> None:
    old = damaged(sample, tmp_path / "old", bytes(2 * PAGE_BYTES) + sample.data[2 * PAGE_BYTES :])
    with salvaged(old, tmp_path / "new") as (store, report):
        assert store.maintenance.digest() == sample.digest
        assert not report.is_end_known
        assert report.moved == 0


def test_what_is_gone_is_told_by_run_and_key(sample: Sample, tmp_path: Path) -> None:
    long = next(one for one in sample.envelopes if len(one.data) > 3 * PAGE_BYTES)
    params = next(
        one
        for one in sample.envelopes
        if one.header.stream == f"run/{sample.runs[2]}" and one.may_hold(b"run.params_logged")
    )
    data = sample.data
    for lost in (long, params):
        data = data.replace(lost.payload[-8:], bytes(8))
    old = damaged(sample, tmp_path / "old", data)
    with salvaged(old, tmp_path / "new") as (_, report):
        losses = {(loss.name, loss.kind, loss.key): loss for loss in report.losses}
        assert losses["run-5", "metric", "long"].had == POINTS
        assert losses["run-5", "metric", "long"].has == 0
        assert losses["run-2", "param", "lr"].value == "run-2"
        assert len(losses) == 2
        streams = {stream for gap in report.gaps for stream in gap.streams}
        assert streams == {long.header.stream, params.header.stream}
        assert [gap.stop - gap.first for gap in report.gaps] == [1, 1]


@pytest.mark.parametrize("page", ["the first of the log", "all"])
def test_with_a_remote_that_has_it_nothing_is_gone(
    sample: Sample, tmp_path: Path, page: str
) -> None:
    source = Store(sample.path, create=False)
    sync(source, tmp_path / "stick")
    source.close()
    first = sample.data.index(sample.envelopes[0].data) // PAGE_BYTES * PAGE_BYTES
    data = sample.data[:first] + bytes(PAGE_BYTES) + sample.data[first + PAGE_BYTES :]
    old = damaged(sample, tmp_path / "old", data if page != "all" else b"")
    shutil.rmtree(old / "blobs")
    with salvaged(old, tmp_path / "new", tmp_path / "stick") as (store, report):
        assert store.maintenance.digest() == sample.digest
        assert not report.gap_count
        assert not report.loss_count
        assert report.moved == 0
        assert report.remote_envelopes > 0
        assert report.remote_artifacts == 2
        assert store.replication.heads().keys() >= {one.header.replica for one in sample.envelopes}


def test_the_remotes_that_the_store_knew_are_asked_and_known_on(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    record_run(one)
    Remotes(one.replication).add("origin", str(tmp_path / "stick"))
    Remotes(one.replication).add("away", str(tmp_path / "nowhere"))
    sync(one, tmp_path / "stick")
    digest = one.maintenance.digest()
    one.close()
    (tmp_path / "one" / "log" / "data.mdb").write_bytes(b"")
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, report):
        assert store.maintenance.digest() == digest
        assert [remote.name for remote in Remotes(store.replication).list()] == ["away", "origin"]
        assert any("nowhere was of no help" in note for note in report.notes)


def test_when_the_lost_part_of_a_feed_comes_after_all_nothing_is_counted_twice(
    sample: Sample, tmp_path: Path
) -> None:
    source = Store(sample.path, create=False)
    sync(source, tmp_path / "stick")
    source.close()
    first = sample.data.index(sample.envelopes[0].data) // PAGE_BYTES * PAGE_BYTES
    data = sample.data[:first] + bytes(PAGE_BYTES) + sample.data[first + PAGE_BYTES :]
    old = damaged(sample, tmp_path / "old", data)
    with salvaged(old, tmp_path / "new") as (store, report):
        assert report.moved > 10
        sync(store, tmp_path / "stick")
        for run_id in sample.runs:
            assert len(store.metrics.arrays(run_id, "loss")) == 3
            assert store.runs.get(run_id).data.params["lr"]
        assert len(store.metrics.arrays(sample.runs[5], "long")) == POINTS
        assert store.maintenance.check().ok


def test_a_salvaged_store_goes_on_under_a_name_of_its_own(sample: Sample, tmp_path: Path) -> None:
    old = damaged(sample, tmp_path / "old", sample.data)
    with salvaged(old, tmp_path / "new") as (store, _):
        assert store.replication.log.replica.hex() not in {
            one.header.replica.hex() for one in sample.envelopes
        }
        run_id = record_run(store, "after")
        sync(store, tmp_path / "stick")
        other = machine(tmp_path / "other")
        sync(other, tmp_path / "stick")
        assert other.runs.get(run_id).data.params["lr"] == "after"
        assert other.maintenance.check().ok
        other.close()


def test_both_ends_of_a_feed_that_two_copies_wrote_are_salvaged(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    record_run(one, "shared")
    copy = Store(snapshot_of(one, tmp_path / "copy"), create=False)
    runs = [record_run(one, "here"), record_run(copy, "there")]
    sync(one, tmp_path / "stick")
    sync(copy, tmp_path / "stick")
    sync(one, tmp_path / "stick")
    copy.close()
    assert len(one.feeds.forks()) == 1
    one.close()
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, report):
        names = [store.runs.get(run_id).info.run_name for run_id in runs]
        assert names == ["here", "there"]
        assert not report.gap_count
        assert store.maintenance.check().ok


def test_what_was_redacted_stays_erased_also_behind_a_gap(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    record_run(one, "first")
    secret = one.runs.create("0", run_name="secret").info.run_id
    one.runs.log_params(secret, {"password": "in the clear"})
    log = one.replication.log
    [written] = [e for e in log.read(0, 10**6) if b"in the clear" in e.payload]
    before = (tmp_path / "one" / "log" / "data.mdb").read_bytes()
    assert b"in the clear" in before
    one.redaction.redact_envelopes([written], "a secret")
    first = log.read(0, 1)[0]
    one.close()
    file = tmp_path / "one" / "log" / "data.mdb"
    # As if it had not been cleaned, and with a gap at the very beginning.
    file.write_bytes(file.read_bytes().replace(first.payload, bytes(len(first.payload))) + before)
    data = file.read_bytes().replace(first.payload, bytes(len(first.payload)))
    file.write_bytes(data.replace(first.header_bytes, bytes(len(first.header_bytes))))
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, report):
        assert report.moved > 0
        assert "password" not in store.runs.get(secret).data.params
    assert b"in the clear" not in (tmp_path / "new" / "log" / "data.mdb").read_bytes()


def test_the_damaged_store_is_left_as_it_was(sample: Sample, tmp_path: Path) -> None:
    old = damaged(sample, tmp_path / "old", sample.data[:-PAGE_BYTES])

    def state() -> dict[str, tuple[bytes, int]]:
        files = (path for path in old.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = state()
    with salvaged(old, tmp_path / "new"):
        assert state() == before


def test_nothing_is_made_over_what_is_there(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(AlreadyExistsError):
        salvage(sample.path, sample.path)
    (tmp_path / "file").touch()
    with pytest.raises(AlreadyExistsError):
        salvage(sample.path, tmp_path / "file")
    with pytest.raises(StoreMissingError):
        salvage(tmp_path / "nowhere", tmp_path / "new")
    with pytest.raises(InvalidValueError):
        salvage(sample.path, sample.path / "saved")
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    assert salvage(sample.path, tmp_path / "empty").complete


@pytest.mark.parametrize("size", [4096, 2**15, 2**17])
def test_on_a_full_disk_a_salvage_says_so_and_leaves_nothing(
    sample: Sample, tmp_path: Path, size: int
) -> None:
    """A limit of the size of files stops a salvage as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(DiskFullError) as caught:
            salvage(sample.path, tmp_path / "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    assert salvage(sample.path, tmp_path / "new").complete


def test_a_salvage_that_fails_leaves_nothing(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(salvaging, "take_journals", fail)
        with pytest.raises(MemoryError):
            salvage(sample.path, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    assert salvage(sample.path, tmp_path / "new").complete


def test_a_run_with_many_points_is_salvaged_to_the_last(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    run_id = one.runs.create("0").info.run_id
    for part in range(20):
        rows = [
            Metric(key="loss", value=n, timestamp=n, step=n)
            for n in range(part * 1000, part * 1000 + 1000)
        ]
        one.runs.log_batch(run_id, metrics=rows)
    digest = one.maintenance.digest()
    one.close()
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, report):
        assert report.complete
        assert store.maintenance.digest() == digest
