"""The store as it was: up to a position of the log, or all that was recorded by some time.

Every query of the store answers for then. `SnapshotEngine` reads what is as it was from the live
views and folds the rest; `folded` folds everything anew, which is how the views are verified.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from eventtrack.clock import recorded_end
from eventtrack.errors import InvalidValueError, StoreReadOnlyError
from eventtrack.events.envelope import Envelope
from eventtrack.ids import IdSource
from eventtrack.log.protocol import EventLog
from eventtrack.log.temporary import own_folder, remove_folder
from eventtrack.projections.build import Build
from eventtrack.projections.digest import digest
from eventtrack.projections.past import Past
from eventtrack.projections.standing import Bounds
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine

Progress = Callable[[int, int], None]
_EVER = 2**64 - 1


class Moment:
    """A place in history: everything up to a position, or everything recorded by a time.

    A position means arrival here. A time means what had been recorded by then, by the hybrid clock
    of whoever recorded it, in whatever order it arrived: over merged histories the better question.
    """

    def __init__(self, *, position: int | None = None, time_ms: int | None = None) -> None:
        self.position = position
        self.time_ms = time_ms

    @classmethod
    def of(cls, moment: "Moment | str") -> "Moment":
        """A moment as it is, or parsed."""
        return cls.parse(moment) if isinstance(moment, str) else moment

    @classmethod
    def parse(cls, text: str) -> "Moment":
        """A moment from `123` (a position), `now`, or an ISO date and time (local unless it says).

        Raises:
            InvalidValueError: It is none of these.
        """
        if text == "now":
            return cls()
        try:
            if text.isdecimal():
                return cls(position=int(text))
            return cls(time_ms=int(datetime.fromisoformat(text).timestamp() * 1000))
        except (ValueError, OverflowError) as error:
            raise InvalidValueError(
                f"{text[:40]!r} is no moment",
                hint="write a position such as 120, a time such as 2026-05-03T14:00, or now",
            ) from error

    def bounds(self, head: int) -> Bounds:
        """What had happened by then, of what a log holds up to `head`."""
        position = head if self.position is None else min(self.position, head)
        # The whole of its millisecond: hybrid times count within it.
        recorded = _EVER if self.time_ms is None else recorded_end(self.time_ms)
        return Bounds(position, recorded)

    def __str__(self) -> str:
        if self.position is not None:
            return str(self.position)
        if self.time_ms is None:
            return "now"
        return datetime.fromtimestamp(self.time_ms / 1000).astimezone().isoformat()


class SnapshotEngine:
    """Stands in for the engine under a store's queries, and refuses every decision."""

    def __init__(self, engine: Engine, moment: Moment) -> None:
        engine.flush()
        self.path = engine.path
        self.log = engine.log
        self.clock = engine.clock
        self.moment = moment
        self._views = engine.views
        # What arrives from now on is no part of it, also where it was recorded before.
        self.bounds = moment.bounds(engine.log.head())
        # Closed at the end, not when replaced: a thread may be reading, perhaps this one.
        self._opened = ExitStack()
        self._lock = threading.Lock()
        self._past: Past | None = None  # replaced under _lock
        self._rewrites = 0
        self._current()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views as they were."""
        with self._current().read() as reader:
            yield reader

    def fold(self, progress: Progress) -> None:
        """Fold at once what a search needs, and say how far that is."""
        self._current().fold_unkept(progress)

    def close(self) -> None:
        """Let go of what was folded."""
        with self._lock:
            self._past = None
            self._opened.close()

    def _current(self) -> Past:
        past, rewrites = self._past, self.log.rewrites()
        is_sound = past is not None and not past.broken and rewrites == self._rewrites
        if past is not None and is_sound and past.live is self._views.in_use():
            return past
        # The views were made anew meanwhile, with other numbers, or are to be: payloads were erased
        # or came later.
        build = self._views.catch_up()
        with self._lock:
            if self._past is past:
                folder = self._opened.enter_context(temporary_folder())
                self._rewrites = rewrites
                self._past = Past(build, self.log, self.bounds, folder)
                self._opened.callback(self._past.close)
            assert self._past is not None
            return self._past

    def execute(self, decide: object) -> NoReturn:
        """Refuse: the past does not change."""
        raise StoreReadOnlyError(
            f"cannot change the store as it was at {self.moment}", hint="change it as it is now"
        )

    @property
    def in_batch(self) -> NoReturn:
        """Refuse: whoever asks is about to log points."""
        self.execute(None)

    def journal(self) -> NoReturn:
        """Refuse, as `execute` does."""
        self.execute(None)

    @property
    def ids(self) -> IdSource:
        """Refuse: whoever draws an id is about to make something."""
        self.execute(None)

    def flush(self) -> None:
        """Nothing is pending in the past."""

    @property
    def position(self) -> int:
        """The last position that had happened by then, 0 for none."""
        return self._current().last_included()

    def digest(self) -> str:
        """The digest of the whole state, as of then."""
        self._current().fold_all()
        with self.read() as reader:
            return digest(reader)


@contextmanager
def folded(log: EventLog, moment: Moment, progress: Progress | None = None) -> Iterator[Build]:
    """The views of a moment, in a temporary folder that is removed at the end."""
    bounds = moment.bounds(log.head())

    def include(envelope: Envelope) -> bool:
        return bounds.include(envelope.position, envelope.header.recorded)

    with temporary_folder() as folder:
        build = Build(folder, include)
        try:
            position = 0
            while position < bounds.position:
                position = build.advance(log)
                if progress is not None:
                    progress(min(position, bounds.position), bounds.position)
            yield build
        finally:
            build.environment.close()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end of the block."""
    folder = own_folder("eventtrack-at-")
    try:
        yield folder
    finally:
        remove_folder(folder)
