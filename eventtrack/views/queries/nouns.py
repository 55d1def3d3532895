"""The queries of a store by noun: the same for the present and for a moment."""

from eventtrack.views.context import ReadContext
from eventtrack.views.moments import MomentSource
from eventtrack.views.queries.artifacts import ArtifactQueries
from eventtrack.views.queries.datasets import DatasetQueries
from eventtrack.views.queries.experiments import ExperimentQueries
from eventtrack.views.queries.finder import Finder
from eventtrack.views.queries.items import ItemQueries
from eventtrack.views.queries.latest import Latest
from eventtrack.views.queries.metrics import MetricQueries
from eventtrack.views.queries.models import ModelQueries
from eventtrack.views.queries.overview import Overview
from eventtrack.views.queries.registry import RegistryQueries
from eventtrack.views.queries.runs import RunQueries
from eventtrack.views.queries.scorers import ScorerQueries
from eventtrack.views.queries.sessions import Sessions
from eventtrack.views.queries.traces import TraceQueries
from eventtrack.views.queries.used_datasets import UsedDatasets


class Queries:
    """The queries of a store, as it is or as it was: an attribute for each noun.

    A store's nouns have these queries and commands, a moment's nouns have only these.
    """

    artifacts: ArtifactQueries
    datasets: DatasetQueries
    experiments: ExperimentQueries
    items: ItemQueries
    metrics: MetricQueries
    models: ModelQueries
    registry: RegistryQueries
    runs: RunQueries
    scorers: ScorerQueries
    traces: TraceQueries

    def __init__(self, context: ReadContext) -> None:
        self.finder = Finder(context)
        self.latest = Latest(context)
        self.overview = Overview(context)
        self.sessions = Sessions(context)
        self.used_datasets = UsedDatasets(context)


class Snapshot(Queries):
    """The store as it was at a moment. It answers questions, and has no commands."""

    def __init__(self, source: MomentSource) -> None:
        context = ReadContext(source)
        super().__init__(context)
        self._source = source
        self.finder = Finder(context, files=False)
        self.artifacts = ArtifactQueries(context)
        self.datasets = DatasetQueries(context)
        self.experiments = ExperimentQueries(context)
        self.items = ItemQueries(context)
        self.metrics = MetricQueries(context)
        self.models = ModelQueries(context)
        self.registry = RegistryQueries(context)
        self.runs = RunQueries(context)
        self.scorers = ScorerQueries(context)
        self.traces = TraceQueries(context)

    @property
    def position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        return self._source.position

    def digest(self) -> str:
        """The digest of the whole state at the moment."""
        return self._source.digest()

    def close(self) -> None:
        """Let go of the streams that were folded for the moment."""
        self._source.close()
