"""The store: one door to a folder of experiments, for every surface."""

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from eventtrack.clock import Clock, SystemClock
from eventtrack.folders import resolve_path
from eventtrack.ids import IdSource
from eventtrack.lazy import lazy
from eventtrack.log import files
from eventtrack.log.again import run_again
from eventtrack.log.living import Held
from eventtrack.log.protocol import Publisher
from eventtrack.store.context import StoreContext
from eventtrack.store.engine import Engine
from eventtrack.views.queries.nouns import Noun, Queries

if TYPE_CHECKING:
    from eventtrack.store import blobs
    from eventtrack.store.artifacts import Artifacts
    from eventtrack.store.corrections import Corrections
    from eventtrack.store.datasets import Datasets
    from eventtrack.store.events import Events
    from eventtrack.store.experiments import Experiments
    from eventtrack.store.feeds import Feeds
    from eventtrack.store.forks import Forks
    from eventtrack.store.garbage import Garbage
    from eventtrack.store.grants import Grants
    from eventtrack.store.history import History
    from eventtrack.store.items import Items
    from eventtrack.store.maintenance import Maintenance, StoreStats
    from eventtrack.store.metrics import Metrics
    from eventtrack.store.models import Models
    from eventtrack.store.redaction import Redaction
    from eventtrack.store.registry import Registry
    from eventtrack.store.replication import Replication
    from eventtrack.store.runs import Runs
    from eventtrack.store.scorers import Scorers
    from eventtrack.store.shared_blobs import SharedBlobs
    from eventtrack.store.signatures import Signatures
    from eventtrack.store.studies import Studies
    from eventtrack.store.traces import Traces
    from eventtrack.views import blobs as elsewhere
    from eventtrack.views import conflicts
    from eventtrack.views.conflicts import Conflict
    from eventtrack.views.moments import Moment, Progress
    from eventtrack.views.open_moments import Moments
    from eventtrack.views.queries.liveness import Liveness
    from eventtrack.views.queries.nouns import Snapshot
else:
    blobs = lazy("eventtrack.store.blobs")
    conflicts = lazy("eventtrack.views.conflicts")
    elsewhere = lazy("eventtrack.views.blobs")

Result = TypeVar("Result")


