"""The client's calls about runs: their life, their state and their search."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from eventtrack.fluent.client.base import StoreCalls
from eventtrack.limits import SEARCH_RUNS_RESULTS_DEFAULT
from eventtrack.store.reasons import reason as given_reason
from eventtrack.tags import PARENT_TAG, USER_TAG
from eventtrack.views.records import Metric, PagedList, Run, RunStatus, ViewType


class RunCalls(StoreCalls):
    """Runs: create, read, end, delete, search."""

    def get_run(self, run_id: str) -> Run:
        """The run as it is now.

        Raises:
            NotFoundError: There is no such run.
        """
        return self.store.runs.get(run_id)

    def get_parent_run(self, run_id: str) -> Run | None:
        """The parent of a run; None for a run without a parent."""
        parent_id = self.get_run(run_id).data.tags.get(PARENT_TAG)
        return self.get_run(parent_id) if parent_id is not None else None

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Create a run with the status RUNNING; it does not become an active run.

        Args:
            experiment_id: An active experiment.
            start_time: Milliseconds since 1970; None means now.
            tags: Tags; the values are stored as text. `mlflow.user` names the run's user.
            run_name: The name; None draws a random name.
        """
        texts = {key: str(value) for key, value in (tags or {}).items()}
        return self.store.runs.create(
            str(experiment_id),
            user_id=texts.get(USER_TAG, "unknown"),
            start_time=start_time,
            tags=texts,
            run_name=run_name,
        )

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change a run's status, its name or both; None leaves a field as it is."""
        if status is not None or name is not None:
            self.store.runs.update(run_id, status=status, name=name)

    def set_terminated(
        self, run_id: str, status: str | None = None, end_time: int | None = None
    ) -> None:
        """End a run.

        Args:
            run_id: The run.
            status: None means FINISHED.
            end_time: Milliseconds since 1970; None means now.
        """
        self.store.runs.update(
            run_id,
            status=status or RunStatus.FINISHED,
            end_time=end_time or time.time_ns() // 1_000_000,
        )

    def delete_run(self, run_id: str) -> None:
        """Mark a run deleted."""
        self.store.runs.delete(run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self.store.runs.restore(run_id)

    def rewind_run(
        self, run_id: str, step: int, keys: Sequence[str] | None = None, reason: str | None = None
    ) -> None:
        """Withdraw the points of a run with a step greater than `step`; new points may follow.

        The points stay on record, and undo brings them back. Nothing happens if there are none.

        Args:
            run_id: An active run.
            step: The last step that stays.
            keys: The metrics to rewind; None for all.
            reason: Why, kept beside the event.

        Raises:
            NotFoundError: There is no such run, or it has no such metric.
        """
        with given_reason(reason):
            self.store.metrics.rewind(run_id, step, keys)

    def withdraw_metric(
        self,
        run_id: str,
        key: str,
        first_step: int | None = None,
        last_step: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Withdraw points of a metric: they no longer count. The record keeps them.

        Args:
            run_id: An active run.
            key: The metric.
            first_step: The first step to withdraw; None for the least there is.
            last_step: The last step to withdraw; None for the greatest there is.
            reason: Why, kept beside the event.

        Raises:
            NotFoundError: There is no such run, or it has no such metric.
        """
        with given_reason(reason):
            self.store.metrics.withdraw(run_id, [key], first_step, last_step)

    def search_runs(
        self,
        experiment_ids: Sequence[str] | str | int,
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """A page of the matching runs; the answer's `token` asks for the next page.

        Args:
            experiment_ids: The experiments to search; one id or several.
            filter_string: For example `metrics.loss < 0.1 AND params.lr = '0.01'`.
            run_view_type: `ViewType.ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
            max_results: 1 to 50,000.
            order_by: For example `["metrics.loss ASC"]`; runs that are equal in this: newest first.
            page_token: The `token` of the page before.
        """
        if isinstance(experiment_ids, str | int):
            experiment_ids = [str(experiment_ids)]
        return self.store.runs.search(
            [str(experiment_id) for experiment_id in experiment_ids],
            filter_string or "",
            run_view_type,
            max_results,
            order_by,
            page_token,
        )

    def get_metric_history(self, run_id: str, key: str) -> PagedList[Metric]:
        """All points of a metric, in order of time, step and value."""
        return self.store.metrics.history(run_id, key)
