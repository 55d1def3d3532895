"""The events that record what is new of an incoming experiment, run or model."""

from collections.abc import Iterator

from eventtrack import ids
from eventtrack.events import types
from eventtrack.events.types import Event
from eventtrack.projections import model_points, names
from eventtrack.projections.state import NEVER, ModelState
from eventtrack.projections.tables import Reader
from eventtrack.store import inputs, validate
from eventtrack.store.intake.forms import IncomingExperiment, IncomingModel, IncomingRun
from eventtrack.store.intake.rules import News
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.entities import find_by_name
from eventtrack.views.records import LifecycleStage, LoggedModelInput, ModelStatus, RunStatus

# Params of one event, at most: an event is decoded whole.
_PARAMS_MAX = 1000
_POINTS_MAX = 1000


def experiment_events(
    news: News, reader: Reader, one: IncomingExperiment, now_ms: int
) -> tuple[str, list[Event]]:
    """The id of the experiment of that name, and what is news of it."""
    name = validate.experiment_name(one.name)
    tags = dict(validate.experiment_tag(key, value) for key, value in one.tags.items())
    known = find_by_name(reader, name)
    created_ms = now_ms if one.created_ms is None else one.created_ms
    updated_ms = max(created_ms, one.updated_ms or 0)
    events: list[Event] = []
    if known is None:
        births = len(names.find(reader, names.EXPERIMENTS, name).births)
        experiment_id = ids.experiment_id(name, births)
        events.append(types.ExperimentCreated(name, None, {}, created_ms, births))
        news.taken.experiments += 1
        new = tags
    else:
        experiment_id = known.experiment_id
        new = news.new_tags(f"experiment/{experiment_id}", known.tags, tags)
    if new or (known is None and updated_ms > created_ms):
        # Also without tags: the event says when it was changed last.
        events.append(types.ExperimentTagsSet(new, updated_ms))
        news.taken.tags += len(new)
    # One that was here already keeps its stage: runs of others may be in it.
    if known is None and one.deleted_ms is not None:
        events.append(types.ExperimentDeleted(one.deleted_ms))
    return experiment_id, events


def run_events(news: News, reader: Reader, one: IncomingRun) -> list[Event]:
    """What is news of a run; all but its metrics and files."""
    stream = f"run/{validate.run_id(one.run_id)}"
    name = validate.tag_value(RUN_NAME_TAG, one.name)
    tags = {validate.tag_key(key): validate.tag_value(key, text) for key, text in one.tags.items()}
    tags.pop(RUN_NAME_TAG, None)  # the name says it
    params = {validate.param_key(k): validate.param_value(k, v) for k, v in one.params.items()}
    validate.status(one.status, RunStatus.ALL)
    read = inputs.inputs_event(
        one.datasets, [LoggedModelInput(model_id=model_id) for model_id in one.models_read]
    )
    state = reader.run(one.run_id)
    events: list[Event] = []
    if state is None or not state.experiment_id:
        tags = {**one.origin, **tags, RUN_NAME_TAG: name}
        user = validate.text("user id", one.user)
        start_ms = validate.int64("start_time", one.start_ms)
        events.append(types.RunStarted(one.experiment_id, name, user, start_ms, tags))
        news.taken.runs += 1
        news.taken.tags += len(tags)
        status = one.status if one.status != RunStatus.RUNNING else None
        end_ms, renamed, deleted = one.end_ms, None, one.deleted_ms is not None
        written = one.models_written
    else:
        new_tags = news.new_tags(stream, state.tags, tags)
        renamed = name if news.replaces(stream, "name", state.name, name) else None
        if new_tags:
            events.append(types.TagsSet(new_tags))
            news.taken.tags += len(new_tags)
        differs = news.replaces(stream, "status", state.status, one.status)
        status = one.status if differs else None
        differs = news.replaces(stream, "end_time", state.end_ms, one.end_ms)
        end_ms = one.end_ms if differs else None
        stage = LifecycleStage.ACTIVE if one.deleted_ms is None else LifecycleStage.DELETED
        # Of a run that was never deleted the stage has no stamp: its birth says it is active.
        stage_known = (state.lifecycle[0], state.lifecycle[1] or NEVER)
        deleted = news.replaces(stream, "lifecycle", stage_known, stage)
        news.taken.updates += (status, end_ms, renamed, deleted) != (None, None, None, False)
        read = inputs.only_new(state, read)
        written = [pair for pair in one.models_written if pair[0] not in state.models_written]
        claimed = {key: param.value for key, param in state.params.items()}
        news.kept += [
            f"{stream} param.{key}"
            for key, text in params.items()
            if claimed.get(key, text) != text
        ]
        params = {key: text for key, text in params.items() if key not in claimed}
    news.taken.params += len(params)
    pairs = list(params.items())
    starts = range(0, len(pairs), _PARAMS_MAX)
    events += [types.ParamsLogged(dict(pairs[start : start + _PARAMS_MAX])) for start in starts]
    if read.datasets or read.models:
        events.append(read)
    if written:
        events.append(types.OutputsLogged(list(written)))
    news.taken.inputs += len(read.datasets) + len(read.models) + len(written)
    if (status, end_ms, renamed) != (None, None, None):
        events.append(types.RunUpdated(status, end_ms, renamed))
    if deleted:
        at_ms = one.deleted_ms
        events.append(types.RunRestored(one.start_ms) if at_ms is None else types.RunDeleted(at_ms))
    news.deletes = one.deleted_ms is not None
    return events


