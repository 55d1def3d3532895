"""What all parts of the client share: the store they talk to."""

from functools import cached_property
from pathlib import Path

from eventtrack.fluent.location import current_path, get_tracking_uri, store_at
from eventtrack.store import Store
from eventtrack.store.location import resolve_path


class StoreCalls:
    """Holds the store; it is opened on the first call that needs it.

    Args:
        tracking_uri: A folder, `eventtrack:FOLDER` or `file:...`; None takes the one that is set.
        registry_uri: Accepted for MLflow's sake: the embedded store has no model registry.
        store: An open store, instead of a URI.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        store: Store | None = None,
    ) -> None:
        self._path: Path
        if store is not None:
            self._path = store.path
            self._uri = f"eventtrack:{store.path}"
            self.__dict__["store"] = store
        elif tracking_uri:
            self._path = resolve_path(str(tracking_uri)).absolute()
            self._uri = str(tracking_uri)
        else:
            self._path = current_path().absolute()
            self._uri = get_tracking_uri()

    @property
    def tracking_uri(self) -> str:
        """The URI of the client's store."""
        return self._uri

    @cached_property
    def store(self) -> Store:
        """The store itself, for what MLflow has no call for."""
        return store_at(self._path)
