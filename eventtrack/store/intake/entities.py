"""The events that record the news of an incoming experiment, run or model."""

from collections.abc import Iterator, Mapping

from eventtrack import ids, validate
from eventtrack.events import types
from eventtrack.events.types import Event
from eventtrack.facts import experiment as experiment_facts
from eventtrack.facts import model as model_facts
from eventtrack.facts import run as run_facts
from eventtrack.facts.fact import valued
from eventtrack.projections import model_points, names
from eventtrack.projections.merging import held
from eventtrack.projections.state import ModelState
from eventtrack.projections.tables import Reader
from eventtrack.store import inputs
from eventtrack.store.intake.forms import IncomingExperiment, IncomingModel, IncomingRun
from eventtrack.store.intake.rules import News, Values
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.entities import find_by_name
from eventtrack.views.records import LifecycleStage, LoggedModelInput, ModelStatus, RunStatus

# The most params of one event: an event is decoded as a whole.
_PARAMS_MAX = 1000
_POINTS_MAX = 1000


def experiment_events(
    news: News, reader: Reader, incoming: IncomingExperiment, now_ms: int
) -> tuple[str, list[Event]]:
    """The id of the experiment of that name, and the events that record its news."""
    name = validate.experiment_name(incoming.name)
    tags = dict(validate.experiment_tag(key, value) for key, value in incoming.tags.items())
    known = find_by_name(reader, name)
    created_ms = now_ms if incoming.created_ms is None else incoming.created_ms
    updated_ms = max(created_ms, incoming.updated_ms or 0)
    events: list[Event] = []
    if known is None:
        births = len(names.find(reader, names.EXPERIMENTS, name).births)
        experiment_id = ids.experiment_id(name, births)
        events.append(types.ExperimentCreated(name, None, {}, created_ms, births))
        news.taken.experiments += 1
        new = tags
    else:
        experiment_id = known.experiment_id
        wanted = {(experiment_facts.TAG, key): text for key, text in tags.items()}
        new = valued(
            news.changed(f"experiment/{experiment_id}", known, wanted), experiment_facts.TAG
        )
    if new or (known is None and updated_ms > created_ms):
        # Also without tags: the event has the time of the last change.
        events.append(types.ExperimentTagsSet(new, updated_ms))
        news.taken.tags += len(new)
    # An experiment that was here already keeps its stage: it may have other runs.
    if known is None and incoming.deleted_ms is not None:
        events.append(types.ExperimentDeleted(incoming.deleted_ms))
    return experiment_id, events


def check_run(run: IncomingRun) -> None:
    """Refuse a run that could not be recorded, before it waits together with others.

    Raises:
        InvalidValueError: A text, a number or the status is not allowed.
    """
    validate.run_id(run.run_id)
    validate.tag_value(RUN_NAME_TAG, run.name)
    validate.text("user id", run.user)
    validate.status(run.status, RunStatus.ALL)
    for what in ("start_ms", "end_ms", "deleted_ms"):
        if getattr(run, what) is not None:
            setattr(run, what, validate.int64(what, getattr(run, what)))
    _check_texts(run.params, run.tags)
    run.models_written = [
        (validate.text("model id", model_id), validate.int64("step", step))
        for model_id, step in run.models_written
    ]
    _inputs(run)


def _check_texts(params: Mapping[str, str], tags: Mapping[str, str]) -> None:
    for key, text in tags.items():
        validate.tag_value(validate.tag_key(key), text)
    for key, text in params.items():
        validate.param_value(validate.param_key(key), text)


def _inputs(run: IncomingRun) -> list[types.InputsLogged]:
    models = [LoggedModelInput(model_id=model_id) for model_id in run.models_read]
    return inputs.inputs_events(run.datasets, models)


