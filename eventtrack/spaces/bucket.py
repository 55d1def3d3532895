"""An S3-style bucket as a place that keeps objects, through `obstore` (docs/wire.md, section 4)."""

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from eventtrack.errors import (
    EventtrackError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.spaces.space import Entry, bounded, refuse_long

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Store

Answer = TypeVar("Answer")
# Up to this many names are looked up one by one; for more, the folder is listed.
_ASKED_AT_MOST = 8
_CHUNK_BYTES = 2**20
# The longest wait for one answer, retries included: a listing of many pages, a MiB of an artifact.
ANSWER_S = 1200.0
# The size of a part of a large artifact, and the parts on their way at once. Their product is the
# memory of an upload. A bucket takes 10,000 parts.
_PART_BYTES = 8 * 2**20
_PARTS_AT_ONCE = 3
# An absent network is reported within seconds. Uploads and downloads of artifacts wait longer
# (`_PATIENT_CLIENT`): on a slow network, the parts on their way may take that long to arrive.
_RETRIES: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=12),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2)},
}
_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=4),
    "read_timeout": timedelta(seconds=15),
    "timeout": timedelta(minutes=10),
}
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")
_PATIENT_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=4),
    "read_timeout": timedelta(minutes=2),
    "timeout": timedelta(days=7),
}


