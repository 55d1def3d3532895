"""Undo: the events that take back what an event did. The record keeps both."""

from collections.abc import Callable, Sequence
from typing import Any

from eventtrack.errors import InvalidStateError
from eventtrack.events import traces, types
from eventtrack.events.types import Event
from eventtrack.projections.state import ExperimentState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import TraceState
from eventtrack.projections.trace_tables import find_trace
from eventtrack.store.blame import facts_set_by
from eventtrack.store.events import EventRecord
from eventtrack.store.undo_models import inverse_of_model, inverse_of_registered
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.entities import find_by_name

# The value that a fact had before the event; None when it had none.
Before = Callable[[str], str | None]
_OF_MODELS = {"model": inverse_of_model, "registered": inverse_of_registered}
_OVERTAKEN = "the run was updated again since"


def inverse(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> list[Event]:
    """The events that undo one event, given all events of its stream that were recorded before it.

    Raises:
        InvalidStateError: It cannot be undone, or a later event has overtaken it; says why.
    """
    kind, _, name = event.stream.partition("/")
    if kind == "run":
        run = reader.run(name)
        if run is not None and run.experiment_id:
            if event.type == "run.artifacts_logged":
                return _undo_artifacts(reader, run, event, earlier)
            return _inverse_of_run(run, event, _values(earlier), now_ms)
    if kind == "experiment":
        experiment = reader.experiment(name)
        if experiment is not None:
            if event.type == "experiment.renamed":
                return [_undo_rename(reader, experiment, event, earlier, now_ms)]
            return _inverse_of_experiment(experiment, event, earlier, now_ms)
    if kind == "trace":
        trace = find_trace(reader, name)
        if trace is not None and trace.experiment_id:
            return _inverse_of_trace(trace, event, _values(earlier), now_ms)
    model = reader.model(name) if kind == "model" else None
    if kind == "registered" or (model is not None and model.experiment_id):
        found = _OF_MODELS[kind](reader, event, earlier, now_ms)
        _demand(event, found is not None, _reason(event.type))
        _demand(event, found is not False, "what it did does not hold any more")
        return found or []
    raise _impossible(event, f"nothing is known of {event.stream}")


def _inverse_of_run(run: RunState, event: EventRecord, before: Before, now_ms: int) -> list[Event]:
    body = event.body
    if event.type == "run.started":
        _demand(event, run.lifecycle[0] == "active", "the run is deleted already")
        return [types.RunDeleted(now_ms)]
    if event.type == "run.deleted":
        _demand(event, run.lifecycle[0] == "deleted", "the run is active again already")
        return [types.RunRestored(now_ms)]
    if event.type == "run.restored":
        _demand(event, run.lifecycle[0] == "active", "the run is deleted again already")
        return [types.RunDeleted(now_ms)]
    if event.type == "run.tags_set":
        return _undo_tags(event, run.live_tags(), body["tags"], before)
    if event.type == "run.tag_deleted":
        value = before(f"tag.{body['key']}")
        _demand(event, body["key"] not in run.live_tags(), "the tag was set again since")
        _demand(event, value is not None, "nothing tells what the tag was")
        return [types.TagsSet({body["key"]: str(value)})]
    if event.type == "run.params_logged":
        live = run.live_params()
        keys = [key for key, value in body["params"].items() if live.get(key) == value]
        _demand(event, bool(keys), "these params do not hold any more")
        return [types.ParamsWithdrawn(keys)]
    if event.type == "run.params_withdrawn":
        values = {key: before(f"param.{key}") for key in body["keys"]}
        known = {key: value for key, value in values.items() if value is not None}
        free = {key: value for key, value in known.items() if key not in run.live_params()}
        _demand(event, bool(free), "these params were logged anew since")
        return [types.ParamsLogged(free)]
    if event.type == "run.updated":
        return _undo_update(event, run, before)
    raise _impossible(event, _reason(event.type))


def _inverse_of_trace(
    trace: TraceState, event: EventRecord, before: Before, now_ms: int
) -> list[Event]:
    if event.type == "trace.deleted":
        _demand(event, not trace.shown, "the trace is shown again already")
        return [traces.TraceRestored(now_ms)]
    if event.type == "trace.restored":
        _demand(event, trace.shown, "the trace is deleted again already")
        return [traces.TraceDeleted(now_ms)]
    if event.type == "trace.tags_set":
        tags = _undo_tags(event, trace.live_tags(), event.body["tags"], before)
        return [_of_trace(one) for one in tags if not isinstance(one, types.RunUpdated)]
    if event.type == "trace.tag_deleted":
        key = event.body["key"]
        value = before(f"tag.{key}")
        _demand(event, key not in trace.live_tags(), "the tag was set again since")
        _demand(event, value is not None, "nothing tells what the tag was")
        return [traces.TraceTagsSet({key: str(value)})]
    raise _impossible(event, _reason(event.type))


def _of_trace(event: Event) -> Event:
    """The same change of tags, of a trace."""
    if isinstance(event, types.TagsSet):
        return traces.TraceTagsSet(event.tags)
    assert isinstance(event, types.TagDeleted)
    return traces.TraceTagDeleted(event.key)


def _undo_tags(
    event: EventRecord, live: dict[str, str], tags: dict[str, str], before: Before
) -> list[Event]:
    mine = [key for key, value in tags.items() if live.get(key) == value]
    _demand(event, bool(mine), "these tags were changed again since")
    values = {key: before(f"tag.{key}") for key in mine}
    old = {key: value for key, value in values.items() if value is not None}
    undone: list[Event] = [types.TagsSet(old)] if old else []
    if RUN_NAME_TAG in mine and RUN_NAME_TAG not in old:
        undone.append(types.RunUpdated(name=before("name")))  # it stays when its tag goes
    return [*undone, *(types.TagDeleted(key) for key in mine if key not in old)]


def _undo_update(event: EventRecord, run: RunState, before: Before) -> list[Event]:
    body: dict[str, Any] = event.body
    status = end_ms = name = None
    first_end = False
    if body["status"] is not None and run.status[0] == body["status"]:
        status = before("status")
    if body["end_ms"] is not None and run.end_ms[0] == body["end_ms"]:
        old_end = before("end_time")
        end_ms = int(old_end) if old_end is not None else None
        first_end = old_end is None
    if body["name"] is not None and run.name[0] == body["name"]:
        name = before("name")
    undone = types.RunUpdated(status, end_ms, name)
    reason = "an end time can be changed, not removed" if first_end else _OVERTAKEN
    _demand(event, undone != types.RunUpdated(), reason)
    if name is not None and before(f"tag.{RUN_NAME_TAG}") is None:
        return [undone, types.TagDeleted(RUN_NAME_TAG)]
    return [undone]


def _undo_artifacts(
    reader: Reader, run: RunState, event: EventRecord, earlier: Sequence[EventRecord]
) -> list[Event]:
    """Take files off the list; where they replaced others, those come back."""
    mine: list[str] = []
    for file in event.body["files"]:
        now = reader.artifact(run.number, file["path"])
        if now is not None and not now.deleted and now.sha256.hex() == file["sha256"]:
            mine.append(file["path"])
    _demand(event, bool(mine), "these files were replaced or deleted since")
    replaced: dict[str, types.ArtifactStored] = {}
    for one in earlier:
        for file in one.body["files"] if one.type == "run.artifacts_logged" else ():
            stored = {**file, "sha256": bytes.fromhex(file["sha256"])}
            replaced[file["path"]] = types.ArtifactStored(**stored)
        for path in one.body["paths"] if one.type == "run.artifacts_deleted" else ():
            replaced.pop(path, None)
    back = [replaced[path] for path in mine if path in replaced]
    gone = [path for path in mine if path not in replaced]
    kept = all(file.place is None for file in back)
    _demand(event, kept, "the files that it replaced were written over in the artifact location")
    undone: list[Event] = [types.ArtifactsLogged(back)] if back else []
    return [*undone, types.ArtifactsDeleted(gone)] if gone else undone


def _inverse_of_experiment(
    experiment: ExperimentState, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> list[Event]:
    body, stage = event.body, experiment.lifecycle[0]
    if event.type in ("experiment.created", "experiment.restored"):
        _demand(event, stage == "active", "the experiment is deleted already")
        return [types.ExperimentDeleted(now_ms)]
    if event.type == "experiment.deleted":
        _demand(event, stage == "deleted", "the experiment is active again already")
        return [types.ExperimentRestored(now_ms)]
    if event.type in ("experiment.tags_set", "experiment.tag_deleted"):
        live = experiment.live_tags()
        set_by: dict[str, str | None] = body["tags"] if "tags" in body else {body["key"]: None}
        keys = [key for key, value in set_by.items() if live.get(key) == value]
        _demand(event, bool(keys), "these tags were changed again since")
        old: dict[str, str] = {}
        for one in earlier:
            old.update(
                {key: value for key, value in one.body.get("tags", {}).items() if key in keys}
            )
            if one.type == "experiment.tag_deleted":
                old.pop(one.body["key"], None)
        gone = [key for key in keys if key not in old and key in live]
        undone: list[Event] = [types.ExperimentTagDeleted(key, now_ms) for key in gone]
        return [types.ExperimentTagsSet(old, now_ms), *undone] if old else undone
    raise _impossible(event, _reason(event.type))


def _undo_rename(
    reader: Reader,
    experiment: ExperimentState,
    event: EventRecord,
    earlier: Sequence[EventRecord],
    now_ms: int,
) -> Event:
    names = [one.body["name"] for one in earlier if "name" in one.body]
    _demand(event, experiment.name[0] == event.body["name"], "it was renamed again since")
    _demand(event, bool(names), "nothing tells what it was called before")
    taken = find_by_name(reader, names[-1])
    free = taken is None or taken.experiment_id == experiment.experiment_id
    _demand(event, free, f"another experiment is called {names[-1]!r} now")
    return types.ExperimentRenamed(names[-1], now_ms)


def _values(events: Sequence[EventRecord]) -> Before:
    values: dict[str, str | None] = {}
    for event in events:
        values.update(facts_set_by(event))
    return values.get


def _reason(kind: str) -> str:
    if kind.startswith("run.metric"):
        return "points of a metric stay: the history is the measurement"
    if kind in ("run.inputs_logged", "run.outputs_logged"):
        return "what a run read or wrote stays on record"
    if kind == "run.artifacts_deleted":
        return "log the files again; their bytes may be gone"
    return "this eventtrack knows no inverse of it"


def _demand(event: EventRecord, holds: bool, reason: str) -> None:
    if not holds:
        raise _impossible(event, reason)


def _impossible(event: EventRecord, reason: str) -> InvalidStateError:
    return InvalidStateError(
        f"cannot undo event {event.address} ({event.type}): {reason}",
        hint=f"`eventtrack inspect {event.address}` shows the event",
    )
