"""Scorers: registered in an experiment by name, each time as a further version."""

import json

from eventtrack import validate
from eventtrack.errors import InvalidValueError
from eventtrack.events import scorers as events
from eventtrack.events.envelope import Draft
from eventtrack.projections import scorer_state
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.scorer_state import PREFIX
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.views.queries.experiments import active_experiment
from eventtrack.views.queries.scorers import (
    ScorerQueries,
    ScorerVersion,
    existing_scorer,
    missing_scorer,
    scorer_id_of,
)


class Scorers(ScorerQueries):
    """The scorers of a store, by experiment and name."""

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
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
            scorer_id = scorer_id_of(experiment, clean)
            known = scorer_state.scorer(reader, scorer_id)
            shown = {} if known is None else numbers(known.claims)
            number = max(shown.values(), default=0) + 1
            event = events.ScorerRegistered(
                experiment, clean, version_id, number, serialized, now_ms
            )
            return number, [Draft.of(PREFIX + scorer_id, event)]

        return self.get(experiment_id, clean, self._engine.execute(decide))

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, by default all of them.

        Raises:
            NotFoundError: There is no such scorer, version or experiment.
        """
        now_ms = self._engine.clock.now_ms()

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            state = existing_scorer(reader, experiment_id, name)
            living = state.living()
            if version is not None and version not in living:
                raise missing_scorer(experiment_id, name, version)
            gone = list(living.values()) if version is None else [living[version]]
            deleted = [events.ScorerDeleted(item.version_id, now_ms) for item in gone]
            return None, [Draft.of(PREFIX + state.scorer_id, *deleted)]

        self._engine.execute(decide)