def model_events(news: News, reader: Reader, one: IncomingModel) -> list[Event]:
    """What is news of a logged model; all but its files."""
    stream = f"model/{validate.text('model id', one.model_id)}"
    tags = {validate.tag_key(key): validate.tag_value(key, text) for key, text in one.tags.items()}
    params = {validate.param_key(k): validate.param_value(k, v) for k, v in one.params.items()}
    validate.status(one.status, ModelStatus.ALL)
    state = reader.model(one.model_id)
    events: list[Event] = []
    if state is None or not state.experiment_id:
        fixed = (one.experiment_id, one.name, one.source_run_id, one.model_type)
        events.append(types.ModelCreated(*fixed, params, tags, one.created_ms))
        news.taken.models += 1
        status, deleted = one.status != ModelStatus.PENDING, one.deleted_ms is not None
    else:
        new_tags = news.new_tags(stream, state.tags, tags)
        if new_tags:
            events.append(types.ModelTagsSet(new_tags))
            news.taken.tags += len(new_tags)
        new_params = {key: text for key, text in params.items() if key not in state.params}
        if new_params:
            events.append(types.ModelParamsLogged(new_params))
            news.taken.params += len(new_params)
        status = news.replaces(stream, "status", state.status, one.status)
        stage = LifecycleStage.DELETED if one.deleted_ms is not None else state.lifecycle[0]
        deleted = news.replaces(stream, "lifecycle", state.lifecycle, stage)
        news.taken.updates += status or deleted
    events += _measured(reader, state, one)
    if status:
        events.append(types.ModelFinalized(one.status, one.updated_ms))
    if deleted:
        events.append(types.ModelDeleted(one.deleted_ms or one.updated_ms))
    return events


def _measured(
    reader: Reader, state: ModelState | None, one: IncomingModel
) -> Iterator[types.ModelMetricsLogged]:
    """The points of a model whose place is not taken yet, run by run."""
    known = () if state is None else model_points.read(reader, state.number)
    places = {(point.run_id, point.key, point.timestamp_ms, point.step) for point in known}
    of_runs: dict[str, list[types.ModelPoint]] = {}
    for metric in one.points:
        run_id = validate.run_id(metric.run_id)
        place = (run_id, metric.key, metric.timestamp, metric.step)
        if place not in places:
            places.add(place)
            of_runs.setdefault(run_id, []).append(
                types.ModelPoint(
                    validate.metric_key(metric.key),
                    validate.metric_value(metric.key, metric.value),
                    validate.int64("step", metric.step),
                    validate.timestamp_ms(metric.timestamp),
                    metric.dataset_name or None,
                    metric.dataset_digest or None,
                )
            )
    for run_id, points in of_runs.items():
        for start in range(0, len(points), _POINTS_MAX):
            yield types.ModelMetricsLogged(run_id, points[start : start + _POINTS_MAX])
