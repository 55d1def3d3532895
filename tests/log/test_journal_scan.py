"""What is read out of a journal's bytes, whole, torn or damaged."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.log.frames import FRAME, PREAMBLE, scan
from tests.log.journals import (
    abandoned,
    body,
    frame,
    frames_of,
)


def test_a_call_that_was_killed_anywhere_leaves_nothing_and_damages_nothing(
    tmp_path: Path,
) -> None:
    path = abandoned(tmp_path, 1, 2, 300)
    data = path.read_bytes()
    *whole, last = frames_of(path)
    stop = len(data.rstrip(b"\0"))
    start = stop - FRAME.size - len(last[1])
    assert data[start + FRAME.size : stop] == last[1]
    # The body comes first, then length, checksum and slot one after the other.
    for copied in range(len(last[1]) + 1):
        for headed in (0, 4, 8) if copied == len(last[1]) else (0,):
            torn = bytearray(data[:start].ljust(len(data), b"\0"))
            torn[start + FRAME.size : start + FRAME.size + copied] = last[1][:copied]
            torn[start : start + headed] = data[start : start + headed]
            found = scan(bytes(torn), PREAMBLE.size, len(torn))
            assert found.damage == "", f"{copied} bytes, {headed} of the header"
            assert found.frames in (whole, [*whole, last])


def test_a_flipped_bit_is_never_read_as_an_event_and_is_told(tmp_path: Path) -> None:
    path = abandoned(tmp_path, 1, 2, 3)
    data = path.read_bytes()
    whole = frames_of(path)
    stop = len(data.rstrip(b"\0"))
    for place in range(8 * PREAMBLE.size, 8 * stop):
        damaged = bytearray(data)
        damaged[place // 8] ^= 1 << place % 8
        found = scan(bytes(damaged), PREAMBLE.size, len(damaged))
        assert len(found.frames) >= len(whole) - 1, f"bit {place}"
        assert all(one in whole for one in found.frames), f"bit {place}"
        assert found.damage or found.frames == whole, f"bit {place}"


def test_a_longer_length_does_not_swallow_what_follows() -> None:
    """In the last frame too: what lies behind may be zeros."""
    for length in (16, 20, 60, 256):
        data = bytearray(frame(7, b"x" * length) + bytes(70_000))
        data[1] ^= 0x40
        found = scan(bytes(data), 0, len(data), slots={7})
        assert found.frames == [(7, b"x" * length)]
        assert found.damage


def test_a_large_hole_costs_only_what_was_in_it() -> None:
    frames = [frame(7, body(step)) for step in range(100)]
    data = bytearray(b"".join(frames) + bytes(1000))
    start, stop = len(b"".join(frames[:20])), len(b"".join(frames[:40]))
    data[start:stop] = bytes(stop - start)
    found = scan(bytes(data), 0, len(data), slots={7})
    assert found.frames == [(7, body(step)) for step in (*range(20), *range(40, 100))]
    assert str(stop - start) in found.damage


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
