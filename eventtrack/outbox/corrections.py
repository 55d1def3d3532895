"""Corrections of a server's runs: all that was logged here is delivered first, then it is asked."""

from collections.abc import Sequence

from eventtrack import validate
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.outbox.starting import Starter
from eventtrack.rest import TrackingServer
from eventtrack.store.reasons import checked
from eventtrack.store.reasons import reason as because
from eventtrack.views.queries.runs import Signature


class RemoteCorrections:
    """Corrections of the runs of a server; see `store.corrections`."""

    def __init__(
        self, outbox: Outbox, server: TrackingServer, starter: Starter, runs: RemoteRuns
    ) -> None:
        self._outbox = outbox
        self._server = server
        self._starter = starter
        self._runs = runs

    def move(
        self,
        run_ids: Sequence[str],
        experiment_id: str,
        *,
        children: bool = False,
        reason: str | None = None,
    ) -> list[str]:
        """Move runs into another experiment; returns the server's ids of those that moved."""
        with because(reason):
            self._outbox.deliverer.push()
            moved = self._server.move_runs(
                list(map(self._runs.server_id, run_ids)),
                self._starter.server_experiment(str(experiment_id)),
                children=children,
            )
        for run_id in run_ids:
            self._runs.note_move(run_id, str(experiment_id))
        return moved

    def correct_param(self, run_id: str, key: str, value: object, reason: str) -> None:
        """Give a param another value, there and in what this machine logged."""
        name = validate.param_key(key)
        text = validate.param_value(name, value)
        with because(reason):
            self._outbox.deliverer.push()
            self._server.correct_param(self._runs.server_id(run_id), name, text)
        self._runs.note_correction(run_id, name, text, reason)


class RemoteSignatures:
    """Signatures of the runs of a server; see `store.signatures`."""

    def __init__(self, outbox: Outbox, server: TrackingServer, runs: RemoteRuns) -> None:
        self._outbox = outbox
        self._server = server
        self._runs = runs

    def sign(self, run_id: str, meaning: str, reason: str) -> Signature:
        """Sign a run as the server has it, once all that was logged here has arrived there."""
        with because(checked(reason)):
            self._outbox.deliverer.push()
            return self._server.sign_run(self._runs.server_id(run_id), meaning)
