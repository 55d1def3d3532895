"""Experiments of a server. Experiments seen before are known while the server does not answer."""

from collections.abc import Mapping, Sequence

from eventtrack import ids, limits, validate
from eventtrack.errors import AlreadyExistsError, RemoteError
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import NO_ANSWER
from eventtrack.outbox.starting import Starter
from eventtrack.rest import TrackingServer
from eventtrack.views.records import Experiment, LifecycleStage, PagedList, ViewType


class RemoteExperiments:
    """The experiments of a server. Changes are made on the server at once, or not at all."""

    def __init__(self, outbox: Outbox, server: TrackingServer, starter: Starter) -> None:
        self._outbox = outbox
        self._server = server
        self._starter = starter

    def create(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> str:
        """Make an experiment and return its id.

        Raises:
            AlreadyExistsError: An experiment of that name exists, active or deleted.
            RemoteUnavailableError: No answer. `get_or_create` works without an answer.
        """
        name = validate.experiment_name(name)
        pairs = dict(validate.experiment_tag(key, value) for key, value in (tags or {}).items())
        experiment_id = self._server.create_experiment(name, artifact_location, pairs)
        self._outbox.ledger.note_experiment(experiment_id, name, experiment_id)
        return experiment_id

    def get_or_create(self, name: str) -> Experiment:
        """The experiment of this name, made if there is none.

        Without an answer, it is the experiment that had this name before. If there was none, it is
        an experiment with a local id, which the server is asked for when it answers again.
        """
        name = validate.experiment_name(name)
        if self._outbox.deliverer.outage is None:
            try:
                return self._get_or_create_there(name)
            except NO_ANSWER as error:
                self._outbox.deliverer.note_outage(error)
        known = self._outbox.ledger.experiment(name, by_name=True)
        if known is None:
            experiment_id = ids.experiment_id(name, 0)
            self._outbox.ledger.note_experiment(experiment_id, name, None)
        else:
            experiment_id = known.server_id or known.experiment_id
        return _hearsay(experiment_id, name)

    def get(self, experiment_id: str) -> Experiment:
        """An experiment by its id, even if it is deleted.

        Without an answer, only the name of an experiment seen before is known.

        Raises:
            NotFoundError: There is no such experiment.
        """
        try:
            return self._noted(
                self._server.get_experiment(self._starter.server_experiment(experiment_id))
            )
        except NO_ANSWER as error:
            return self._met_before(experiment_id, error)

    def get_by_name(self, name: str) -> Experiment | None:
        """An experiment by its name, even if it is deleted; None if there is none."""
        experiment = self._server.get_experiment_by_name(name)
        return None if experiment is None else self._noted(experiment)

    def search(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of experiments; the server reads the filter."""
        size = limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT if max_results is None else max_results
        return self._server.search_experiments(view_type, size, filter_string, order_by, page_token)

    def rename(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        server_id = self._starter.server_experiment(experiment_id)
        self._server.rename_experiment(server_id, validate.experiment_name(name))
        self._outbox.ledger.note_experiment(server_id, name, server_id)

    def delete(self, experiment_id: str) -> None:
        """Delete an experiment and with it all its runs."""
        self._outbox.deliverer.push()
        self._server.delete_experiment(self._starter.server_experiment(experiment_id))

    def restore(self, experiment_id: str) -> None:
        """Make a deleted experiment and all its runs active again."""
        self._server.restore_experiment(self._starter.server_experiment(experiment_id))

    def set_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Set a tag of an active experiment."""
        self.set_tags(experiment_id, {key: value})

    def set_tags(self, experiment_id: str, tags: Mapping[str, object]) -> None:
        """Set tags of an active experiment, one after the other."""
        pairs = [validate.experiment_tag(key, value) for key, value in tags.items()]
        server_id = self._starter.server_experiment(experiment_id)
        for key, text in pairs:
            self._server.set_experiment_tag(server_id, key, text)

    def delete_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment."""
        server_id = self._starter.server_experiment(experiment_id)
        self._server.delete_experiment_tag(server_id, key)

    def _get_or_create_there(self, name: str) -> Experiment:
        experiment = self._server.get_experiment_by_name(name)
        if experiment is None:
            try:
                experiment = self._server.get_experiment(self._server.create_experiment(name))
            except AlreadyExistsError:
                # Another program created the experiment between the two calls.
                experiment = self._server.get_experiment_by_name(name)
                if experiment is None:
                    raise
        return self._noted(experiment)

    def _noted(self, experiment: Experiment) -> Experiment:
        self._outbox.ledger.note_experiment(
            experiment.experiment_id, experiment.name, experiment.experiment_id
        )
        return experiment

    def _met_before(self, experiment_id: str, error: RemoteError) -> Experiment:
        known = self._outbox.ledger.experiment(experiment_id)
        if known is None:
            raise error
        return _hearsay(experiment_id, known.name)


def _hearsay(experiment_id: str, name: str) -> Experiment:
    return Experiment(
        experiment_id=experiment_id,
        name=name,
        artifact_location="",
        lifecycle_stage=LifecycleStage.ACTIVE,
        tags={},
        creation_time=0,
        last_update_time=0,
    )
