"""What the pages are told about experiments and runs, as plain values for JSON.

`docs/web-api.md` describes each. JSON has no NaN and no infinities: they are the texts "NaN",
"Infinity" and "-Infinity".
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from eventtrack._version import __version__
from eventtrack.store import Queries, Store
from eventtrack.store.overview import Cell
from eventtrack.views.records import Run, RunInfo

Json = dict[str, Any]

# What a page shows of a long text; the whole of it is in the run.
TEXT_LENGTH_MAX = 2000
_KINDS = ("metrics", "params", "tags")


def as_of(store: Store, moment: str) -> AbstractContextManager[Queries]:
    """What answers for a moment, kept open for its neighbours in time; the store itself for now.

    Args:
        moment: A position or an ISO time; empty or `now` for now.

    Raises:
        InvalidValueError: It is no moment.
    """
    return nullcontext(store) if moment in ("", "now") else store.moments.at(moment)


def about(store: Store) -> Json:
    """Which store this is, and how far its log goes."""
    return {"version": __version__, "store": str(store.path), "position": store.events.head()}


def experiments(store: Queries) -> Json:
    """Every experiment with its counts."""
    found = []
    for one in store.overview.experiments():
        record = one.experiment
        found.append(
            {
                "experiment_id": record.experiment_id,
                "name": record.name,
                "lifecycle_stage": record.lifecycle_stage,
                "creation_time": record.creation_time,
                "last_activity": one.last_activity,
                "runs": one.runs,
                "running": one.running,
                "tags": {key: shortened(value) for key, value in record.tags.items()},
            }
        )
    return {"experiments": found}


def columns(store: Queries, experiment_ids: Sequence[str]) -> Json:
    """Which columns a table of these experiments may have."""
    return store.overview.columns(experiment_ids).to_dictionary()


def table(
    store: Queries, experiment_ids: Sequence[str], names: Sequence[str], **asked: Any
) -> Json:
    """Some rows of a table, column by column.

    Args:
        names: Columns as `metrics.loss`, `params.lr`, `tags.team`; others stay empty.
        asked: As of `Overview.table`.
    """
    pairs = [(kind, key) for kind, _, key in (name.partition(".") for name in names)]
    known = [pair for pair in pairs if pair[0] in _KINDS]
    found = store.overview.table(experiment_ids, known, **asked)
    cells = zip(*(row.cells for row in found.rows), strict=True) if found.rows else ()
    values = {
        f"{kind}.{key}": [_cell(cell) for cell in column]
        for (kind, key), column in zip(known, cells, strict=False)
    }
    rows = [_with_life(store, row.info) for row in found.rows]
    return {
        "total": found.total,
        "runs": {field: [row[field] for row in rows] for field in rows[0]} if rows else {},
        "parents": [row.parent_run_id for row in found.rows],
        "values": values,
    }


def run(store: Queries, run_id: str) -> Json:
    """A run with all that it has but its points, its files and its past."""
    found = store.runs.get(run_id)
    experiment = store.experiments.get(found.info.experiment_id)
    return {
        "info": _with_life(store, found.info),
        "experiment": {"experiment_id": experiment.experiment_id, "name": experiment.name},
        "params": found.data.params,
        "tags": found.data.tags,
        "metrics": [
            {
                "key": one.key,
                "value": number(one.value),
                "step": one.step,
                "timestamp": one.timestamp,
            }
            for one in store.metrics.latest(run_id)
        ],
        "inputs": found.inputs.to_dictionary(),
        "outputs": found.outputs.to_dictionary(),
        "children": [_child(store, one) for one in store.runs.children(run_id)],
    }


def info_of(info: RunInfo) -> Json:
    """What a run is."""
    return {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "user_id": info.user_id,
        "status": info.status,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "lifecycle_stage": info.lifecycle_stage,
    }


def number(value: float) -> float | str:
    """A number, or a text for one that JSON has not."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def shortened(text: str) -> str:
    """A text as a table or a list shows it."""
    return text if len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX] + "…"


def _with_life(store: Queries, info: RunInfo) -> Json:
    """What a run is and, while it runs, whether somebody runs it: of the past nobody can say."""
    life = None
    if info.status == "RUNNING" and isinstance(store, Store):
        life = store.liveness.of(info.run_id)
    return {**info_of(info), "life": None if life is None else life.to_dictionary()}


def _child(store: Queries, child: Run) -> Json:
    return {
        **_with_life(store, child.info),
        "metrics": {key: number(value) for key, value in child.data.metrics.items()},
    }


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return number(cell)
    return cell if cell is None else shortened(cell)
