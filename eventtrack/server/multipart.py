"""Uploads in parts: MLflow's client can be set to send large files so.

The parts wait in a folder of the store, `.upload-<id>`, until they are put together. After that
the folder holds a file `done`, so that a client that missed the answer may complete the upload
again without effect. MLflow's client sends parts without its own credentials, but with the headers
that the server gave for them; so the server gives back the credentials that the client came with.
"""

import contextlib
import fcntl
import ntpath
import os
import posixpath
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import checks, requests
from eventtrack.compat.requests import Request as JsonRequest
from eventtrack.compat.responses import Json
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.server import bodies, files
from eventtrack.server.endpoint import PROXY_PREFIXES, Streamed
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.store.artifacts import ArtifactUpload
from eventtrack.store.blobs import BlobDraft
from eventtrack.tokens import Role

# A path of our own: MLflow lets the server choose where parts go.
PARTS = "/eventtrack/artifact-parts/"
# As in S3, which set the example.
PARTS_MAX = 10_000
# A name and an etag for each part.
_BODY_BYTES_MAX = 4 * 2**20
_FOLDER_PREFIX = ".upload-"
_ID = re.compile("[0-9a-f]{32}")
_PART = re.compile("[1-9][0-9]{0,4}")
# Between two parts a network may be away for a night; then the upload is given up.
_IDLE_MAX_S = 24 * 3600
_COPY_BYTES = 2**20


class _Upload:
    """One upload in parts: a folder in the store."""

    def __init__(self, store: Store, upload_id: str) -> None:
        if _ID.fullmatch(upload_id) is None:
            raise _unknown(upload_id)
        self.id = upload_id
        self.store = store
        self.folder = store.path / f"{_FOLDER_PREFIX}{upload_id}"

    @property
    def done(self) -> bool:
        """Whether the file was put together."""
        return (self.folder / "done").exists()

    def check_place(self, owned: files.Owned) -> None:
        """Refuse to go on with the upload for another file than the file it was begun for.

        Raises:
            NotFoundError: There is no such upload.
        """
        try:
            place = (self.folder / "place").read_bytes()
        except FileNotFoundError:
            raise _unknown(self.id) from None
        if place != msgspec.json.encode(owned):
            raise _unknown(self.id)

    def parts(self) -> dict[int, dict[str, Path]]:
        """The parts that arrived, by number and etag: a part may have come twice."""
        parts: dict[int, dict[str, Path]] = {}
        for path in self.folder.iterdir():
            number, _, etag = path.name.partition("-")
            if number.isdecimal():
                parts.setdefault(int(number), {})[etag] = path
        return parts

    def chosen(self, named: Sequence[Any]) -> list[Path]:
        """The files of the parts that a client names, in order of their numbers.

        Raises:
            InvalidValueError: A named part has not arrived, or an arrived part is not named.
        """
        arrived = self.parts()
        chosen = {}
        for part in named:
            files_of_part = arrived.get(part["part_number"], {})
            etag = part["etag"].strip('"')
            if etag in files_of_part:
                chosen[part["part_number"]] = files_of_part[etag]
            elif not etag and len(files_of_part) == 1:
                (chosen[part["part_number"]],) = files_of_part.values()
        if len(chosen) != len(named) or set(chosen) != set(arrived):
            raise InvalidValueError(
                f"cannot complete upload {self.id}: {len(named)} parts are named and "
                f"{len(arrived)} arrived; of those named, {len(chosen)} are here with their etags",
                hint="send the others again, or abort the upload and begin anew",
            )
        return [chosen[number] for number in sorted(chosen)]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the upload, to put its parts together or to throw it away.

        Raises:
            NotFoundError: There is no such upload.
        """
        try:
            descriptor = os.open(self.folder, os.O_RDONLY)
        except FileNotFoundError:
            raise _unknown(self.id) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


async def create(services: Services, request: Request, folder: str) -> Response:
    """Begin an upload, and say where its parts go."""
    sent = await _read(request, requests.CREATE_MULTIPART)
    owned = _owned(folder, sent["path"])
    count = sent["num_parts"] or 1
    if not 1 <= count <= PARTS_MAX:
        checks.refuse(f"num_parts must be between 1 and {PARTS_MAX}.")
    store = services.store
    upload = _Upload(store, secrets.token_hex(16))

    def begin() -> None:
        sweep(store)
        files.refuse_elsewhere(store, owned)
        # Refuses a bad path now rather than after all parts.
        owned.files(store).begin(owned.owner, owned.path).abandon()
        upload.folder.mkdir()
        (upload.folder / "place").write_bytes(msgspec.json.encode(owned))

    await services.read(begin)
    authorization = request.headers.get("authorization")
    headers = {} if authorization is None else {"Authorization": authorization}
    base = f"{_scheme(request)}://{request.url.netloc}{PARTS}{upload.id}"
    return _json(
        {
            "upload_id": upload.id,
            "credentials": [
                {"url": f"{base}/{number}", "part_number": number, "headers": headers}
                for number in range(1, count + 1)
            ],
        }
    )


def _scheme(request: Request) -> str:
    """The client's scheme. A proxy that ends TLS names it; a client that lies harms only itself."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return forwarded if forwarded in ("http", "https") else request.url.scheme


