"""Files on their way between HTTP and the store: streamed, never whole in memory."""

import contextlib
import mimetypes
import posixpath
import shutil
import tempfile
import time
import unicodedata
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from eventtrack.compat import checks, responses
from eventtrack.compat.errors import NotServedError
from eventtrack.errors import NotFoundError
from eventtrack.log.files import BLOBS
from eventtrack.log.filesystem import translate_os_error
from eventtrack.server.threads import Services
from eventtrack.store import Store, validate
from eventtrack.store.artifacts import Artifacts

# Bytes that go to a thread at once: twice as fast as the 64 KiB in which they arrive.
_CHUNK_BYTES = 2**20
# Begun uploads wait in folders of this name in the store: on the disk where they are to stay.
_UPLOAD_PREFIX = ".upload-"
# An upload that has not grown for a day belongs to a server that was killed.
_UPLOAD_AGE_MAX_S = 24 * 3600
# Shown in a browser's tab as they are; by extension, or whole name where there is none.
_TEXT = """
    bash cfg conda conf css csv env html ini js json jsonl log md MLmodel MLproject py r
    requirements rst scala sh sql toml tsv txt xml yaml yml
"""
_TEXT_NAMES = frozenset(_TEXT.split())


class Owned(NamedTuple):
    """A path among the files of a run or of a logged model; "" for all of them."""

    kind: Literal["run", "model"]
    owner: str
    path: str

    def files(self, store: Store) -> Artifacts:
        """What keeps the files of owners of this kind."""
        return store.artifacts if self.kind == "run" else store.models.artifacts

    def location(self, store: Store) -> str:
        """Where the owner's files are.

        Raises:
            NotFoundError: There is no such owner.
        """
        if self.kind == "model":
            return store.models.get(self.owner).artifact_location
        return store.runs.get(checks.known_run_id(self.owner)).info.artifact_uri


class _File(FileResponse):
    """A file in large chunks; answers ranges and unchanged files by itself."""

    chunk_size = _CHUNK_BYTES


async def send(services: Services, owned: Owned) -> Response:
    """A file as an attachment: no page of ours is to run what somebody logged."""
    store, (kind, owner, path) = services.store, owned
    if kind == "run":
        checks.known_run_id(owner)

    def find() -> tuple[Path, str]:
        files = owned.files(store)
        entry = files.entry(owner, path)
        with files.open(owner, path) as file:
            place = Path(file.name)
        # The log may name any file of this machine, and other machines may write to the log.
        if not place.is_relative_to(store.path / BLOBS):
            refuse_elsewhere(store, owned)
            raise NotServedError(f"artifact '{path}' of {kind} {owner} lies outside the store")
        return place, entry.sha256

    place, digest = await services.read(find)
    headers = {
        "content-disposition": _attachment(posixpath.basename(path)),
        "x-content-type-options": "nosniff",
        "etag": f'"{digest}"',
    }
    return _File(place, headers=headers, media_type=media_type(path))


async def receive(services: Services, request: Request, owned: Owned) -> None:
    """Store a request's body as a file of a run or a model; durable on return.

    Raises:
        NotFoundError: There is no such run or model.
        NotServedError: Its files are kept elsewhere.
        InvalidValueError: No file can have such a path.
    """
    store, (_, owner, path) = services.store, owned
    parent, name = posixpath.split(validate.artifact_path(path))
    await services.read(lambda: refuse_elsewhere(store, owned))
    folder = Path(await services.read(lambda: tempfile.mkdtemp("", _UPLOAD_PREFIX, store.path)))
    try:
        # Not under its own name: one may be longer than what file systems take.
        draft = folder / "received"
        try:
            with draft.open("xb") as sink:
                async for chunk in _large_chunks(request):
                    await services.read(lambda chunk=chunk: sink.write(chunk))  # type: ignore[misc]
        except OSError as error:
            raise translate_os_error(error, f"receive artifact '{path}'") from error
        kept = owned.files(store)
        await services.read(lambda: kept.log_file(owner, draft, parent or None, name=name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_elsewhere(store: Store, owned: Owned) -> None:
    """Refuse what would need files that this server does not keep."""
    location = owned.location(store)
    if not responses.served_by_us(location):
        raise NotServedError(
            f"the files of {owned.kind} {owned.owner} lie at {location}, which is not this "
            "server's",
            hint="read and write them there; mlflow does so by itself",
        )


def sweep(store: Store) -> None:
    """Remove uploads that were begun by servers that did not live to finish them."""
    for folder in store.path.glob(f"{_UPLOAD_PREFIX}*"):
        with contextlib.suppress(OSError):
            newest = max(one.stat().st_mtime for one in (folder, *folder.iterdir()))
            if newest < time.time() - _UPLOAD_AGE_MAX_S:
                shutil.rmtree(folder)


def media_type(path: str) -> str:
    """What kind of file it is, by its name."""
    name = posixpath.basename(path)
    extension = posixpath.splitext(name)[1].removeprefix(".") or name
    if extension in _TEXT_NAMES:
        return "text/plain"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _attachment(name: str) -> str:
    """RFC 6266: the name in ASCII for old clients, and as it is for all others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "download"
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    quoted = "".join(letter for letter in quoted if letter.isprintable())
    if name.isascii():
        return f'attachment; filename="{quoted}"'
    encoded = urllib.parse.quote(name, safe="")
    return f"attachment; filename=\"{quoted}\"; filename*=UTF-8''{encoded}"


async def _large_chunks(request: Request) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in request.stream():
        waiting += chunk
        if len(waiting) >= _CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def owned(proxied: str) -> Owned:
    """Whose file a path of the proxy names.

    Raises:
        NotFoundError: It names nothing that runs or models have.
        NotServedError: It names a trace's files.
    """
    pieces = [piece for piece in proxied.split("/") if piece not in ("", ".")]
    kind: Literal["run", "model"] = "run"
    if len(pieces) > 2 and pieces[1] == "traces":
        raise NotServedError(
            f"files of traces are not served yet: '{proxied}'",
            hint="log them as artifacts of a run",
        )
    if len(pieces) > 2 and pieces[1] == "models":
        kind, pieces = "model", pieces[1:]
    if len(pieces) < 3 or pieces[2] != "artifacts":
        raise NotFoundError(
            f"No such artifact: '{proxied}'",
            hint="files lie at EXPERIMENT_ID/RUN_ID/artifacts/PATH "
            "and EXPERIMENT_ID/models/MODEL_ID/artifacts/PATH",
        )
    return Owned(kind, pieces[1], "/".join(pieces[3:]))
