"""The two streams of a shared log in JetStream: their names, their making, their description."""

import contextlib
import time
from typing import Any

from eventtrack.errors import (
    AlreadyExistsError,
    FormatTooNewError,
    NotFoundError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.sharedlog.nats_client import NatsClient, Refused, refused
from eventtrack.sharedlog.nats_state import risks_of
from eventtrack.sharedlog.protocol import LOG_FORMAT, Description
from eventtrack.sharedlog.refusals import refuse_risks

# A new leader is there within six seconds; the caller need not hear of it.
RESOLVE_S = 12.0
_PAUSE_S = 0.1
# JetStream's numbers of errors.
_NO_STREAM, _NO_PLACE = 10059, 10005
NOT_NOW = (10008, 10009, 10013)
_ACCESS_KEY = "eventtrack.access_key"


class Names:
    """The streams and the subjects of a log."""

    def __init__(self, name: str) -> None:
        self.stream = f"eventtrack_{name}"
        self.second = f"eventtrack_{name}_replaced"
        self.all = f"et.{name}.>"
        self.blocks = f"et.{name}.*.*"
        self.barrier = f"et.{name}.end"
        self.d = f"et.{name}.d."
        self.f = f"et.{name}.f."
        self.news = f"et-news.{name}"
        self.servers = f"et-servers.{name}"
        self._name = name

    def of_replica(self, replica: bytes) -> str:
        """All blocks of a replica."""
        return f"et.{self._name}.*.{replica.hex()}"

    def replaced(self, place: int | str) -> str:
        """The block that stands for the block at a place."""
        return f"et-replaced.{self._name}.{place}"


def make(url: str, description: Description, replicas: int, *, risky: bool) -> None:
    """Make the two streams of a new log.

    Raises:
        AlreadyExistsError: There is a log of that name, or another program's stream.
        InvalidStateError: The cluster may lose what it acknowledges, and `risky` is false.
    """
    client = NatsClient(url)
    names = Names(client.address.name)
    try:
        refuse_risks(risks_of(client, replicas), client.shown, risky=risky)
        shared = {
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "num_replicas": replicas,
            "allow_direct": True,
            "deny_purge": True,
            "max_age": 0,
            "max_bytes": -1,
            "max_msgs": -1,
        }
        facts = {"eventtrack.format": str(description.format), "eventtrack.id": description.id}
        facts["eventtrack.created_ms"] = str(description.created_ms)
        if description.artifacts is not None:
            facts["eventtrack.artifacts"] = description.artifacts
        if description.access_key is not None:
            facts[_ACCESS_KEY] = description.access_key
        second = {**shared, "name": names.second, "subjects": [names.replaced("*")]}
        first = {**shared, "name": names.stream, "subjects": [names.all], "metadata": facts}
        _create(client, second)
        _create(client, {**first, "allow_msg_ttl": True})
    finally:
        client.close()


def _create(client: NatsClient, config: dict[str, Any]) -> None:
    name = config["name"]
    with contextlib.suppress(NotFoundError):
        stream_of(client, name)
        raise AlreadyExistsError(
            f"{client.shown} has a stream {name} already",
            hint="`eventtrack cluster status` shows it; choose another name for a second log",
        )
    deadline = time.monotonic() + RESOLVE_S
    while True:
        try:
            client.ask(f"STREAM.CREATE.{name}", config)
            return
        except Refused as answer:
            # A node that has just begun is no place for a stream until the others heard of it.
            not_now = answer.code in NOT_NOW or answer.code == _NO_PLACE
            if not not_now or time.monotonic() > deadline:
                raise refused(client.shown, answer) from answer
        time.sleep(_PAUSE_S)


def stream_of(client: NatsClient, name: str) -> dict[str, Any]:
    """A stream's configuration and state. Asks again while the nodes choose a leader.

    Raises:
        NotFoundError: There is no such stream.
    """
    deadline = time.monotonic() + RESOLVE_S
    while True:
        try:
            return client.ask(f"STREAM.INFO.{name}")
        except RemoteUnavailableError:
            if time.monotonic() > deadline:
                raise
        except Refused as answer:
            if answer.code == _NO_STREAM:
                raise NotFoundError(
                    f"there is no shared log at {client.shown}",
                    hint=f"make it: eventtrack cluster init {client.shown}",
                ) from answer
            if answer.code not in NOT_NOW or time.monotonic() > deadline:
                raise refused(client.shown, answer) from answer
        time.sleep(_PAUSE_S)


def change_key(client: NatsClient, name: str, access_key: str) -> None:
    """Put another key that gives tokens into a log's metadata."""
    config = stream_of(client, name)["config"]
    metadata = {**config.get("metadata", {}), _ACCESS_KEY: access_key}
    try:
        client.ask(f"STREAM.UPDATE.{name}", {**config, "metadata": metadata})
    except Refused as answer:
        raise refused(client.shown, answer) from answer


def description_of(config: dict[str, Any], url: str) -> Description:
    """The description in a stream's configuration.

    Raises:
        FormatTooNewError: A later eventtrack made the log.
        RemoteError: The stream belongs to another program.
    """
    facts = config.get("metadata") or {}
    try:
        number = int(facts["eventtrack.format"])
        if number > LOG_FORMAT:
            raise FormatTooNewError(
                f"cannot open the shared log at {url}: it has format {number}, this eventtrack "
                f"reads {LOG_FORMAT}",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )
        return Description(
            facts["eventtrack.id"],
            int(facts["eventtrack.created_ms"]),
            number,
            facts.get("eventtrack.artifacts"),
            facts.get(_ACCESS_KEY),
        )
    except (KeyError, ValueError) as error:
        raise RemoteError(
            f"the stream {config.get('name')} of {url} is not a shared log",
            hint="another program made it; choose another name",
        ) from error
