"""The common base of all parts of the client: the store."""

from functools import cached_property

from eventtrack.fluent.location import (
    AnyStore,
    current_place,
    get_tracking_uri,
    place_of,
    store_at,
)
from eventtrack.folders import uri_of
from eventtrack.store import Store


class StoreCalls:
    """Holds the store, and opens it on the first call that needs it.

    Args:
        tracking_uri: A folder, `eventtrack:FOLDER`, `file:...` or the URL of a server; None takes
            the current tracking URI.
        registry_uri: Accepted for MLflow's sake: the fluent API has no model registry.
        store: An open store, instead of a URI.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
        *,
        store: AnyStore | None = None,
    ) -> None:
        if store is not None:
            self._uri = uri_of(store.path) if isinstance(store, Store) else store.url
            self.__dict__["store"] = store
        elif tracking_uri:
            self._place = place_of(str(tracking_uri))
            self._uri = str(tracking_uri)
        else:
            self._place = current_place()
            self._uri = get_tracking_uri()

    @property
    def tracking_uri(self) -> str:
        """The URI of the client's store."""
        return self._uri

    @cached_property
    def store(self) -> AnyStore:
        """The store itself, for everything that MLflow has no call for."""
        return store_at(self._place)
