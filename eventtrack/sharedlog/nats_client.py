"""A client of JetStream for threads: the driver runs in an event loop of its own thread.

Requests of JetStream's API are subjects with JSON. An answer names its error by a number; `Refused`
carries it to the log, which knows what to do about it.
"""

import asyncio
import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from eventtrack.errors import (
    InvalidValueError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.limits import READ_BYTES_MAX
from eventtrack.sharedlog.addresses import without_password
from eventtrack.sharedlog.nats_address import NatsAddress
from eventtrack.sharedlog.refusals import closed

if TYPE_CHECKING:
    pass

Answer = TypeVar("Answer")
# The longest wait for one answer; an append asks again until `nats_streams.RESOLVE_S` is over.
ANSWER_S = 3.0
# The first wait for an answer that any node may give, before another node is asked.
_FIRST_S = 0.5
_CONNECT_S = 4.0
_PAUSE_S = 0.1
# Spelled as NATS's own command line does, so that one who has set them need not set others.
_CREDENTIALS, _AUTHORITIES = "NATS_CREDS", "NATS_CA"
_CERTIFICATE, _KEY = "NATS_CERT", "NATS_KEY"


class Refused(Exception):  # noqa: N818 - an answer, which the log understands
    """JetStream's answer is an error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Message(NamedTuple):
    """A message of a stream."""

    sequence: int
    subject: str
    data: bytes


class NatsClient:
    """A connection to a NATS cluster, for any number of threads.

    Raises:
        InvalidValueError: The driver is not installed.
        RemoteUnavailableError: No server answers.
        RemoteDeniedError: The servers refuse the credentials.
    """

    def __init__(self, url: str) -> None:
        self.shown = without_password(url)
        self.address = NatsAddress.parse(url)
        try:
            from nats.aio.client import Client
        except ImportError as error:
            raise InvalidValueError(
                f"cannot reach {self.shown}: nats-py is not installed",
                hint='pip install "eventtrack[nats]"',
            ) from error
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client = Client()
        self._is_open = True
        # The last trouble that the driver told, and the last refusal of a subject.
        self._trouble = ""
        self._denied: tuple[float, str] = (0.0, "")
        self._thread.start()
        try:
            self.run(self._connect(), _CONNECT_S)
        except BaseException as error:
            self.close()
            if isinstance(error, RemoteUnavailableError):
                error.sent = False
            raise

    @property
    def payload_max(self) -> int:
        """The size of the largest message that the servers take, headers included."""
        return self._client.max_payload

    @property
    def version(self) -> str:
        """The version of the server that is connected."""
        version = self._client.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    def run(self, work: Coroutine[Any, Any, Answer], within_s: float = ANSWER_S) -> Answer:
        """The result of a coroutine of the client's loop.

        Raises:
            RemoteUnavailableError: No answer came in time. `sent` is true if it may come yet.
        """
        from nats.errors import Error, NoRespondersError, OutboundBufferLimitError

        if not self._is_open:
            work.close()
            raise closed(self.shown)
        began = time.monotonic()
        answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result(within_s)
        except NoRespondersError as error:
            raise self._unavailable("no leader answers", sent=False) from error
        except OutboundBufferLimitError as error:
            raise self._unavailable(self._trouble or "no connection", sent=False) from error
        except (TimeoutError, asyncio.CancelledError, Error, OSError, EOFError) as error:
            answer.cancel()
            when, text = self._denied
            if when > began:
                raise denied(self.shown, text) from error
            if "authorization" in f"{error} {self._trouble}".lower() and not self.is_connected:
                raise denied(self.shown, f"{error}" or self._trouble) from error
            text = str(error).removeprefix("nats: ") or self._trouble or "no answer came"
            raise self._unavailable(text, sent=True) from error

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return bool(self._client.is_connected)

    def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """Store a message in a stream; returns its sequence once a majority has it.

        Raises:
            Refused: It was not stored.
        """
        return int(self.run(self._ask(subject, data, headers))["seq"])

    def ask(self, subject: str, request: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The answer of JetStream's API.

        Raises:
            Refused: The answer is an error.
        """
        data = b"" if request is None else json.dumps(request).encode()
        return self.run(self._ask(f"$JS.API.{subject}", data, None))

    def get(self, stream: str, after: int, subjects: str, limit: int) -> tuple[list[Message], bool]:
        """Messages of a stream behind a sequence, and whether there were no more on that node."""
        return self._insist(lambda first_s: self._get(stream, after, subjects, limit, first_s))

    def _insist(self, ask: Callable[[float], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer to a read, which any node may give: asked again if it does not come soon.

        A question goes to one node. For a minute or more after a node was cut off, the others go on
        to pass questions to it.
        """
        deadline, patience_s = time.monotonic() + ANSWER_S, _FIRST_S
        while True:
            try:
                return self.run(ask(patience_s), 4 * ANSWER_S)
            except RemoteUnavailableError:
                if time.monotonic() > deadline:
                    raise
            patience_s = min(2 * patience_s, ANSWER_S)
            time.sleep(_PAUSE_S)

    def pull(self, stream: str, consumer: str, limit: int) -> list[Message]:
        """The next messages of a consumer, from the files of the node that has the consumer."""
        return self.run(self._pull(stream, consumer, limit), 4 * ANSWER_S)

    def get_last(self, stream: str, subjects: str) -> Message | None:
        """The last message of some subjects."""
        request = {"last_by_subj": subjects}
        return self._insist(lambda first_s: self._get_direct(stream, request, first_s))

    def get_at(self, stream: str, sequence: int) -> Message | None:
        """The message of a sequence."""
        return self._insist(lambda first_s: self._get_direct(stream, {"seq": sequence}, first_s))

    def jetstream(self) -> Any:
        """The driver's own interface, for coroutines of `run`."""
        return self._client.jetstream()

    def tell(self, subject: str, data: bytes = b"") -> None:
        """Send a hint to whoever listens; nobody need hear it."""
        with contextlib.suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(self._client.publish(subject, data), self._loop)

    def listen(self, subject: str, ring: Callable[[bytes], None]) -> None:
        """Call `ring` with each hint, in the client's thread."""

        async def called(message: Any) -> None:
            ring(message.data)

        async def subscribe() -> None:
            await self._client.subscribe(subject, cb=called)

        self.run(subscribe())

    def close(self) -> None:
        """End the connection and the thread."""
        if not self._is_open:
            return
        self._is_open = False
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result(2)
        asyncio.run_coroutine_threadsafe(_cancel_rest(), self._loop).result(2)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)
        if not self._thread.is_alive():
            self._loop.close()

    async def _connect(self) -> None:
        self._rejected: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        connecting = asyncio.ensure_future(
            self._client.connect(
                servers=self.address.servers,
                name="eventtrack",
                error_cb=self._told,
                connect_timeout=2,
                reconnect_time_wait=1,
                max_reconnect_attempts=-1,
                # A node that was stopped keeps its connections, and is left after some seconds.
                ping_interval=1,
                max_outstanding_pings=2,
                user_credentials=os.environ.get(_CREDENTIALS) or None,
                tls=_tls(self.address.servers),
                # What waits here while no server is there would arrive late: let it fail instead.
                pending_size=0,
            )
        )
        try:
            await asyncio.wait((connecting, self._rejected), return_when=asyncio.FIRST_COMPLETED)
            is_connected = connecting.done() and connecting.exception() is None
            if self._rejected.done() and not is_connected:  # the driver would try again and again
                raise OSError(self._rejected.result())
            await connecting
        finally:
            connecting.cancel()

    async def _told(self, error: Exception) -> None:
        self._trouble = str(error).removeprefix("nats: ")
        if "authorization" in self._trouble.lower() and not self._rejected.done():
            self._rejected.set_result(self._trouble)  # the connection breaks, too
        if "permissions violation" in self._trouble.lower():
            self._denied = (time.monotonic(), self._trouble)

    async def _ask(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None
    ) -> dict[str, Any]:
        answer = await self._client.request(
            subject, data, timeout=ANSWER_S, headers=dict(headers) if headers else None
        )
        try:
            fields: dict[str, Any] = json.loads(answer.data)
        except ValueError as error:
            raise Refused(0, "the answer is no JSON") from error
        if trouble := fields.get("error"):
            raise Refused(int(trouble.get("err_code", 0)), str(trouble.get("description", "")))
        return fields

    async def _get(
        self, stream: str, after: int, subjects: str, limit: int, first_s: float
    ) -> tuple[list[Message], bool]:
        from nats.errors import NoRespondersError

        request = {
            "seq": after + 1,
            "next_by_subj": subjects,
            "batch": limit,
            "max_bytes": READ_BYTES_MAX,
        }
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        messages: list[Message] = []
        try:
            await self._client.publish(
                f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox
            )
            while True:
                answer = await subscription.next_msg(timeout=ANSWER_S if messages else first_s)
                headers = answer.headers or {}
                status = headers.get("Status")
                if status == "204":
                    return messages, headers.get("Nats-Num-Pending") == "0"
                if status == "404":
                    return messages, True
                if status == "503":
                    raise NoRespondersError
                if status is not None:
                    raise refused(self.shown, Refused(int(status), headers.get("Description", "")))
                before = messages[-1].sequence if messages else None
                if before is not None and int(headers["Nats-Last-Sequence"]) != before:
                    return messages, False  # a message was lost on its way
                messages.append(_message(headers, answer.data))
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def _pull(self, stream: str, consumer: str, limit: int) -> list[Message]:
        request = {"batch": limit, "no_wait": True, "max_bytes": READ_BYTES_MAX}
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox)
        messages: list[Message] = []
        try:
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
            await self._client.publish(subject, json.dumps(request).encode(), reply=inbox)
            delivered: int | None = None
            while len(messages) < limit:
                answer = await subscription.next_msg(timeout=ANSWER_S)
                if (answer.headers or {}).get("Status") is not None:
                    break  # there is nothing more, or no more fits
                sequence = answer.metadata.sequence
                if delivered is not None and sequence.consumer != delivered + 1:
                    raise self._unavailable("a message was lost on its way", sent=False)
                delivered = sequence.consumer
                messages.append(Message(sequence.stream, answer.subject, answer.data))
            return messages
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def _get_direct(
        self, stream: str, request: Mapping[str, object], within_s: float
    ) -> Message | None:
        answer = await self._client.request(
            f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), timeout=within_s
        )
        headers = answer.headers or {}
        status = headers.get("Status")
        if status == "404":
            return None
        if status is not None:
            raise refused(self.shown, Refused(int(status), headers.get("Description", "")))
        return _message(headers, answer.data)

    def _unavailable(self, text: str, *, sent: bool) -> RemoteUnavailableError:
        return RemoteUnavailableError(
            f"{self.shown} does not answer: {text}",
            hint="is a majority of its nodes there? Try again",
            sent=sent,
        )


def denied(url: str, text: str) -> RemoteDeniedError:
    """The servers do not let these credentials do something."""
    return RemoteDeniedError(
        f"{url} does not let these credentials do that: {text}",
        hint=f"see the URL's user and {_CREDENTIALS}; docs/cluster.md lists the permissions that a "
        "server and a writer need",
    )


def refused(url: str, answer: Refused) -> RemoteError:
    """An error of JetStream that no log expects."""
    return RemoteError(
        f"{url} refused a call: {answer.text} (JetStream's error {answer.code})",
        hint="see the log of its servers",
    )


def _message(headers: Mapping[str, str], data: bytes) -> Message:
    return Message(int(headers["Nats-Sequence"]), headers["Nats-Subject"], data)


def _tls(servers: Sequence[str]) -> Any:
    names = (_AUTHORITIES, _CERTIFICATE, _KEY)
    authorities, certificate, key = (os.environ.get(name) or None for name in names)
    if not (authorities or certificate or servers[0].startswith("tls:")):
        return None
    import ssl

    context = ssl.create_default_context(cafile=authorities)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


async def _cancel_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
