"""A server's part in a cluster: it fills its cache, follows the shared log, and says how it is."""

import logging
import threading
import time
from collections.abc import Callable

from eventtrack.cluster.member import Member
from eventtrack.cluster.servers import Announcer, Lags, lags_of
from eventtrack.cluster.tokens import GivenTokens
from eventtrack.errors import EventtrackError, RemoteUnavailableError
from eventtrack.server.barrier import Barrier
from eventtrack.store import Store

_log = logging.getLogger("eventtrack.server")

# The pause before the next attempt when the shared log does not answer.
_RETRY_S = 1.0
# News wake the follower. It also looks for itself, now and then.
_LOOK_S = 1.0
# After news, the follower pauses for so many times as long as it took to take them in.
_PAUSE = 4
# An attempt to overwrite erased bytes may keep writers waiting for seconds.
_OBEY_S = 60.0


class Clustered:
    """Keeps a store in step with a shared log while a server answers from it.

    Args:
        member: The publisher of the store.
        stale_reads: Whether reads are answered, marked with their age, while the shared log does
            not answer.
        progress: Called while the cache fills, with the place reached and the end.
        tell: Called with each trouble that begins, and with None when it is over.
    """

    def __init__(
        self,
        member: Member,
        store: Store,
        *,
        stale_reads: bool = False,
        progress: Callable[[int, int], None] = lambda place, end: None,
        tell: Callable[[EventtrackError | None], None] = lambda error: None,
    ) -> None:
        self._member = member
        self._store = store
        self._stale_reads = stale_reads
        self._progress = progress
        self._tell = tell
        # The tokens that the log gives, as new as the store.
        self.given = GivenTokens(
            store, member.log.description.access_key, lambda: member.log.describe().access_key
        )
        self._announcer = Announcer(member.log, store.path)
        self._stop = threading.Event()
        self._barrier = Barrier(self._ask)
        self._thread = threading.Thread(target=self._run, name="eventtrack-cluster", daemon=True)
        self._filled = (0, 0)  # the place reached while the cache fills, and the end
        self._ready = False
        self._obey_at = 0.0
        self._current_at = time.monotonic()  # the store held everything then, once it was filled
        self._trouble: EventtrackError | None = None

    def start(self) -> None:
        """Begin to fill and to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following. A call that hangs on the network is abandoned."""
        self._stop.set()
        self._barrier.close()
        self._thread.join(1.0)

    def problem(self) -> str:
        """The reason why this server cannot answer now; "" if it can."""
        trouble = self._trouble
        if not self._ready:
            filling = "filling the cache: place {} of {}".format(*self._filled)
            return f"{filling}; {trouble.message}" if trouble is not None else filling
        is_lasting = trouble is not None and not isinstance(trouble, RemoteUnavailableError)
        return trouble.message if trouble is not None and is_lasting else ""

    def unasked(self) -> int | None:
        """The position of the store up to which this server knows all; None if it has to ask.

        By what stands there, tokens can be admitted whose points the shared log takes only if
        nobody decided anything since.
        """
        if not self._ready or self._trouble is not None:
            return None
        return self.given.position

    async def current(self, *, reads: bool) -> float:
        """The age of the store in seconds, 0 if it is as new as the request; see `Services`.

        Raises:
            RemoteUnavailableError: The shared log does not answer, and the request may not be
                answered without it.
            EventtrackError: The shared log is damaged.
        """
        problem = self.problem()
        if problem:
            raise RemoteUnavailableError(
                f"this server does not answer yet: {problem}",
                hint="ask another server of the cluster, or wait until /health says OK",
            )
        may_be_old = reads and self._stale_reads
        if may_be_old and self._trouble is not None:
            # The follower asks again and again; nobody need wait to hear the same.
            return time.monotonic() - self._current_at
        try:
            await self._barrier.passed()
        except RemoteUnavailableError:
            if not may_be_old:
                raise
            return time.monotonic() - self._current_at
        return 0.0

    def _ask(self) -> None:
        began = time.monotonic()
        try:
            self._member.catch_up()
            self.given.refresh()
        except EventtrackError as error:
            self._note(error)
            raise
        self._current_at = began
        self._note(None)

    def _run(self) -> None:
        """Fill the cache, then take in news as they come."""
        while not self._stop.is_set():
            try:
                began = time.monotonic()
                # Requests ask for the end themselves.
                if not self._ready or began >= self._current_at + _LOOK_S:
                    self._member.catch_up(None if self._ready else self._note_filled)
                    if not self._ready:
                        self._store.begin()
                    self._ready = True
                    self._current_at = began
                    self._note(None)
                self._member.take_news()
                self._obey()
                self.given.refresh()
                self._announcer.say(self._member.reached)
                # The more comes at once, the less each block costs.
                self._stop.wait(min(_PAUSE * (time.monotonic() - began), _LOOK_S))
                self._member.wait(_LOOK_S)
            except EventtrackError as error:
                if not self._stop.is_set():
                    self._note(error)
                self._stop.wait(_RETRY_S)
            except Exception:
                if not self._stop.is_set():
                    _log.exception("cannot follow %s", self._member.log.url)
                self._stop.wait(_RETRY_S)

    def _obey(self) -> None:
        """Finish what redactions ordered: the engine failed, or this server was killed."""
        if time.monotonic() >= self._obey_at:
            self._obey_at = time.monotonic() + _OBEY_S
            self._store.replication.obey()

    @property
    def url(self) -> str:
        """The address of the shared log, without its password."""
        return self._member.log.url

    @property
    def name(self) -> str:
        """The name under which this server announces itself."""
        return self._announcer.name

    def lags(self) -> Lags:
        """All servers and writers of the log and their lag; asks the log.

        Raises:
            RemoteUnavailableError: It does not answer.
        """
        return lags_of(self._member.log)

    def _note_filled(self, place: int, end: int) -> None:
        self._filled = (place, end)
        self._progress(place, end)

    def _note(self, error: EventtrackError | None) -> None:
        before, self._trouble = self._trouble, error
        if (before is None) != (error is None):
            self._tell(error)
