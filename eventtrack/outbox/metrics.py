"""Metrics of a server's runs: logged through the outbox's journal, read over HTTP."""

from collections.abc import Sequence

from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.projections.points import Points
from eventtrack.rest import TrackingServer
from eventtrack.rest.calls import all_pages
from eventtrack.store import withdrawals
from eventtrack.store.metrics import MetricSink
from eventtrack.views.records import Metric, PagedList


class RemoteMetrics:
    """The metrics of a server's runs."""

    def __init__(self, outbox: Outbox, server: TrackingServer, runs: RemoteRuns) -> None:
        self._outbox = outbox
        self._server = server
        self._runs = runs

    def sink(self, run_id: str) -> MetricSink:
        """The sink for points of a run: as fast as the sink of a store in a folder."""
        self._runs.ensure(run_id)
        return self._outbox.store.metrics.sink(run_id)

    def log(
        self,
        run_id: str,
        key: str,
        value: float,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Log one point."""
        self.sink(run_id).log(key, value, step, timestamp)

    def withdraw(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> bool:
        """Withdraw points of a run, once the server has all that was logged here.

        Raises:
            RemoteUnavailableError: The server does not answer; nothing was withdrawn.
        """
        self._outbox.deliverer.push()
        server_id = self._runs.server_id(run_id)
        return self._server.withdraw(server_id, keys, first_step, last_step)

    def rewind(self, run_id: str, step: int, keys: Sequence[str] | None = None) -> bool:
        """Withdraw all points of a run with a step greater than `step`; see `withdraw`."""
        first = withdrawals.after(step)
        return first is not None and self.withdraw(run_id, keys, first)

    def history(self, run_id: str, key: str) -> PagedList[Metric]:
        """All points of a metric, in order of (timestamp, step, value)."""
        self._outbox.deliverer.push()
        server_id = self._runs.server_id(run_id)
        points = all_pages(lambda token: self._server.metric_history(server_id, key, token))
        return PagedList(
            sorted(points, key=lambda point: (point.timestamp, point.step, point.value))
        )

    def arrays(self, run_id: str, key: str) -> Points:
        """The points of a metric as columns."""
        points = Points()
        for point in self.history(run_id, key):
            points.steps.append(point.step)
            points.timestamps.append(point.timestamp)
            points.values.append(point.value)
        return points

    def keys(self, run_id: str) -> list[str]:
        """The names of all metrics of a run, sorted."""
        return sorted(self._runs.get(run_id).data.metrics)
