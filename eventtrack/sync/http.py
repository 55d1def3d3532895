"""The remote behind an `eventtrack server` (docs/wire.md, section 11)."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from email.utils import parsedate_to_datetime
from typing import BinaryIO, cast
from urllib.parse import urlencode

from eventtrack.errors import (
    EndpointMissingError,
    EventtrackError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.limits import CLOCK_WRONG_MS, FRAME_BYTES_MAX, SYNC_SENT_BYTES
from eventtrack.log.blocks import Block
from eventtrack.rest.address import address_of
from eventtrack.rest.connection import Connection, read_whole
from eventtrack.store.clocks import span
from eventtrack.sync import frames
from eventtrack.sync.protocol import FeedHead
from eventtrack.sync.selection import Selection

# The number is the version of the protocol below this path.
BASE = "/api/eventtrack/1/sync/"
# Only an eventtrack answers with this type: neither MLflow nor the login page of a proxy.
MEDIA_TYPE = "application/x-eventtrack-sync"
_CHUNK_BYTES = 2**20
# The longest selection in a URL: the head of a request has at most 64 KiB. A longer selection is
# not sent, and all payloads come.
_QUERY_LENGTH_MAX = 32 * 2**10
# Long, for a server that obeys a redaction folds its views anew before it answers.
READ_TIMEOUT_S = 300.0


def open_http(url: str, create: bool) -> "HttpRemote":
    """The store behind the server at a URL. Tokens and TLS are set up as for its REST API.

    Raises:
        InvalidValueError: The URL names no server.
        RemoteError: Nobody answers, the program there is no eventtrack, or it refuses the token.
    """
    remote = HttpRemote(Connection(address_of(url), READ_TIMEOUT_S))
    try:
        remote.heads()
    except BaseException:
        remote.close()
        raise
    return remote


class HttpRemote:
    """A `Remote` behind a server's URL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._date = ""  # the time of the last answer, by the server's clock
        self._query = ""

    def choose(self, wanted: Selection) -> None:
        """Ask only for the payloads of a selection; a server too old for selections sends all."""
        query = urlencode({"experiment": wanted.experiments, "run": wanted.runs}, doseq=True)
        self._query = f"?{query}" if query and len(query) < _QUERY_LENGTH_MAX else ""

    def heads(self) -> list[FeedHead]:
        """Every feed of the remote."""
        with self._opened("GET", "heads") as source:
            return frames.decode_heads(self._whole(source))

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads among `heads` that stand for envelopes of the remote."""
        with self._opened("POST", "known", frames.encode_heads(heads)) as source:
            return frames.decode_heads(self._whole(source))

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The remote's blocks beyond `have`, in the order of their arrival there."""
        with self._opened("POST", f"read{self._query}", frames.encode_heads(have)) as source:
            while (message := self._next(source))[0] == frames.BLOCK:
                yield Block.decode(message[1])
            self._expect(frames.END, message)
            source.read(1)  # only an answer read to its end frees the connection for the next

    def append(self, block: Block) -> None:
        """Send a block, together with others. Some MiB of blocks make one durable commit there."""
        self._waiting.append(frames.frame(frames.BLOCK, block.data))
        self._waiting_bytes += len(block.data)
        if self._waiting_bytes >= SYNC_SENT_BYTES:
            self.flush()

    def flush(self) -> None:
        """Return when all sent blocks are durable there."""
        if not self._waiting:
            return
        body = b"".join((*self._waiting, frames.frame(frames.END)))
        self._waiting, self._waiting_bytes = [], 0
        with self._opened("POST", "append", body) as source:
            self._expect(frames.DONE, self._next(source))

    def present_blobs(self, digests: Sequence[bytes]) -> set[bytes]:
        """The artifacts among `digests` that the remote holds."""
        with self._opened("POST", "present", frames.encode(list(digests))) as source:
            return set(frames.decode(self._whole(source), list[bytes]))

    def get_blob(self, digest: bytes) -> Iterator[bytes]:
        """An artifact's bytes. After a broken connection, a new connection fetches the rest."""
        size, before = 0, -1
        while True:
            headers = {"range": f"bytes={size}-"} if size else {}
            try:
                with self._opened("GET", f"blobs/{digest.hex()}", headers=headers) as source:
                    while chunk := source.read(_CHUNK_BYTES):
                        yield chunk
                        size += len(chunk)
                return
            except RemoteUnavailableError:
                if size <= max(before, 0):
                    raise
                before = size

    def put_blob(self, digest: bytes, chunks: Iterable[bytes]) -> None:
        """Send an artifact, and wait until it is durable there."""
        with self._opened("PUT", f"blobs/{digest.hex()}", chunks) as source:
            self._expect(frames.DONE, self._next(source))

    def clock_told(self, now_ms: int) -> str:
        """The message that this clock and the server's differ by much; "" if they do not."""
        try:
            there_ms = int(parsedate_to_datetime(self._date).timestamp() * 1000)
        except ValueError:
            return ""
        if abs(there_ms - now_ms) <= CLOCK_WRONG_MS:
            return ""
        which = "ahead of" if now_ms > there_ms else "behind"
        return (
            f"this machine's clock is {span(abs(there_ms - now_ms))} {which} that of "
            f"{self._connection.address.url}: one of the two is wrong (docs/sync.md, A wrong clock)"
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextlib.contextmanager
    def _opened(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[BinaryIO]:
        """Ask; the block reads the answer."""
        url = self._connection.address.url
        sent = {"content-type": MEDIA_TYPE, **(headers or {})}
        try:
            with self._connection.opened(method, BASE + path, body, sent) as answer:
                if answer.headers.get("content-type") != MEDIA_TYPE:
                    raise _no_eventtrack(url)
                self._date = answer.headers.get("date") or ""
                yield cast("BinaryIO", answer)
        except EndpointMissingError as error:
            raise _no_eventtrack(url) from error

    def _whole(self, source: BinaryIO) -> bytes:
        """An answer that is one message."""
        body = read_whole(source, FRAME_BYTES_MAX)
        if body is None:
            raise RemoteError(
                f"{self._connection.address.url} answers with a message that is longer than any",
                hint="upgrade eventtrack on both sides",
            )
        return body

    def _next(self, source: BinaryIO) -> tuple[bytes, bytes]:
        try:
            kind, body = frames.read_frame(source)
        except frames.Ended as error:
            raise RemoteUnavailableError(
                f"{self._connection.address.url} went away in the middle of the sync",
                hint="sync again: it goes on where it stopped",
            ) from error
        if kind == frames.FAILED:
            raise frames.decode_failure(body)
        return kind, body

    def _expect(self, kind: bytes, message: tuple[bytes, bytes]) -> None:
        if message[0] != kind:
            raise RemoteError(
                f"{self._connection.address.url} answered with a message {message[0]!r} where "
                f"{kind!r} is due",
                hint="upgrade eventtrack on both sides",
            )


def _no_eventtrack(url: str) -> EventtrackError:
    return RemoteError(
        f"{url} cannot sync: it is no eventtrack server, or one from before it could",
        hint="run `eventtrack server` there, or upgrade it; what an MLflow server holds comes by "
        "`eventtrack import mlflow`",
    )
