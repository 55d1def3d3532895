"""The folds of run events: params, tags, status and name, inputs and outputs, artifacts."""

from collections.abc import Callable, Sequence
from typing import Any

from eventtrack.events import types
from eventtrack.projections import index
from eventtrack.projections.state import (
    ArtifactState,
    ParamClaim,
    ParamState,
    RunState,
    Stamp,
    latest,
    merge_tags,
)
from eventtrack.projections.tables import Tables
from eventtrack.tags import RUN_NAME_TAG

RunFold = Callable[[Tables, RunState, Any, Stamp], None]


def started(tables: Tables, run: RunState, event: types.RunStarted, stamp: Stamp) -> None:
    """The birth of a run: of several the earliest counts, as after a fork or a repeated import."""
    for name in ("start_time", "user_id"):
        tables.touch(run, (index.ATTRIBUTE, name))
    rival = (run.born, run.experiment_id, run.user, run.start_ms)
    if (stamp, event.experiment_id, event.user, event.start_ms) < rival:
        run.born = stamp
        run.experiment_id = event.experiment_id
        run.user = event.user
        run.start_ms = event.start_ms
    _rename(tables, run, event.name, stamp)
    _set_status(tables, run, event.status, stamp)
    for key, value in event.tags.items():
        _set_tag(tables, run, key, value, stamp)


def updated(tables: Tables, run: RunState, event: types.RunUpdated, stamp: Stamp) -> None:
    """A new status, end time or name; what is None stays."""
    if event.status is not None:
        _set_status(tables, run, event.status, stamp)
    if event.end_ms is not None:
        tables.touch(run, (index.ATTRIBUTE, "end_time"))
        run.end_ms = latest(run.end_ms, event.end_ms, stamp)
    if event.name is not None:
        _rename(tables, run, event.name, stamp)
        _set_tag(tables, run, RUN_NAME_TAG, event.name, stamp)


def deleted(tables: Tables, run: RunState, event: types.RunDeleted, stamp: Stamp) -> None:
    """The run becomes deleted."""
    _set_lifecycle(tables, run, "deleted", stamp)


def restored(tables: Tables, run: RunState, event: types.RunRestored, stamp: Stamp) -> None:
    """The run becomes active again."""
    _set_lifecycle(tables, run, "active", stamp)


def params_logged(tables: Tables, run: RunState, event: types.ParamsLogged, stamp: Stamp) -> None:
    """More params; a second value for one is kept as a conflict."""
    for key, value in event.params.items():
        tables.touch(run, (index.PARAM, key))
        known = run.params.get(key)
        if known is None:
            run.params[key] = ParamState([ParamClaim(stamp, value)])
        else:
            known.add(value, stamp)


def params_withdrawn(
    tables: Tables, run: RunState, event: types.ParamsWithdrawn, stamp: Stamp
) -> None:
    """Params logged by mistake no longer count."""
    for key in event.keys:
        tables.touch(run, (index.PARAM, key))
        run.params.setdefault(key, ParamState([])).withdraw(stamp)


def tags_set(tables: Tables, run: RunState, event: types.TagsSet, stamp: Stamp) -> None:
    """Tags take new values; the name's tag is the name."""
    for key, value in event.tags.items():
        _set_tag(tables, run, key, value, stamp)
        if key == RUN_NAME_TAG:
            _rename(tables, run, value, stamp)


def tag_deleted(tables: Tables, run: RunState, event: types.TagDeleted, stamp: Stamp) -> None:
    """A tag goes away."""
    _set_tag(tables, run, event.key, None, stamp)


def inputs_logged(tables: Tables, run: RunState, event: types.InputsLogged, stamp: Stamp) -> None:
    """Datasets and models read; the first mention of a dataset counts."""
    for name in index.DATASET_FIELDS:
        tables.touch(run, (index.DATASET, name))
    for dataset in event.datasets:
        key = f"{dataset.name}\0{dataset.digest}"
        known = run.datasets.get(key)
        if known is None or (stamp, repr(dataset)) < (known[1], repr(known[0])):
            run.datasets[key] = (dataset, stamp)
    for model_id in event.models:
        run.models_read[model_id] = min(run.models_read.get(model_id, stamp), stamp)


def outputs_logged(tables: Tables, run: RunState, event: types.OutputsLogged, stamp: Stamp) -> None:
    """Models written."""
    for model_id, step in event.models:
        known = run.models_written.get(model_id)
        run.models_written[model_id] = latest(known, step, stamp) if known else (step, stamp)


def artifacts_logged(
    tables: Tables, run: RunState, event: types.ArtifactsLogged, stamp: Stamp
) -> None:
    """Files appear, or are replaced."""
    keep_artifacts(tables, run.number, event.files, stamp)


def artifacts_deleted(
    tables: Tables, run: RunState, event: types.ArtifactsDeleted, stamp: Stamp
) -> None:
    """Files go away from the list."""
    remove_artifacts(tables, run.number, event.paths, stamp)


def keep_artifacts(
    tables: Tables, owner: int, stored: Sequence[types.ArtifactStored], stamp: Stamp
) -> None:
    """Files of a run or a model, named by its number: of two under one path the later counts."""
    for file in stored:
        known = tables.artifact(owner, file.path)
        if known is None or (stamp, file.sha256) > (known.stamp, known.sha256):
            state = ArtifactState(file.path, file.size, file.sha256, file.place, stamp)
            tables.put_artifact(owner, state)


def remove_artifacts(tables: Tables, owner: int, paths: Sequence[str], stamp: Stamp) -> None:
    """Files of a run or a model leave its list; that they did is remembered."""
    for path in paths:
        known = tables.artifact(owner, path)
        if known is None or stamp > known.stamp:
            tables.put_artifact(owner, ArtifactState(path, 0, b"", None, stamp, deleted=True))


def _set_status(tables: Tables, run: RunState, status: str, stamp: Stamp) -> None:
    tables.touch(run, (index.ATTRIBUTE, "status"))
    run.status = latest(run.status, status, stamp)


def _rename(tables: Tables, run: RunState, name: str, stamp: Stamp) -> None:
    tables.touch(run, (index.ATTRIBUTE, "run_name"))
    run.name = latest(run.name, name, stamp)


def _set_lifecycle(tables: Tables, run: RunState, stage: str, stamp: Stamp) -> None:
    tables.touch(run, (index.ATTRIBUTE, "lifecycle_stage"))
    run.lifecycle = latest(run.lifecycle, stage, stamp)


def _set_tag(tables: Tables, run: RunState, key: str, value: str | None, stamp: Stamp) -> None:
    tables.touch(run, (index.TAG, key))
    merge_tags(run.tags, {key: value}, stamp)


RUN_FOLDS: dict[str, RunFold] = {
    "run.started": started,
    "run.updated": updated,
    "run.deleted": deleted,
    "run.restored": restored,
    "run.params_logged": params_logged,
    "run.params_withdrawn": params_withdrawn,
    "run.tags_set": tags_set,
    "run.tag_deleted": tag_deleted,
    "run.inputs_logged": inputs_logged,
    "run.outputs_logged": outputs_logged,
    "run.artifacts_logged": artifacts_logged,
    "run.artifacts_deleted": artifacts_deleted,
}
