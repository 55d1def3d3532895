"""The memory of a fold between its transactions, valid as long as nobody else folds."""

from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState

_ENTITIES_CACHED_MAX = 20_000


class Cache:
    """Decoded entities as of the views' transaction `as_of`. Cleared when others have folded."""

    def __init__(self) -> None:
        self.as_of = -1
        self.runs: dict[int, RunState] = {}
        self.experiments: dict[int, ExperimentState] = {}
        self.streams: dict[str, int] = {}
        self.fields: dict[FieldName, int] = {}
        self.kept: dict[int, int] = {}  # see `Keeper`
        self.prefixes: dict[int, dict[FieldName, bytes]] = {}  # of index rows, by experiment number

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def trim(self) -> None:
        """Forget the entities if there are very many; they are read again when needed."""
        if len(self.runs) + len(self.streams) > _ENTITIES_CACHED_MAX:
            self.clear()
