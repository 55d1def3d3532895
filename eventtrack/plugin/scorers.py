"""MLflow's calls about scorers."""

from mlflow.entities.scorer import ScorerVersion

from eventtrack.plugin.base import OpenStore
from eventtrack.views.queries import scorers as records


class ScorerCalls(OpenStore):
    """Scorers: registered, listed, deleted."""

    def register_scorer(
        self, experiment_id: str, name: str, serialized_scorer: str
    ) -> ScorerVersion:
        """Register a further version of a scorer."""
        return _version(self.store.scorers.register(str(experiment_id), name, serialized_scorer))

    def list_scorers(self, experiment_id: str) -> list[ScorerVersion]:
        """The newest version of each scorer of an experiment."""
        known = self.store.experiments.get(str(experiment_id)).experiment_id
        return list(map(_version, self.store.scorers.list([known])))

    def get_scorer(
        self, experiment_id: str, name: str, version: int | None = None
    ) -> ScorerVersion:
        """A version of a scorer, by default the newest."""
        return _version(self.store.scorers.get(str(experiment_id), name, version))

    def list_scorer_versions(self, experiment_id: str, name: str) -> list[ScorerVersion]:
        """Every version of a scorer."""
        return list(map(_version, self.store.scorers.versions(str(experiment_id), name)))

    def delete_scorer(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, by default all of them."""
        self.store.scorers.delete(str(experiment_id), name, version)


def _version(known: records.ScorerVersion) -> ScorerVersion:
    return ScorerVersion(**known.to_dictionary())
