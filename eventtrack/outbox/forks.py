"""Forks of a server's runs: all that was logged here is delivered first, then it is asked."""

from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.outbox.starting import Starter
from eventtrack.rest import TrackingServer
from eventtrack.store.reasons import reason as because


class RemoteForks:
    """Forks and merges of the runs of a server; see `store.forks`."""

    def __init__(
        self, outbox: Outbox, server: TrackingServer, starter: Starter, runs: RemoteRuns
    ) -> None:
        self._outbox = outbox
        self._server = server
        self._starter = starter
        self._runs = runs

    def fork(
        self,
        run_id: str,
        step: int | None = None,
        *,
        params: bool = True,
        tags: bool = True,
        run_name: str | None = None,
        experiment_id: str | None = None,
        reason: str | None = None,
    ) -> str:
        """Start a run whose histories begin with those of another; returns its id.

        Raises:
            RemoteUnavailableError: The server does not answer; nothing was forked.
        """
        target = None if experiment_id is None else self._starter.server_experiment(experiment_id)
        with because(reason):
            self._outbox.deliverer.push()
            return self._server.fork_run(
                self._runs.server_id(run_id),
                step,
                params=params,
                tags=tags,
                run_name=run_name,
                experiment_id=target,
            )

    def merge(self, run_id: str, other_id: str, *, reason: str | None = None) -> bool:
        """Let the points and files of another run count for a run; whether that is news.

        Raises:
            RemoteUnavailableError: The server does not answer; nothing was merged.
        """
        with because(reason):
            self._outbox.deliverer.push()
            return self._server.merge_runs(
                self._runs.server_id(run_id), self._runs.server_id(other_id)
            )
