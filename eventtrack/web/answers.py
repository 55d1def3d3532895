"""Answers to the pages about experiments and runs, as plain values for JSON.

`docs/web-api.md` describes each answer. JSON has no NaN and no infinities: the answers hold the
texts "NaN", "Infinity" and "-Infinity" instead.
"""

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from eventtrack._version import __version__
from eventtrack.store import Queries, Store
from eventtrack.views.queries.overview import Cell
from eventtrack.views.records import Run, RunInfo

Json = dict[str, Any]

# Pages get at most so many characters of a text; the whole text is in the run's own answer.
TEXT_LENGTH_MAX = 2000
_KINDS = ("metrics", "params", "tags")
# The most groups of one answer, the largest ones.
GROUPS_MAX = 1000
# Of so many running runs at most, the latest, it is looked up whether their processes live.
JUDGED_MAX = 1000


def as_of(store: Store, moment: str) -> AbstractContextManager[Queries]:
    """The store as of a moment, kept open for nearby moments; the store itself for now.

    Args:
        moment: A position or an ISO time; empty or `now` for now.

    Raises:
        InvalidValueError: `moment` is no moment.
    """
    return nullcontext(store) if moment in ("", "now") else store.moments.at(moment)


def about(store: Store) -> Json:
    """The version, the path of the store, the head of its log, and the state of its views."""
    skipped = Counter(envelope.kind for envelope in store.maintenance.skipped())
    building = store.maintenance.building()
    return {
        "version": __version__,
        "store": str(store.path),
        "position": store.events.head(),
        "building": None if building is None else building.to_dictionary(),
        "skipped": dict(skipped),
    }


def experiments(store: Queries) -> Json:
    """Every experiment with its counts."""
    entries = []
    overviews = store.overview.experiments()
    running = any(overview.running for overview in overviews)
    lost = _lost(store) if running else Counter[str]()
    for overview in overviews:
        record = overview.experiment
        entries.append(
            {
                "experiment_id": record.experiment_id,
                "name": record.name,
                "lifecycle_stage": record.lifecycle_stage,
                "creation_time": record.creation_time,
                "last_activity": overview.last_activity,
                "runs": overview.runs,
                "running": overview.running,
                "lost": lost[record.experiment_id],
                "tags": {key: shortened(value) for key, value in record.tags.items()},
            }
        )
    return {"experiments": entries}


def _lost(store: Queries) -> Counter[str]:
    """The number of running runs that have no process any more, by experiment."""
    judged = with_lives(store, store.latest.running(JUDGED_MAX))
    return Counter(run["experiment_id"] for run in judged if is_lost(run))


def columns(store: Queries, experiment_ids: Sequence[str]) -> Json:
    """The columns that a table of these experiments may have."""
    return store.overview.columns(experiment_ids).to_dictionary()


def table(
    store: Queries, experiment_ids: Sequence[str], names: Sequence[str], **asked: Any
) -> Json:
    """Some rows of a table, column by column.

    Args:
        names: Columns as `metrics.loss`, `params.lr`, `tags.team`; unknown kinds are left out.
        asked: Further arguments of `Overview.table`.
    """
    known = [pair for pair in map(_parts, names) if pair[0] in _KINDS]
    part = store.overview.table(experiment_ids, known, **asked)
    cells = zip(*(row.cells for row in part.rows), strict=True) if part.rows else ()
    values = {
        f"{kind}.{key}": [_cell(cell) for cell in column]
        for (kind, key), column in zip(known, cells, strict=False)
    }
    rows = with_lives(store, [row.info for row in part.rows])
    return {
        "total": part.total,
        "runs": {field: [row[field] for row in rows] for field in rows[0]} if rows else {},
        "parents": [row.parent_run_id for row in part.rows],
        "forks": [row.forked_from for row in part.rows],
        "values": values,
        "remark": part.remark,
    }


def groups(
    store: Queries, experiment_ids: Sequence[str], by: str, names: Sequence[str], **asked: Any
) -> Json:
    """All matching runs in groups; arguments are as for `table`, but `by` names a column."""
    known = [name for name in names if name.partition(".")[0] in _KINDS]
    field, columns = _parts(by), [_parts(name) for name in known]
    all_groups = store.overview.groups(experiment_ids, field, columns, **asked)
    return {
        "total": len(all_groups),
        "groups": [
            {
                "value": group.value,
                "runs": group.runs,
                "figures": {
                    name: {key: number(value) for key, value in figures.to_dictionary().items()}
                    for name, figures in zip(known, group.figures, strict=True)
                    if figures is not None
                },
            }
            for group in all_groups[:GROUPS_MAX]
        ],
    }


def group(by: str, value: str | None) -> tuple[tuple[str, str], str | None] | None:
    """A group as `Overview.table` takes it; None without a column `by`."""
    return (_parts(by), value) if by else None


def _parts(name: str) -> tuple[str, str]:
    """The kind and the key of a column."""
    kind, _, key = name.partition(".")
    return kind, key


def run(store: Queries, run_id: str) -> Json:
    """A run without its points, its files and its past."""
    record = store.runs.get(run_id)
    experiment = store.experiments.get(record.info.experiment_id)
    return {
        "info": with_life(store, record.info),
        "experiment": {"experiment_id": experiment.experiment_id, "name": experiment.name},
        "experiments": store.runs.experiments_of(run_id),
        "signatures": [each.to_dictionary() for each in store.runs.signatures(run_id)],
        "params": record.data.params,
        "tags": record.data.tags,
        "metrics": [
            {
                "key": metric.key,
                "value": number(metric.value),
                "step": metric.step,
                "timestamp": metric.timestamp,
            }
            for metric in store.metrics.latest(run_id)
        ],
        "merged": store.runs.merged_of(run_id),
        "series": [series.to_dictionary() for series in store.items.list(run_id)],
        "inputs": record.inputs.to_dictionary(),
        "outputs": record.outputs.to_dictionary(),
        "children": [_child(store, child) for child in store.runs.children(run_id)],
    }


def info_of(info: RunInfo) -> Json:
    """The identity and the state of a run."""
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
    """A number; a text for NaN and the infinities, which JSON lacks."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def shortened(text: str) -> str:
    """A text, cut to the length that tables and lists show."""
    return text if len(text) <= TEXT_LENGTH_MAX else text[:TEXT_LENGTH_MAX] + "…"


def with_life(store: Queries, info: RunInfo) -> Json:
    """A run and, while it is RUNNING, whether its process lives; `life` is None in the past."""
    return with_lives(store, [info])[0]


def with_lives(store: Queries, infos: Sequence[RunInfo]) -> list[Json]:
    """Each of these runs, as `with_life`."""
    running = [info.run_id for info in infos if info.status == "RUNNING"]
    lives = {}
    if running and isinstance(store, Store):
        lives = dict(zip(running, store.liveness.of_all(running), strict=True))
    shown = []
    for info in infos:
        life = lives.get(info.run_id)
        shown.append({**info_of(info), "life": None if life is None else life.to_dictionary()})
    return shown


def is_lost(run: Json) -> bool:
    """Whether an answer of `with_life` is of a run whose process is gone."""
    return run["life"] is not None and run["life"]["state"] == "gone"


def _child(store: Queries, child: Run) -> Json:
    return {
        **with_life(store, child.info),
        "metrics": {key: number(value) for key, value in child.data.metrics.items()},
    }


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return number(cell)
    return cell if cell is None else shortened(cell)
