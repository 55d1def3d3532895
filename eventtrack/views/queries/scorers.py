"""Scorers, read."""

import hashlib

from eventtrack.errors import NotFoundError
from eventtrack.projections import scorer_state
from eventtrack.projections.scorer_state import ScorerState
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.records import Record


class ScorerVersion(Record):
    """One version of a scorer, under MLflow's names. The time is milliseconds since 1970."""

    experiment_id: str
    scorer_name: str
    scorer_version: int
    serialized_scorer: str
    creation_time: int
    scorer_id: str


class ScorerQueries:
    """Reads of the scorers of a store, by experiment and name."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """A version of a scorer, by default the one with the greatest number.

        Raises:
            NotFoundError: There is no such scorer, version or experiment.
        """
        with self._context.read() as reader:
            state = existing_scorer(reader, experiment_id, name)
            living = state.living()
            number = max(living) if version is None else version
            if number not in living:
                raise missing_scorer(experiment_id, name, number)
            return _record(state, number)

    def versions(self, experiment_id: str, name: str) -> list[ScorerVersion]:
        """Every version of a scorer, in order of their numbers.

        Raises:
            NotFoundError: There is no such scorer or experiment.
        """
        with self._context.read() as reader:
            state = existing_scorer(reader, experiment_id, name)
            return [_record(state, number) for number in state.living()]

    def list(self, experiment_ids: list[str] | None = None) -> list[ScorerVersion]:
        """The newest version of each scorer of some experiments, by default of all, by name."""
        with self._context.read() as reader:
            states = [
                state
                for state in scorer_state.scorers(reader)
                if experiment_ids is None or state.experiment[0] in experiment_ids
            ]
        newest = [_record(state, max(state.living())) for state in states]
        return sorted(newest, key=lambda item: (item.experiment_id, item.scorer_name))


def existing_scorer(reader: Reader, experiment_id: str, name: str) -> ScorerState:
    """The state of a scorer that has a version.

    Raises:
        NotFoundError: There is no such scorer or experiment.
    """
    experiment = active_experiment(reader, experiment_id).experiment_id
    state = scorer_state.scorer(reader, scorer_id_of(experiment, name))
    if state is None or not state.living():
        raise missing_scorer(experiment_id, name)
    return state


def missing_scorer(experiment_id: str, name: str, version: int | None = None) -> NotFoundError:
    """The error for a scorer, or a version of it, that is not there."""
    which = "" if version is None else f" and version {version}"
    return NotFoundError(
        f"Scorer with name '{name}'{which} not found for experiment {experiment_id}."
    )


def scorer_id_of(experiment_id: str, name: str) -> str:
    """The id that every machine gives to the scorer of a name in an experiment."""
    return hashlib.sha256(f"scorer:{experiment_id}:{name}".encode()).hexdigest()[:32]


def _record(state: ScorerState, number: int) -> ScorerVersion:
    version = state.living()[number]
    return ScorerVersion(
        experiment_id=state.experiment[0],
        scorer_name=state.name[0],
        scorer_version=number,
        serialized_scorer=version.serialized,
        creation_time=version.created_ms,
        scorer_id=state.scorer_id,
    )
