"""The endpoints for stores that sync with the served store (docs/wire.md, section 11)."""

import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from typing import cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from eventtrack.errors import (
    ChecksumError,
    EventtrackError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.events.redaction import is_redaction
from eventtrack.limits import SYNC_BODY_BYTES_MAX
from eventtrack.log.blocks import Block
from eventtrack.server import bodies, files
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.sync import Selection, StoreRemote, frames, http
from eventtrack.sync.protocol import FeedHead
from eventtrack.tokens import Role

_DIGEST_BYTES = 32


async def _heads(services: Services, request: Request, _: str) -> Response:
    remote = StoreRemote(services.store)
    return _message(await services.read(lambda: frames.encode_heads(remote.heads())))


async def _known(services: Services, request: Request, _: str) -> Response:
    asked = await _heads_asked(request)
    remote = StoreRemote(services.store)
    return _message(await services.read(lambda: frames.encode_heads(remote.known(asked))))


async def _read(services: Services, request: Request, _: str) -> Response:
    have = await _heads_asked(request)
    remote, asked = StoreRemote(services.store), request.query_params
    remote.choose(Selection(experiments=asked.getlist("experiment"), runs=asked.getlist("run")))
    blocks = await services.read(lambda: remote.read(have))
    return StreamingResponse(_framed(services, blocks), media_type=http.MEDIA_TYPE)


async def _heads_asked(request: Request) -> list[FeedHead]:
    body = await bodies.read(request, SYNC_BODY_BYTES_MAX)
    with _understood():
        return frames.decode_heads(body)


async def _framed(services: Services, blocks: Iterator[Block]) -> AsyncIterator[bytes]:
    """Blocks as messages. Each is read when the client took the last; no transaction stays open."""
    try:
        while (block := await services.read(lambda: next(blocks, None))) is not None:
            yield frames.frame(frames.BLOCK, block.data)
        yield frames.frame(frames.END)
    except EventtrackError as error:
        yield frames.frame(frames.FAILED, frames.encode_failure(error))


async def _append(services: Services, request: Request, _: str) -> Response:
    body = await bodies.read(request, SYNC_BODY_BYTES_MAX)
    store, role = services.store, cast("Role", request.state.role)
    try:
        await services.receive(lambda: _take(store, body, may_erase=role >= Role.ADMIN))
    except EventtrackError as error:
        return _message(frames.frame(frames.FAILED, frames.encode_failure(error)))
    return _message(frames.frame(frames.DONE))


def _take(store: Store, body: bytes, *, may_erase: bool) -> None:
    """Verify and commit the blocks of a body. A refused feed does not stop other feeds."""
    remote, source = StoreRemote(store), io.BytesIO(body)
    refused: dict[bytes, EventtrackError] = {}
    try:
        while (message := frames.read_frame(source))[0] != frames.END:
            block = Block.decode(_block(*message))
            replica = block.header.replica
            if not may_erase and _erases(store, block):
                refused[replica] = RemoteDeniedError(
                    f"a redaction in feed {replica.hex()} erases what others logged, which needs a "
                    "token of the role admin",
                    hint="nothing is lost: that feed waits until a token of the role admin syncs "
                    "it once; other feeds came",
                )
            if replica not in refused:
                remote.append(block)
    except frames.Ended:
        raise InvalidValueError(
            "the body ends in the middle of a message", hint="sync again; upgrade if it stays so"
        ) from None
    finally:
        remote.flush()
    for error in refused.values():
        raise error


def _block(kind: bytes, body: bytes) -> bytes:
    if kind != frames.BLOCK:
        raise InvalidValueError(f"a message {kind!r} where a block is due", hint="upgrade")
    return body


def _erases(store: Store, block: Block) -> bool:
    """Whether a block brings a redaction that is new to the store."""
    log = store.replication.log
    for order in filter(is_redaction, map(Envelope, block.envelopes)):
        places = log.locate_all(order.header.replica, order.header.index)
        known = [envelope for place in places if (envelope := log.get(place)) is not None]
        # A redaction that is here without its payload was not obeyed.
        obeyed = [envelope.header_bytes for envelope in known if envelope.payload]
        if order.header_bytes not in obeyed:
            return True
    return False


async def _present(services: Services, request: Request, _: str) -> Response:
    body = await bodies.read(request, SYNC_BODY_BYTES_MAX)
    with _understood():
        asked = frames.decode(body, list[bytes])
    if any(len(digest) != _DIGEST_BYTES for digest in asked):
        raise _no_hash()
    remote = StoreRemote(services.store)
    present = await services.read(lambda: remote.present_blobs(asked))
    return _message(frames.encode(sorted(present)))


async def _get(services: Services, request: Request, name: str) -> Response:
    """An artifact, or a range of it."""
    digest, blobs = _digest(name), services.store.replication.blobs
    try:
        # The client asks by hash and checks the hash itself.
        (await services.read(lambda: blobs.open(digest))).close()
    except NotFoundError as error:
        raise NotFoundError(
            f"the artifact {name} is not here",
            hint="sync the machine that logged it with this server",
        ) from error
    return files.BlobResponse(blobs.path(digest), media_type=http.MEDIA_TYPE)


async def _put(services: Services, request: Request, name: str) -> Response:
    digest, blobs = _digest(name), services.store.replication.blobs
    draft = await services.read(blobs.draft)
    try:
        await files.hand_on(services, request, draft.write)
        await services.read(lambda: draft.finish_as(digest))
    except ChecksumError as error:
        return _message(frames.frame(frames.FAILED, frames.encode_failure(error)))
    finally:
        draft.abandon()
    return _message(frames.frame(frames.DONE))


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Turn a damaged message, in the block, into a refusal: the mistake is the client's."""
    try:
        yield
    except ChecksumError as error:
        raise InvalidValueError(error.message, hint=error.hint) from error


def _digest(name: str) -> bytes:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        raise _no_hash() from None
    if digest.hex() != name or len(digest) != _DIGEST_BYTES:
        raise _no_hash()
    return digest


def _no_hash() -> InvalidValueError:
    return InvalidValueError(
        "an artifact is named by the SHA-256 of its bytes", hint="docs/wire.md, section 11"
    )


def _message(body: bytes) -> Response:
    return Response(body, media_type=http.MEDIA_TYPE)


STREAMED = (
    Streamed("GET", f"{http.BASE}heads", _heads),
    Streamed("POST", f"{http.BASE}known", _known, role=Role.READ),
    Streamed("POST", f"{http.BASE}read", _read, role=Role.READ),
    Streamed("POST", f"{http.BASE}append", _append, role=Role.WRITE),
    Streamed("POST", f"{http.BASE}present", _present, role=Role.READ),
    Streamed("GET", f"{http.BASE}blobs/<digest>", _get),
    Streamed("PUT", f"{http.BASE}blobs/<digest>", _put, role=Role.WRITE),
)
