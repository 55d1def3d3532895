"""Calls about text, histograms and media: only eventtrack's own servers have them."""

from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import msgspec

from eventtrack.errors import RemoteError
from eventtrack.rest.calls import OWN_API, Calls
from eventtrack.rest.connection import Json
from eventtrack.store.receiving import SentItems
from eventtrack.views.items import HistogramItem, Item, ItemSeries, MediaItem, TextItem

_RECORDS = {"text": TextItem, "histogram": HistogramItem, "media": MediaItem}
# Items of one answer, as many as the server gives.
_PAGE = 1000


class ItemsPage(NamedTuple):
    """Items of a series from `start` on, out of `total`."""

    kind: str
    total: int
    start: int
    items: Sequence[Item]


class SeriesCalls(Calls):
    """Logs and reads items of series."""

    def takes_series(self) -> bool:
        """Whether the server takes series of text, histograms and media."""
        return self._extension().get("runs_take_series") is True

    def log_items(self, run_id: str, calls: Sequence[SentItems]) -> list[str]:
        """Log items: all, or none if the server lacks bytes of media; returns their SHA-256.

        May be done twice: calls with a mark that the server knows add nothing.
        """
        answer = self.connection.post(OWN_API + "items", {"run_id": run_id, "items": calls})
        return list(map(str, answer.get("missing") or ()))

    def write_blob(self, sha256: str, source: IO[bytes]) -> None:
        """Bring bytes that media name. The server keeps only bytes of that hash."""
        self.connection.put(f"{OWN_API}sync/blobs/{sha256}", source)

    def list_series(self, run_id: str) -> list[ItemSeries]:
        """The series of a run that are no metrics, in order of kind and key."""
        answer = self.connection.get(OWN_API + "run", {"run_id": run_id})
        return [_read(each, ItemSeries) for each in answer.get("series") or ()]

    def items(
        self, run_id: str, key: str, kind: str | None, start: int, limit: int = _PAGE
    ) -> ItemsPage:
        """Items of a series from `start` on; a negative start counts from the end.

        Raises:
            NotFoundError: There is no such run, or it has no such series.
        """
        asked = {"run_id": run_id, "key": key, "start": start, "limit": min(limit, _PAGE)}
        if kind is not None:
            asked["kind"] = kind
        answer = self.connection.get(OWN_API + "items", asked)
        try:
            kind, record = str(answer["kind"]), _RECORDS[answer["kind"]]
            items = [_read(each, record) for each in answer["items"]]
            return ItemsPage(kind, int(answer["count"]), int(answer["start"]), items)
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(error) from error


def _read(said: Json, record: type[Any]) -> Any:
    try:
        return msgspec.convert(said, record)
    except msgspec.ValidationError as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> RemoteError:
    return RemoteError(
        f"the server's series cannot be read: {type(error).__name__}: {error}",
        hint="is the server recent enough?",
    )