def run_events(news: News, reader: Reader, run: IncomingRun) -> list[Event]:
    """The events that record a run's news, without metrics and files. `check_run` comes before."""
    stream, name, read = f"run/{run.run_id}", run.name, _inputs(run)
    tags, params = dict(run.tags), dict(run.params)
    tags.pop(RUN_NAME_TAG, None)  # the same as the name
    state = reader.run(run.run_id)
    events: list[Event] = []
    if state is None or not state.experiment_id:
        tags = {**run.origin, **tags, RUN_NAME_TAG: name}
        started = types.RunStarted(run.experiment_id, name, run.user, run.start_ms, tags)
        events.append(started)
        news.taken.runs += 1
        news.taken.tags += len(tags)
        status = run.status if run.status != RunStatus.RUNNING else None
        end_ms, renamed, deleted = run.end_ms, None, run.deleted_ms is not None
        written = run.models_written
    else:
        new = news.changed(stream, state, _wanted(run, tags))
        if new_tags := valued(new, run_facts.TAG):
            events.append(types.TagsSet(new_tags))
            news.taken.tags += len(new_tags)
        status, end_ms = new.get((run_facts.STATUS, "")), new.get((run_facts.END, ""))
        renamed, deleted = new.get((run_facts.NAME, "")), (run_facts.LIFECYCLE, "") in new
        news.taken.updates += (status, end_ms, renamed, deleted) != (None, None, None, False)
        read = inputs.only_new(state, read)
        written = [pair for pair in run.models_written if pair[0] not in state.models_written]
        params = valued(new, run_facts.PARAM)
        withdrawn = [key for key in params if held(run_facts.PARAM, state, key) is not None]
        if withdrawn:
            events.append(types.ParamsWithdrawn(withdrawn))
    news.taken.params += len(params)
    pairs = list(params.items())
    starts = range(0, len(pairs), _PARAMS_MAX)
    events += [types.ParamsLogged(dict(pairs[start : start + _PARAMS_MAX])) for start in starts]
    events += read
    if written:
        events.append(types.OutputsLogged(list(written)))
    news.taken.inputs += len(read) + len(written)
    if (status, end_ms, renamed) != (None, None, None):
        events.append(types.RunUpdated(status, end_ms, renamed))
    if deleted:
        at_ms = run.deleted_ms
        events.append(types.RunRestored(run.start_ms) if at_ms is None else types.RunDeleted(at_ms))
    news.deletes = run.deleted_ms is not None
    return events


def _wanted(run: IncomingRun, tags: Mapping[str, str]) -> Values:
    """The facts of a run as its source has them."""
    return {
        **{(run_facts.TAG, key): text for key, text in tags.items()},
        (run_facts.NAME, ""): run.name,
        (run_facts.STATUS, ""): run.status,
        (run_facts.END, ""): run.end_ms,
        (run_facts.LIFECYCLE, ""): _stage(run.deleted_ms),
        **{(run_facts.PARAM, key): text for key, text in run.params.items()},
    }


def _stage(deleted_ms: int | None) -> str:
    return LifecycleStage.ACTIVE if deleted_ms is None else LifecycleStage.DELETED


def check_model(model: IncomingModel) -> None:
    """Refuse a logged model that could not be recorded, before it waits together with others.

    Raises:
        InvalidValueError: A text, a number or the status is not allowed.
    """
    validate.text("model id", model.model_id)
    validate.text("model name", model.name)
    validate.status(model.status, ModelStatus.ALL)
    for what in ("created_ms", "updated_ms", "deleted_ms"):
        if getattr(model, what) is not None:
            setattr(model, what, validate.int64(what, getattr(model, what)))
    _check_texts(model.params, model.tags)
    for metric in model.points:
        validate.run_id(metric.run_id)
        validate.metric_key(metric.key)
        validate.metric_value(metric.key, metric.value)
        validate.int64("step", metric.step)
        validate.timestamp_ms(metric.timestamp)


def model_events(news: News, reader: Reader, model: IncomingModel) -> list[Event]:
    """The events that record a model's news, without files. `check_model` comes before."""
    stream, tags, params = f"model/{model.model_id}", model.tags, model.params
    state = reader.model(model.model_id)
    events: list[Event] = []
    if state is None or not state.experiment_id:
        fixed = (model.experiment_id, model.name, model.source_run_id, model.model_type)
        events.append(types.ModelCreated(*fixed, params, tags, model.created_ms))
        news.taken.models += 1
        status, deleted = model.status != ModelStatus.PENDING, model.deleted_ms is not None
    else:
        stage = state.lifecycle[0] if model.deleted_ms is None else LifecycleStage.DELETED
        wanted = {
            **{(model_facts.TAG, key): text for key, text in tags.items()},
            (model_facts.STATUS, ""): model.status,
            (model_facts.LIFECYCLE, ""): stage,
        }
        new = news.changed(stream, state, wanted)
        if new_tags := valued(new, model_facts.TAG):
            events.append(types.ModelTagsSet(new_tags))
            news.taken.tags += len(new_tags)
        new_params = {key: text for key, text in params.items() if key not in state.params}
        if new_params:
            events.append(types.ModelParamsLogged(new_params))
            news.taken.params += len(new_params)
        status, deleted = (model_facts.STATUS, "") in new, (model_facts.LIFECYCLE, "") in new
        news.taken.updates += status or deleted
    events += _measured(reader, state, model)
    if status:
        events.append(types.ModelFinalized(model.status, model.updated_ms))
    if deleted:
        events.append(types.ModelDeleted(model.deleted_ms or model.updated_ms))
    return events


def _measured(
    reader: Reader, state: ModelState | None, model: IncomingModel
) -> Iterator[types.ModelMetricsLogged]:
    """The points of a model that are new, run by run: no other point has their place."""
    known = () if state is None else model_points.read(reader, state.number)
    places = {(point.run_id, point.key, point.timestamp_ms, point.step) for point in known}
    of_runs: dict[str, list[types.ModelPoint]] = {}
    for metric in model.points:
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
