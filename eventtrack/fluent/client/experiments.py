"""The client's calls about experiments."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventtrack.fluent.client.base import StoreCalls
from eventtrack.limits import SEARCH_EXPERIMENTS_RESULTS_DEFAULT
from eventtrack.views.records import Experiment, PagedList, ViewType


class ExperimentCalls(StoreCalls):
    """Experiments: find, create, rename, delete, tag."""

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """A page of the matching experiments; the answer's `token` asks for the next page."""
        if max_results is None:
            max_results = SEARCH_EXPERIMENTS_RESULTS_DEFAULT
        return self.store.experiments.search(
            view_type=view_type,
            max_results=max_results,
            filter_string=filter_string,
            order_by=order_by,
            page_token=page_token,
        )

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment with this id, even if it is deleted.

        Raises:
            NotFoundError: There is no such experiment.
        """
        return self.store.experiments.get(str(experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, even if it is deleted; None if there is none."""
        return self.store.experiments.get_by_name(name)

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Create an experiment and return its id.

        Raises:
            AlreadyExistsError: The name is taken, perhaps by a deleted experiment.
        """
        location = str(artifact_location) if artifact_location is not None else None
        texts = {key: str(value) for key, value in (tags or {}).items()}
        return self.store.experiments.create(name, location, texts)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs deleted."""
        self.store.experiments.delete(str(experiment_id))

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back."""
        self.store.experiments.restore(str(experiment_id))

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an active experiment another name, which no other experiment may have."""
        self.store.experiments.rename(str(experiment_id), new_name)

    def set_experiment_tag(self, experiment_id: str, key: str, value: Any) -> None:
        """Set one tag of an experiment; the value is stored as text."""
        self.store.experiments.set_tag(str(experiment_id), key, str(value))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove one tag of an experiment.

        Raises:
            NotFoundError: The experiment has no such tag.
        """
        self.store.experiments.delete_tag(str(experiment_id), key)
