"""Which store the fluent calls talk to: the program's choice, the environment's, the default."""

import os
from pathlib import Path

from eventtrack.store import Store, open_store
from eventtrack.store.location import resolve_path

# What `set_tracking_uri` was told, and the folder it named then: a later `os.chdir` moves nothing.
_chosen: tuple[str, Path] | None = None

# Every store this process opened through the fluent API, so that `flush` need not open one.
_opened: dict[Path, Store] = {}


def set_tracking_uri(uri: str | os.PathLike[str] | None) -> None:
    """Choose the store for runs started from now on; runs that are open stay where they are.

    The choice is also written to `EVENTTRACK_URI`, so that processes started later share it.

    Args:
        uri: A folder, `eventtrack:FOLDER` or `file:...`; None or "" forgets the choice.

    Raises:
        InvalidValueError: The URI names nothing that can be opened as an embedded store.
    """
    global _chosen
    text = os.fspath(uri) if uri is not None else ""
    if not text:
        _chosen = None
        os.environ.pop("EVENTTRACK_URI", None)
        return
    path = resolve_path(text).absolute()
    _chosen = (text, path)
    os.environ["EVENTTRACK_URI"] = str(path)


def get_tracking_uri() -> str:
    """The URI as it was set, else as the environment has it, else that of the default folder."""
    if _chosen is not None:
        return _chosen[0]
    return _uri_of_environment() or f"eventtrack:{resolve_path(None).absolute()}"


def is_tracking_uri_set() -> bool:
    """True if the program or the environment chose a store; False if the default is used."""
    return bool(_chosen or _uri_of_environment())


def current_path() -> Path:
    """The folder of the store that the next run goes to."""
    return _chosen[1] if _chosen is not None else resolve_path(None)


def current_store() -> Store:
    """The store that the next run goes to, opened on first use and made if it is missing."""
    return store_at(current_path())


def store_at(path: Path) -> Store:
    """The store in the folder `path`, made if it is missing."""
    store = open_store(path)
    _opened[path] = store
    return store


def flush() -> None:
    """Return once everything logged so far is durable in the log, in every store in use.

    What was logged survives the death of this process without it; `flush` is for the death of
    the machine, and for readers that look at the log's files themselves.
    """
    for store in list(_opened.values()):
        store.flush()


# MLflow's names for it: nothing is queued here, so there is nothing else to wait for.
flush_async_logging = flush
flush_artifact_async_logging = flush


def close_all() -> None:
    """Close every store in use and go back to the state after import: for tests."""
    global _chosen
    _chosen = None
    for store in _opened.values():
        store.close()
    _opened.clear()


def _uri_of_environment() -> str | None:
    return os.environ.get("EVENTTRACK_URI") or os.environ.get("MLFLOW_TRACKING_URI") or None
