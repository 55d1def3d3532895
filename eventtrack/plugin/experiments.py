"""MLflow's calls about experiments."""

from collections.abc import Sequence
from typing import Any

from mlflow import entities
from mlflow.entities import ViewType
from mlflow.store.entities.paged_list import PagedList

from eventtrack import limits
from eventtrack.compat import checks
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.entities import experiment, pairs
from eventtrack.views import records


class ExperimentCalls(OpenStore):
    """Creates, names, tags, deletes and searches experiments."""

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Sequence[entities.ExperimentTag] | None = None,
    ) -> str:
        """Make an experiment; returns its id."""
        location = self.new_location(artifact_location)
        return self.store.experiments.create(name, location, pairs(tags))

    def get_experiment(self, experiment_id: str) -> entities.Experiment:
        """An experiment by its id; "" means `Default`."""
        wanted = "" if experiment_id is None else str(experiment_id)
        known = self.store.experiments.get(checks.experiment_id(wanted))
        return self._experiment(known)

    def get_experiment_by_name(self, experiment_name: str) -> entities.Experiment | None:
        """An experiment by its name, deleted ones too; None when there is none."""
        known = self.store.experiments.get_by_name(experiment_name)
        return None if known is None else self._experiment(known)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of experiments; without an order the newest first."""
        page = self.store.experiments.search(
            view_type, max_results, filter_string, order_by, page_token
        )
        return PagedList([self._experiment(experiment) for experiment in page], page.token)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an active experiment another name."""
        self.store.experiments.rename(str(experiment_id), new_name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs; they can be restored."""
        self.store.experiments.delete(str(experiment_id))

    def restore_experiment(self, experiment_id: str) -> None:
        """Make a deleted experiment and its runs active again."""
        self.store.experiments.restore(str(experiment_id))

    def set_experiment_tag(self, experiment_id: str, tag: entities.ExperimentTag) -> None:
        """Set a tag of an active experiment."""
        self.store.experiments.set_tag(str(experiment_id), tag.key, tag.value)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag of an active experiment."""
        self.store.experiments.delete_tag(str(experiment_id), key)

    def _experiment(self, record: records.Experiment) -> Any:
        return experiment(record, self.shown(record.artifact_location))
