"""Searching runs, as a data frame or as a list."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, overload

from eventtrack.errors import InvalidValueError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.experiments import current_client, current_experiment_id, search_experiments
from eventtrack.fluent.frames import require_pandas, runs_frame
from eventtrack.views.records import Run, ViewType

if TYPE_CHECKING:
    import pandas as pd

# MLflow's bound on an answer of the fluent call.
RESULTS_DEFAULT = 100_000
_PAGE_SIZE = 10_000


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = RESULTS_DEFAULT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> "pd.DataFrame": ...


@overload
def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = RESULTS_DEFAULT,
    order_by: Sequence[str] | None = None,
    *,
    output_format: Literal["list"],
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> list[Run]: ...


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = RESULTS_DEFAULT,
    order_by: Sequence[str] | None = None,
    output_format: Literal["pandas", "list"] = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> "list[Run] | pd.DataFrame":
    """The matching runs, newest first unless `order_by` says otherwise.

    Args:
        experiment_ids: The experiments to search; without ids and names, the current experiment.
        filter_string: For example `metrics.loss < 0.1 AND params.lr = '0.01'`.
        run_view_type: `ViewType.ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
        max_results: At most this many.
        order_by: For example `["metrics.loss ASC"]`.
        output_format: `pandas` for a data frame, `list` for the runs themselves.
        search_all_experiments: Search all active experiments, if neither ids nor names are given.
        experiment_names: The experiments to search, by name; unknown names are skipped.

    Raises:
        InvalidValueError: Ids and names were both given, or an argument cannot be read.
        UsageError: pandas was asked for and is not installed.
    """
    if output_format not in {"pandas", "list"}:
        raise InvalidValueError(
            f"Unsupported output format: {output_format}. "
            "Supported string values are 'pandas' or 'list'"
        )
    if not isinstance(max_results, int):
        raise InvalidValueError(
            f"Invalid value {max_results!r} for parameter 'max_results' supplied. "
            "It must be an integer"
        )
    if experiment_ids and experiment_names:
        raise InvalidValueError("Only experiment_ids or experiment_names can be used, but not both")
    if output_format == "pandas":
        # Checked before the search, which may take a while.
        pandas = require_pandas(
            "search_runs(output_format='pandas')", ', or pass output_format="list"'
        )
    client = current_client()
    if experiment_names:
        named = [client.get_experiment_by_name(name) for name in experiment_names if name]
        experiment_ids = [experiment.experiment_id for experiment in named if experiment]
    elif not experiment_ids and search_all_experiments:
        experiment_ids = [experiment.experiment_id for experiment in search_experiments()]
    elif not experiment_ids:
        experiment_ids = [current_experiment_id(client)]
    runs = _all_pages(client, experiment_ids, filter_string, run_view_type, max_results, order_by)
    return runs if output_format == "list" else runs_frame(pandas, runs)


def _all_pages(
    client: EventtrackClient,
    experiment_ids: Sequence[str],
    filter_string: str,
    run_view_type: int,
    max_results: int,
    order_by: Sequence[str] | None,
) -> list[Run]:
    runs: list[Run] = []
    token: str | None = None
    while experiment_ids and len(runs) < max_results:
        page = client.search_runs(
            experiment_ids,
            filter_string,
            run_view_type,
            min(_PAGE_SIZE, max_results - len(runs)),
            order_by,
            token,
        )
        runs.extend(page)
        token = page.token
        if token is None:
            break
    return runs
