"""The nouns of a store: the same for the present and for the past."""

from eventtrack.store.artifacts import Artifacts
from eventtrack.store.context import StoreContext
from eventtrack.store.datasets import Datasets
from eventtrack.store.experiments import Experiments
from eventtrack.store.metrics import Metrics
from eventtrack.store.models import Models
from eventtrack.store.overview import Overview
from eventtrack.store.registry import Registry
from eventtrack.store.runs import Runs
from eventtrack.store.scorers import Scorers
from eventtrack.store.sessions import Sessions
from eventtrack.store.snapshot import SnapshotEngine
from eventtrack.store.traces import Traces


class Queries:
    """The queries of a store, as it is or as it was: an attribute for each noun."""

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self.datasets = Datasets(context)
        self.experiments = Experiments(context)
        self.metrics = Metrics(context)
        self.runs = Runs(context)
        self.artifacts = Artifacts(context)
        self.models = Models(context)
        self.overview = Overview(context)
        self.registry = Registry(context)
        self.scorers = Scorers(context)
        self.sessions = Sessions(context)
        self.traces = Traces(context)


class Snapshot(Queries):
    """The store as it was at a moment.

    Its nouns answer questions; calls that would change something raise `StoreReadOnlyError`.
    """

    def __init__(self, engine: SnapshotEngine) -> None:
        super().__init__(StoreContext(engine))  # type: ignore[arg-type]
        self._snapshot = engine

    @property
    def position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        return self._snapshot.position

    def digest(self) -> str:
        """The digest of the whole state at the moment."""
        return self._snapshot.digest()

    def close(self) -> None:
        """Let go of the streams that were folded for the moment."""
        self._snapshot.close()
