"""Records points durably, many calls in a commit, without folding them.

The slow half of logging a point durably is to bring its series in the views up to date. Points
change no decision, so that can wait for the next reader, who then folds the points of many calls
together.
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

from eventtrack.errors import UsageError
from eventtrack.events.envelope import Draft
from eventtrack.log.again import TryAgain, run_again
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.store.permits import Permits
from eventtrack.store.reasons import REASON
from eventtrack.store.session import AUTHOR

# Raises a `UsageError` unless a stream may take points.
Allow = Callable[[Reader, str], object]


class Prepared(NamedTuple):
    """Points of one stream, checked and encoded, and their author as in `AUTHOR`.

    `known` is set by a server of a cluster that admitted the author by what its log held up to that
    position, and has not asked since whether there is news; see `Recorder.record_unasked`.
    """

    draft: Draft
    author: str | None
    known: int | None = None


class Recorder:
    """Appends points for an engine. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session = b""
        self._permits = Permits()
        self._authors: set[str | None] = set()  # authors whose sessions are in the log

    def record(self, points: Sequence[Prepared], allow: Allow) -> list[UsageError | None]:
        """Append all points that are not refused, durably, in one commit.

        Only the first points of a run take a commit of their own. Returns for each element the
        reason of its refusal, None if it is in the log.

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
            done = run_again(lambda: self._append([points[place] for place in known]))
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
            self._permits.grant([each.draft.stream for each in written], head)
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

    def _is_permitted(self, points: Prepared) -> bool:
        return (
            points.author in self._authors
            and points.draft.stream in self._permits
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

    def _decide(self, points: Prepared, allow: Allow) -> UsageError | None:
        """Append points after a look at the views."""

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            allow(reader, points.draft.stream)
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
