"""Corrections of what runs say: a run moves into another experiment, a param gets another value.

Each is an event beside what was there before; `undo` takes it back, and the past still shows it.
"""

from collections.abc import Sequence

from eventtrack import validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.limits import MOVED_RUNS_MAX, SEARCH_RESULTS_MAX
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run
from eventtrack.store.reasons import reason as because
from eventtrack.tags import PARENT_TAG
from eventtrack.views.filters.trees import Comparison, Field
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.records import ViewType
from eventtrack.views.search.runs import RunSearch


class Corrections:
    """Corrections of the runs of a store."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine

    def move(
        self,
        run_ids: Sequence[str],
        experiment_id: str,
        *,
        children: bool = False,
        reason: str | None = None,
    ) -> list[str]:
        """Move active runs into an active experiment, all of them or none, in one commit.

        Runs that are there already stay as they are. Files stay where they lie, and logged models
        and traces stay in their experiments.

        Args:
            children: Whether the active runs nested in them go along, at any depth.
            reason: See `reasons`.

        Returns:
            The ids of the runs that moved, parents before their children.

        Raises:
            NotFoundError: There is no such run or experiment.
            InvalidValueError: A run or the experiment is deleted, or there are more runs than
                `MOVED_RUNS_MAX`.
        """

        def decide(reader: Reader) -> tuple[list[str], list[Draft]]:
            target = active_experiment(reader, str(experiment_id)).experiment_id
            runs = [active_run(self._context, reader, run_id) for run_id in run_ids]
            chosen = self._with_children(reader, runs) if children else runs
            moving = {run.run_id: run for run in chosen if run.experiment != target}
            _refuse_many(len(moving))
            event = types.RunMoved(target)
            return list(moving), [
                Draft.of(
                    f"run/{run.run_id}",
                    event,
                    beside=[f"experiment/{name}" for name in (run.experiment, target)],
                )
                for run in moving.values()
            ]

        with because(reason):
            return self._engine.execute(decide)

    def correct_param(self, run_id: str, key: str, value: object, reason: str) -> None:
        """Give a param of an active run another value. The same value changes nothing.

        Args:
            reason: Why the logged value was wrong; see `reasons`.

        Raises:
            NotFoundError: There is no such run, or it has no such param.
            InvalidValueError: The run is deleted, or the value or the reason is not allowed.
        """
        name = validate.param_key(key)
        text = validate.param_value(name, value)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            known = active_run(self._context, reader, run_id).live_params().get(name)
            if known is None:
                raise NotFoundError(
                    f"Run {run_id} has no param {name!r} to correct",
                    hint="log it with log_param(); `eventtrack runs show` lists the params",
                )
            event = types.ParamsCorrected({name: text})
            return None, [] if known == text else [Draft.of(f"run/{run_id}", event)]

        if reason is None:
            raise InvalidValueError(
                f"A corrected param needs a reason: {name!r} got none", hint="say what was wrong"
            )
        with because(reason):
            self._engine.execute(decide)

    def _with_children(self, reader: Reader, runs: Sequence[RunState]) -> list[RunState]:
        """Some runs and the active runs nested in them, in the same experiment, at any depth."""
        chosen = {run.run_id: run for run in runs}
        waiting = list(runs)
        while waiting:
            run = waiting.pop()
            experiment = reader.experiment(run.experiment)
            if experiment is None:
                continue
            nested = Comparison(Field("tag", PARENT_TAG), "=", run.run_id)
            search = RunSearch(reader, [experiment], self._context.over(reader).artifact_uri)
            below = search.find(nested, ViewType.ACTIVE_ONLY, (), 0, SEARCH_RESULTS_MAX)
            new = [child for child in below if child.run_id not in chosen]
            chosen |= {child.run_id: child for child in new}
            waiting += new
            _refuse_many(len(chosen))
        return list(chosen.values())


def _refuse_many(count: int) -> None:
    if count > MOVED_RUNS_MAX:
        raise InvalidValueError(
            f"{count} runs are more than move at once ({MOVED_RUNS_MAX})", hint="move them in parts"
        )
