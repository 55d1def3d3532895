"""The live views: the build in use, kept up with the log, and rebuilt beside itself.

Any process may fold. LMDB lets in one at a time, and each goes on from the checkpoint. The file
`current-FINGERPRINT` names the build in use. It is replaced in one step, so a rebuild never
disturbs readers, and each version of eventtrack on a store keeps a build of its own.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventtrack.errors import (
    CorruptionError,
    EventtrackWarning,
    StoreClosedError,
    StoreError,
    StoreMissingError,
)
from eventtrack.log.filesystem import translating
from eventtrack.log.protocol import EventLog
from eventtrack.log.soundness import unsound_headers
from eventtrack.projections import left_over, shape
from eventtrack.projections.build import Build, Fold, StaleBuild, matches
from eventtrack.projections.older import Older
from eventtrack.projections.tables import Reader

Progress = Callable[[int, int], None]
PointerFile = tuple[int, int]
# A reader begins within this time after it took a build. An old build without readers is then
# closed.
_UNUSED_S = 60.0


class Views:
    """The views of one store. Safe from any thread.

    Args:
        folder: The store's `views` folder, made when missing.
        log: The source of the events.
        new_name: Draws names for builds.
    """

    def __init__(self, folder: Path, log: EventLog, new_name: Callable[[], str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._log = log
        self._new_name = new_name
        self._fingerprint = shape.fingerprint()
        self._pointer = folder / f"current-{self._fingerprint}"
        self._lock = threading.RLock()
        # The build, and log.change_count() when it was last fully folded. Replaced together.
        self._seen: tuple[Build | None, int] = (None, -1)
        self._pointer_seen = (0, 0)  # guarded by _lock: the pointer's inode and time
        self._build: Build | None = None  # guarded by _lock
        # Builds that were in use before, which queries may still read, and the time to close them.
        self._earlier: list[tuple[float, Build]] = []  # guarded by _lock
        self._closed = False  # a fold of many batches then ends after the present one
        self._examined: Build | None = None  # guarded by _lock: see `_doubt`
        self._position = 0  # up to where the build in use was folded when somebody looked
        # The views of another version, for readers who would rather not wait.
        self.older = Older(folder, log)

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views, caught up with the log when the block begins."""
        with self.catch_up().read() as reader:
            yield reader

    def catch_up(self) -> Build:
        """Fold the envelopes that the views lack. Costs a few microseconds if they lack none.

        Returns the build that was brought up to date. A moment later, another may be in use.
        """
        with self._lock:
            changes = self._log.change_count()
            build = self._current()
            if (build, changes) == self._seen:
                return build
            try:
                head = self._log.head()
                checkpoint = build.checkpoint()
                if checkpoint.position > head or not matches(checkpoint, self._log):
                    raise StaleBuild(str(build.folder))
                while build.checkpoint().position < head:
                    self._refuse_closed()
                    self._position = build.advance(self._log)
                if checkpoint.position < head and build is not self._examined:
                    # Perhaps other processes folded the most of it, and ended before this.
                    if build.doubt() is None:
                        self._doubt(build)
                    self._examined = build
            except StaleBuild:
                build = self._replace(self._folded(None))
            self._seen = (build, changes)
            return build

    @property
    def change(self) -> int:
        """The `change_count` of the log up to which everything is folded, or more."""
        return self._seen[1]

    def instead(self) -> Build | None:
        """The views of another version, if they are to be shown in place of these (`older.py`)."""
        return self.older.build(self.folded, self.catch_up)

    def folded(self) -> int:
        """About the position up to which the build in use is folded. Waits for nobody who folds."""
        if self._lock.acquire(blocking=False):
            try:
                self._position = self._current().checkpoint().position
            finally:
                self._lock.release()
        return self._position

    def in_use(self) -> Build:
        """The build in use, perhaps behind the log."""
        return self._current()

    @contextmanager
    def begin(self) -> Iterator[Fold]:
        """A block in which nobody else folds, for a decision that must see the newest state.

        Enter it before the log's own transaction, never after: the same order everywhere means no
        deadlock.
        """
        with self._current().begin() as fold:
            yield fold

    def note_caught_up(self, fold: Fold, change: int) -> None:
        """Note that a fold holds everything up to the log's transaction `change`."""
        self._seen = (fold.build, change)

    def make_room(self, free_bytes: int) -> None:
        """Grow the map ahead of work that cannot be run again."""
        self._current().environment.make_room(free_bytes)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Fold the whole log anew beside the live views, then put the new build in their place.

        Args:
            progress: Called with the number of folded positions and the head.
        """
        build = self._folded(progress)
        with self._lock:
            self._replace(build)

    @translating("use the views")
    def close(self) -> None:
        """Close the build in use, after the batch that is being folded."""
        self._closed = True
        self.older.close()
        with self._lock:
            self._let_go()
            for _, build in self._earlier:
                build.close()
            self._earlier.clear()

    @translating("use the views")
    def _folded(self, progress: Progress | None) -> Build:
        build = self._made()
        try:
            position, head = 0, self._log.head()
            while position < head:
                position = build.advance(self._log)
                if progress is not None:
                    progress(min(position, head), head)
            self._doubt(build)
        except BaseException:
            build.close()
            left_over.remove(build.folder)
            raise
        return build

    def _doubt(self, build: Build) -> None:
        """Hold the headers that a new build was folded from against the roots of their feeds."""
        doubts = "; ".join(unsound_headers(self._log))
        build.note_doubt(doubts)
        if doubts:
            _warn(doubts)

    @translating("use the views")
    def _current(self) -> Build:
        """The build that the pointer names, opened; a new build if there is none to trust."""
        with self._lock:
            self._refuse_closed()
            if self._build is not None and self._pointer_file() == self._pointer_seen:
                return self._build
            # Another process has put a rebuilt copy in place. Its checkpoint is not known here.
            self._let_go()
            pointer = self._read_pointer()
            while pointer is not None:
                self._pointer_seen, name = pointer
                self._build = self._opened(self._folder / name)
                if self._build is not None:
                    if doubts := self._build.doubt():
                        _warn(doubts)
                    return self._build
                earlier, pointer = pointer, self._read_pointer()
                if pointer == earlier:
                    break
            if not self._folder.parent.is_dir():
                raise StoreMissingError(
                    f"cannot read {self._folder}: it was deleted while it was open",
                    hint="put the folder back, or close the store and open it again",
                )
            return self._replace(self._made())

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreClosedError(
                f"cannot use {self._folder}: it was closed", hint="open the store again"
            )

    def _made(self) -> Build:
        """A new build, of nothing yet."""
        build = Build(self._folder / f"{self._fingerprint}-{self._new_name()}")
        shape.note(build.folder)
        return build

    def _let_go(self) -> None:
        now = time.monotonic()
        for entry in [entry for entry in self._earlier if now - entry[0] > _UNUSED_S]:
            if not entry[1].environment.in_use:
                entry[1].close()
                self._earlier.remove(entry)
        if self._build is not None:
            self._earlier.append((now, self._build))
        self._build, self._seen = None, (None, -1)

    def _opened(self, folder: Path) -> Build | None:
        """The build in a folder; None if it is damaged or was deleted meanwhile."""
        try:
            if not Build.is_sound(folder):
                return None
            shape.note(folder)
            return Build(folder)
        except CorruptionError:
            return None  # the views are a cache: made anew, not mended
        except (FileNotFoundError, FileExistsError, StoreError):
            if folder.exists():
                raise
            return None

    def _pointer_file(self) -> PointerFile | None:
        """The identity of the pointer's file, which is replaced, never rewritten."""
        try:
            return _identity(self._pointer.stat())
        except FileNotFoundError:
            return None

    def _read_pointer(self) -> tuple[PointerFile, str] | None:
        """The identity of the pointer's file, and the name of the build in it."""
        try:
            with self._pointer.open() as file:
                return _identity(os.fstat(file.fileno())), file.read().strip()
        except FileNotFoundError:
            return None

    @translating("use the views")
    def _replace(self, build: Build) -> Build:
        before = self._read_pointer()
        draft = self._pointer.with_suffix(f".{build.folder.name[-8:]}")
        draft.write_text(build.folder.name)
        self._pointer_seen = _identity(draft.stat())
        draft.replace(self._pointer)
        self._let_go()
        self._build = build
        for folder in self._folder.glob(f"{self._fingerprint}-*"):
            was_in_use = before is not None and folder.name == before[1]
            if folder != build.folder and (was_in_use or left_over.is_left_over(folder)):
                left_over.give_up(folder)
        left_over.sweep(self._folder)
        for draft in self._folder.glob(f"{self._pointer.name}.*"):
            if left_over.is_left_over(draft):
                draft.unlink(missing_ok=True)
        return build


def _warn(doubts: str) -> None:
    hint = "run `eventtrack check`; `eventtrack salvage` finds the bit, or takes it from a remote"
    warnings.warn(f"{doubts}; {hint}", EventtrackWarning, stacklevel=4)


def _identity(status: os.stat_result) -> PointerFile:
    # The time too: a new file may get the inode of a deleted one.
    return status.st_ino, status.st_mtime_ns
