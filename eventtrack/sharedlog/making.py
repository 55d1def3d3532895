"""Opening and making shared logs by their addresses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple, Protocol

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import InvalidValueError
from eventtrack.ids import IdSource, RandomIds
from eventtrack.sharedlog import bucket, nats, nats_nodes, nats_streams, postgresql
from eventtrack.sharedlog.addresses import NATS, POSTGRESQL, without_password
from eventtrack.sharedlog.protocol import BlockReader, Description, SharedLog

REPLICAS = 3


class _Make(Protocol):
    def __call__(
        self, url: str, description: Description, replicas: int, *, risky: bool
    ) -> None: ...


class _Engine(NamedTuple):
    open: Callable[[str], SharedLog]
    make: _Make


_ENGINES = {
    **dict.fromkeys(POSTGRESQL, _Engine(postgresql.PostgresqlLog, postgresql.make)),
    "s3": _Engine(bucket.BucketLog, bucket.make),
    **dict.fromkeys(NATS, _Engine(nats.NatsLog, nats_streams.make)),
}


def is_shared_log(url: str) -> bool:
    """Whether an address can only be that of a shared log: a bucket may hold other things."""
    return _scheme(url) in _ENGINES and _scheme(url) != "s3"


def holds_shared_log(url: str) -> bool:
    """Whether an address is that of a shared log. A bucket is asked what it holds there.

    Raises:
        RemoteError: The bucket cannot be reached.
    """
    return bucket.is_log(url) if _scheme(url) == "s3" else is_shared_log(url)


def open_shared_log(url: str) -> SharedLog:
    """The shared log at an address: `postgresql://`, `nats://` or `s3://`.

    Raises:
        InvalidValueError: No engine has such addresses, or its driver is not installed.
        NotFoundError: There is no log.
        FormatTooNewError: A later eventtrack made the log.
        RemoteError: The engine cannot be reached, or what is there is no log.
    """
    return _engine(url).open(url)


@contextmanager
def each_node(log: SharedLog) -> Iterator[dict[str, BlockReader]]:
    """The log as each node of its engine has it, by the node's name.

    A node of JetStream may have damage in its files that no other node has. The other engines show
    one log only.

    Raises:
        RemoteUnavailableError: A node is not there.
    """
    if not isinstance(log, nats.NatsLog):
        yield {"": log}
        return
    with ExitStack() as opened:
        names = [node.name for node in log.state().nodes] or [""]
        yield {
            name: opened.enter_context(closing(nats_nodes.NatsNode(log, name))) for name in names
        }


def make_shared_log(
    url: str,
    *,
    replicas: int = REPLICAS,
    artifacts: str | None = None,
    access_key: str | None = None,
    risky: bool = False,
    clock: Clock | None = None,
    ids: IdSource | None = None,
) -> SharedLog:
    """Make a new log at an address, and open it.

    Args:
        replicas: The number of copies, if the engine makes them itself (JetStream).
        artifacts: The address of the place for artifacts; by default the engine's own.
        access_key: The public key whose signature gives tokens, in hex; None for none.
        risky: Whether to make it though the engine may lose what it acknowledges.

    Raises:
        AlreadyExistsError: There is a log.
        InvalidStateError: The engine may lose what it acknowledges; the message says why.
        InvalidValueError: No engine has such addresses, or its driver is not installed.
        RemoteError: The engine cannot be reached, or does not let these credentials do that.
    """
    now_ms = (clock or SystemClock()).now_ms()
    identity = (ids or RandomIds()).id128().hex()
    description = Description(identity, now_ms, artifacts=artifacts, access_key=access_key)
    engine = _engine(url)
    engine.make(url, description, replicas, risky=risky)
    return engine.open(url)


def _scheme(url: str) -> str:
    return url.partition("://")[0] if "://" in url else ""


def _engine(url: str) -> _Engine:
    engine = _ENGINES.get(_scheme(url))
    if engine is None:
        raise InvalidValueError(
            f"no engine of shared logs has addresses like {without_password(url)}",
            hint=f"write one of: {', '.join(f'{scheme}://' for scheme in _ENGINES)}",
        )
    return engine
