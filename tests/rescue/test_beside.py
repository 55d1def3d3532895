"""What a salvage finds beside the log, and what somebody put there to mislead it."""

import os
import shutil
from pathlib import Path

import pytest

from eventtrack.events.envelope import Draft, Envelope, encode_groups, seal
from eventtrack.store import Store
from tests.rescue.damage import Sample, damaged, salvaged
from tests.sync.machines import machine, record_run


def test_points_of_journals_are_salvaged_once(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    run_id = one.runs.create("0").info.run_id
    for step in range(30):
        one.metrics.log(run_id, "loss", step / 3, step, step)
    one.flush()
    shutil.copytree(tmp_path / "one", tmp_path / "drained")
    one.close()
    journals = [*(tmp_path / "drained" / "journal").glob("*.journal")]
    assert journals
    with salvaged(tmp_path / "drained", tmp_path / "again") as (store, report):
        assert report.journal_events == 0
        assert len(store.metrics.arrays(run_id, "loss")) == 30
    # The same with a log that lost the envelopes that they were moved to, and a file set aside.
    journals[0].rename(journals[0].with_suffix(".damaged"))
    again = Store(tmp_path / "one", create=False)
    points = again.replication.log.read(0, 10**6)
    again.close()
    file = tmp_path / "drained" / "log" / "data.mdb"
    data = file.read_bytes()
    for envelope in points:
        if b"run.metric_logged" in envelope.payload:
            data = data.replace(envelope.payload, bytes(len(envelope.payload)))
    file.write_bytes(data)
    with salvaged(tmp_path / "drained", tmp_path / "lost") as (store, report):
        assert report.journal_events == 30
        assert list(store.metrics.arrays(run_id, "loss").steps) == list(range(30))


def test_files_in_a_folder_that_an_experiment_was_given_are_found_on(tmp_path: Path) -> None:
    one = machine(tmp_path / "one")
    given = tmp_path / "files"
    experiment = one.experiments.create("outside", artifact_location=str(given))
    run_id = one.runs.create(experiment).info.run_id
    one.artifacts.log_bytes(run_id, b"outside", "file.bin")
    one.close()
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, _):
        assert given.is_dir()
        assert store.maintenance.check().ok
        again = store.runs.create(experiment).info.run_id
        store.artifacts.log_bytes(again, b"as well", "other.bin")
        assert any(path.name == "other.bin" for path in given.rglob("*"))


def test_an_artifact_whose_bytes_changed_is_told_by_run_and_path(
    sample: Sample, tmp_path: Path
) -> None:
    old = damaged(sample, tmp_path / "old", sample.data)
    [blob] = [path for path in (old / "blobs").glob("??/*") if b"first" in path.read_bytes()]
    blob.chmod(0o600)
    blob.write_bytes(b"something else")
    with salvaged(old, tmp_path / "new") as (store, report):
        [loss] = report.losses
        assert (loss.kind, loss.name, loss.key) == ("artifact", "run-0", "model/weights.bin")
        assert report.artifacts == 1
        assert not store.replication.blobs.holds(bytes.fromhex(blob.name))


def test_what_lies_within_a_payload_is_not_an_envelope(tmp_path: Path) -> None:
    """Whoever may log could else write under the name of somebody else."""
    one = machine(tmp_path / "one")
    run_id = record_run(one)
    replica = one.replication.log.replica
    forged = Draft("run/" + "f" * 32, encode_groups([]), 0)
    data, _ = seal(
        forged, replica=replica, index=10**6, recorded=2**50, session=bytes(16), salt=bytes(16)
    )
    assert len(data) < 255
    body = encode_groups([("a.type.to.come", 1, [b"\xc4" + bytes([len(data)]) + data])])
    outer = Draft(f"run/{run_id}", body, 1)
    one.replication.receive(lambda transaction: transaction.append(outer, bytes(16)))
    one.close()
    with salvaged(tmp_path / "one", tmp_path / "new") as (store, report):
        assert report.complete
        assert not [e for e in store.replication.log.read(0, 10**6) if e.header.index == 10**6]


def test_a_file_full_of_beginnings_is_searched_in_bounded_time(tmp_path: Path) -> None:
    """Each claims a payload of megabytes: hashing what each claims would take hours."""
    draft = Draft("run/" + "f" * 32, bytes(20 * 2**20), 1)
    data, _ = seal(draft, replica=b"r" * 16, index=0, recorded=1, session=bytes(16), salt=bytes(16))
    header = Envelope(data).without_payload
    (tmp_path / "old" / "log").mkdir(parents=True)
    (tmp_path / "old" / "log" / "data.mdb").write_bytes(header * (4 * 2**20 // len(header)))
    with salvaged(tmp_path / "old", tmp_path / "new") as (store, report):
        assert report.envelopes == 0
        assert store.maintenance.check().ok


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_log_that_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "old" / "log" / "data.mdb"
    file.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    with salvaged(tmp_path / "old", tmp_path / "new") as (_, report):
        assert not report.complete
        assert any("data.mdb" in note for note in report.notes)
