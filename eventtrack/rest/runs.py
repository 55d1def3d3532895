"""Calls about runs: their life, their state, their search and their metrics' histories."""

from collections.abc import Mapping, Sequence

from eventtrack.errors import EndpointMissingError, InvalidValueError
from eventtrack.limits import SEARCH_RUNS_RESULTS_DEFAULT
from eventtrack.rest import records
from eventtrack.rest.calls import Calls, page
from eventtrack.rest.experiments import VIEWS
from eventtrack.views.records import Metric, PagedList, Run, RunInfo, ViewType

# Points in a page of MLflow's server.
_HISTORY_PAGE = 25_000


class RunCalls(Calls):
    """Starts, reads, ends, deletes and searches runs."""

    def create_run(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        """Start a run.

        Do not repeat the call: a server would make a second run.

        Args:
            run_id: The id for the run. eventtrack's server uses it and refuses a second run with
                the same id; MLflow's server draws its own.
        """
        answer = self._post(
            "runs/create",
            experiment_id=experiment_id,
            user_id=user_id,
            start_time=start_time,
            tags=records.pairs(tags or {}),
            run_name=run_name,
            run_id=run_id,
        )
        return records.run(answer["run"])

    def takes_run_ids(self) -> bool:
        """Whether the server gives a new run the client's id, as eventtrack's server does."""
        return self._extension().get("runs_take_ids") is True

    def get_run(self, run_id: str) -> Run:
        """A run with everything that it recorded; also a deleted run."""
        return records.run(self._get("runs/get", run_id=run_id)["run"])

    def update_run(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> RunInfo:
        """Change a run's status, end time or name; None leaves a field as it is."""
        answer = self._post(
            "runs/update", run_id=run_id, status=status, end_time=end_time, run_name=name
        )
        return records.run_info(answer["run_info"])

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""
        self._post("runs/delete", run_id=run_id)

    def restore_run(self, run_id: str) -> None:
        """Bring a deleted run back."""
        self._post("runs/restore", run_id=run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = SEARCH_RUNS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of runs.

        MLflow's endpoint refuses a filter that compares a param or a tag with a number; then
        eventtrack's own is asked. Any other server's refusal stands.
        """
        asked = {
            "experiment_ids": list(experiment_ids),
            "filter": filter_string,
            "run_view_type": VIEWS[view_type],
            "max_results": max_results,
            "order_by": list(order_by or ()),
            "page_token": page_token,
        }
        try:
            answer = self._post("runs/search", **asked)
        except InvalidValueError as refused:
            try:
                answer = self._post_own("runs/search", **asked)
            except EndpointMissingError:
                raise refused from None
        return page(answer, "runs", records.run)

    def metric_history(
        self, run_id: str, key: str, page_token: str | None = None
    ) -> PagedList[Metric]:
        """One page of a metric's points."""
        answer = self._get(
            "metrics/get-history",
            run_id=run_id,
            metric_key=key,
            max_results=_HISTORY_PAGE,
            page_token=page_token,
        )
        return page(answer, "metrics", lambda point: records.metric(point, run_id))
