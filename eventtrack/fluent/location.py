"""The store of the fluent calls: the program's choice, else the environment's, else the default."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

from eventtrack.folders import ENVIRONMENT_VARIABLES, is_server_uri, resolve_path, uri_of
from eventtrack.lazy import lazy
from eventtrack.store import Store, open_store

# For tracking URIs that are a server's, or a shared log's: programs with a folder start sooner.
if TYPE_CHECKING:
    from eventtrack.outbox import publishing
    from eventtrack.outbox import store as outbox
    from eventtrack.outbox.store import RemoteStore
    from eventtrack.rest import address
    from eventtrack.rest.address import Address
    from eventtrack.sharedlog import addresses
else:
    address = lazy("eventtrack.rest.address")
    addresses = lazy("eventtrack.sharedlog.addresses")
    outbox = lazy("eventtrack.outbox.store")
    publishing = lazy("eventtrack.outbox.publishing")


class SharedLogUrl(NamedTuple):
    """The address of a shared log, to which this machine publishes without a server."""

    url: str


# A store in a folder, or behind a server: both have the same nouns.
AnyStore = Union[Store, "RemoteStore"]
Place = Union[Path, "Address", SharedLogUrl]

# The argument of `set_tracking_uri`, and its place at that time: `os.chdir` does not move it.
_chosen: tuple[str, Place] | None = None

# Every store that this process opened through the fluent API, so that `flush` opens no store.
_opened: dict[Place, AnyStore] = {}


def set_tracking_uri(uri: str | os.PathLike[str] | None) -> None:
    """Choose the store for runs started from now on; open runs stay in their store.

    The choice is also written to `EVENTTRACK_URI`, so that processes started later share it.

    Args:
        uri: A folder, `eventtrack:FOLDER`, `file:...`, the `http(s)://` URL of a server, or the URL
            of a shared log (docs/cluster.md). No request is sent yet. None or "" forgets the
            choice.

    Raises:
        InvalidValueError: The URI names neither a folder nor a server.
    """
    global _chosen
    text = os.fspath(uri) if uri is not None else ""
    if not text:
        _chosen = None
        os.environ.pop("EVENTTRACK_URI", None)
        return
    place = place_of(text)
    _chosen = (text, place)
    os.environ["EVENTTRACK_URI"] = str(place) if isinstance(place, Path) else text


def get_tracking_uri() -> str:
    """The URI that was set, else the environment's, else the URI of the default folder."""
    if _chosen is not None:
        return _chosen[0]
    return _uri_of_environment() or uri_of(resolve_path(None))


def is_tracking_uri_set() -> bool:
    """True if the program or the environment chose a store; False if the default is used."""
    return bool(_chosen or _uri_of_environment())


def place_of(uri: str) -> Place:
    """The folder, the server or the shared log that a tracking URI names."""
    if "://" in uri and addresses.names_log(uri):
        return SharedLogUrl(uri)
    return address.address_of(uri) if is_server_uri(uri) else resolve_path(uri)


def current_place() -> Place:
    """The place of the store for the next run."""
    return _chosen[1] if _chosen is not None else place_of(_uri_of_environment() or "")


def store_at(place: Place) -> AnyStore:
    """The store in a folder, made if it is missing, or behind a server or a shared log."""
    store: AnyStore
    if isinstance(place, Path):
        store = open_store(place)
    elif isinstance(place, SharedLogUrl):
        store = publishing.publisher_of(place.url).store
    else:
        store = outbox.open_remote(place)
    _opened[place] = store
    return store


def flush() -> None:
    """Return once everything logged so far is durable in the log, in every store in use.

    Logged facts survive the death of this process without `flush`; it protects against the death
    of the machine, and serves readers that open the log's files themselves. For a server or a
    shared log: return once everything has arrived there.

    Raises:
        RemoteError: A server does not answer, or has refused calls since the last `flush`.
    """
    for place, store in list(_opened.items()):
        if isinstance(place, SharedLogUrl):
            publishing.publisher_of(place.url).flush()
        else:
            store.flush()


# MLflow's names for `flush`: nothing is queued here, so there is nothing else to wait for.
flush_async_logging = flush
flush_artifact_async_logging = flush


def close_all() -> None:
    """Close every store in use and go back to the state after import: for tests."""
    global _chosen
    _chosen = None
    if any(isinstance(place, SharedLogUrl) for place in _opened):
        publishing.stop_all()
    for store in _opened.values():
        store.close()
    _opened.clear()


def _uri_of_environment() -> str | None:
    return next((uri for name in ENVIRONMENT_VARIABLES if (uri := os.environ.get(name))), None)
