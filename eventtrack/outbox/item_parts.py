"""Items of text, histograms and media of an outbox, as calls to a server.

A call is the same whenever it is made from the same envelope, and so is its mark: a server that has
got it adds nothing when it comes again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat

import msgspec

from eventtrack.errors import InvalidStateError
from eventtrack.events.envelope import Envelope
from eventtrack.events.items import HistogramsLogged, ItemsLogged, MediaLogged, TextLogged
from eventtrack.rest import TrackingServer
from eventtrack.store.receiving import MARK_BYTES, SentItems, sent
from eventtrack.views.blobs import BlobFiles

# The bytes of a call, unless a single event has more: so a request is answered soon.
CALL_BYTES_MAX = 2**20
_FIELDS = {TextLogged: "lines", HistogramsLogged: "histograms", MediaLogged: "files"}
_encode = msgspec.msgpack.Encoder().encode


def calls_of(envelope: Envelope, events: Sequence[ItemsLogged]) -> Iterator[SentItems]:
    """The calls for an envelope's events that log items, in order."""
    header = envelope.header
    place = header.replica + header.index.to_bytes(8, "big")
    calls = (call for _, same in groupby(events, _series) for call in _joined(list(same)))
    for number, event in enumerate(calls):
        mark = hashlib.sha256(place + number.to_bytes(4, "big")).digest()[:MARK_BYTES]
        yield sent(event, mark)


def deliver(
    server: TrackingServer, blobs: BlobFiles, run_id: str, calls: Sequence[SentItems]
) -> None:
    """Log items on a server, and bring the bytes of media that it lacks.

    Raises:
        NotFoundError: The bytes of a medium are not here, or the server has no such run.
        InvalidStateError: The server lacks bytes that it was given.
    """
    missing = server.log_items(run_id, calls)
    for sha256 in missing:
        with blobs.open(bytes.fromhex(sha256)) as source:
            server.write_blob(sha256, source)
    if missing and server.log_items(run_id, calls):
        raise InvalidStateError(
            "the server lacks the bytes of media that were sent to it",
            hint="its own log may say why; send them again",
        )


def size_of(call: SentItems) -> int:
    """The bytes of a call."""
    return len(_encode(call))


def _series(event: ItemsLogged) -> tuple[type[ItemsLogged], str, str]:
    return type(event), event.key, event.source if isinstance(event, TextLogged) else ""


def _joined(events: list[ItemsLogged]) -> Iterator[ItemsLogged]:
    """Neighbours of one series joined into events of bounded size."""
    part: list[ItemsLogged] = []
    size = 0
    for event in events:
        more = len(_encode(event))
        if part and size + more > CALL_BYTES_MAX:
            yield _whole(part)
            part, size = [], 0
        part.append(event)
        size += more
    if part:
        yield _whole(part)


def _whole(events: list[ItemsLogged]) -> ItemsLogged:
    if len(events) == 1:
        return events[0]
    field = _FIELDS[type(events[0])]
    values = [value for event in events for value in getattr(event, field)]
    steps = [step for event in events for step in _each(event, event.steps)]
    times = [at_ms for event in events for at_ms in _each(event, event.timestamps_ms)]
    changes = {field: values, "steps": _single(steps), "timestamps_ms": _single(times)}
    return msgspec.structs.replace(events[0], **changes)


def _each(event: ItemsLogged, numbers: int | list[int]) -> Iterable[int]:
    return repeat(numbers, len(event.items)) if isinstance(numbers, int) else numbers


def _single(numbers: list[int]) -> int | list[int]:
    return numbers[0] if len(set(numbers)) == 1 else numbers
