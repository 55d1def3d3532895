"""The live views: which build is in use, kept up with the log, rebuilt beside itself.

Any process may fold; LMDB lets one at a time, and each goes on from the checkpoint it finds. The
file `current-FINGERPRINT` names the build in use and is replaced in one step, so a rebuild never
disturbs readers, and two versions of eventtrack on one store keep a build each.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventtrack.errors import ProjectionError
from eventtrack.log.protocol import EventLog
from eventtrack.projections import state
from eventtrack.projections.build import Build, Fold, StaleBuild, matches
from eventtrack.projections.tables import TABLES, Reader

# Raise when a fold's meaning changes while the fields of its state do not.
PROJECTIONS_VERSION = 1
Progress = Callable[[int, int], None]


def fingerprint() -> str:
    """Names the schema of the views: changes with every table and field of theirs."""
    entities = (
        state.ParamState,
        state.ParamClaim,
        state.MetricState,
        state.RunState,
        state.ExperimentState,
        state.NameState,
        state.ArtifactState,
        state.SessionState,
    )
    shape = [
        PROJECTIONS_VERSION,
        *TABLES,
        *(name for one in entities for name in one.__struct_fields__),
    ]
    return hashlib.sha256(repr(shape).encode()).hexdigest()[:12]


class Views:
    """The views of one store. Safe from any thread.

    Args:
        folder: The store's `views` folder, made when missing.
        log: Where the events come from.
        new_name: Draws names for builds.
    """

    def __init__(self, folder: Path, log: EventLog, new_name: Callable[[], str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._log = log
        self._new_name = new_name
        self._fingerprint = fingerprint()
        self._pointer = folder / f"current-{self._fingerprint}"
        self._lock = threading.RLock()
        self._seen_change = -1  # guarded by _lock: log.change_count() when last fully folded
        self._pointer_inode = 0  # guarded by _lock
        self._build: Build | None = None  # guarded by _lock

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views, caught up with the log when the block begins."""
        with self.catch_up().read() as reader:
            yield reader

    def catch_up(self) -> Build:
        """Fold what the views lack. Costs a few microseconds when they lack nothing.

        Returns the build that was brought up to date: the one in use may be another a moment later.

        Raises:
            ProjectionError: An event cannot be folded; the views stay before it.
        """
        with self._lock:
            changes = self._log.change_count()
            build = self._current()
            if changes == self._seen_change:
                return build
            try:
                head = self._log.head()
                checkpoint = build.checkpoint()
                if checkpoint.position > head or not matches(checkpoint, self._log):
                    raise StaleBuild(str(build.folder))
                while build.checkpoint().position < head:
                    build.advance(self._log)
            except StaleBuild:
                build = self._replace(self._folded(None))
            self._seen_change = changes
            return build

    @contextmanager
    def begin(self) -> Iterator[Fold]:
        """Be the only one to fold, for a decision that must see the newest state.

        Take this before the log's own transaction, never after it: everybody does, so nobody
        waits in a ring.
        """
        with self._current().begin() as fold:
            yield fold

    def note_caught_up(self, change: int) -> None:
        """Say that the views hold everything up to the log's transaction `change`."""
        self._seen_change = change

    def make_room(self, free_bytes: int) -> None:
        """Grow the map ahead of work that cannot be run again."""
        self._current().environment.make_room(free_bytes)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Fold the whole log anew beside the live views, then put the new build in their place.

        Args:
            progress: Called with the positions folded and the head.
        """
        build = self._folded(progress)
        with self._lock:
            self._replace(build)

    def close(self) -> None:
        """Close the build in use."""
        with self._lock:
            if self._build is not None:
                self._build.close()
                self._build = None

    def _folded(self, progress: Progress | None) -> Build:
        build = Build(self._folder / f"{self._fingerprint}-{self._new_name()}")
        try:
            position, head = 0, self._log.head()
            while position < head:
                position = build.advance(self._log)
                if progress is not None:
                    progress(min(position, head), head)
        except ProjectionError:
            build.close()
            shutil.rmtree(build.folder, ignore_errors=True)
            raise
        return build

    def _current(self) -> Build:
        """The build that the pointer names, opened; a new one where there is none to trust."""
        with self._lock:
            try:
                inode = self._pointer.stat().st_ino
            except FileNotFoundError:
                inode = 0
            if self._build is not None and inode == self._pointer_inode and inode:
                return self._build
            if self._build is not None:
                # Another process has put a rebuilt copy in place. Queries of other threads may
                # still read the old one, so it is left open; this happens once a rebuild.
                self._build = None
                # How far the other copy is, is not known.
                self._seen_change = -1
            if inode:
                folder = self._folder / self._pointer.read_text().strip()
                if Build.is_sound(folder):
                    self._build, self._pointer_inode = Build(folder), inode
                    return self._build
            return self._replace(Build(self._folder / f"{self._fingerprint}-{self._new_name()}"))

    def _replace(self, build: Build) -> Build:
        draft = self._pointer.with_suffix(f".{build.folder.name[-8:]}")
        draft.write_text(build.folder.name)
        self._pointer_inode = draft.stat().st_ino
        draft.replace(self._pointer)
        self._build = build
        self._seen_change = -1
        for folder in self._folder.glob(f"{self._fingerprint}-*"):
            if folder != build.folder:
                shutil.rmtree(folder, ignore_errors=True)
        return build
