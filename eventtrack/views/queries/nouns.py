"""The queries of a store by noun: the same for the present and for a moment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from eventtrack.lazy import load
from eventtrack.views.context import ReadContext

if TYPE_CHECKING:
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


class Noun(NamedTuple):
    """A part of a store that is made at its first use: what makes it, and from which attributes."""

    module: str
    name: str
    arguments: tuple[str, ...] = ("_context",)


_QUERIES = "eventtrack.views.queries"


class Queries:
    """The queries of a store, as it is or as it was: an attribute for each noun.

    A store's nouns have these queries and commands, a moment's nouns have only these. A noun is
    made, and its module imported, at its first use: a program that logs metrics needs few of them.
    """

    artifacts: "ArtifactQueries"
    datasets: "DatasetQueries"
    experiments: "ExperimentQueries"
    finder: "Finder"
    items: "ItemQueries"
    latest: "Latest"
    metrics: "MetricQueries"
    models: "ModelQueries"
    overview: "Overview"
    registry: "RegistryQueries"
    runs: "RunQueries"
    scorers: "ScorerQueries"
    sessions: "Sessions"
    traces: "TraceQueries"
    used_datasets: "UsedDatasets"

    NOUNS: ClassVar[Mapping[str, Noun]] = {
        "finder": Noun(f"{_QUERIES}.finder", "Finder"),
        "latest": Noun(f"{_QUERIES}.latest", "Latest"),
        "overview": Noun(f"{_QUERIES}.overview", "Overview"),
        "sessions": Noun(f"{_QUERIES}.sessions", "Sessions"),
        "used_datasets": Noun(f"{_QUERIES}.used_datasets", "UsedDatasets"),
    }

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    if not TYPE_CHECKING:  # checkers go by the attributes above

        def __getattr__(self, name: str) -> Any:
            """Make a noun. Threads that ask at once get the same."""
            noun = self.NOUNS.get(name)
            if noun is None:
                raise AttributeError(
                    f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
                )
            made = getattr(load(noun.module), noun.name)
            arguments = [getattr(self, argument) for argument in noun.arguments]
            return self.__dict__.setdefault(name, made(*arguments))


class Snapshot(Queries):
    """The store as it was at a moment. It answers questions, and has no commands."""

    NOUNS: ClassVar[Mapping[str, Noun]] = {
        **Queries.NOUNS,
        "artifacts": Noun(f"{_QUERIES}.artifacts", "ArtifactQueries"),
        "datasets": Noun(f"{_QUERIES}.datasets", "DatasetQueries"),
        "experiments": Noun(f"{_QUERIES}.experiments", "ExperimentQueries"),
        "finder": Noun(f"{_QUERIES}.finder", "moment_finder"),
        "items": Noun(f"{_QUERIES}.items", "ItemQueries"),
        "metrics": Noun(f"{_QUERIES}.metrics", "MetricQueries"),
        "models": Noun(f"{_QUERIES}.models", "ModelQueries"),
        "registry": Noun(f"{_QUERIES}.registry", "RegistryQueries"),
        "runs": Noun(f"{_QUERIES}.runs", "RunQueries"),
        "scorers": Noun(f"{_QUERIES}.scorers", "ScorerQueries"),
        "traces": Noun(f"{_QUERIES}.traces", "TraceQueries"),
    }

    def __init__(self, source: "MomentSource") -> None:
        super().__init__(ReadContext(source))
        self._source = source

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
