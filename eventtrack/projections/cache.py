"""The memory of a fold between its transactions, valid as long as nobody else folds."""

from eventtrack.projections.index import FieldName
from eventtrack.projections.state import ExperimentState, RunState

_ENTITIES_CACHED_MAX = 20_000
# By the rows of runs; a decoded run takes some eight times as much.
_RUN_BYTES_CACHED_MAX = 16 * 2**20


class Cache:
    """Decoded entities as of the views' transaction `as_of`. Cleared when others have folded."""

    def __init__(self) -> None:
        self.as_of = -1
        self.runs: dict[int, RunState] = {}
        self.experiments: dict[int, ExperimentState] = {}
        self.streams: dict[str, int] = {}
        self.fields: dict[FieldName, int] = {}
        self.kept: dict[int, int] = {}  # see `Keeper`
        self._run_bytes: dict[int, int] = {}
        self._bytes = 0
        self.prefixes: dict[int, dict[FieldName, bytes]] = {}  # of index rows, by experiment number

    def clear(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def weigh(self, run: int, size: int) -> None:
        """Note the size of a run's row."""
        self._bytes += size - self._run_bytes.get(run, 0)
        self._run_bytes[run] = size

    def trim(self) -> None:
        """Forget the entities if there are very many or large ones; they are read again."""
        entities = len(self.runs) + len(self.streams)
        if entities > _ENTITIES_CACHED_MAX or self._bytes > _RUN_BYTES_CACHED_MAX:
            self.clear()
