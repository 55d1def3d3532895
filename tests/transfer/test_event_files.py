"""Damaged event files: what is whole in them is read, and the rest is named with its place."""

import struct
from pathlib import Path

import pytest

from tests.transfer.events import NAME, scalar, show, write
from tests.transfer.reading import flip


class TestDamage:
    """A file that is damaged anywhere gives all else, and says where."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A file with small records, and one of 6,000 bytes."""
        many = {f"layer/{n}": 1.0 for n in range(200)}
        events = [scalar(n, a=n) for n in range(5)]
        return write(tmp_path / f"r/{NAME}", *events, scalar(5, **many), scalar(6, a=6))

    def test_at_every_byte_nothing_is_wrong_and_nothing_is_lost_in_silence(
        self, path: Path, tmp_path: Path
    ) -> None:
        whole = path.read_bytes()
        [(_, expected)] = show(tmp_path)[0].items()
        places = [
            *range(500),
            *range(500, len(whole) - 100, 37),
            *range(len(whole) - 100, len(whole)),
        ]
        for place in places:
            flip(whole, path, place)
            runs, report = show(tmp_path)
            assert report.exit_code == 8, place
            assert report.damage_count == 1, place
            assert report.damage[0].offset is not None
            assert report.damage[0].offset <= place
            lost = 0
            for key, points in expected.points.items():
                found = runs["r"].points.get(key, [])
                assert set(found) <= set(points), place
                lost += len(points) - len(found)
            assert lost in (0, 1, 200), place  # one record

    def test_cut_at_every_byte(self, path: Path, tmp_path: Path) -> None:
        whole = path.read_bytes()
        ends = record_ends(whole)
        for size in range(1, ends[5] + 20):
            path.write_bytes(whole[:size])
            runs, report = show(tmp_path)
            at_an_end = report.damage_count == 0
            found = len(runs["r"].points.get("a", [])) if runs else 0
            assert at_an_end == (size in ends), size
            assert found == max(0, sum(end <= size for end in ends) - 1), size

    @pytest.mark.parametrize("rubbish", [bytes(5000), b"\xff" * 5000, b"\0\1" * 2500, b"x" * 3])
    def test_rubbish_between_records_is_left_out(
        self, path: Path, tmp_path: Path, rubbish: bytes
    ) -> None:
        whole = path.read_bytes()
        place = record_ends(whole)[2]
        path.write_bytes(whole[:place] + rubbish + whole[place:])
        runs, report = show(tmp_path)
        [damage] = report.damage
        assert damage.offset == place
        assert str(len(rubbish)) in damage.problem
        assert runs["r"].steps("a") == [0, 1, 2, 3, 4, 6]

    def test_records_are_found_across_the_pages_that_are_read(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("eventtrack.transfer.event_files._READ_BYTES", 64)
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes(range(1, 200)) * 3 + whole[100:])
        runs, report = show(tmp_path)
        assert runs["r"].steps("a")[-3:] == [3, 4, 6]
        assert len(runs["r"].points) == 201
        assert report.damage_count == 1


def record_ends(data: bytes) -> list[int]:
    """Where records end: each is a head of 12 bytes, its content, a checksum of 4."""
    ends = [0]
    while ends[-1] < len(data):
        ends.append(ends[-1] + 16 + struct.unpack_from("<Q", data, ends[-1])[0])
    return ends[1:]
