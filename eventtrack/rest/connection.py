"""Requests to one server, and the translation of its answers into our errors.

An answer counts only if it is MLflow's JSON: a proxy in front of the server may say 200 and show a
page to log in. An answer that is not understood counts as no answer, never as success.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn
from urllib.parse import quote, urlencode

import msgspec

from eventtrack.errors import (
    AlreadyExistsError,
    ConflictError,
    EndpointMissingError,
    EventtrackError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    RemoteDeniedError,
    RemoteError,
    RemoteFailedError,
    RemoteUnavailableError,
    UsageError,
)
from eventtrack.rest.address import Address
from eventtrack.rest.pool import pool_of
from eventtrack.store.reasons import HEADER, REASON, header_of

if TYPE_CHECKING:
    import urllib3

Json = dict[str, Any]

# Seconds. A server on the same continent accepts within one second; a dead server must not stop a
# program.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
# The bound of an answer in JSON, which is held in memory: many times the largest page of runs.
ANSWER_BYTES_MAX = 256 * 2**20
# Characters of an unknown answer that an error shows.
_SHOWN = 200
# Characters of the server's message that an error shows.
_MESSAGE_MAX = 4000

# MLflow's codes that say what is wrong with the call.
_ERRORS: dict[str, type[EventtrackError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFoundError,
    "NOT_FOUND": NotFoundError,
    "RESOURCE_ALREADY_EXISTS": AlreadyExistsError,
    "ALREADY_EXISTS": AlreadyExistsError,
    "INVALID_PARAMETER_VALUE": InvalidValueError,
    "INVALID_STATE": InvalidStateError,
    "BAD_REQUEST": UsageError,
    "RESOURCE_CONFLICT": ConflictError,
    "PERMISSION_DENIED": RemoteDeniedError,
    "UNAUTHENTICATED": RemoteDeniedError,
    "ENDPOINT_NOT_FOUND": EndpointMissingError,
    "NOT_IMPLEMENTED": EndpointMissingError,
}
_DENIED = (401, 403, 407)
_LATER = (408, 429, 502, 503, 504)
_NO_ENDPOINT = (404, 405, 501)


class Connection:
    """Requests to one server over connections that are kept open. Safe from any thread.

    Args:
        address: The server.
        read_timeout_s: The longest wait for a silent server.
    """

    def __init__(self, address: Address, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self.address = address
        self._read_timeout_s = read_timeout_s
        self._pool: urllib3.PoolManager | None = None
        # Pools of a parent process, which goes on using them: neither used nor closed here.
        self._inherited: list[urllib3.PoolManager] = []
        self._opening = threading.Lock()
        _connections.add(self)

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        """Ask with a query; `path` comes below the server's URL."""
        if query:
            path = f"{path}?{urlencode(query, doseq=True)}"
        return self._json("GET", path, None)

    def post(self, path: str, body: Json, *, read_timeout_s: float | None = None) -> Json:
        """Send JSON; NaN and infinities in the body must be texts already."""
        return self._json("POST", path, msgspec.json.encode(body), read_timeout_s)

    def delete(self, path: str) -> None:
        """Remove the thing at a path."""
        self._json("DELETE", path, None)

    def put(self, path: str, body: IO[bytes] | bytes) -> None:
        """Upload bytes; a stream is read while it is sent. The answer may have any body."""
        with self._answer("PUT", path, body) as answer:
            self._check(answer, "PUT", path, self._whole(answer, "PUT", path))

    def chunks(self, path: str, size: int) -> Iterator[bytes]:
        """Download bytes, `size` at a time.

        Raises:
            RemoteUnavailableError: The connection broke; the bytes so far are not all.
        """
        with self.opened("GET", path) as answer:
            yield from answer.stream(size)

    @contextlib.contextmanager
    def opened(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Iterator[urllib3.BaseHTTPResponse]":
        """Send a request; the answer is read in the block, as it comes.

        Raises:
            RemoteUnavailableError: The connection broke, also while the answer was read.
        """
        with self._answer(method, path, body, headers=headers) as answer:
            import urllib3

            try:
                if not 200 <= answer.status < 300:
                    self._check(answer, method, path, answer.read(_SHOWN * 100))
                yield answer
            except urllib3.exceptions.HTTPError as error:
                raise self._broken(method, path, error) from error

    def close(self) -> None:
        """Close all connections; the next request opens a new connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.clear()

    def after_fork_in_child(self) -> None:
        """Make a child open its own connections: on shared ones it reads its parent's answers."""
        self._opening = threading.Lock()
        if self._pool is not None:
            self._inherited.append(self._pool)
            self._pool = None

    def _json(
        self, method: str, path: str, body: bytes | None, read_timeout_s: float | None = None
    ) -> Json:
        with self._answer(method, path, body, timeout_s=read_timeout_s) as answer:
            data = self._whole(answer, method, path)
            self._check(answer, method, path, data)
        document = _decoded(data)
        if document is None:
            raise RemoteUnavailableError(
                f"{self.address.url} does not answer {method} {path} as a tracking server does: "
                f"{_shown(data)}",
                hint="is this the URL of an MLflow or eventtrack server?",
                sent=True,
            )
        return document

    def _answer(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | bytes | None,
        *,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "urllib3.BaseHTTPResponse":
        import urllib3

        sent = {"accept": "*/*"}
        if isinstance(body, bytes):
            sent["content-type"] = "application/json"
        sent.update(headers or {})
        if (reason := REASON.get()) is not None:
            sent[HEADER] = header_of(reason)
        if self.address.authorization is not None:
            sent["authorization"] = self.address.authorization
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s or self._read_timeout_s)
        try:
            return self._opened().request(
                method,
                self.address.url + path,
                body=body,
                headers=sent,
                timeout=timeout,
                redirect=False,
                retries=False,
                preload_content=False,
                # No compression was asked for, and a few compressed bytes may unpack to many.
                decode_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._broken(method, path, error) from error

    def _whole(self, answer: "urllib3.BaseHTTPResponse", method: str, path: str) -> bytes:
        """An answer's body, which is held in memory.

        Raises:
            RemoteUnavailableError: The connection broke.
            RemoteError: The body is longer than any real answer.
        """
        import urllib3

        try:
            data = read_whole(answer, ANSWER_BYTES_MAX)
        except urllib3.exceptions.HTTPError as error:
            raise self._broken(method, path, error) from error
        if data is None:
            raise RemoteError(
                f"{self.address.url} answers {method} {path.partition('?')[0]} with more than "
                f"{ANSWER_BYTES_MAX} bytes",
                hint="is this the URL of an MLflow or eventtrack server?",
            )
        return data

    def _opened(self) -> "urllib3.PoolManager":
        pool = self._pool
        if pool is None:
            with self._opening:
                if self._pool is None:
                    self._pool = pool_of(self.address)
                pool = self._pool
        return pool

    def _broken(self, method: str, path: str, error: Exception) -> RemoteUnavailableError:
        """The error for a missing answer; `sent` says if the server may have done the request."""
        from urllib3 import exceptions

        never_sent = (
            exceptions.NewConnectionError,
            exceptions.ConnectTimeoutError,
            exceptions.ProxyError,
            exceptions.SSLError,
        )
        hint = "is it running, and is this its URL?"
        if isinstance(error, exceptions.SSLError):
            hint = (
                "name a file of certificates to trust in MLFLOW_TRACKING_SERVER_CERT_PATH, or set "
                "MLFLOW_TRACKING_INSECURE_TLS=true to trust any"
            )
        return RemoteUnavailableError(
            f"no answer from {self.address.url} to {method} {path.partition('?')[0]}: "
            f"{_reason(error)}",
            hint=hint,
            sent=not isinstance(error, never_sent),
        )

    def _check(
        self, answer: "urllib3.BaseHTTPResponse", method: str, path: str, data: bytes
    ) -> None:
        """Raise the error that an answer other than success stands for."""
        if 200 <= answer.status < 300:
            return
        details = _decoded(data) or {}
        code, message = str(details.get("error_code", "")), str(details.get("message", ""))
        message = message[:_MESSAGE_MAX]
        asked = f"{method} {path.partition('?')[0]}"
        said = message or _shown(data) or "no reason given"
        if answer.status in _DENIED or code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
            raise RemoteDeniedError(
                f"{self.address.url} refused {asked} ({answer.status}): {said}",
                hint="set MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if code in _ERRORS:
            raise _ERRORS[code](message, hint=str(details.get("hint", ""))[:_MESSAGE_MAX])
        self._refuse_status(answer, asked, code, said)

    def _refuse_status(
        self, answer: "urllib3.BaseHTTPResponse", asked: str, code: str, said: str
    ) -> NoReturn:
        status, url = answer.status, self.address.url
        if 300 <= status < 400:
            raise RemoteUnavailableError(
                f"{url} sends {asked} on to {answer.headers.get('location', 'nowhere')}",
                hint="use the URL of the tracking server itself, with https where it asks for it",
            )
        if status in _NO_ENDPOINT and not code:
            raise EndpointMissingError(
                f"{url} has no {asked} ({status}): {said}",
                hint="is this the URL of a tracking server, and is it recent enough?",
            )
        if status in _LATER:
            raise RemoteUnavailableError(
                f"{url} cannot answer {asked} now ({status}): {said}", hint="try again", sent=True
            )
        if status >= 500:
            raise RemoteFailedError(
                f"{url} failed over {asked} ({status} {code}): {said}",
                hint="the server's own log says why",
            )
        raise UsageError(f"{url} refused {asked} ({status}): {said}")


_connections: "weakref.WeakSet[Connection]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for connection in list(_connections):
        connection.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)


def read_whole(answer: "urllib3.BaseHTTPResponse | BinaryIO", bytes_max: int) -> bytes | None:
    """The rest of an answer's body; None if it is longer than `bytes_max`."""
    parts, left = [], bytes_max + 1
    # Read until nothing comes: only the empty read detects a missing end.
    while left > 0 and (part := answer.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if left > 0 else None


def path_text(text: str) -> str:
    """A text as one or more segments of a URL's path, quoted."""
    return quote(text, safe="/")


def _decoded(data: bytes) -> Json | None:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _shown(data: bytes) -> str:
    return " ".join(data.decode(errors="replace").split())[:_SHOWN]


def _reason(error: BaseException) -> str:
    # urllib3 puts the object that tried in front: "HTTPConnection(host='...', port=1): ...".
    text = str(error.args[-1] if error.args else error)
    return text.partition("): ")[2] or text or type(error).__name__
