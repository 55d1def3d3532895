"""The start of runs on the server, once each, for runs that began while it could not be reached.

Eventtrack's server takes the id that the program drew, and refuses a second run with the same id.
MLflow's server draws its own ids. So the run carries a tag with the program's id, and the server is
searched for it before the run is made: only the server knows what became of an earlier request.
"""

from eventtrack.errors import AlreadyExistsError, InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.outbox.ledger import Ledger, ServerRun
from eventtrack.outbox.parts import EXPERIMENT_MARK, MARKS, MIRROR_MARK, OUTBOX_ID_TAG
from eventtrack.rest import TrackingServer
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import Run, ViewType

# The ledger's entry for a run that the server refused.
REFUSED_RUN = ServerRun(run_id="", location="")


class Starter:
    """Begins runs on the server."""

    def __init__(self, ledger: Ledger, server: TrackingServer) -> None:
        self._ledger = ledger
        self._server = server

    def start(self, run_id: str, event: types.RunStarted) -> None:
        """Make sure that the server has the run, and that the ledger has the server's id of it."""
        if MIRROR_MARK in event.tags:
            if self._ledger.run(run_id) is None:
                self._ledger.note_run(run_id, ServerRun(run_id=run_id, location=""))
            return
        experiment_id = self.server_experiment(event.tags[EXPERIMENT_MARK])
        own_ids = self._server.takes_run_ids()
        run = self._find(run_id, experiment_id, own_ids=own_ids)
        if run is None:
            try:
                run = self.create(run_id, experiment_id, event, own_ids=own_ids)
            except InvalidValueError:
                # An earlier request, given up long ago, may have come through in between.
                run = self._find(run_id, experiment_id, own_ids=own_ids)
                if run is None:
                    raise
        self.note(run_id, run)

    def create(
        self, run_id: str, experiment_id: str, event: types.RunStarted, *, own_ids: bool
    ) -> Run:
        """Make the run on the server. Before a second attempt, search the server for the run.

        Args:
            own_ids: Whether the server takes ids that clients draw.
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
        """Remember the server's id of a run and the location of its files."""
        known = ServerRun(run_id=run.info.run_id, location=run.info.artifact_uri)
        self._ledger.note_run(run_id, known)

    def tag_value(self, key: str, text: str) -> str:
        """A tag's value for the server: the id of a parent run becomes the server's id."""
        parent = self._ledger.run(text) if key == PARENT_TAG else None
        return parent.run_id if parent is not None and parent.run_id else text

    def server_experiment(self, experiment_id: str) -> str:
        """The server's id of an experiment that was chosen by name without an answer."""
        known = self._ledger.experiment(experiment_id)
        if known is None or known.server_id is not None:
            return experiment_id if known is None or known.server_id is None else known.server_id
        experiment = self._server.get_experiment_by_name(known.name)
        if experiment is not None:
            server_id = experiment.experiment_id
        else:
            try:
                server_id = self._server.create_experiment(known.name)
            except AlreadyExistsError:
                # Another program made the experiment in between.
                experiment = self._server.get_experiment_by_name(known.name)
                if experiment is None:
                    raise
                server_id = experiment.experiment_id
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
