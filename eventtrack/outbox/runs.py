"""Runs of a server: they begin there if it answers, else here; all facts are logged here first."""

import os
import threading
import weakref
from collections.abc import Mapping, Sequence

from eventtrack import limits, validate
from eventtrack.clock import SystemClock
from eventtrack.errors import (
    InvalidValueError,
    NotFoundError,
    RemoteFailedError,
    RemoteUnavailableError,
)
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.ids import DEFAULT_EXPERIMENT_ID, RandomIds
from eventtrack.outbox.ledger import ServerRun
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.parts import EXPERIMENT_MARK, MARKS, MIRROR_MARK
from eventtrack.outbox.starting import REFUSED_RUN, Starter
from eventtrack.rest import TrackingServer
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.queries.runs import Signature
from eventtrack.views.records import (
    DatasetInput,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    PagedList,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)

NO_ANSWER = (RemoteUnavailableError, RemoteFailedError)
# Every run of an outbox is in this experiment of its store; a mark names the real experiment.
_EXPERIMENT = DEFAULT_EXPERIMENT_ID
_ids = RandomIds()
_clock = SystemClock()


class RemoteRuns:
    """The runs of a server."""

    def __init__(self, outbox: Outbox, server: TrackingServer, starter: Starter) -> None:
        self._outbox = outbox
        self._server = server
        self._starter = starter
        self._known: set[str] = set()  # runs that the outbox has
        self._takes_ids: bool | None = None
        self._mirroring = threading.Lock()
        _all_runs.add(self)

    def create(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, object] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Start a run: on the server, or on this machine while the server does not answer.

        The run's id is the server's. Without an answer the id is drawn here: eventtrack's server
        takes it over later; MLflow's server gives the run another id, and a tag with this id.
        """
        pairs = validate.mapping("tags", tags or {}).items()
        clean = {validate.tag_key(key): validate.tag_value(key, value) for key, value in pairs}
        name = validate.tag_value(RUN_NAME_TAG, run_name or clean.get(RUN_NAME_TAG, ""))
        start_ms = _clock.now_ms() if start_time is None else start_time
        start_ms = validate.moment_ms("start_time", start_ms)
        run_id = _ids.id128().hex()
        event = types.RunStarted(experiment_id, name, user_id, start_ms, clean)
        if self._outbox.deliverer.outage is None:
            try:
                run = self._begin_there(run_id, event)
                self._outbox.deliverer.note_answer()
                return run
            except NO_ANSWER as error:
                self._outbox.deliverer.note_outage(error)
        self._begin_here(run_id, event)
        return self._local(run_id)

    def get(self, run_id: str) -> Run:
        """A run as the server has it, or, without an answer, as this machine logged it.

        Raises:
            NotFoundError: There is no such run.
            RemoteUnavailableError: No answer, and this machine has logged nothing to the run since
                everything was delivered.
        """
        validate.run_id(run_id)
        try:
            self._outbox.deliverer.push()
            run = self._server.get_run(self.server_id(run_id))
            self._outbox.deliverer.note_answer()
            return run
        except NO_ANSWER as error:
            self._outbox.deliverer.note_outage(error)
            try:
                return self._local(run_id)
            except NotFoundError:
                raise error from None

    def at_hand(self, run_id: str) -> Run:
        """A run as this machine logged it; for a run that began elsewhere, only the added facts."""
        self.ensure(run_id)
        return self._local(run_id)

    def update(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> None:
        """Change a run's status, end time or name; None leaves a field as it is."""
        if status is not None:
            validate.status(status, RunStatus.ALL)
        if end_time is not None:
            end_time = validate.moment_ms("end_time", end_time)
        if name:
            name = validate.tag_value(RUN_NAME_TAG, name)
        self._append(run_id, types.RunUpdated(status, end_time, name or None))

    def delete(self, run_id: str) -> None:
        """Delete a run on the server; it can be restored there."""
        self._outbox.deliverer.push()
        self._server.delete_run(self.server_id(run_id))
        if self._in_outbox(run_id):
            self._outbox.store.runs.delete(run_id)

    def restore(self, run_id: str) -> None:
        """Make a deleted run of the server active again."""
        self._outbox.deliverer.push()
        self._server.restore_run(self.server_id(run_id))
        if self._in_outbox(run_id):
            self._outbox.store.runs.restore(run_id)

    def signatures(self, run_id: str) -> list[Signature]:
        """The signatures of a run of the server."""
        self._outbox.deliverer.push()
        return self._server.signatures(self.server_id(run_id))

    def note_move(self, run_id: str, experiment_id: str) -> None:
        """Note in the outbox that a run of the server belongs to another experiment now."""
        if self._in_outbox(run_id):
            self._outbox.store.runs.set_tags(run_id, {EXPERIMENT_MARK: experiment_id})

    def note_correction(self, run_id: str, key: str, value: str, reason: str) -> None:
        """Note in the outbox that a param of a run has another value now, if it was logged here."""
        if self._in_outbox(run_id) and key in self._outbox.store.runs.get(run_id).data.params:
            self._outbox.store.corrections.correct_param(run_id, key, value, reason)

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Log params: texts that do not change once logged. All of them, or none.

        Raises:
            InvalidValueError: This machine logged one of the params with another value.
        """
        self.ensure(run_id)
        self._outbox.store.runs.log_params(run_id, params)

    def set_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Set tags, even to their known values: another program may have changed them meanwhile."""
        pairs = validate.mapping("tags", tags).items()
        clean = {validate.tag_key(key): validate.tag_value(key, value) for key, value in pairs}
        if clean:
            self._append(run_id, types.TagsSet(clean))

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag on the server.

        Raises:
            NotFoundError: The run has no such tag.
        """
        self._outbox.deliverer.push()
        self._server.delete_tag(self.server_id(run_id), key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Log metrics, params and tags in one commit of the outbox."""
        self.ensure(run_id)
        with self._outbox.store.batch():
            self._outbox.store.runs.log_batch(run_id, metrics, params)
            self.set_tags(run_id, {tag.key: tag.value for tag in tags})

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        """Record datasets and models that a run read."""
        self.ensure(run_id)
        self._outbox.store.runs.log_inputs(run_id, datasets, models)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        self.ensure(run_id)
        self._outbox.store.runs.log_outputs(run_id, models)

    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of runs; the server reads the filter."""
        self._outbox.deliverer.push()
        ids = [self._starter.server_experiment(experiment_id) for experiment_id in experiment_ids]
        return self._server.search_runs(
            ids, filter_string or "", view_type, max_results, order_by, page_token
        )

    def server_id(self, run_id: str) -> str:
        """The server's id of a run, which may have begun while the server did not answer."""
        known = self._outbox.ledger.run(run_id)
        if known == REFUSED_RUN:
            raise NotFoundError(
                f"Run with id={run_id} not found: the server refused to begin it",
                hint=f"`eventtrack flush {self._server.url}` shows why",
            )
        return run_id if known is None else known.run_id

    def ensure(self, run_id: str) -> None:
        """Make sure that facts of a run can be logged here.

        The server is asked once for a run that this machine does not know. Without an answer the
        run is taken on trust: if the server later refuses its facts, the list of refusals has them.

        Raises:
            NotFoundError: The server has no such run.
            InvalidValueError: The run is deleted.
        """
        self._outbox.deliverer.start()
        if run_id in self._known:
            return
        validate.run_id(run_id)
        with self._mirroring:
            if not self._in_outbox(run_id):
                self._mirror(run_id, self._ask(run_id))
            self._known.add(run_id)

    def after_fork_in_child(self) -> None:
        """Make a new lock: another thread of the parent may have held the old one."""
        self._mirroring = threading.Lock()

    def _ask(self, run_id: str) -> Run | None:
        if self._outbox.deliverer.outage is not None:
            return None
        try:
            run = self._server.get_run(self.server_id(run_id))
        except NO_ANSWER as error:
            self._outbox.deliverer.note_outage(error)
            return None
        stage = run.info.lifecycle_stage
        if stage != LifecycleStage.ACTIVE:
            raise InvalidValueError(
                f"The run {run_id} must be in the 'active' state. Current state is {stage}.",
                hint=f'call restore_run("{run_id}") first',
            )
        return run

    def _begin_there(self, run_id: str, event: types.RunStarted) -> Run:
        if self._takes_ids is None:
            self._takes_ids = self._server.takes_run_ids()
        experiment_id = self._starter.server_experiment(event.experiment_id)
        run = self._starter.create(run_id, experiment_id, event, own_ids=self._takes_ids)
        self._mirror(run.info.run_id, run)
        return run

    def _begin_here(self, run_id: str, event: types.RunStarted) -> None:
        self._outbox.store.runs.create(
            _EXPERIMENT,
            user_id=event.user,
            start_time=event.start_ms,
            tags={**event.tags, EXPERIMENT_MARK: event.experiment_id},
            run_name=event.name,
            run_id=run_id,
        )
        self._known.add(run_id)

    def _mirror(self, run_id: str, run: Run | None) -> None:
        """Put a run of the server's into the outbox, to hold its facts."""
        tags = {MIRROR_MARK: "1", EXPERIMENT_MARK: DEFAULT_EXPERIMENT_ID}
        location = ""
        if run is not None:
            tags[EXPERIMENT_MARK] = run.info.experiment_id
            location = run.info.artifact_uri
        self._outbox.ledger.note_run(
            run_id, ServerRun(run_id=self.server_id(run_id), location=location)
        )
        self._outbox.store.runs.create(
            _EXPERIMENT,
            user_id=run.info.user_id if run is not None else "",
            start_time=run.info.start_time if run is not None else None,
            tags=tags,
            run_name=run.info.run_name if run is not None else None,
            run_id=run_id,
        )
        self._known.add(run_id)

    def _in_outbox(self, run_id: str) -> bool:
        try:
            self._outbox.store.runs.get(run_id)
        except NotFoundError:
            return False
        return True

    def _local(self, run_id: str) -> Run:
        """A run as this machine logged it: complete if it began here."""
        run = self._outbox.store.runs.get(run_id)
        run.info.experiment_id = run.data.tags[EXPERIMENT_MARK]
        run.info.artifact_uri = f"runs:/{run_id}"
        run.data.tags = {key: text for key, text in run.data.tags.items() if key not in MARKS}
        return run

    def _append(self, run_id: str, event: types.Event) -> None:
        self.ensure(run_id)
        self._outbox.store.events.append(Draft.of(f"run/{run_id}", event))


_all_runs: "weakref.WeakSet[RemoteRuns]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for runs in list(_all_runs):
        runs.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
