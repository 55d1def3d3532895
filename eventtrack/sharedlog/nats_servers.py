"""Servers of a log in NATS: asked by a message, they answer with the place up to which they read.

Nothing is stored. A question is an empty message, an answer is not, and both have one subject.
"""

import threading
import time
from contextlib import suppress

import msgspec

from eventtrack.sharedlog.nats_client import NatsClient
from eventtrack.sharedlog.protocol import Announcement

_ANSWERS_S = 1.0
_SERVERS_MAX = 1000


class Servers:
    """The announcements of one log. Safe from any thread."""

    def __init__(self, client: NatsClient, subject: str) -> None:
        self._client = client
        self._subject = subject
        self._lock = threading.Lock()
        # Guarded by the lock.
        self._own: Announcement | None = None
        self._others: dict[str, Announcement] = {}
        self._listens = False

    def announce(self, announcement: Announcement) -> None:
        """Answer with this from now on."""
        self._own = announcement
        self._listen()

    def announced(self) -> list[Announcement]:
        """Ask, and wait a second for the answers."""
        self._listen()
        with self._lock:
            self._others.clear()
        self._client.tell(self._subject)
        time.sleep(_ANSWERS_S)
        with self._lock:
            own = [] if self._own is None else [self._own]
            return [*own, *self._others.values()]

    def _listen(self) -> None:
        with self._lock:
            listens, self._listens = self._listens, True
        if not listens:
            self._client.listen(self._subject, self._hear)

    def _hear(self, data: bytes) -> None:
        own = self._own
        if not data:
            if own is not None:
                self._client.tell(self._subject, msgspec.json.encode(own))
            return
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError), self._lock:
            other = msgspec.json.decode(data, type=Announcement)
            if len(self._others) < _SERVERS_MAX and (own is None or other.name != own.name):
                self._others[other.name] = other
