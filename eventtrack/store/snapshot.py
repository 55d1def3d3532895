"""The store as it was: a prefix of the log, or everything recorded by some moment, folded anew.

The same folds run into a throw-away folder, so a snapshot of the whole log has the digest of the
live views, and every query of the store answers for then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from eventtrack.clock import Clock, recorded_ms
from eventtrack.errors import InvalidValueError, StoreReadOnlyError
from eventtrack.events.envelope import Envelope
from eventtrack.ids import IdSource
from eventtrack.log.protocol import EventLog
from eventtrack.projections.build import Build
from eventtrack.projections.digest import digest
from eventtrack.projections.tables import Reader

Progress = Callable[[int, int], None]


class Moment:
    """A place in history: everything up to a position, or everything recorded by a time.

    Over merged histories a time is the better question: it asks each machine's events alike.
    """

    def __init__(self, *, position: int | None = None, time_ms: int | None = None) -> None:
        self.position = position
        self.time_ms = time_ms

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

    def includes(self, envelope: Envelope) -> bool:
        """Whether an envelope had happened by then."""
        if self.position is not None:
            return envelope.position <= self.position
        return self.time_ms is None or recorded_ms(envelope.header.recorded) <= self.time_ms

    def __str__(self) -> str:
        if self.position is not None:
            return str(self.position)
        if self.time_ms is None:
            return "now"
        return datetime.fromtimestamp(self.time_ms / 1000).astimezone().isoformat()


class SnapshotEngine:
    """Stands in for the engine under a store's queries, and refuses every decision."""

    def __init__(
        self, path: Path, build: Build, log: EventLog, clock: Clock, moment: Moment
    ) -> None:
        self.path = path
        self.log = log
        self.clock = clock
        self.moment = moment
        self._build = build

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The views as they were."""
        with self._build.read() as reader:
            yield reader

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
        return self._build.last_included

    def digest(self) -> str:
        """The digest of the whole state, as of then."""
        with self.read() as reader:
            return digest(reader)


@contextmanager
def folded(log: EventLog, moment: Moment, progress: Progress | None = None) -> Iterator[Build]:
    """The views of a moment, in a temporary folder that is removed at the end."""
    # With what they import, these two take as long as a seventh of this package: not at start.
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="eventtrack-at-"))
    build = Build(folder, moment.includes)
    try:
        head = log.head() if moment.position is None else min(moment.position, log.head())
        position = 0
        while position < head:
            position = build.advance(log)
            if progress is not None:
                progress(min(position, head), head)
        yield build
    finally:
        build.environment.close()
        shutil.rmtree(folder, ignore_errors=True)
