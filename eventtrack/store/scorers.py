"""Scorers: registered in an experiment by name, each time as a further version."""

import hashlib
import json

from eventtrack import validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import scorers as events
from eventtrack.events.envelope import Draft
from eventtrack.projections import scorer_state
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.scorer_state import PREFIX, ScorerState
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.experiments import active_experiment
from eventtrack.views.records import Record


class ScorerVersion(Record):
    """One version of a scorer, under MLflow's names. The time is milliseconds since 1970."""

    experiment_id: str
    scorer_name: str
    scorer_version: int
    serialized_scorer: str
    creation_time: int
    scorer_id: str


class Scorers:
    """The scorers of a store, by experiment and name."""

    def __init__(self, context: StoreContext) -> None:
        self._engine = context.engine

    def register(self, experiment_id: str, name: str, serialized: str) -> ScorerVersion:
        """Register a further version of a scorer; its number is never given again.

        Args:
            serialized: The scorer as MLflow writes it, in JSON.

        Raises:
            InvalidValueError: The name is empty, it is no JSON, or the experiment is deleted.
            NotFoundError: There is no such experiment.
        """
        if not isinstance(name, str) or not name.strip():
            raise InvalidValueError("Scorer name cannot be empty.", hint="pass a text as the name")
        clean = validate.text("name", name)
        try:
            json.loads(validate.text("serialized_scorer", serialized))
        except (ValueError, RecursionError) as error:
            raise InvalidValueError(
                f"the serialized scorer is no JSON: {error}", hint="let MLflow write it"
            ) from error
        version_id, now_ms = self._engine.ids.id128().hex(), self._engine.clock.now_ms()

        def decide(reader: Reader) -> tuple[int, list[Draft]]:
            experiment = active_experiment(reader, experiment_id).experiment_id
            scorer_id = _id_of(experiment, clean)
            known = scorer_state.scorer(reader, scorer_id)
            shown = {} if known is None else numbers(known.claims)
            number = max(shown.values(), default=0) + 1
            event = events.ScorerRegistered(
                experiment, clean, version_id, number, serialized, now_ms
            )
            return number, [Draft.of(PREFIX + scorer_id, event)]

        return self.get(experiment_id, clean, self._engine.execute(decide))

    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """A version of a scorer, by default the one with the greatest number.

        Raises:
            NotFoundError: There is no such scorer, version or experiment.
        """
        with self._engine.read() as reader:
            state = _existing(reader, experiment_id, name)
            living = state.living()
            number = max(living) if version is None else version
            if number not in living:
                raise _missing(experiment_id, name, number)
            return _record(state, number)

    def versions(self, experiment_id: str, name: str) -> list[ScorerVersion]:
        """Every version of a scorer, in order of their numbers.

        Raises:
            NotFoundError: There is no such scorer or experiment.
        """
        with self._engine.read() as reader:
            state = _existing(reader, experiment_id, name)
            return [_record(state, number) for number in state.living()]

    def list(self, experiment_ids: list[str] | None = None) -> list[ScorerVersion]:
        """The newest version of each scorer of some experiments, by default of all, by name."""
        with self._engine.read() as reader:
            states = [
                state
                for state in scorer_state.scorers(reader)
                if experiment_ids is None or state.experiment[0] in experiment_ids
            ]
        newest = [_record(state, max(state.living())) for state in states]
        return sorted(newest, key=lambda item: (item.experiment_id, item.scorer_name))

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, by default all of them.

        Raises:
            NotFoundError: There is no such scorer, version or experiment.
        """
        now_ms = self._engine.clock.now_ms()

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = _existing(reader, experiment_id, name)
            living = state.living()
            if version is not None and version not in living:
                raise _missing(experiment_id, name, version)
            gone = list(living.values()) if version is None else [living[version]]
            deleted = [events.ScorerDeleted(item.version_id, now_ms) for item in gone]
            return None, [Draft.of(PREFIX + state.scorer_id, *deleted)]

        self._engine.execute(decide)


def _existing(reader: Reader, experiment_id: str, name: str) -> ScorerState:
    experiment = active_experiment(reader, experiment_id).experiment_id
    state = scorer_state.scorer(reader, _id_of(experiment, name))
    if state is None or not state.living():
        raise _missing(experiment_id, name)
    return state


def _missing(experiment_id: str, name: str, version: int | None = None) -> NotFoundError:
    which = "" if version is None else f" and version {version}"
    return NotFoundError(
        f"Scorer with name '{name}'{which} not found for experiment {experiment_id}."
    )


def _id_of(experiment_id: str, name: str) -> str:
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
