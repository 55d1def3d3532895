"""Files on their way between HTTP and the store: streamed, never whole in memory."""

import asyncio
import mimetypes
import posixpath
import re
import unicodedata
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from eventtrack import validate
from eventtrack.compat import checks, responses
from eventtrack.compat.errors import NotServedError
from eventtrack.compat.owners import owner_of
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.store.artifacts import Artifacts, ArtifactUpload
from eventtrack.web.answers import as_of

# Bytes that go to a thread at once: twice as fast as single arrivals of 64 KiB.
_CHUNK_BYTES = 2**20
# Files that browsers show as text: by extension, or by the whole name of a file without extension.
_TEXT = """
    bash cfg conda conf css csv env html ini js json jsonl log md MLmodel MLproject py r
    requirements rst scala sh sql toml tsv txt xml yaml yml
"""
_TEXT_NAMES = frozenset(_TEXT.split())


_SHA256 = re.compile(r"[0-9a-f]{64}")
CLOSED = {
    "x-content-type-options": "nosniff",
    # For a browser that shows the file all the same: no script, no form, no origin.
    "content-security-policy": "default-src 'none'; sandbox",
}


class Owned(NamedTuple):
    """A path among the files of a run, a logged model or a trace; "" for all of them."""

    kind: Literal["run", "model", "trace"]
    owner: str
    path: str

    def files(self, store: Store) -> Artifacts:
        """The keeper of the files of this kind of owner."""
        if self.kind == "trace":
            return store.traces.artifacts
        return store.artifacts if self.kind == "run" else store.models.artifacts

    def location(self, store: Store) -> str:
        """The location of the owner's files.

        Raises:
            NotFoundError: There is no such owner.
        """
        if self.kind == "trace":
            return store.traces.get(self.owner).artifact_uri
        if self.kind == "model":
            return store.models.get(self.owner).artifact_location
        return store.runs.get(checks.known_run_id(self.owner)).info.artifact_uri


class BlobResponse(FileResponse):
    """A file in large chunks; answers ranges by itself."""

    chunk_size = _CHUNK_BYTES


async def send(
    services: Services,
    request: Request,
    owned: Owned,
    at: str = "",
    *,
    shown: Mapping[str, str] | None = None,
) -> Response:
    """A file as an attachment, so that no page of ours runs a logged file.

    Args:
        at: The moment of which a run's file is sent; "" for now.
        shown: The headers of a file that browsers show in a frame instead.
    """
    store, (kind, owner, path) = services.store, owned
    if kind == "run":
        checks.known_run_id(owner)

    def find() -> tuple[Path, str]:
        # By its hash alone: others write to the log, and could name any file of this machine in it.
        try:
            if kind == "run":
                with as_of(store, at) as queries:
                    place, digest = queries.artifacts.blob(owner, path)
            else:
                place, digest = owned.files(store).blob(owner, path)
        except NotFoundError:
            refuse_elsewhere(store, owned)
            raise
        return place, digest.hex()

    place, digest = await services.read(find)
    attached = {"content-disposition": attachment(posixpath.basename(path)), **CLOSED}
    headers = {**(attached if shown is None else shown), "etag": f'"{digest}"'}
    known = request.headers.get("if-none-match", "")
    if headers["etag"] in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    content_type = headers.get("content-type") or media_type(path)
    return BlobResponse(place, headers=headers, media_type=content_type)


