"""Forks a run, and merges runs: points of one run count for another (docs/corrections.md)."""

from collections.abc import Iterator

import msgspec

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError
from eventtrack.events import histories, types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections import cuts, forks
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run
from eventtrack.store.reasons import reason as because
from eventtrack.tags import FORKED_TAG, NOTE_TAG, PARENT_TAG, RUN_NAME_TAG
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.records import RunStatus

# Of the tags that MLflow gives a meaning to, only this describes the work and not the process.
_KEPT_TAGS = frozenset((NOTE_TAG,))
_OWN = ("mlflow.", "eventtrack.")


class Forks:
    """Forks and merges of the runs of a store."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine

    def fork(
        self,
        run_id: str,
        step: int | None = None,
        *,
        params: bool = True,
        tags: bool = True,
        run_name: str | None = None,
        experiment_id: str | None = None,
        reason: str | None = None,
    ) -> str:
        """Start a run whose histories begin with those of an active run; returns its id.

        The points so far with steps up to `step` are the fork's own from then on, whatever becomes
        of the run: only erasing them takes them away. No point is copied, so it costs the same for
        a few points as for millions.

        Args:
            step: The last step that the fork begins with; None for all steps.
            params: Whether the fork gets the run's params.
            tags: Whether the fork gets the run's tags, without those about its process.
            run_name: By default a random name.
            experiment_id: By default the run's experiment.
            reason: See `reasons`.

        Raises:
            NotFoundError: There is no such run or experiment.
            InvalidValueError: The run or the experiment is deleted.
        """
        last = limits.INT64_MAX if step is None else validate.int64("step", step)
        name = validate.tag_value(RUN_NAME_TAG, run_name) if run_name else self._engine.ids.words()
        new_id, now_ms = self._engine.ids.id128().hex(), self._engine.clock.now_ms()
        self._engine.gather()  # a fork begins with what the log has

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            run = active_run(self._context, reader, run_id)
            target = active_experiment(reader, str(experiment_id or run.experiment)).experiment_id
            share = histories.HistoryShared(new_id, cuts.covering(run), now_ms)
            held = [it for it, _ in run.withdrawals.values() if it is not None]
            texts = _tags(run) if tags else {}
            texts |= {RUN_NAME_TAG: name, PARENT_TAG: run_id, FORKED_TAG: _shown(run, step)}
            events: list[Event] = [
                types.RunStarted(target, name, run.user, now_ms, texts),
                histories.RunForked(histories.Fork(run_id, last, share.cut, held), now_ms),
            ]
            if params and (known := run.live_params()):
                events.append(types.ParamsLogged(known))
            drafts = [Draft.of(f"run/{run_id}", share)]
            for part_id, parts in self._of_merged(reader, run, target, name, last, now_ms):
                events.append(histories.RunMerged(part_id, now_ms))
                drafts += parts
            # In this order: whoever has the fork has the cut, too.
            return None, [*drafts, Draft.of(f"run/{new_id}", *events)]

        with because(reason):
            self._engine.execute(decide)
        return new_id

    def _of_merged(
        self, reader: Reader, run: RunState, target: str, name: str, last: int, now_ms: int
    ) -> Iterator[tuple[str, list[Draft]]]:
        """A fork of each run that is merged into a run, to be merged into the run's fork.

        These are deleted runs: they are there for their points alone.
        """
        whole = forks.merged_runs(reader, run)
        for other in whole[1:]:
            part_id = self._engine.ids.id128().hex()
            share = histories.HistoryShared(part_id, cuts.covering(other), now_ms)
            held = [it for it, _ in other.withdrawals.values() if it is not None]
            # A name of its own: people name runs by their names.
            part = f"points of {other.name[0] or other.run_id} for {name}"
            texts = {RUN_NAME_TAG: part, FORKED_TAG: other.run_id}
            events: list[Event] = [
                types.RunStarted(target, part, run.user, now_ms, texts, RunStatus.FINISHED),
                histories.RunForked(histories.Fork(other.run_id, last, share.cut, held), now_ms),
            ]
            # What the runs into which it was merged took back of its points, the fork has not.
            events += [
                histories.PointsWithdrawn(msgspec.structs.replace(it, covers=[], merged=[]), now_ms)
                for owner in whole
                for it, _ in owner.withdrawals.values()
                if it is not None and owner is not other and other.run_id in it.merged
            ]
            events.append(types.RunDeleted(now_ms))
            drafts = [Draft.of(f"run/{other.run_id}", share), Draft.of(f"run/{part_id}", *events)]
            yield part_id, drafts

    def merge(self, run_id: str, other_id: str, *, reason: str | None = None) -> bool:
        """Let the points and files of another run count for an active run, too.

        Those that the other run gets later count as well, so it may still be running. It stays as
        it is, and may be deleted. Nothing is copied.

        Returns:
            Whether this is news; otherwise nothing is recorded.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or the runs are the same, or the run is merged
                into the other already.
        """

        def decide(reader: Reader) -> tuple[bool, list[Draft]]:
            run, other = active_run(self._context, reader, run_id), existing_run(reader, other_id)
            if run.number in {it.number for it in forks.merged_runs(reader, other)}:
                raise InvalidValueError(
                    f"cannot merge {other_id} into {run_id}: they are the same run, or the other "
                    "way round they are merged already",
                    hint="name the run that goes on first, then the run that is to count for it",
                )
            if other_id in run.live_merged():
                return False, []
            event = histories.RunMerged(other_id, self._engine.clock.now_ms())
            return True, [Draft.of(f"run/{run_id}", event)]

        with because(reason):
            return self._engine.execute(decide)


def _tags(run: RunState) -> dict[str, str]:
    return {
        key: text
        for key, text in run.live_tags().items()
        if key in _KEPT_TAGS or not key.startswith(_OWN)
    }


def _shown(run: RunState, step: int | None) -> str:
    return run.run_id if step is None else f"{run.run_id}@{step}"
