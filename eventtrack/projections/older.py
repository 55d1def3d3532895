"""Views of another version of eventtrack, shown while those of this version are built.

    views/current-5c0a31be22d4   the build of the version before: folded up to event 812,400
    views/current-90d7f7c1e6aa   the build of this version: a thread has folded 96,000 events of it

Only a reader that set `SHOWS_OLDER` gets them, as a person at a page or a command line. Everything
else waits for the views of this version: decisions, exchanges, programs. Older views are read as
they stand. Nothing is folded into them, for the version that wrote them may still be running.
"""

import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

from eventtrack.errors import EventtrackError, EventtrackWarning
from eventtrack.log.protocol import EventLog
from eventtrack.projections import shape
from eventtrack.projections.build import Build, Checkpoint, matches
from eventtrack.projections.left_over import forget_others

SHOWS_OLDER: ContextVar[bool] = ContextVar("SHOWS_OLDER", default=False)
# The first reader waits this long for the views of this version, before it shows older ones.
PATIENCE_S = 1.0


class Older:
    """The older views of a store, and the thread that builds the newer. Safe from any thread.

    Args:
        folder: The store's `views` folder.
        log: The source of the events.
    """

    def __init__(self, folder: Path, log: EventLog) -> None:
        self._folder = folder
        self._log = log
        self._lock = threading.Lock()
        self._has_looked = False  # guarded by _lock
        self._build: Build | None = None  # guarded by _lock; open until `close`
        self._thread: threading.Thread | None = None

    def build(self, folded: Callable[[], int], catch_up: Callable[[], object]) -> Build | None:
        """The older views to show now; None if those of this version are there or waited for.

        Args:
            folded: Gives the position up to which this version's views are folded, without waiting.
            catch_up: Folds this version's views up to the head of the log.
        """
        if not SHOWS_OLDER.get():
            return None
        with self._lock:
            if not self._has_looked:
                self._has_looked = True
                self._begin(folded(), catch_up)
            build = self._build
        if build is None or not self.is_shown:
            return None
        # What was erased meanwhile is never shown.
        return build if matches(build.checkpoint(), self._log) else None

    @property
    def is_shown(self) -> bool:
        """Whether readers are shown older views, since those of this version are being built."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def position(self) -> int:
        """The last position that the older views have."""
        build = self._build
        return 0 if build is None else build.checkpoint().position

    def close(self) -> None:
        """Wait for the thread, which must have been told to end, and close the older views."""
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._has_looked = True
            if self._build is not None:
                self._build.close()
                self._build = None

    def _begin(self, folded: int, catch_up: Callable[[], object]) -> None:
        head = self._log.head()
        if folded < head:
            self._build = self._find(folded)
        if self._build is None:
            return
        self._thread = threading.Thread(
            target=self._fold, args=(catch_up,), name="eventtrack-views", daemon=True
        )
        self._thread.start()
        self._thread.join(PATIENCE_S)
        if self.is_shown:
            warnings.warn(
                f"shown are views of another version of eventtrack, up to event "
                f"{self._build.checkpoint().position} of {head}, while those of this version are "
                "built; each command goes on with that, and `eventtrack stats` waits for the end",
                EventtrackWarning,
                stacklevel=5,
            )

    def _find(self, folded: int) -> Build | None:
        """The build that has folded most, and more than `folded`; None if there is none to read."""
        own, best = shape.fingerprint(), None
        for folder in builds_in_use(self._folder):
            if folder.name.startswith(own) or not shape.is_readable(folder):
                continue
            with suppress(EventtrackError, OSError):
                build = Build(folder) if Build.is_sound(folder) else None
                checkpoint = Checkpoint() if build is None else build.checkpoint()
                if checkpoint.position > folded and matches(checkpoint, self._log):
                    folded, best, build = checkpoint.position, build, best
                if build is not None:
                    build.close()
        return best

    def _fold(self, catch_up: Callable[[], object]) -> None:
        with suppress(EventtrackError):  # whoever reads next is told
            catch_up()
            forget_others(self._folder, shape.fingerprint())


def builds_in_use(folder: Path) -> list[Path]:
    """The builds in a store's `views` folder that a version of eventtrack would read.

    Other builds were left by dead processes or a power cut, and are thrown away unread.
    """
    names = {file.read_text(errors="replace").strip() for file in folder.glob("current-*")}
    builds = [folder / name for name in sorted(names) if Path(name).name == name]
    return [build for build in builds if Build.may_be_sound(build)]
