"""Runs that began while the server could not be reached: made there once, under which id?

Eventtrack's server takes the id that the program drew; asked twice, it refuses the second. MLflow's
draws its own, so the run carries a tag with the id that the program knows, and before a run is
made, it is looked for. Whatever happened to an earlier request, the answer lies on the server.
"""

from eventtrack.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.outbox.ledger import Ledger, ServerRun
from eventtrack.outbox.parts import EXPERIMENT_MARK, MARKS, MIRROR_MARK, OUTBOX_ID_TAG
from eventtrack.rest import TrackingServer
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import Run, ViewType

# What the ledger has for a run that the server did not want.
REFUSED_RUN = ServerRun(run_id="", location="")


class Starter:
    """Begins runs on the server."""

    def __init__(self, ledger: Ledger, server: TrackingServer) -> None:
        self._ledger = ledger
        self._server = server

    def start(self, run_id: str, event: types.RunStarted) -> None:
        """See to it that the server has the run, and that the ledger knows under which id."""
        if MIRROR_MARK in event.tags:
            if self._ledger.run(run_id) is None:
                self._ledger.note_run(run_id, ServerRun(run_id=run_id, location=""))
            return
        experiment_id = self.server_experiment(event.tags[EXPERIMENT_MARK])
        own_ids = self._server.takes_run_ids()
        found = self._find(run_id, experiment_id, own_ids=own_ids)
        if found is None:
            try:
                found = self.create(run_id, experiment_id, event, own_ids=own_ids)
            except InvalidValueError:
                # An earlier request, given up long ago, may have come through in between.
                found = self._find(run_id, experiment_id, own_ids=own_ids)
                if found is None:
                    raise
        self.note(run_id, found)

    def create(
        self, run_id: str, experiment_id: str, event: types.RunStarted, *, own_ids: bool
    ) -> Run:
        """Make the run on the server. Not to be asked twice without looking in between.

        Args:
            own_ids: Whether the server takes the ids that clients draw.
        """
        tags = {
            key: self.tag_value(key, text) for key, text in event.tags.items() if key not in MARKS
        }
        if not own_ids:
            tags[OUTBOX_ID_TAG] = run_id
        return self._server.create_run(
            experiment_id,
            user_id=event.user,
            start_time=event.start_ms,
            tags=tags,
            run_name=event.name or None,
            run_id=run_id if own_ids else None,
        )

    def note(self, run_id: str, run: Run) -> None:
        """Remember what the server calls a run."""
        known = ServerRun(run_id=run.info.run_id, location=run.info.artifact_uri)
        self._ledger.note_run(run_id, known)

    def tag_value(self, key: str, text: str) -> str:
        """A tag's value as the server understands it: a parent goes by the server's id."""
        parent = self._ledger.run(text) if key == PARENT_TAG else None
        return parent.run_id if parent is not None and parent.run_id else text

    def server_experiment(self, experiment_id: str) -> str:
        """The server's id of an experiment that was chosen by name while it was out of reach."""
        known = self._ledger.experiment(experiment_id)
        if known is None or known.server_id is not None:
            return experiment_id if known is None or known.server_id is None else known.server_id
        found = self._server.get_experiment_by_name(known.name)
        if found is not None:
            server_id = found.experiment_id
        else:
            try:
                server_id = self._server.create_experiment(known.name)
            except AlreadyExistsError:
                # Somebody else made it in between.
                found = self._server.get_experiment_by_name(known.name)
                if found is None:
                    raise
                server_id = found.experiment_id
        self._ledger.note_experiment(experiment_id, known.name, server_id)
        return server_id

    def _find(self, run_id: str, experiment_id: str, *, own_ids: bool) -> Run | None:
        if own_ids:
            try:
                return self._server.get_run(run_id)
            except NotFoundError:
                return None
        wanted = f"tags.`{OUTBOX_ID_TAG}` = '{run_id}'"
        runs = self._server.search_runs([experiment_id], wanted, ViewType.ALL, max_results=1)
        return runs[0] if runs else None
