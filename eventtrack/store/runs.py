"""Runs: starts, updates, describes, deletes and finds them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eventtrack import validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.lazy import lazy
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run, beside, new_params, new_tags, points_allowed
from eventtrack.tags import RUN_NAME_TAG, USER_TAG
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.queries.runs import RunQueries, existing_run
from eventtrack.views.records import (
    DatasetInput,
    LifecycleStage,
    LoggedModelInput,
    LoggedModelOutput,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
)

# For calls that record points durably, or inputs: a program that uses `log_metric` starts sooner.
if TYPE_CHECKING:
    from eventtrack.store import inputs, model_points, recorder
    from eventtrack.store import points as point_checks
    from eventtrack.store.points import PointLike
else:
    inputs = lazy("eventtrack.store.inputs")
    model_points = lazy("eventtrack.store.model_points")
    point_checks = lazy("eventtrack.store.points")
    recorder = lazy("eventtrack.store.recorder")


class Runs(RunQueries):
    """The runs of a store."""

    _context: StoreContext

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
        self._engine = context.engine

    def create(
        self,
        experiment_id: str,
        *,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, object] | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ) -> Run:
        """Start a run in an active experiment.

        Args:
            start_time: Milliseconds since 1970; now by default.
            run_name: By default the tag `mlflow.runName`, else a random name.
            run_id: 32 hex digits of a run that exists elsewhere, for imports; drawn by default.

        Raises:
            InvalidValueError: The experiment is deleted, the name and its tag differ, or a run of
                that id exists.
        """
        clean = _clean_tags(tags or {})
        run_name = validate.tag_value(RUN_NAME_TAG, run_name) if run_name else None
        tagged = clean.get(RUN_NAME_TAG)
        if run_name and tagged and run_name != tagged:
            raise InvalidValueError(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "
                f"different values (run_name='{run_name}', mlflow.runName='{tagged}').",
                hint="give the name once",
            )
        name = run_name or tagged or self._engine.ids.words()
        clean[RUN_NAME_TAG] = name
        start_ms = self._engine.clock.now_ms() if start_time is None else start_time
        start_ms = validate.moment_ms("start_time", start_ms)
        new_id = self._engine.ids.id128().hex() if run_id is None else validate.run_id(run_id)
        user = validate.text("user id", user_id or clean.get(USER_TAG, ""))
        event = types.RunStarted(str(experiment_id), clean[RUN_NAME_TAG], user, start_ms, clean)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            active_experiment(reader, str(experiment_id))
            known = None if run_id is None else reader.run(new_id)
            if known is not None and known.experiment_id:
                raise InvalidValueError(
                    f"A run with id={new_id} exists already", hint="leave run_id out"
                )
            return None, [_draft(new_id, event)]

        self._engine.execute(decide)
        return self.get(new_id)

    def update(
        self,
        run_id: str,
        *,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> RunInfo:
        """Change a run's status, end time (milliseconds since 1970) or name; None leaves a field.

        Any status may follow any other: resuming a finished run makes it RUNNING again.
        """
        if status is not None:
            validate.status(status, RunStatus.ALL)
        if end_time is not None:
            end_time = validate.moment_ms("end_time", end_time)
        if name:
            name = validate.tag_value(RUN_NAME_TAG, name)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = active_run(self._context, reader, run_id)
            event = types.RunUpdated(
                status if status != state.status[0] else None,
                end_time if end_time != state.end_ms[0] else None,
                name if name and name != state.name[0] else None,
            )
            return None, [] if event == types.RunUpdated() else [_draft(run_id, event)]

        self._engine.execute(decide)
        with self._context.entities() as entities:
            return entities.run_info(existing_run(entities.reader, run_id))

    def delete(self, run_id: str) -> None:
        """Delete a run; it can be restored. Deleting a deleted run changes nothing."""
        self._set_stage(run_id, LifecycleStage.DELETED)
        self._context.revoke_sinks()

    def restore(self, run_id: str) -> None:
        """Make a deleted run active again. Restoring an active run changes nothing."""
        self._set_stage(run_id, LifecycleStage.ACTIVE)

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Log params: texts that do not change once logged. All of them, or none.

        Raises:
            InvalidValueError: A param was logged with another value.
        """
        clean = _clean_params(params)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            new = new_params(active_run(self._context, reader, run_id), clean)
            return None, [_draft(run_id, types.ParamsLogged(new))] if new else []

        self._engine.execute(decide)

    def set_tags(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Set tags. All of them, or none. `mlflow.runName` is the run's name."""
        clean = _clean_tags(tags)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            new = new_tags(active_run(self._context, reader, run_id), clean)
            return None, [_draft(run_id, types.TagsSet(new))] if new else []

        self._engine.execute(decide)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag.

        Raises:
            NotFoundError: The run has no such tag.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            if key not in active_run(self._context, reader, run_id).live_tags():
                raise NotFoundError(
                    f"No tag with name: {key} in run with id {run_id}",
                    hint="get_run(...).data.tags lists the tags",
                )
            return None, [_draft(run_id, types.TagDeleted(key))]

        self._engine.execute(decide)

    def log_batch(
        self,
        run_id: str,
        metrics: "Sequence[PointLike]" = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Log metrics, params and tags at once, durably: all of them, or none."""
        keys = [validate.param_key(param.key) for param in params]
        if len(set(keys)) != len(keys):
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise InvalidValueError(
                f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
                "contains only one param value per param key.",
                hint="name each param once",
            )
        clean_params = _clean_params({param.key: param.value for param in params})
        clean_tags = {
            validate.tag_key(tag.key): validate.tag_value(tag.key, tag.value) for tag in tags
        }
        points = point_checks.points_event(metrics) if metrics else None
        of_models = model_points.drafts(run_id, metrics)
        if points is not None and not params and not tags and not of_models:
            prepared = recorder.Prepared.of(f"run/{validate.run_id(run_id)}", points)
            (refused,) = self._context.recorder.record([prepared], points_allowed(self._context))
            if refused is not None:
                raise refused
            return

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = active_run(self._context, reader, run_id)
            events: list[Event] = []
            if added := new_params(state, clean_params):
                events.append(types.ParamsLogged(added))
            if points is not None:
                events.append(points)
            if changed := new_tags(state, clean_tags):
                events.append(types.TagsSet(changed))
            return None, [_draft(run_id, *events), *of_models] if events else []

        self._engine.execute(decide)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        """Record datasets and models that a run read. A dataset named again changes nothing."""
        events = inputs.inputs_events(datasets, models)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            new = inputs.only_new(active_run(self._context, reader, run_id), events)
            return None, [_draft(run_id, *new)] if new else []

        self._engine.execute(decide)

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        event = types.OutputsLogged(
            [
                (validate.text("model id", model.model_id), validate.int64("step", model.step))
                for model in models
            ]
        )

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            active_run(self._context, reader, run_id)
            return None, [_draft(run_id, event)] if event.models else []

        self._engine.execute(decide)

    def _set_stage(self, run_id: str, stage: str) -> None:
        kind = types.RunDeleted if stage == LifecycleStage.DELETED else types.RunRestored

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = existing_run(reader, run_id)
            if self._context.over(reader).lifecycle(state) == stage:
                return None, []
            stream, now_ms = f"run/{run_id}", self._engine.clock.now_ms()
            others = beside(reader, stream, now_ms)
            return None, [Draft.of(stream, kind(now_ms), beside=others)]

        self._engine.execute(decide)


def _draft(run_id: str, *events: Event) -> Draft:
    return Draft.of(f"run/{run_id}", *events)


def _clean_params(params: Mapping[str, object]) -> dict[str, str]:
    pairs = validate.mapping("params", params).items()
    return {validate.param_key(key): validate.param_value(key, value) for key, value in pairs}


def _clean_tags(tags: Mapping[str, object]) -> dict[str, str]:
    pairs = validate.mapping("tags", tags).items()
    return {validate.tag_key(key): validate.tag_value(key, value) for key, value in pairs}
