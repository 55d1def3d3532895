"""The memory of a fold between its transactions, valid as long as nobody else folds."""

from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState

_ENTITIES_CACHED_MAX = 20_000
# Params, tags and metrics of decoded runs: each takes some 250 bytes.
_FACTS_CACHED_MAX = 500_000


class Cache:
    """Decoded entities as of the views' transaction `as_of`. Cleared when others have folded."""

    def __init__(self) -> None:
        self.as_of = -1
        self.runs: dict[int, RunState] = {}
        self.experiments: dict[int, ExperimentState] = {}
        self.streams: dict[str, int] = {}
        self.fields: dict[FieldName, int] = {}
        self.kept: dict[int, int] = {}  # see `Keeper`
        self._facts_of: dict[int, int] = {}  # by run
        self._facts = 0
        self.prefixes: dict[int, dict[FieldName, bytes]] = {}  # of index rows, by experiment number

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def weigh(self, run: RunState) -> None:
        """Note the size of a run that was written; metrics in rows of their own are not kept."""
        facts = len(run.params) + len(run.tags) + (0 if run.wide else len(run.metrics))
        self._facts += facts - self._facts_of.get(run.number, 0)
        self._facts_of[run.number] = facts

    def trim(self) -> None:
        """Forget the entities if there are very many or large ones; they are read again."""
        entities = len(self.runs) + len(self.streams)
        if entities > _ENTITIES_CACHED_MAX or self._facts > _FACTS_CACHED_MAX:
            self.clear()
