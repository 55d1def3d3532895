"""Runs as the rows of a data frame, as `search_runs` returns them if pandas is installed."""

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from eventtrack.errors import UsageError
from eventtrack.views.records import Run

if TYPE_CHECKING:
    import pandas as pd


def require_pandas(call: str, way_out: str) -> ModuleType:
    """The module `pandas`.

    Raises:
        UsageError: pandas is not installed; `call` is the call that needs it, `way_out` names an
            alternative.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            f"{call} needs pandas, which is not installed",
            hint=f"run `pip install pandas`{way_out}",
        ) from error
    return pd


def runs_frame(pandas: ModuleType, runs: Sequence[Run]) -> "pd.DataFrame":
    """A row for each run, with MLflow's columns: its info, then `metrics.*`, `params.*`, `tags.*`.

    Times are moments in UTC. A missing metric is NaN; any other missing value is None.
    """
    columns: dict[str, Any] = {
        name: [getattr(run.info, name) for run in runs]
        for name in ("run_id", "experiment_id", "status", "artifact_uri")
    }
    for name in ("start_time", "end_time"):
        moments = [getattr(run.info, name) for run in runs]
        columns[name] = pandas.to_datetime(moments, unit="ms", utc=True)
    columns |= _columns("metrics", runs, lambda run: run.data.metrics, math.nan)
    columns |= _columns("params", runs, lambda run: run.data.params, None)
    columns |= _columns("tags", runs, lambda run: run.data.tags, None)
    frame: pd.DataFrame = pandas.DataFrame(columns)
    return frame


def _columns(
    prefix: str, runs: Sequence[Run], part: Callable[[Run], dict[str, Any]], missing: object
) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for run in runs for key in part(run))
    return {f"{prefix}.{key}": [part(run).get(key, missing) for run in runs] for key in keys}
