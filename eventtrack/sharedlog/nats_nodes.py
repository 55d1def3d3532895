"""A shared log as each node of a JetStream cluster has it in its own files.

Any node may answer a read, and a node whose files decayed leaves out what it cannot read. So a
check of the log reads it from each node: by a consumer that lives on that node alone.
"""

import contextlib
import time
import uuid
from typing import Any

from eventtrack.errors import RemoteError, RemoteUnavailableError
from eventtrack.sharedlog.nats import NatsLog
from eventtrack.sharedlog.nats_client import Message, Refused, refused
from eventtrack.sharedlog.protocol import PAGE_BLOCKS, Page

# JetStream chooses the node of a consumer; after this time the wanted node counts as absent.
_PATIENCE_S = 30.0
_IDLE_NS = 300 * 10**9


class NatsNode:
    """A node's copy of a log, as a `BlockReader`.

    Args:
        name: The node's name; "" for a server without a cluster.

    Raises:
        RemoteUnavailableError: The node takes no consumers: it is not there, or far behind.
    """

    def __init__(self, log: NatsLog, name: str) -> None:
        self._log = log
        self.name = name
        self._consumer = ""
        self._next = 0
        self._begin(0)

    def end(self) -> int:
        """The log's end, which the node may not have reached yet."""
        return self._log.end()

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place; reading on from the page before costs least."""
        if after != self._next:
            self._begin(after)
        try:
            messages = self._pull(limit)
        except RemoteUnavailableError:
            self._begin(after)  # the consumer may have died with a node that was started again
            messages = self._pull(limit)
        page = self._log.page(messages, after)
        self._next = page.through
        return page

    def wait(self, after: int, timeout_s: float) -> None:
        """Wait for the node to catch up."""
        self._log.end()  # an old barrier may be gone: let there be a new one to read
        self._log.wait(after, timeout_s)

    def close(self) -> None:
        """Remove the consumer. JetStream removes one that is left after five minutes."""
        if self._consumer:
            with contextlib.suppress(RemoteError):
                self._delete(self._consumer)
            self._consumer = ""

    def _pull(self, limit: int) -> list[Message]:
        return self._log.client.pull(self._log.names.stream, self._consumer, limit)

    def _begin(self, after: int) -> None:
        """Make a consumer on the node that begins behind a place."""
        self.close()
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            name = f"et-{uuid.uuid4().hex[:16]}"
            with contextlib.suppress(RemoteUnavailableError):
                leader = (self._create(name, after).get("cluster") or {}).get("leader", "")
                if leader == self.name:
                    self._consumer, self._next = name, after
                    return
                self._delete(name)
        raise RemoteUnavailableError(
            f"the node {self.name} of {self._log.url} serves nothing of the log",
            hint="`eventtrack cluster status` shows whether it is there",
        )

    def _create(self, name: str, after: int) -> dict[str, Any]:
        names = self._log.names
        config = {
            "name": name,
            "ack_policy": "none",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "filter_subject": names.all,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": _IDLE_NS,
        }
        request = {"stream_name": names.stream, "config": config, "action": "create"}
        subject = f"CONSUMER.CREATE.{names.stream}.{name}.{names.all}"
        try:
            return self._log.client.ask(subject, request)
        except Refused as answer:
            raise refused(self._log.url, answer) from answer

    def _delete(self, name: str) -> None:
        try:
            self._log.client.ask(f"CONSUMER.DELETE.{self._log.names.stream}.{name}")
        except Refused as answer:
            raise refused(self._log.url, answer) from answer