async def send_medium(services: Services, run_id: str, sha256: str) -> Response:
    """The bytes of a medium of a run. Browsers show images, sounds and videos as such only."""
    store, known_id = services.store, checks.known_run_id(run_id)
    if not _SHA256.fullmatch(sha256):
        raise InvalidValueError(
            f"{sha256[:80]!r} is no SHA-256", hint="take it from an item of a series of media"
        )

    def find() -> tuple[Path, str]:
        kind = store.items.media_type(known_id, bytes.fromhex(sha256))
        if not validate.is_media_type(kind):  # an event of another machine may hold any text
            kind = "application/octet-stream"
        try:
            # In a cluster this brings the bytes here.
            store.artifacts.blobs.open(bytes.fromhex(sha256)).close()
        except NotFoundError as error:
            raise NotFoundError(
                f"the bytes of the medium {sha256} are not here",
                hint="sync with the machine that logged it; they may also have been erased",
            ) from error
        return store.artifacts.blobs.path(bytes.fromhex(sha256)), kind

    place, kind = await services.read(find)
    is_shown = kind.partition("/")[0] in ("image", "audio", "video")
    headers = {"content-disposition": attachment(sha256), **CLOSED, "etag": f'"{sha256}"'}
    return BlobResponse(
        place, headers=headers, media_type=kind if is_shown else "application/octet-stream"
    )


async def receive(services: Services, request: Request, owned: Owned) -> None:
    """Store a request's body as a file of its owner; durable on return.

    Raises:
        NotFoundError: There is no such run, model or trace.
        NotServedError: The owner's files lie elsewhere.
        InvalidValueError: No file can have such a path.
    """
    store, (_, owner, path) = services.store, owned

    def begin() -> ArtifactUpload:
        refuse_elsewhere(store, owned)
        return owned.files(store).begin(owner, path)

    upload = await services.read(begin)
    try:
        await hand_on(services, request, upload.write)
        await services.read(upload.finish)
    finally:
        upload.abandon()


def refuse_elsewhere(store: Store, owned: Owned) -> None:
    """Refuse a request for files that this server does not keep."""
    location = owned.location(store)
    if not responses.served_by_us(location):
        raise NotServedError(
            f"the files of {owned.kind} {owned.owner} lie at {location}, which is not this "
            "server's",
            hint="read and write them there; mlflow does so by itself",
        )


def media_type(path: str) -> str:
    """The media type of a file, by its name."""
    name = posixpath.basename(path)
    extension = posixpath.splitext(name)[1].removeprefix(".") or name
    if extension in _TEXT_NAMES:
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def attachment(name: str) -> str:
    """The header of RFC 6266: the name in ASCII for old clients, and unchanged for all others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "download"
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    quoted = "".join(letter for letter in quoted if letter.isprintable())
    if name.isascii():
        return f'attachment; filename="{quoted}"'
    encoded = urllib.parse.quote(name, safe="")
    return f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"


async def hand_on(services: Services, request: Request, write: Callable[[bytearray], None]) -> None:
    """Hand a body on to `write` in a thread: one piece is written while the next one arrives."""
    writing: asyncio.Task[None] | None = None
    async for chunk in _large_chunks(request):
        if writing is not None:
            await writing
        writing = asyncio.create_task(services.read(partial(write, chunk)))
        writing.add_done_callback(_note_seen)  # when the client breaks off, nobody awaits the task
    if writing is not None:
        await writing


def _note_seen(written: "asyncio.Task[None]") -> None:
    if not written.cancelled():
        written.exception()


async def _large_chunks(request: Request) -> AsyncIterator[bytearray]:
    """A request's body in pieces that are large enough to be worth a thread."""
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _CHUNK_BYTES:
            yield waiting
            waiting = bytearray()
    if waiting:
        yield waiting


def owned(proxied: str) -> Owned:
    """The owner and the file that a path of the proxy names.

    Raises:
        NotFoundError: The path names no file of runs, models or traces.
    """
    place = owner_of(proxied)
    if place is None:
        raise NotFoundError(
            f"No such artifact: '{proxied}'",
            hint="files lie at EXPERIMENT_ID/RUN_ID/artifacts/PATH "
            "and EXPERIMENT_ID/models/MODEL_ID/artifacts/PATH, and so for traces",
        )
    kinds: dict[str, Literal["run", "model", "trace"]] = {
        "runs": "run",
        "models": "model",
        "traces": "trace",
    }
    return Owned(kinds[place.kind], place.owner, place.path)