class Store(Queries):
    """An open store. Safe from any thread, and usable in a forked child.

    Several processes may have a store open and write to it at the same time. Get a `Store` from
    `open_store`, which shares one for each folder within a process.
    """

    _context: StoreContext
    artifacts: "Artifacts"
    corrections: "Corrections"
    datasets: "Datasets"
    events: "Events"
    experiments: "Experiments"
    feeds: "Feeds"
    forks: "Forks"
    garbage: "Garbage"
    grants: "Grants"
    history: "History"
    items: "Items"
    liveness: "Liveness"
    maintenance: "Maintenance"
    metrics: "Metrics"
    models: "Models"
    moments: "Moments"
    redaction: "Redaction"
    registry: "Registry"
    replication: "Replication"
    runs: "Runs"
    scorers: "Scorers"
    signatures: "Signatures"
    studies: "Studies"
    traces: "Traces"

    NOUNS: ClassVar[Mapping[str, Noun]] = {
        **Queries.NOUNS,
        "artifacts": Noun("eventtrack.store.artifacts", "Artifacts"),
        "corrections": Noun("eventtrack.store.corrections", "Corrections"),
        "datasets": Noun("eventtrack.store.datasets", "Datasets"),
        "events": Noun("eventtrack.store.events", "Events", ("_engine",)),
        "experiments": Noun("eventtrack.store.experiments", "Experiments"),
        "feeds": Noun("eventtrack.store.feeds", "Feeds", ("_engine",)),
        "forks": Noun("eventtrack.store.forks", "Forks"),
        "garbage": Noun("eventtrack.store.garbage", "Garbage", ("_context", "redaction")),
        "grants": Noun("eventtrack.store.grants", "Grants"),
        "history": Noun("eventtrack.store.history", "History", ("_context", "events", "sessions")),
        "items": Noun("eventtrack.store.items", "Items"),
        "liveness": Noun("eventtrack.views.queries.liveness", "Liveness", ("_context", "_clock")),
        "maintenance": Noun("eventtrack.store.maintenance", "Maintenance", ("_engine",)),
        "metrics": Noun("eventtrack.store.metrics", "Metrics"),
        "models": Noun("eventtrack.store.models", "Models"),
        "moments": Noun("eventtrack.views.open_moments", "Moments", ("_engine",)),
        "redaction": Noun("eventtrack.store.redaction", "Redaction"),
        "registry": Noun("eventtrack.store.registry", "Registry"),
        "replication": Noun(
            "eventtrack.store.replication", "Replication", ("_engine", "redaction")
        ),
        "runs": Noun("eventtrack.store.runs", "Runs"),
        "scorers": Noun("eventtrack.store.scorers", "Scorers"),
        "signatures": Noun("eventtrack.store.signatures", "Signatures", ("_context", "runs")),
        "studies": Noun("eventtrack.store.studies", "Studies"),
        "traces": Noun("eventtrack.store.traces", "Traces"),
    }

    def __init__(
        self,
        path: Path,
        *,
        source: str = "python",
        create: bool = True,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        publisher: Publisher | None = None,
        shared_blobs: "SharedBlobs | None" = None,
    ) -> None:
        self._engine = Engine(
            path,
            source=source,
            create=create,
            clock=clock,
            ids=ids,
            publisher=publisher,
            shared_blobs=shared_blobs,
        )
        self._context = StoreContext(self._engine)
        super().__init__(self._context)
        self._clock = clock or SystemClock()
        if files.has_drafts(path):
            blobs.Blobs(self._engine).sweep()
        if shared_blobs is not None:
            shared = blobs.SharedFiles(blobs.Blobs(self._engine), shared_blobs)
            elsewhere.note_elsewhere(path, shared)
        if create and publisher is None and not self._engine.readonly:
            self.begin()

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self._engine.path

    def flush(self) -> None:
        """Wait until everything this process logged is in the log, durably.

        Raises:
            DiskFullError: The points stay in the journal, which is kept.
        """
        self._engine.flush()

    def begin(self) -> None:
        """Make the experiment that every store has, if nothing was ever recorded here."""
        if not self._engine.log.head():
            self.experiments.ensure_default()

    def batched(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, whose changes share one durable commit, as in `batch`.

        Args:
            work: Runs again, as if for the first time, when its changes were undone because another
                server decided first.
        """

        def attempt() -> Result:
            with self._engine.batch():
                return work()

        return run_again(attempt)

    def sync(self) -> None:
        """Bring the log to the disk, for a store whose commits do not wait for that."""
        self._engine.log.environment.sync()

    def batch(self) -> AbstractContextManager[None]:
        """Let all changes of a `with` block, on this thread, share one durable commit.

        Many times faster for bulk work. Other writers wait; an exception undoes the whole block.
        """
        return self._engine.batch()

    def at(
        self, moment: "Moment | str", progress: "Progress | None" = None
    ) -> "AbstractContextManager[Snapshot]":
        """The store as it was: at a position ("120"), a time (ISO), or "now".

        A position means arrival here. A time means everything recorded up to then, by the writers'
        clocks, whenever it arrived. The answers come from the live views (docs/past.md). Streams
        that must be folded anew are folded when a question needs them, into a temporary folder that
        is removed at the end of the block. `moments.at` keeps the last few moments open, for walks
        through time.

        Args:
            progress: Fold the streams that a search needs at once, and report the progress.
        """
        return self.moments.once(moment, progress)

    def conflicts(self) -> "list[Conflict]":
        """Facts with different claims on two machines: the values that hold and those that lost."""
        with self._engine.read() as reader:
            return conflicts.find_conflicts(reader)

    def stats(self) -> "StoreStats":
        """Counts and sizes."""
        return self.maintenance.stats()

    def catch_up(self) -> int:
        """Fold the envelopes of other processes into the views; returns the log's head."""
        with self._engine.read():
            return self._engine.log.head()

    def gather(self) -> None:
        """Put what all processes of this machine have logged into the log.

        For those who read the log itself. Reads of runs and metrics show it anyway.
        """
        self._engine.gather()

    def has_journals(self) -> bool:
        """Whether processes of this machine write the store, or died while they did."""
        return bool(self._engine.journals)

    def waiting(self) -> Held | None:
        """The points that wait in journals; None for the moment while one is moved into the log."""
        return self._engine.journals.look()

    def change_count(self) -> int:
        """A number that grows with every commit to the log by any process. Costs a microsecond."""
        return self._engine.log.change_count()

    def close(self) -> None:
        """Flush and let go of all files. `open_store` opens the folder anew afterwards."""
        with _stores_lock:
            # Within the lock, so that nobody opens the folder anew before its files are closed.
            if _stores.get(self.path) is self:
                del _stores[self.path]
            if "moments" in self.__dict__:
                self.moments.close()
            self._engine.close()
            if self._engine.shared_blobs is not None:
                elsewhere.note_elsewhere(self.path, None)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._engine.closed


_stores: dict[Path, Store] = {}  # guarded by _stores_lock
_stores_lock = threading.RLock()


def open_store(
    path: str | os.PathLike[str] | None = None, *, source: str = "python", create: bool = True
) -> Store:
    """The store at a path or URI (see `resolve_path`), shared by all callers in this process.

    Args:
        source: The surface that writes; the session of every event names it.
        create: Whether to make a store if there is none.

    Raises:
        StoreMissingError: There is no store and `create` is False.
        UnsuitableFileSystemError: The folder lies on a network file system.
        FormatTooNewError: A newer eventtrack made the store.
    """
    folder = resolve_path(path)
    store = _stores.get(folder)
    if store is not None and not store.closed:
        return store
    with _stores_lock:
        store = _stores.get(folder)
        if store is None or store.closed:
            store = _stores[folder] = Store(folder, source=source, create=create)
        return store


def _close_all() -> None:
    """Close every open store when the interpreter exits, so that all points reach the log."""
    with contextlib.ExitStack() as stack:  # closes all, even after one fails
        for store in list(_stores.values()):
            stack.callback(store.close)


def _after_fork_in_child() -> None:
    global _stores_lock
    _stores_lock = threading.RLock()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
