"""What `mlflow gc` asks: which runs are deleted, and to erase them, which a log does not do."""

import time
from typing import Any

from eventtrack import limits
from eventtrack.plugin.base import OpenStore, all_pages
from eventtrack.plugin.errors import not_implemented
from eventtrack.views.records import LifecycleStage, ViewType

_WHY = (
    "its log is append-only and keeps deleted runs and their files, so that they can be restored; "
    "nothing was changed"
)


def refuse_erasure(what: str) -> None:
    """Say that nothing is ever erased.

    Raises:
        MlflowException: Always, with `NOT_IMPLEMENTED`.
    """
    not_implemented(f"Erasing {what} for good", _WHY)


class ErasureCalls(OpenStore):
    """Named by MLflow's command; no other caller has them."""

    def _get_deleted_runs(self, older_than: int = 0) -> list[str]:
        """The ids of runs that were deleted at least `older_than` milliseconds ago."""
        before_ms = time.time_ns() // 1_000_000 - older_than
        experiments = all_pages(
            self.store.experiments.search, limits.SEARCH_RESULTS_MAX, view_type=ViewType.ALL
        )
        runs = all_pages(
            self.store.runs.search,
            limits.SEARCH_RESULTS_MAX,
            experiment_ids=[one.experiment_id for one in experiments],
            view_type=ViewType.DELETED_ONLY,
        )
        return [
            one.info.run_id for one in runs if not older_than or self._deleted_ms(one) <= before_ms
        ]

    def _deleted_ms(self, run: Any) -> int:
        """When a deleted run was deleted, by itself or with its experiment."""
        events = self.store.history.timeline(run.info.run_id)
        own = [one.recorded_ms for one in events if one.type == "run.deleted"]
        if own:
            return max(own)
        return self.store.experiments.get(run.info.experiment_id).last_update_time

    def _get_deleted_logged_models(self, older_than: int = 0) -> list[str]:
        """The ids of logged models that were deleted at least `older_than` milliseconds ago."""
        before_ms = time.time_ns() // 1_000_000 - older_than
        return [
            one.model_id
            for one in self.store.models.list()
            if one.lifecycle_stage == LifecycleStage.DELETED
            and one.last_updated_timestamp <= before_ms
        ]

    def _hard_delete_run(self, run_id: str) -> None:
        refuse_erasure(f"run {run_id}")

    def _hard_delete_experiment(self, experiment_id: str) -> None:
        refuse_erasure(f"experiment {experiment_id}")

    def _hard_delete_logged_model(self, model_id: str) -> None:
        refuse_erasure(f"logged model {model_id}")
