"""The store as it was at a moment: up to a position of the log, or up to a recorded time.

`MomentSource` answers from the live views, and folds only the streams that need it (docs/past.md).
`folded` folds everything anew: that verifies the views.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import tzinfo
from pathlib import Path

from eventtrack.clock import SystemClock, recorded_end
from eventtrack.errors import InvalidValueError
from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import EventLog
from eventtrack.log.temporary import own_folder, remove_folder
from eventtrack.projections.build import Build
from eventtrack.projections.digest import digest
from eventtrack.projections.past import Past, PastReader
from eventtrack.projections.standing import Bounds
from eventtrack.views import when
from eventtrack.views.source import LiveSource

Progress = Callable[[int, int], None]
_EVER = 2**64 - 1


class Moment:
    """A place in history: everything up to a position, or everything recorded up to a time.

    A position means arrival here. A time means everything recorded up to then, by the writers'
    hybrid clocks, in whatever order it arrived: over merged histories the better question.
    """

    def __init__(self, *, position: int | None = None, time_ms: int | None = None) -> None:
        self.position = position
        self.time_ms = time_ms

    @classmethod
    def of(cls, moment: "Moment | str") -> "Moment":
        """The moment itself, or the moment that a text names."""
        return cls.parse(moment) if isinstance(moment, str) else moment

    @classmethod
    def parse(cls, text: str, zone: tzinfo | None = None) -> "Moment":
        """A moment from `123` (a position), `now`, or a time as `when.time_ms` reads it.

        Args:
            zone: The zone of times that name none; None for the zone of this machine.

        Raises:
            InvalidValueError: The text is none of these.
        """
        if text == "now":
            return cls()
        try:
            if text.isascii() and text.isdecimal():
                return cls(position=int(text))
            return cls(time_ms=when.time_ms(text, SystemClock().now_ms(), zone))
        except ValueError as error:
            raise InvalidValueError(
                f"{text[:40]!r} is no moment",
                hint=f"write a position such as 120, now, or a time such as {when.EXAMPLES}",
            ) from error

    def bounds(self, head: int) -> Bounds:
        """The bounds of the moment, in a log that ends at `head`."""
        position = head if self.position is None else min(self.position, head)
        # The whole millisecond belongs to the moment: hybrid times count within it.
        recorded = _EVER if self.time_ms is None else recorded_end(self.time_ms)
        return Bounds(position, recorded)

    def __str__(self) -> str:
        if self.position is not None:
            return str(self.position)
        if self.time_ms is None:
            return "now"
        time = when.in_utc(self.time_ms)
        with suppress(OverflowError, ValueError):  # in this zone, it may be the year 0 or 10000
            time = time.astimezone()
        return time.isoformat()


class MomentSource:
    """The store as it was at a moment: a `Source` for queries.

    Args:
        live: The present store. Everything that this process has logged is part of it.
    """

    def __init__(self, live: LiveSource, moment: Moment) -> None:
        live.flush()
        self.path = live.path
        self.log = live.log
        self.moment = moment
        self._views = live.views
        # Envelopes that arrive from now on do not belong to it, even if recorded before.
        self.bounds = moment.bounds(live.log.head())
        # Closed at the end, not when replaced: a thread, perhaps this one, may be reading.
        self._opened = ExitStack()
        self._lock = threading.Lock()
        self._past: Past | None = None  # replaced under _lock
        self._rewrites = 0
        self._current()

    @property
    def position(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        return self._current().last_included()

    @property
    def build(self) -> Build:
        """The live views that it answers from; others once views were made anew."""
        return self._current().live

    @contextmanager
    def read(self) -> Iterator[PastReader]:
        """The views as they were at the moment."""
        with self._current().read() as reader:
            yield reader

    def fold(self, progress: Progress) -> None:
        """Fold the streams that a search needs now, and report the progress."""
        self._current().fold_for_search(progress)

    def digest(self) -> str:
        """The digest of the whole state at the moment."""
        self._current().fold_all()
        with self.read() as reader:
            return digest(reader)

    def close(self) -> None:
        """Let go of the folded streams."""
        with self._lock:
            self._past = None
            self._opened.close()

    def _current(self) -> Past:
        past, rewrites = self._past, self.log.rewrites()
        is_sound = past is not None and not past.broken and rewrites == self._rewrites
        if past is not None and is_sound and past.live is self._views.in_use():
            return past
        # The views were made anew meanwhile, with other numbers, or will be: payloads were erased
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
