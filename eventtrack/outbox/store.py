"""A server as a store: the nouns of `eventtrack.store`, logged to an outbox, read over HTTP."""

import atexit
import os
import threading
from contextlib import AbstractContextManager

from eventtrack.errors import RemoteRefusedError
from eventtrack.outbox.artifacts import RemoteArtifacts
from eventtrack.outbox.corrections import RemoteCorrections, RemoteSignatures
from eventtrack.outbox.experiments import RemoteExperiments
from eventtrack.outbox.folder import outbox_folder
from eventtrack.outbox.forks import RemoteForks
from eventtrack.outbox.items import RemoteItems
from eventtrack.outbox.metrics import RemoteMetrics
from eventtrack.outbox.outbox import EXIT_WAIT_S, Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.outbox.starting import Starter
from eventtrack.rest import Address, TrackingServer

# Seconds for which `flush` waits until everything has arrived.
FLUSH_TIMEOUT_S = 600.0
# Seconds that a call waits for the server's answer if it needs an answer.
READ_TIMEOUT_S = 30.0


class RemoteStore:
    """The store behind a server. Safe from any thread, and usable in a forked child.

    Logging goes to the outbox and never waits for the server. Reading first delivers everything
    that this machine has logged, and then asks the server. `open_remote` makes these stores.

    Args:
        address: The server, and the client's credentials.
        outbox: An outbox that is open already with other credentials for the same server.
    """

    def __init__(self, address: Address, outbox: Outbox | None = None) -> None:
        if outbox is None:
            outbox = Outbox(outbox_folder(address.url), TrackingServer(address))
        self.outbox = outbox
        # Its time limit is shorter than that of deliveries: a caller waits for its answers.
        self.server = TrackingServer(address, READ_TIMEOUT_S)
        starter = Starter(self.outbox.ledger, self.server)
        self.experiments = RemoteExperiments(self.outbox, self.server, starter)
        self.runs = RemoteRuns(self.outbox, self.server, starter)
        self.metrics = RemoteMetrics(self.outbox, self.server, self.runs)
        self.items = RemoteItems(self.outbox, self.server, self.runs)
        self.artifacts = RemoteArtifacts(self.outbox, self.server, self.runs)
        self.corrections = RemoteCorrections(self.outbox, self.server, starter, self.runs)
        self.signatures = RemoteSignatures(self.outbox, self.server, self.runs)
        self.forks = RemoteForks(self.outbox, self.server, starter, self.runs)
        self._told_refused = max((call.number for call in self.outbox.ledger.refused()), default=0)

    @property
    def url(self) -> str:
        """The server's URL, without credentials."""
        return self.server.url

    def batch(self) -> AbstractContextManager[None]:
        """Let all facts that a block logs, on this thread, share one durable commit."""
        return self.outbox.store.batch()

    def flush(self) -> None:
        """Wait until everything logged on this machine has arrived at the server.

        Raises:
            RemoteError: The server does not answer; the facts stay in the outbox.
            RemoteRefusedError: The server refused calls since the last `flush`; they stay in the
                outbox.
        """
        self.outbox.deliverer.push(FLUSH_TIMEOUT_S)
        new = self.outbox.ledger.refused(self._told_refused)
        if new:
            self._told_refused = max(call.number for call in new)
            raise RemoteRefusedError(
                f"{self.url} refused {len(new)} calls; the first: {new[0].kind} {new[0].label} of "
                f"run {new[0].run_id}: {new[0].error}",
                hint=f"`eventtrack flush {self.url}` lists them; all else has arrived",
            )

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.outbox.closed

    def close(self, wait_s: float = EXIT_WAIT_S) -> None:
        """Deliver as much as possible within `wait_s`, and close all files."""
        with _opening:
            if _remotes.get(self.server.connection.address) is self:
                del _remotes[self.server.connection.address]
            # The same server may be in use with other credentials.
            is_last = not any(other.outbox is self.outbox for other in _remotes.values())
        if is_last:
            self.outbox.close(wait_s)
        self.server.close()


_remotes: dict[Address, RemoteStore] = {}  # guarded by _opening
_opening = threading.Lock()


def open_remote(address: Address) -> RemoteStore:
    """The store behind a server, shared by the whole process; no request is sent yet."""
    remote = _remotes.get(address)
    if remote is not None:
        return remote
    with _opening:
        remote = _remotes.get(address)
        if remote is None:
            same = (other.outbox for other in _remotes.values() if other.url == address.url)
            remote = _remotes[address] = RemoteStore(address, next(same, None))
            atexit.register(_close_all)
        return remote


def _close_all() -> None:
    for remote in list(_remotes.values()):
        remote.close()


def _after_fork_in_child() -> None:
    global _opening
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
