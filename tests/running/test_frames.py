"""Frames between the launcher and the recorder."""

import os

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.running.frames import STDERR, STDOUT, FrameReader, FrameSender


@given(st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=100))))
def test_frames_arrive_as_they_were_sent(frames: list[tuple[bytes, bytes]]) -> None:
    readable, writable = os.pipe()
    sender, reader = FrameSender(writable), FrameReader(readable)
    for kind, data in frames:
        sender.send(kind, data)
    sender.finish()
    seen = []
    while not reader.closed:
        seen += [(frame.kind, frame.data) for frame in reader.read()]
    os.close(readable)
    assert seen == [frame for frame in frames if frame[1]]


def test_a_slow_recorder_does_not_block_the_launcher() -> None:
    readable, writable = os.pipe()
    sender, reader = FrameSender(writable), FrameReader(readable)
    data = bytes(3_000_000)
    for _ in range(3):
        sender.send(STDOUT, data)
        sender.write()
    assert sender.waiting_bytes > 8_000_000
    seen = []
    while sender.waiting_bytes:
        sender.write()
        seen += [frame.data for frame in reader.read()]
    sender.close()
    while not reader.closed:
        seen += [frame.data for frame in reader.read()]
    os.close(readable)
    assert seen == [data] * 3


def test_without_a_recorder_frames_are_dropped() -> None:
    readable, writable = os.pipe()
    sender = FrameSender(writable)
    os.close(readable)
    sender.send(STDOUT, b"x")
    sender.write()
    assert sender.closed
    sender.send(STDOUT, b"y")
    assert sender.waiting_bytes == 0
    sender.finish()
