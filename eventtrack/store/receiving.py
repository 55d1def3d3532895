"""Items of text, histograms and media on their way to another store, as a request has them.

The sender makes a call of each event that it has, with a mark; a receiver checks everything.

    {"kind": "text", "key": "console", "steps": 0, "timestamps": [1700000000000, 1700000000004],
     "mark": "9f0c...", "lines": ["epoch 1", "epoch 2"], "source": "stdout"}
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError
from eventtrack.events.bounds import Int64
from eventtrack.events.items import (
    Histogram,
    HistogramsLogged,
    ItemsLogged,
    MediaLogged,
    Medium,
    TextLogged,
)

# The bytes of one request's events, and their number: they become one envelope.
CALLS_BYTES_MAX = 8 * 2**20
CALLS_MAX = 1000
MARK_BYTES = 16
_SHA256_BYTES = 32
_encode = msgspec.msgpack.Encoder().encode


class SentHistogram(msgspec.Struct, frozen=True):
    """A histogram; see `events.items.Histogram`."""

    edges: list[float]
    counts: list[float]


class SentMedium(msgspec.Struct, frozen=True):
    """A medium whose bytes come apart from it; `sha256` names them, in hex."""

    media_type: str
    size: int
    sha256: str
    name: str | None = None
    caption: str | None = None


class SentItems(msgspec.Struct, frozen=True, omit_defaults=True):
    """Items of one series. A single step or timestamp holds for all of them."""

    kind: Literal["text", "histogram", "media"]
    key: str
    steps: Int64 | list[Int64]
    timestamps: Int64 | list[Int64]
    mark: str = ""
    lines: list[str] = []
    source: str = ""
    histograms: list[SentHistogram] = []
    media: list[SentMedium] = []


class SentCalls(msgspec.Struct, frozen=True):
    """The body of a request: calls that log items of one run."""

    run_id: str
    items: list[SentItems]


_decode = msgspec.json.Decoder(SentCalls).decode


def decode_calls(body: bytes) -> SentCalls:
    """The body of a request.

    Raises:
        InvalidValueError: The body is not what it has to be.
    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidValueError(
            f"the items of a series cannot be read: {error}", hint="docs/web-api.md has the form"
        ) from error


def sent(event: ItemsLogged, mark: bytes) -> SentItems:
    """An event as a call."""
    steps, times, name = event.steps, event.timestamps_ms, mark.hex()
    if isinstance(event, TextLogged):
        return SentItems("text", event.key, steps, times, name, event.lines, event.source)
    if isinstance(event, HistogramsLogged):
        histograms = [SentHistogram(it.edges, it.counts) for it in event.histograms]
        return SentItems("histogram", event.key, steps, times, name, histograms=histograms)
    media = [
        SentMedium(it.media_type, it.size, it.sha256.hex(), it.name, it.caption)
        for it in event.files
    ]
    return SentItems("media", event.key, steps, times, name, media=media)


def received(calls: Sequence[SentItems]) -> list[tuple[bytes, ItemsLogged]]:
    """The events that calls ask for, each behind its mark, or b"".

    Raises:
        InvalidValueError: A call is not allowed, or there are too many at once.
    """
    if len(calls) > CALLS_MAX:
        raise InvalidValueError(
            f"{len(calls)} calls are too many for one request: {CALLS_MAX} at most",
            hint="send them in several requests",
        )
    events = [(_bytes("mark", call.mark, (0, MARK_BYTES)), _event(call)) for call in calls]
    size = sum(len(_encode(event)) for _, event in events)
    if size > CALLS_BYTES_MAX:
        raise InvalidValueError(
            f"{size} bytes of items are too many for one request: {CALLS_BYTES_MAX} at most",
            hint="send them in several requests",
        )
    return events


def _event(call: SentItems) -> ItemsLogged:
    key = validate.metric_key(call.key)
    numbers = call.steps, _times(call.timestamps)
    event: ItemsLogged
    if call.kind == "text":
        lines = [text_line(line) for line in call.lines]
        event = TextLogged(key, lines, *numbers, validate.text("source", call.source))
    elif call.kind == "histogram":
        histograms = [Histogram(it.edges, it.counts) for it in call.histograms]
        if not all(histogram.is_sound for histogram in histograms):
            raise InvalidValueError(
                f"cannot log to the series {key!r}: a histogram is not sound",
                hint="send finite, ascending edges, one more than counts, and finite counts",
            )
        event = HistogramsLogged(key, histograms, *numbers)
    else:
        event = MediaLogged(key, list(_media(call.media)), *numbers)
    flaw = type(event).flaw_of([event])  # type: ignore[list-item]
    if flaw is not None:
        raise InvalidValueError(
            f"cannot log to the series {key!r}: {flaw}",
            hint="send a step and a timestamp for each item, or one of each for all",
        )
    return event


def _media(media: Sequence[SentMedium]) -> Iterator[Medium]:
    for it in media:
        digest = _bytes("sha256", it.sha256, (_SHA256_BYTES,))
        if not 0 <= it.size <= limits.INT64_MAX:
            raise InvalidValueError(f"{it.size} is no size", hint="send the number of bytes")
        texts = [None if text is None else text_line(text) for text in (it.name, it.caption)]
        yield Medium(validate.media_type(it.media_type), it.size, digest, *texts)


def _times(times: int | list[int]) -> int | list[int]:
    if isinstance(times, list):
        return [validate.timestamp_ms(time) for time in times]
    return validate.timestamp_ms(times)


def _bytes(name: str, text: str, sizes: tuple[int, ...]) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b"?"
    if len(data) not in sizes or data.hex() != text:
        raise InvalidValueError(
            f"{text[:80]!r} is no {name}", hint=f"send {sizes[-1]} bytes in lower-case hex"
        )
    return data


def text_line(line: Any) -> str:
    """A line of a series, checked.

    Raises:
        InvalidValueError: It is no text, or too long.
    """
    text = validate.text("line", line)
    if len(text) > limits.TEXT_ITEM_BYTES_MAX // 4:  # no shorter text is too long in bytes
        size = len(text.encode())
        if size > limits.TEXT_ITEM_BYTES_MAX:
            raise InvalidValueError(
                f"a text of {size} bytes is too long to log: {limits.TEXT_ITEM_BYTES_MAX} at most",
                hint="log it as a file: log_text()",
            )
    return text
