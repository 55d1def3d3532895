"""Records points durably, many calls in a commit, without folding them.

The slow half of logging a point durably is to bring its series in the views up to date. Points
change no decision, so that can wait for the next reader, who then folds the points of many calls
together.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

import msgspec

from eventtrack.errors import UsageError
from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import MetricsLogged
from eventtrack.log.again import TryAgain, run_again
from eventtrack.log.frames import slot_seed
from eventtrack.log.journal import Journal
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.store.permits import Permits
from eventtrack.store.reasons import REASON
from eventtrack.store.session import AUTHOR

_encode = msgspec.msgpack.Encoder().encode
_KIND = REGISTRY.of(MetricsLogged([], [], 0, 0))
_TYPE, _VERSION = _KIND.name, _KIND.version
# More bytes go into the log at once: a batch of 1,000 points costs less there.
_JOURNALED_BYTES_MAX = 32 * 2**10
# Runs whose points are in the journal's present files, roughly: each new file defines its slots.
_SLOTS_MAX = 4000

# Raises a `UsageError` unless a stream may take points.
Allow = Callable[[Reader, str], object]


class Prepared(NamedTuple):
    """Points of one stream, checked and encoded as one event, and their author as in `AUTHOR`.

    `known` is set by a server of a cluster that admitted the author by what its log held up to that
    position, and has not asked since whether there is news; see `Recorder.record_unasked`.
    """

    stream: str
    body: bytes
    author: str | None
    known: int | None = None

    @classmethod
    def of(cls, stream: str, event: MetricsLogged) -> "Prepared":
        """Points of the present author."""
        return cls(stream, _encode(event), AUTHOR.get())

    @property
    def draft(self) -> Draft:
        """The event as an envelope has it."""
        return Draft(self.stream, encode_groups([(_TYPE, _VERSION, [self.body])]), 1)


class Recorder:
    """Appends points for an engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session = b""
        self._permits = Permits()
        self._authors: set[str | None] = set()  # authors whose sessions are in the log
        # The journal's slots by stream and author, those used last at the end. Of one thread.
        self._slots: OrderedDict[tuple[str, str | None], tuple[int, int]] = OrderedDict()

    def record(
        self, points: Sequence[Prepared], allow: Allow, *, journal: bool = False
    ) -> list[UsageError | None]:
        """Append all points that are not refused, durably, in one commit.

        Only the first points of a run take a commit of their own. Returns for each element the
        reason of its refusal, None if it is in the log.

        Args:
            journal: Whether few points may go into the journal, which is synced before this
                returns: that costs the disk a tenth, and many calls share an envelope.

        Raises:
            StoreError: If there were several elements, some may be in the log.
        """
        if self._engine.in_batch:
            return [self._decide(each, allow) for each in points]
        self._begin_anew_in_child()
        refused: list[UsageError | None] = [None] * len(points)
        left = set(range(len(points)))
        known = [place for place in left if self._is_permitted(points[place])]
        if known:
            permitted = [points[place] for place in known]
            if journal and self._may_wait(permitted):
                done = self._log(permitted)
            else:
                done = run_again(lambda: self._append(permitted))
            left.difference_update(compress(known, done))
        if left:
            head = self._engine.log.head()
            self._permits.follow(self._engine.log, head)

            def decide() -> None:
                with self._engine.batch():
                    for place in sorted(left):
                        refused[place] = self._decide(points[place], allow)

            run_again(decide)
            written = [points[place] for place in left if refused[place] is None]
            self._permits.grant([each.stream for each in written], head)
            self._authors.update(each.author for each in written)
        return refused

    def record_unasked(self, points: Sequence[Prepared]) -> list[bool]:
        """Append points whose authors were admitted by what this log `known`s, in one commit.

        Returns for each element whether it is in the log. Those that are not may be in order all
        the same: others decided something meanwhile, or the run was not yet looked at.

        Raises:
            StoreError: As `record`.
        """
        self._begin_anew_in_child()
        if not any(map(self._is_permitted, points)):
            return [False] * len(points)
        try:
            return self._append(points, asks=True)
        except TryAgain:
            return [False] * len(points)

    def _begin_anew_in_child(self) -> None:
        # A forked child has a session of its own, and may have inherited the permits' lock taken.
        session = self._engine.session_of(None)
        if session != self._session:
            self._permits, self._authors, self._session = Permits(), set(), session
            self._slots.clear()

    def _is_permitted(self, points: Prepared) -> bool:
        return (
            points.author in self._authors
            and points.stream in self._permits
            and (points.known is None or self._permits.stood_at(points.known))
        )

    def _append(self, points: Sequence[Prepared], *, asks: bool = False) -> list[bool]:
        """Append the points that need no look at the views; returns which were appended."""
        engine = self._engine
        with engine.appending() as (transaction, head):
            transaction.asks = asks
            self._permits.follow(transaction, head)
            written = list(map(self._is_permitted, points))
            for each in compress(points, written):
                transaction.append(each.draft, engine.session_of(each.author))
            stop = transaction.head()
        self._permits.pass_own(head, stop)
        return written

    def _may_wait(self, points: Sequence[Prepared]) -> bool:
        """Whether points are for the journal; those of a cluster's server are its shared log's."""
        few = sum(len(each.body) for each in points) <= _JOURNALED_BYTES_MAX
        return few and not self._engine.log.publishes

    def _log(self, points: Sequence[Prepared]) -> list[bool]:
        """Put points into the journal, as `_append` into the log."""
        self._permits.follow(self._engine.log, self._engine.log.head())
        written = list(map(self._is_permitted, points))
        journal = self._engine.journal()
        for each in compress(points, written):
            slot, seed = self._slot_of(journal, each)
            journal.append(slot, each.body, seed)
        journal.sync()
        self._engine.relieve()
        return written

    def _slot_of(self, journal: Journal, points: Prepared) -> tuple[int, int]:
        """The journal's slot for a stream and an author, and its seed."""
        name = points.stream, points.author
        if name not in self._slots:
            if len(self._slots) >= _SLOTS_MAX:
                _, (oldest, _) = self._slots.popitem(last=False)
                journal.retire(oldest)
            session = None if points.author is None else self._engine.session_of(points.author)
            number = journal.define(points.stream, _TYPE, _VERSION, session)
            self._slots[name] = number, slot_seed(number)
        self._slots.move_to_end(name)
        return self._slots[name]

    def _decide(self, points: Prepared, allow: Allow) -> UsageError | None:
        """Append points after a look at the views."""

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            allow(reader, points.stream)
            return None, [points.draft]

        author, reason = AUTHOR.set(points.author), REASON.set(None)
        try:
            self._engine.execute(decide)
        except UsageError as error:
            return error
        finally:
            AUTHOR.reset(author)
            REASON.reset(reason)
        return None
