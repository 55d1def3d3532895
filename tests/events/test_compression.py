"""Bodies in fewer bytes: what was written comes back, and no frame is trusted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import MalformedError
from eventtrack.events.compression import compress, decompress
from eventtrack.events.envelope import CODEC_PLAIN, CODEC_ZSTD, Draft, Envelope, seal
from eventtrack.events.reading import events_of, read
from eventtrack.events.types import MetricLogged
from eventtrack.limits import ENVELOPE_PAYLOAD_BYTES_MAX

POINTS = [MetricLogged("loss", 1 / step, step, 10 * step) for step in range(1, 100)]


def sealed(draft: Draft) -> Envelope:
    """A draft as an envelope."""
    identity = bytes(16)
    data, _ = seal(
        draft, replica=identity, index=0, recorded=0, session=identity, salt=bytes(range(16))
    )
    return Envelope(data)


def framed(frame: bytes) -> Envelope:
    """An envelope whose compressed body is this."""
    written = sealed(Draft.of("run/1", *POINTS))
    whole = compress(Draft.of("run/1", *POINTS).body)
    assert whole is not None
    head = written.data[: -len(whole)]
    return Envelope(head + frame)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_a_body_comes_back(piece: bytes, times: int) -> None:
    frame = compress(piece * times)
    assert frame is None or decompress(frame) == piece * times


def test_a_series_takes_fewer_bytes_and_is_read_as_before() -> None:
    envelope = sealed(Draft.of("run/1", *POINTS))
    assert envelope.header.codec == CODEC_ZSTD
    assert len(envelope.payload) * 3 < 2 * len(Draft.of("run/1", *POINTS).body)
    assert events_of(envelope) == POINTS
    envelope.verify()


def test_a_body_that_would_save_nothing_stays_as_it_is() -> None:
    short = sealed(Draft.of("run/1", *POINTS[:2]))
    assert (short.header.codec, events_of(short)) == (CODEC_PLAIN, POINTS[:2])
    assert compress(bytes(range(256))) is None


def test_threads_compress_at_once() -> None:
    bodies = [bytes([number]) * 100_000 for number in range(64)]
    with ThreadPoolExecutor(8) as executor:
        frames = list(executor.map(compress, bodies))
        assert list(executor.map(decompress, filter(None, frames))) == bodies


GOOD = compress(bytes(10_000)) or b""
STREAMED = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(10_000))
HUGE = zstandard.ZstdCompressor().compress(bytes(ENVELOPE_PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"no frame at all", "cannot be decompressed"),
        (GOOD[:-1], "cannot be decompressed"),
        (GOOD + b"!", "cannot be decompressed"),
        (GOOD + GOOD, "cannot be decompressed"),
        (STREAMED, "does not say its size"),
        (HUGE, "16777216 are the most"),
    ],
)
def test_a_frame_that_breaks_a_promise_is_malformed(frame: bytes, why: str) -> None:
    with pytest.raises(MalformedError, match=why):
        decompress(frame)
    with pytest.raises(MalformedError, match=why):
        framed(frame).groups()


def test_damage_is_seen_before_anything_is_decompressed() -> None:
    envelope = sealed(Draft.of("run/1", *POINTS))
    damaged = Envelope(envelope.data[:-1] + bytes([envelope.data[-1] ^ 1]))
    fault = read(damaged).fault
    assert fault is not None
    assert fault.kind == "damaged"