async def put_part(services: Services, request: Request, rest: str) -> Response:
    """Take one part. A part that is sent again replaces the first."""
    upload_id, _, number = rest.partition("/")
    upload = _Upload(services.store, upload_id)
    if _PART.fullmatch(number) is None or int(number) > PARTS_MAX:
        checks.refuse(f"Invalid part number '{number[:20]}'.")

    # A part that is sent again may arrive while the first is still on its way.
    arriving = upload.folder / f"{number}.{secrets.token_hex(8)}"

    def begin() -> BlobDraft:
        if upload.done or not upload.folder.is_dir():
            raise _unknown(upload_id)
        return services.store.artifacts.blobs.draft(arriving)

    draft = await services.read(begin)

    def finish() -> str:
        digest, _ = draft.finish()
        arriving.rename(upload.folder / f"{int(number)}-{digest.hex()}")
        return digest.hex()

    try:
        await files.hand_on(services, request, draft.write)
        etag = await services.read(finish)
    finally:
        draft.abandon()
    return Response(headers={"etag": f'"{etag}"'})


async def complete(services: Services, request: Request, folder: str) -> Response:
    """Put the parts together, in order of their numbers; durable when it is answered."""
    sent = await _read(request, requests.COMPLETE_MULTIPART)
    owned = _owned(folder, sent["path"])
    upload = _Upload(services.store, sent["upload_id"])

    def put_together() -> None:
        with upload.alone():
            upload.check_place(owned)
            if upload.done:
                return
            parts = upload.chosen(sent["parts"])
            files.refuse_elsewhere(upload.store, owned)
            joined = owned.files(upload.store).begin(owned.owner, owned.path)
            try:
                _join(joined, parts)
            finally:
                joined.abandon()
            (upload.folder / "done").touch()
            for part in parts:
                part.unlink()

    await services.read(put_together)
    return _json({})


async def abort(services: Services, request: Request, folder: str) -> Response:
    """Throw the parts away."""
    sent = await _read(request, requests.ABORT_MULTIPART)
    owned = _owned(folder, sent["path"])
    upload = _Upload(services.store, sent["upload_id"])

    def throw_away() -> None:
        with upload.alone():
            upload.check_place(owned)
            shutil.rmtree(upload.folder)

    await services.read(throw_away)
    return _json({})


def sweep(store: Store) -> None:
    """Throw away uploads that nobody went on with."""
    for folder in store.path.glob(f"{_FOLDER_PREFIX}*"):
        with contextlib.suppress(OSError):
            newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if newest < time.time() - _IDLE_MAX_S:
                shutil.rmtree(folder)


def _join(joined: ArtifactUpload, parts: list[Path]) -> None:
    for part in parts:
        with part.open("rb") as source:
            for chunk in iter(lambda: source.read(_COPY_BYTES), b""):
                joined.write(chunk)
    joined.finish()


def _owned(folder: str, local_file: str) -> files.Owned:
    """The place in `folder` of a file that a client sends, by the file's path on its machine.

    The client may run on Windows, whose paths have backslashes; elsewhere a backslash is a letter
    of a name.
    """
    windows = ntpath.splitdrive(local_file)[0] or "/" not in local_file
    name = (ntpath if windows else posixpath).basename(local_file)
    path = posixpath.join(checks.artifact_path(folder), name)
    return files.owned(checks.artifact_path(path))


async def _read(request: Request, described: JsonRequest) -> Any:
    return described.from_body(await bodies.read(request, _BODY_BYTES_MAX))


def _unknown(upload_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no upload {upload_id[:40]!r} of this file", hint="begin a new one"
    )


def _json(answer: Json) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")


STREAMED = (
    *(
        Streamed("POST", f"{prefix}mpu/{name}/", answer, role=Role.WRITE)
        for prefix in PROXY_PREFIXES
        for name, answer in (("create", create), ("complete", complete), ("abort", abort))
    ),
    Streamed("PUT", PARTS, put_part, role=Role.WRITE),
)
