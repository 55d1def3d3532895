"""What is read out of a journal's bytes, whole, torn or damaged."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.log.journal import FRAME, PREAMBLE, scan
from tests.log.journals import (
    abandoned,
    body,
    frame,
    frames_of,
)


def test_a_torn_last_frame_is_cut_off_wherever_it_was_torn(tmp_path: Path) -> None:
    path = abandoned(tmp_path, 1, 2, 300)
    data = path.read_bytes()
    *whole, last = frames_of(path)
    stop = len(data.rstrip(b"\0"))
    start = scan(data, PREAMBLE.size, len(data)).stop - FRAME.size - len(last[1])
    assert data[start + FRAME.size : stop] == last[1]
    for cut in range(start, stop):
        torn = data[:cut].ljust(len(data), b"\0")
        found = scan(torn, PREAMBLE.size, len(torn))
        assert (found.frames, found.stop, found.damage) == (whole, start, ""), f"byte {cut}"


def test_a_flipped_bit_is_never_read_as_an_event(tmp_path: Path) -> None:
    path = abandoned(tmp_path, 1, 2)
    data = path.read_bytes()
    whole = frames_of(path)
    stop = len(data.rstrip(b"\0"))
    for place in range(8 * PREAMBLE.size, 8 * stop):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        found = scan(bytes(damaged), PREAMBLE.size, len(damaged))
        assert found.frames == whole[: len(found.frames)]
        assert len(found.frames) < len(whole), f"bit {place}"


@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(0, 100))
def test_what_was_framed_is_scanned(bodies: list[bytes], room: int) -> None:
    data = b"".join(frame(7, one) for one in bodies) + bytes(room)
    found = scan(data, 0, len(data))
    assert found.frames == [(7, one) for one in bodies]
    assert (found.stop, found.torn, found.damage) == (len(data) - room, 0, "")


def test_a_scan_goes_on_from_where_another_stopped() -> None:
    data = b"".join(frame(7, body(step)) for step in range(10))
    middle = scan(data, 0, len(data) // 10 * 5).stop
    assert scan(data, middle, len(data)).frames == [(7, body(step)) for step in range(5, 10)]


def test_bytes_behind_the_end_are_damage() -> None:
    data = frame(7, body(1)) + bytes(4) + b"something" + bytes(100)
    found = scan(data, 0, len(data))
    assert found.frames == [(7, body(1))]
    assert "behind the end" in found.damage
