"""What decayed on one disk goes nowhere else: not to a peer, a folder, a bundle or a proof."""

from pathlib import Path

import pytest

from eventtrack.audit.auditor import Auditor
from eventtrack.errors import ChecksumError, EventtrackWarning
from eventtrack.store import Store, open_store
from eventtrack.sync import synchronize
from eventtrack.sync.bundle import apply_bundle, create_bundle
from tests.attack.damaged import damage_header, damage_payload, eventtrack, make_store


@pytest.fixture
def hurt(tmp_path: Path) -> Path:
    """A store of which nothing is damaged yet; position 5 is among its first run's."""
    make_store(tmp_path / "hurt")
    return tmp_path / "hurt"


def payloads(store: Store) -> dict[tuple[bytes, int], bytes]:
    """Every payload that a store has, each of which is what its header says."""
    found = store.replication.log.read(0, 10**6)
    for envelope in found:
        envelope.verify()
    return {(one.header.replica, one.header.index): one.payload for one in found if one.payload}


def send(store: Store, to: str, folder: Path) -> None:
    """Put all that a store has into a folder or a bundle."""
    if to == "bundle":
        create_bundle(store, folder / "file")
    else:
        synchronize(store, str(folder / "remote"))


def name_of(store: Store, position: int) -> tuple[bytes, int]:
    envelope = store.replication.log.get(position)
    assert envelope is not None
    return envelope.header.replica, envelope.header.index


@pytest.mark.parametrize("to", ["folder", "bundle"])
def test_a_damaged_payload_is_named_stays_here_and_comes_back_from_others(
    hurt: Path, tmp_path: Path, to: str
) -> None:
    other = Store(tmp_path / "other")
    other.runs.create("0", run_name="of another feed")
    whole = open_store(hurt)
    for store in (whole, other, whole):
        synchronize(store, str(tmp_path / "between"))
    before = payloads(whole)
    whole.close()
    damage_payload(hurt, 5)
    store = open_store(hurt)
    name, target = name_of(store, 5), Store(tmp_path / "target")
    with pytest.warns(EventtrackWarning, match="position 5: its payload is not what") as said:
        send(store, to, tmp_path)
    assert f"envelope {name[1]} of feed {name[0].hex()}" in str(said[0].message)
    if to == "bundle":
        apply_bundle(target, tmp_path / "file")
    else:
        synchronize(target, str(tmp_path / "remote"))
    came = {key: value for key, value in payloads(target).items() if key in before}
    assert name not in came
    assert all(before[key] == value for key, value in came.items())
    assert other.replication.log.replica in {replica for replica, _ in came}
    # The store says so, until somebody brings the payload back.
    problems = store.maintenance.check().problems
    assert any("position 5" in one.where and "set aside" in one.what for one in problems)
    synchronize(store, str(tmp_path / "between"))
    assert payloads(store)[name] == before[name]
    assert store.maintenance.check().ok


def test_a_payload_that_was_missed_while_reading_comes_back_with_a_pull(
    hurt: Path, tmp_path: Path
) -> None:
    whole = open_store(hurt)
    synchronize(whole, str(tmp_path / "between"))
    before = payloads(whole)
    whole.close()
    damage_payload(hurt, 5)
    store = open_store(hurt)
    store.maintenance.rebuild()
    assert [(row.position, row.kind) for row in store.maintenance.skipped()] == [(5, "damaged")]
    # Nothing is to be sent: the folder has this feed already.
    synchronize(store, str(tmp_path / "between"))
    assert payloads(store) == before
    assert store.maintenance.skipped() == []
    assert store.maintenance.check().ok


def test_a_damaged_header_stops_its_feed_before_it(hurt: Path, tmp_path: Path) -> None:
    damage_header(hurt, 5, b"run/", b"rum/")
    store = open_store(hurt)
    with pytest.warns(EventtrackWarning, match="do not have the root"):
        synchronize(store, str(tmp_path / "remote"))
    target = Store(tmp_path / "target")
    synchronize(target, str(tmp_path / "remote"))
    for envelope in target.replication.log.read(0, 1000):
        assert not envelope.header.stream.startswith("rum/")


def test_what_follows_goes_on_once_the_payload_was_given_up(hurt: Path, tmp_path: Path) -> None:
    damage_payload(hurt, 5)
    store = open_store(hurt)
    with pytest.warns(EventtrackWarning, match="set aside"):
        synchronize(store, str(tmp_path / "remote"))
    target = Store(tmp_path / "target")
    synchronize(target, str(tmp_path / "remote"))
    assert len(target.runs.search(["0"])) < 3
    redacted = eventtrack("--store", str(hurt), "redact", "5.0", "--reason", "it decayed", "--yes")
    assert redacted.returncode == 0, redacted.stderr
    for one in (store, target):
        synchronize(one, str(tmp_path / "remote"))
    assert len(target.runs.search(["0"])) == 3


def test_no_proof_is_made_of_what_decayed(hurt: Path) -> None:
    damage_payload(hurt, 5)
    store = open_store(hurt)
    envelope = store.replication.log.get(5)
    assert envelope is not None
    auditor = Auditor(store)
    with pytest.raises(ChecksumError):
        auditor.prove([envelope])