class BucketSpace:
    """A `Space` in a bucket, below a prefix. Safe from any thread.

    Args:
        url: `s3://BUCKET/PREFIX`. Endpoint, region and credentials come from the environment
            (`AWS_ENDPOINT_URL` and so on).

    Raises:
        InvalidValueError: The URL or a setting in the environment cannot be right, or `obstore` is
            not installed.
    """

    def __init__(self, url: str) -> None:
        refuse_bad_url(url)
        self._url = url.rstrip("/")
        self._store = _opened(self._url, _CLIENT)
        self._patient = _opened(self._url, _PATIENT_CLIENT)

    @property
    def place(self) -> str:
        """The bucket and the prefix."""
        return self._url

    def make(self) -> None:
        """Nothing to do: a prefix exists by itself, and a bucket is made by its owner, who pays."""

    def roots(self) -> set[str]:
        """The first parts of all names below the prefix."""
        listing = self._asked("", lambda: self._store.list_with_delimiter(None))
        names = [*listing["common_prefixes"], *(entry["path"] for entry in listing["objects"])]
        return {name.strip("/").partition("/")[0] for name in names}

    def list_behind(self, folder: str, name: str, limit: int) -> list[Entry]:
        """At most `limit` objects below a folder whose names come after `name`, in their order."""

        def first() -> list[Entry]:
            entries: list[Entry] = []
            for page in self._store.list(folder, offset=name, chunk_size=min(limit, 1000)):
                entries += [Entry(entry["path"], entry["size"]) for entry in page]
                if len(entries) >= limit:
                    break
            return entries[:limit]

        return self._asked(folder, first)

    def list(self, folder: str) -> list[Entry]:
        """Every object below a folder: one request for a thousand objects."""
        pages = self._store.list(folder, chunk_size=1000)
        entries = (Entry(entry["path"], entry["size"]) for page in pages for entry in page)
        return self._asked(folder, lambda: bounded(entries, f"{self._url}/{folder}"))

    def read(self, name: str, limit: int | None = None) -> bytes:
        """An object's bytes, or the first of them."""
        if limit is None:
            answer = self._asked(name, lambda: self._store.get(name))
            refuse_long(answer.meta["size"], f"{self._url}/{name}")
            return self._asked(name, lambda: answer.bytes().to_bytes())
        return self._asked(name, lambda: self._store.get_range(name, start=0, end=limit).to_bytes())

    def create(self, name: str, data: bytes) -> bool:
        """Make an object."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        def put() -> bool:
            try:
                self._patient.put(name, data, mode="create", use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
            return True

        return self._asked(name, put)

    def replace(self, name: str, data: bytes) -> None:
        """Make an object, or replace the object of that name."""
        self._asked(name, lambda: self._patient.put(name, data, use_multipart=False))

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects."""
        if names:
            self._asked(names[0], lambda: self._store.delete([*names]))

    def present(self, names: Sequence[str]) -> set[str]:
        """The names among `names` that objects have."""
        if len(names) <= _ASKED_AT_MOST:
            return {name for name in names if self._holds(name)}
        folders = {name.partition("/")[0] for name in names}
        return {entry.name for folder in folders for entry in self.list(folder)}.intersection(names)

    def stream(self, name: str) -> Iterator[bytes]:
        """An object's bytes in pieces."""
        pieces = self._asked(
            name, lambda: iter(self._patient.get(name).stream(min_chunk_size=_CHUNK_BYTES))
        )
        while (piece := self._asked(name, lambda: next(pieces, None))) is not None:
            yield bytes(piece)

    def upload(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make an object of pieces; a large object is sent in parts."""
        source = iter(chunks)
        begin: list[bytes] = []
        while sum(map(len, begin)) < _PART_BYTES:
            chunk = next(source, None)
            if chunk is None:
                self.create(name, b"".join(begin))
                return
            begin.append(chunk)
        self._asked(
            name,
            lambda: self._patient.put(
                name,
                itertools.chain(begin, source),
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            ),
            within_s=None,  # only the library's own limits: the size of the artifact is not known
        )

    def close(self) -> None:
        """Nothing to do: connections end with the process, and half an upload leaves no object."""

    def _holds(self, name: str) -> bool:
        try:
            self._asked(name, lambda: self._store.head(name))
        except NotFoundError:
            return False
        return True

    def _asked(
        self, name: str, work: Callable[[], Answer], within_s: float | None = ANSWER_S
    ) -> Answer:
        """The library's answer, or an error that names the object, the cause and the next step.

        The library does not hear interrupts while it waits, so it runs in a thread that may be
        abandoned.
        """
        from concurrent.futures import Future

        from obstore.exceptions import BaseError

        answer: Future[Answer] = Future()

        def ask() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            return answer.result(within_s)
        except TimeoutError as error:
            raise RemoteUnavailableError(
                f"{self._url}/{name} is left: the bucket answers too slowly, or without an end",
                hint="is AWS_ENDPOINT_URL right? Sync again: it goes on where it stopped",
            ) from error
        except (BaseError, FileNotFoundError) as error:
            raise _translated(error, self._url, name) from error


def refuse_bad_url(url: str) -> None:
    """Refuse a URL that names no bucket, or that holds keys: URLs are kept readable.

    Raises:
        InvalidValueError: The hint gives the right form.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise InvalidValueError(
            "the URL of a bucket must not hold keys: it is kept readable",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where you sync",
        )
    if not parts.netloc or parts.query or parts.fragment:
        raise InvalidValueError(f"{url!r} names no bucket", hint="write s3://BUCKET/PREFIX")


def _opened(url: str, client: "ClientConfig") -> "S3Store":
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError as error:
        raise InvalidValueError(
            f"cannot reach {url}: obstore is not installed",
            hint='pip install "eventtrack[s3]"',
        ) from error
    for variable in _ENDPOINTS:
        endpoint = os.environ.get(variable, "https://")
        if not endpoint.startswith(("http://", "https://")):
            raise InvalidValueError(
                f"cannot reach {url}: {variable} is {endpoint!r}, which is no URL",
                hint="write it with https:// (or http://) at its beginning, or unset it",
            )
    options: ClientConfig = {
        **client,
        # The library reads these variables only if it gets no options at all.
        "allow_http": _is_set("AWS_ALLOW_HTTP"),
        "allow_invalid_certificates": _is_set("AWS_ALLOW_INVALID_CERTIFICATES"),
    }
    try:
        return S3Store.from_url(url, client_options=options, retry_config=_RETRIES)
    except (BaseError, ValueError) as error:
        raise InvalidValueError(
            f"cannot reach {url}: {_first_line(error)}",
            hint="see AWS_ENDPOINT_URL, AWS_REGION and the other AWS_ variables that are set",
        ) from error


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("true", "1", "yes", "on")


def _translated(error: Exception, url: str, name: str) -> EventtrackError:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    text = str(error)
    what = f"{url}/{name}".rstrip("/")
    if "NoSuchBucket" in text:
        return RemoteError(
            f"cannot reach {url}: there is no such bucket",
            hint="make it first, or mend the address: `eventtrack remote list`; AWS_ENDPOINT_URL "
            "says where it is looked for",
        )
    if isinstance(error, FileNotFoundError):
        return NotFoundError(
            f"there is no {what}", hint="sync a machine that has it with that bucket"
        )
    if "/latest/api/token" in text or "/latest/meta-data" in text or "169.254." in text:
        return RemoteDeniedError(
            f"cannot use {url}: there are no credentials, and none come from the machine itself",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    denied = isinstance(error, PermissionDeniedError | UnauthenticatedError)
    # The library has no class of its own for a listing that is denied.
    if denied or "status code: 403" in text or "status code: 401" in text:
        return RemoteDeniedError(
            f"the bucket does not let these credentials use {what}: {_first_line(error)}",
            hint="see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and what "
            "they may do there",
        )
    if "NotImplemented" in text or "501 " in text:
        return RemoteError(
            f"cannot use {what}: {_first_line(error)}",
            hint="is it a store with conditional writes (If-None-Match), as S3 has them?",
        )
    if "BadScheme" in text:
        return InvalidValueError(
            f"cannot reach {url}: its endpoint is not encrypted",
            hint="set AWS_ALLOW_HTTP=true if the network in between is yours, or let "
            "AWS_ENDPOINT_URL begin with https://",
        )
    if "HTTP error" in text or "status code: 5" in text:
        return RemoteUnavailableError(
            f"cannot reach {url}: {_first_line(error)}",
            hint="is the network there, are AWS_ENDPOINT_URL and AWS_REGION right? Sync again: it "
            "goes on where it stopped",
        )
    return RemoteError(
        f"cannot use {what}: {_first_line(error)}",
        hint="see AWS_ENDPOINT_URL and AWS_REGION, then sync again: it goes on where it stopped",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:500]
