"""Bundles: all of a file is good, or nothing of it is taken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import (
    AlreadyExistsError,
    ChecksumError,
    ConflictError,
    CorruptionError,
    EventtrackError,
    FormatTooNewError,
    NotFoundError,
)
from eventtrack.store import Store
from eventtrack.sync import BundleRemote, apply_bundle, create_bundle
from eventtrack.sync.bundle import MAGIC
from tests.sync.machines import envelopes, record_run


def test_a_bundle_brings_everything_with_files(one: Store, two: Store, tmp_path: Path) -> None:
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, b"weights" * 300_000, "weights.bin")
    info = create_bundle(one, tmp_path / "b")
    assert info == BundleRemote(tmp_path / "b").info()
    assert (info.envelopes, info.artifacts, info.needs) == (one.events.head(), 1, {})
    report = apply_bundle(two, tmp_path / "b")
    assert (report.pulled.envelopes, report.pulled.artifacts) == (info.envelopes, 1)
    assert envelopes(two).items() >= envelopes(one).items()
    with two.artifacts.open(run_id, "weights.bin") as stream:
        assert stream.read() == b"weights" * 300_000
    assert not apply_bundle(two, tmp_path / "b").changed


def test_a_bundle_since_another_brings_only_what_is_new(
    one: Store, two: Store, tmp_path: Path
) -> None:
    record_run(one)
    first = create_bundle(one, tmp_path / "first")
    record_run(one, "later")
    since = BundleRemote(tmp_path / "first").heads()
    second = create_bundle(one, tmp_path / "second", since)
    assert second.envelopes == one.events.head() - first.envelopes
    assert second.needs == first.brings
    apply_bundle(two, tmp_path / "first")
    apply_bundle(two, tmp_path / "second")
    assert envelopes(two).items() >= envelopes(one).items()


def test_a_bundle_that_goes_on_from_what_is_not_here_is_refused(
    one: Store, two: Store, tmp_path: Path
) -> None:
    record_run(one)
    create_bundle(one, tmp_path / "first")
    record_run(one, "later")
    create_bundle(one, tmp_path / "second", BundleRemote(tmp_path / "first").heads())
    before = envelopes(two)
    with pytest.raises(ConflictError, match=one.replication.log.replica.hex()):
        apply_bundle(two, tmp_path / "second")
    assert envelopes(two) == before


def test_files_may_be_left_out_of_a_bundle(one: Store, tmp_path: Path) -> None:
    one.artifacts.log_bytes(record_run(one), b"weights", "weights.bin")
    assert create_bundle(one, tmp_path / "b", artifacts=False).artifacts == 0


def test_a_bundle_does_not_replace_a_file(one: Store, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a letter")
    with pytest.raises(AlreadyExistsError):
        create_bundle(one, tmp_path / "b")
    assert (tmp_path / "b").read_text() == "a letter"
    assert not list(tmp_path.glob(".draft-*"))


@pytest.fixture
def bundle(one: Store, tmp_path: Path) -> Path:
    """A small bundle with everything that one may hold."""
    one.artifacts.log_bytes(one.runs.create("0").info.run_id, b"file", "f")
    create_bundle(one, tmp_path / "small")
    return tmp_path / "small"


def damaged(data: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(len(data)):
        for bit in range(8):
            yield place, data[:place] + bytes((data[place] ^ 1 << bit,)) + data[place + 1 :]


def test_a_bundle_with_any_bit_flipped_is_refused(bundle: Path) -> None:
    data = bundle.read_bytes()
    for place, changed in damaged(data):
        bundle.write_bytes(changed)
        with pytest.raises(EventtrackError) as caught:
            BundleRemote(bundle)
        later = place == len(MAGIC) - 1
        assert type(caught.value) is (FormatTooNewError if later else ChecksumError)


def test_a_bundle_that_is_cut_anywhere_is_refused(bundle: Path) -> None:
    data = bundle.read_bytes()
    for length in range(len(data)):
        bundle.write_bytes(data[:length])
        with pytest.raises(ChecksumError):
            BundleRemote(bundle)


def test_a_bundle_whose_parts_change_places_is_refused(bundle: Path, two: Store) -> None:
    data = bundle.read_bytes()
    places = [(one.start - 5, one.start + one.length) for one in BundleRemote(bundle)._frames]
    before = envelopes(two)
    for number in range(1, len(places) - 1):
        (start, middle), (_, stop) = places[number], places[number + 1]
        changed = data[:start] + data[middle:stop] + data[start:middle] + data[stop:]
        if changed == data:
            continue  # two ends
        bundle.write_bytes(changed)
        with pytest.raises(CorruptionError):
            apply_bundle(two, bundle)
    assert envelopes(two) == before


def test_a_bundle_that_is_not_there_is_told(two: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        apply_bundle(two, tmp_path / "nothing")
