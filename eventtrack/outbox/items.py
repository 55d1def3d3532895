"""Text, histograms and media of a server's runs: logged to the outbox, read over HTTP."""

from collections.abc import Sequence
from pathlib import Path

from eventtrack.errors import NotFoundError, UsageError
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import NO_ANSWER, RemoteRuns
from eventtrack.rest import TrackingServer
from eventtrack.store.items import ItemSink
from eventtrack.views.items import Item, ItemSeries


class RemoteItems:
    """Series of a server's runs that are no metrics; see `store.items`."""

    def __init__(self, outbox: Outbox, server: TrackingServer, runs: RemoteRuns) -> None:
        self._outbox = outbox
        self._server = server
        self._runs = runs
        self._taken: bool | None = None

    @property
    def are_taken(self) -> bool:
        """Whether the server takes such series; True while it has not answered."""
        if self._taken is None and self._outbox.deliverer.outage is None:
            try:
                self._taken = self._server.takes_series()
            except NO_ANSWER as error:
                self._outbox.deliverer.note_outage(error)
        return self._taken is not False

    def sink(self, run_id: str) -> ItemSink:
        """The sink for text and histograms of a run: as fast as that of a store in a folder.

        Raises:
            UsageError: The server is MLflow's, which has no such series.
        """
        self._require(run_id)
        self._runs.ensure(run_id)
        return self._outbox.store.items.sink(run_id)

    def log_medium(
        self,
        run_id: str,
        key: str,
        source: Path | bytes,
        media_type: str,
        *,
        name: str | None = None,
        caption: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one medium, durably on this machine.

        Raises:
            UsageError: The server is MLflow's, which has no such series.
        """
        self._require(run_id)
        self._runs.ensure(run_id)
        self._outbox.store.items.log_medium(
            run_id,
            key,
            source,
            media_type,
            name=name,
            caption=caption,
            step=step,
            timestamp=timestamp,
        )

    def list(self, run_id: str) -> Sequence[ItemSeries]:
        """The series of a run that are no metrics, in order of kind and key."""
        self._require(run_id)
        self._outbox.deliverer.push()
        return self._server.list_series(self._runs.server_id(run_id))

    def read(
        self,
        run_id: str,
        key: str,
        kind: str | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Sequence[Item]:
        """The items of a series in order of their times.

        Raises:
            NotFoundError: There is no such run, or it has no such series.
            RemoteUnavailableError: The server does not answer.
        """
        self._require(run_id)
        self._outbox.deliverer.push()
        server_id = self._runs.server_id(run_id)
        page = self._server.items(server_id, key, kind, start)
        if not page.total:
            raise NotFoundError(
                f"the run {run_id} has no {page.kind} {key!r}",
                hint="the page of the run lists its series",
            )
        first, last, _ = slice(start, stop).indices(page.total)
        items = list(page.items)
        while page.items and first + len(items) < last:
            page = self._server.items(server_id, key, page.kind, first + len(items))
            items += page.items
        return items[: max(last - first, 0)]

    def _require(self, run_id: str) -> None:
        if not self.are_taken:
            raise UsageError(
                f"the run {run_id} is on a server that takes metrics and files, but no series of "
                "text, histograms and media",
                hint="eventtrack's server takes them; for MLflow's, log files: log_artifact()",
            )
