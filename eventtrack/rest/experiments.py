"""Calls about experiments."""

from collections.abc import Mapping, Sequence

from eventtrack.errors import NotFoundError
from eventtrack.limits import SEARCH_EXPERIMENTS_RESULTS_DEFAULT
from eventtrack.rest import records
from eventtrack.rest.calls import Calls, page
from eventtrack.views.records import Experiment, PagedList, ViewType

VIEWS = {
    ViewType.ACTIVE_ONLY: "ACTIVE_ONLY",
    ViewType.DELETED_ONLY: "DELETED_ONLY",
    ViewType.ALL: "ALL",
}


class ExperimentCalls(Calls):
    """Creates, names, tags, deletes and searches experiments."""

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make an experiment; returns its id.

        Raises:
            AlreadyExistsError: The name is taken.
        """
        answer = self._post(
            "experiments/create",
            name=name,
            artifact_location=artifact_location,
            tags=records.pairs(tags or {}),
        )
        return str(answer["experiment_id"])

    def get_experiment(self, experiment_id: str) -> Experiment:
        """An experiment by its id, deleted ones too."""
        answer = self._get("experiments/get", experiment_id=experiment_id)
        return records.experiment(answer["experiment"])

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """An experiment by its name, deleted ones too; None when there is none."""
        try:
            answer = self._get("experiments/get-by-name", experiment_name=name)
        except NotFoundError:
            return None
        return records.experiment(answer["experiment"])

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of experiments."""
        answer = self._post(
            "experiments/search",
            view_type=VIEWS[view_type],
            max_results=max_results,
            filter=filter_string or None,
            order_by=list(order_by or ()),
            page_token=page_token,
        )
        return page(answer, "experiments", records.experiment)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an experiment another name."""
        self._post("experiments/update", experiment_id=experiment_id, new_name=name)

    def delete_experiment(self, experiment_id: str) -> None:
        """Delete an experiment and its runs."""
        self._post("experiments/delete", experiment_id=experiment_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Bring a deleted experiment and its runs back."""
        self._post("experiments/restore", experiment_id=experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Set one tag of an experiment."""
        self._post(
            "experiments/set-experiment-tag", experiment_id=experiment_id, key=key, value=value
        )

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove one tag of an experiment."""
        self._post("experiments/delete-experiment-tag", experiment_id=experiment_id, key=key)
