"""MLflow's calls about runs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlflow import entities
from mlflow.entities import RunStatus, ViewType
from mlflow.store.entities.paged_list import PagedList

from eventtrack import limits
from eventtrack.plugin.base import OpenStore, all_pages
from eventtrack.plugin.entities import pairs, run, run_info, tag_record
from eventtrack.store.joining import join_begun_run
from eventtrack.tags import PARENT_TAG
from eventtrack.views import records

# MLflow's server names its store so to its own processes, and to no other process.
_SERVER_VARIABLE = "_MLFLOW_SERVER_FILE_STORE"


class RunCalls(OpenStore):
    """Starts, ends, deletes and searches runs."""

    def create_run(
        self,
        experiment_id: str,
        user_id: str | None,
        start_time: int | None,
        tags: Iterable[entities.RunTag] | None,
        run_name: str | None,
    ) -> entities.Run:
        """Start a run, or join the run that `eventtrack run` began; its status is RUNNING.

        A server joins nothing: its clients' runs are their own.
        """
        named = pairs(map(tag_record, tags or ()))
        joined = None
        if PARENT_TAG not in named and _SERVER_VARIABLE not in os.environ:
            joined = join_begun_run(self.store, str(experiment_id))
        if joined is not None:
            return self._run(self._resumed(joined, run_name, named))
        started = self.store.runs.create(
            str(experiment_id),
            user_id=user_id or "",
            start_time=start_time,
            tags=named,
            run_name=run_name,
        )
        return self._run(started)

    def _resumed(self, run_id: str, run_name: str | None, tags: Mapping[str, str]) -> records.Run:
        """Begin to log to a run that is there; MLflow's tags of its origin stay."""
        known = {key for key in self.store.runs.get(run_id).data.tags if key.startswith("mlflow.")}
        new = {key: value for key, value in tags.items() if key not in known}
        with self.store.batch():
            self.store.runs.update(run_id, status="RUNNING", name=run_name)
            if new:
                self.store.runs.set_tags(run_id, new)
        return self.store.runs.get(run_id)

    def get_run(self, run_id: str) -> entities.Run:
        """A run with everything that it recorded; also a deleted run."""
        return self._run(self.store.runs.get(run_id))

    def update_run_info(
        self,
        run_id: str,
        run_status: int | None,
        end_time: int | None,
        run_name: str | None,
    ) -> entities.RunInfo:
        """Change status, end time or name; None leaves a field as it is."""
        status = None if run_status is None else RunStatus.to_string(run_status)
        info = self.store.runs.update(run_id, status=status, end_time=end_time, name=run_name)
        return run_info(info, self.shown(info.artifact_uri))

    def delete_run(self, run_id: str) -> None:
        """Delete a run; it can be restored."""
        self.store.runs.delete(run_id)

    def restore_run(self, run_id: str) -> None:
        """Make a deleted run active again."""
        self.store.runs.restore(run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None = limits.SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of runs; without an order the newest first."""
        runs, token = self._search_runs(
            experiment_ids, filter_string, run_view_type, max_results, order_by, page_token
        )
        return PagedList(runs, token)

    def _search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None,
        run_view_type: int,
        max_results: int | None,
        order_by: Sequence[str] | None,
        page_token: str | None,
    ) -> tuple[list[Any], str | None]:
        where: dict[str, Any] = {
            "experiment_ids": [str(experiment_id) for experiment_id in experiment_ids],
            "filter_string": filter_string,
            "view_type": run_view_type or ViewType.ACTIVE_ONLY,
            "order_by": order_by,
            "shown": lambda _, uri: self.shown(uri),
        }
        if max_results is None:
            search = self.store.runs.search_with_latest
            runs = all_pages(search, limits.SEARCH_RESULTS_MAX, **where)
            return [self._shown(*each) for each in runs], None
        page = self.store.runs.search_with_latest(
            max_results=max_results, page_token=page_token, **where
        )
        return [self._shown(*each) for each in page], page.token

    def _run(self, record: records.Run) -> Any:
        run_id = record.info.run_id
        latest = self.store.metrics.latest(run_id) if record.data.metrics else ()
        return self._shown(record, latest)

    def _shown(self, record: records.Run, latest: Iterable[records.Metric]) -> Any:
        return run(record, latest, self.shown(record.info.artifact_uri))
