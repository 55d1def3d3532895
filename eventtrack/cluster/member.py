"""One server of a cluster: its decisions go to the shared log first, then into its own log.

The server's folder is a cache of the shared log. Its log holds the shared log up to a place, which
stands beside the envelopes, in the same commit. A decision is made on that state. Its envelopes are
appended to the shared log on condition that no other decision stands behind that place; only then
is the decision committed here. So of servers that decide at the same time one is first, and the
others read its envelopes and decide again (docs/decisions/0048-a-server-is-a-cache.md).

    requests --> decide --> shared log: append, unless it has news --> commit here --> answer
                    ^                          | it has news
                    +----- take in the news <--+
"""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from eventtrack.errors import (
    ConflictError,
    CorruptionError,
    FormatTooNewError,
    RemoteUnavailableError,
    VerificationError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.limits import SHARED_BLOCK_BYTES_MAX, SHARED_BLOCK_ENVELOPES_MAX
from eventtrack.log.again import TryAgain
from eventtrack.log.blocks import Block, BlockHeader, read_header
from eventtrack.log.protocol import Part, PublishedTransaction
from eventtrack.sharedlog.protocol import Entry, Page, SharedLog
from eventtrack.store.replication import Replication
from eventtrack.sync.importing import take

# The longest that a change waits for the shared log. An engine replaces a dead leader in seconds.
PATIENCE_S = 10.0
# The pause between two questions to a shared log that does not answer, or lags behind.
_RETRY_S = 0.1
_PLACES = b"cluster"
_LAST = b"cluster/"

Progress = Callable[[int, int], None]


class Places(NamedTuple):
    """The extent to which a store knows a shared log, by places of that log.

    `log` is the log's id. Everything up to `through` is here. Every block that decides is here up
    to `seen`, which may lie further: facts of others may stand before a decision of one's own.
    `at` is the place of the last block that was read, 0 if none was, and `root` the root in its
    header: if another block stands there, the engine was set back to a backup.
    """

    log: str
    through: int = 0
    seen: int = 0
    at: int = 0
    root: bytes = b""


class Overtaken(TryAgain):
    """Somebody else decided first: the envelopes have to be read before the next decision."""

    def __init__(self, member: "Member") -> None:
        super().__init__()
        self._member = member

    def prepare(self) -> None:
        """Take in the news."""
        self._member.catch_up()


class Member:
    """Keeps a store equal to a shared log. Safe from any thread.

    It is the publisher of the store's log. Open the store with it, then call `join`.
    """

    def __init__(self, log: SharedLog) -> None:
        self.log = log
        self._store: Replication | None = None
        self._taking = threading.Lock()  # one thread at a time reads news
        self._unsure = False  # whether a block of the present feed may be in the shared log unseen
        # Whether the shared log is known to hold what was read of it; not so once it was away.
        self._is_same = False
        # Up to this place there is nothing behind the places that the store knows: in JetStream a
        # question for the end takes a place of its own.
        self._passed = 0
        # The replicas of blocks that this member appended, by place, and the place up to which
        # there are only such blocks. They need no reading before an answer.
        self._own: dict[int, bytes] = {}
        self._here = 0
        # The own feed, and its size as far as its blocks were read back from the shared log.
        self._read_back: tuple[bytes, int] | None = None

    def join(self, store: Replication) -> None:
        """Keep this store, whose log publishes to this member."""
        self._store = store

    def publish(self, transaction: PublishedTransaction) -> None:
        """Append a transaction's envelopes to the shared log.

        Raises:
            Overtaken: It holds news that the transaction has not seen, and has to. Nothing was
                appended.
            RemoteUnavailableError: It does not answer. If `sent` is true, the envelopes may be
                there, and then come with the news: nothing was committed here.
            InvalidValueError: The envelopes are more than the engine takes at once.
        """
        if not transaction.parts:
            return
        if self._unsure or (transaction.asks and not self._is_same):
            raise Overtaken(self)  # the news settle it
        places = self._places_of(transaction)
        asks = transaction.decides or transaction.asks
        for part in transaction.parts:
            for block in _blocks(part, whole=transaction.decides):
                name = _LAST + block.header.replica
                last = int.from_bytes(transaction.note(name), "big")
                seen = places.seen if asks else None
                place = self._append(block, last, seen, decides=transaction.decides)
                if place <= max(last, places.at):
                    raise self._set_back(f"a new block got place {place}, which had one")
                asks = transaction.decides  # one answer is enough for facts
                self._own[place] = block.header.replica
                transaction.set_note(name, place.to_bytes(8, "big"))
                if transaction.decides:
                    places = places._replace(seen=place)
        transaction.set_note(_PLACES, msgspec.msgpack.encode(places))

    def catch_up(self, progress: Progress | None = None) -> int:
        """Take in all that the shared log holds at the time of the call; returns its end.

        The blocks that this member appended are here already. `take_news` reads them back.

        Args:
            progress: Called with the place reached and the end.

        Raises:
            RemoteUnavailableError: The shared log does not answer.
            CorruptionError: It holds a block that is damaged or does not belong there.
        """
        assert self._store is not None
        try:
            return self._catch_up(self._store, progress)
        except RemoteUnavailableError:
            self._is_same = False
            raise

    def _catch_up(self, store: Replication, progress: Progress | None) -> int:
        end = self.log.end()
        if self._is_same and not self._unsure and self.places().through <= end <= self.reached:
            return end
        with self._taking:
            if not self._is_same:
                self._own, self._here = {}, 0
                self._refuse_set_back(end)
                self._is_same = True
            if self._unsure:
                # The block may still appear, so the envelopes of its indexes must not differ.
                store.receive(lambda transaction: transaction.renew_replica())
                self._unsure = False
            if end < self._passed:
                self._passed = 0  # the log was set back, or this end is old: look again
            behind_since = time.monotonic()
            while (through := self._read_through(places := self.places())) < end:
                page = self._news(places, through)
                if page.through > through:
                    self._receive(store, places, page)
                    behind_since = time.monotonic()
                elif time.monotonic() - behind_since > PATIENCE_S:
                    raise RemoteUnavailableError(
                        f"{self.log.url} ends at {end}, but gives nothing behind {through}",
                        hint="`eventtrack cluster status` shows its nodes",
                    )
                else:  # another node answers, which lags behind
                    self.log.wait(through, _RETRY_S)
                if progress is not None:
                    progress(page.through, end)
            # Another thread may have read on since the end was asked for.
            read = self.places().through
            if end < read and (end := self.log.end()) < read:
                raise self._set_back(f"it ends at place {end}, and {read} was read of it")
        return end

    def take_news(self) -> None:
        """Take in what a node of the engine gives, without asking a majority for the end.

        Also reads back what this member appended: so it notices what the engine lost of it.

        Raises:
            RemoteUnavailableError: The shared log does not answer.
            CorruptionError: It holds a block that is damaged or does not belong there.
        """
        assert self._store is not None
        with self._taking:
            is_settled = self._is_same and not self._unsure
            while is_settled:
                places = self.places()
                through = self._read_through(places)
                page = self._news(places, through)
                if page.through <= through:
                    return
                self._receive(self._store, places, page)
        self.catch_up()

    def wait(self, timeout_s: float) -> None:
        """Return when there may be news, or after that time."""
        self.log.wait(self.reached, timeout_s)

    @property
    def reached(self) -> int:
        """The place up to which there is nothing that the store does not hold."""
        place = max(self._read_through(self.places()), self._here)
        while self._is_own(place + 1) or self.log.is_empty(place + 1):
            place += 1
        self._here = place
        for each in list(self._own):
            if each <= place:
                self._own.pop(each, None)
        return place

    def _read_through(self, places: Places) -> int:
        """The place up to which there is nothing to read."""
        place = max(places.through, self._passed)
        while self.log.is_empty(place + 1):
            place += 1
        return place

    def _is_own(self, place: int) -> bool:
        """Whether a block of this member stands there, and its envelopes are committed here."""
        assert self._store is not None
        replica = self._own.get(place)
        if replica is None:
            return False
        return int.from_bytes(self._store.note(_LAST + replica), "big") >= place

    def places(self) -> Places:
        """The extent to which the store knows the shared log.

        Raises:
            ConflictError: The store is a cache of another log.
        """
        assert self._store is not None
        return self._read_places(self._store.note(_PLACES))

    def _receive(self, store: Replication, places: Places, page: Page) -> None:
        """Commit the news of a page; a page without news costs no commit."""
        if page.entries and page.entries[-1].place > places.through:
            store.receive(partial(self._take, page=page))
        else:
            self._passed = page.through

    def _news(self, places: Places, through: int) -> Page:
        """The next blocks. If there are any, the last block that was read is looked at again."""
        page = self.log.read(through)
        if page.entries:
            self._check_last(places)
        return page

    def _check_last(self, places: Places) -> None:
        """Refuse a log in which another block, or none, stands at the last place that was read."""
        if not places.at:
            return
        page = self.log.read(places.at - 1, 1)
        is_there = any(
            entry.place == places.at and read_header(entry.data)[0].root == places.root
            for entry in page.entries
        )
        if page.through >= places.at and not is_there:  # a node that lags behind says nothing
            raise self._set_back(f"place {places.at} does not hold the block that was read there")

    def _refuse_set_back(self, end: int) -> None:
        """Refuse a log that no longer holds what was read of it."""
        places = self.places()
        if places.at <= end:
            self._check_last(places)

    def _set_back(self, what: str) -> VerificationError:
        return VerificationError(
            f"{self.log.url} lost what this server has read: {what}",
            hint="was the engine set back to a backup? This server answers no more; `eventtrack "
            "cluster repair --from` its folder restores the log; then delete the folder",
        )

    def _places_of(self, transaction: PublishedTransaction) -> Places:
        return self._read_places(transaction.note(_PLACES))

    def _read_places(self, note: bytes) -> Places:
        name = self.log.description.id
        places = Places(*msgspec.msgpack.decode(note)) if note else Places(name)
        if places.log != name:
            raise ConflictError(
                f"this folder is a cache of the log {places.log}, and {self.log.url} is the log "
                f"{name}",
                hint="give the server another folder; or delete this one, which fills itself anew",
            )
        return places

    def _append(self, block: Block, last: int, seen: int | None, *, decides: bool) -> int:
        """Append a block, and ask again while nobody knows whether it is there."""
        deadline, sent = time.monotonic() + PATIENCE_S, False
        while True:
            try:
                return self.log.append(block, last=last, seen=seen, decides=decides)
            except ConflictError as error:
                raise Overtaken(self) from error
            except RemoteUnavailableError as error:
                sent = sent or error.sent
                if time.monotonic() > deadline:
                    self._unsure, self._is_same = sent, False
                    raise RemoteUnavailableError(
                        error.message, hint=error.hint, sent=sent
                    ) from error
            time.sleep(_RETRY_S)

    def _take(self, transaction: PublishedTransaction, page: Page) -> None:
        places = self._places_of(transaction)
        for entry in page.entries:
            if entry.place > places.through:
                self._take_entry(transaction, entry)
        through = max(places.through, page.through)
        places = places._replace(through=through, seen=max(places.seen, through))
        if page.entries:
            last = page.entries[-1]
            places = places._replace(at=last.place, root=read_header(last.data)[0].root)
        transaction.set_note(_PLACES, msgspec.msgpack.encode(places))
        transaction.parts.clear()  # they come from there

    def _take_entry(self, transaction: PublishedTransaction, entry: Entry) -> None:
        place = f"the block at place {entry.place} of {self.log.url}"
        try:
            header = read_header(entry.data)[0]
            replica = header.replica
            own = replica == transaction.replica
            if own:
                self._note_own(header)
            if not (own and header.stop <= transaction.feed_head(replica).size):
                take(transaction, Block.decode(entry.data))
        except FormatTooNewError as error:
            raise FormatTooNewError(f"{place}: {error.message}", hint=error.hint) from error
        except (ConflictError, CorruptionError) as error:
            raise VerificationError(
                f"{place} is not what was appended there: {error.message}",
                hint="this server answers no more; `eventtrack cluster check` says what is "
                "damaged, `eventtrack cluster repair` restores it",
            ) from error
        transaction.set_note(_LAST + replica, entry.place.to_bytes(8, "big"))

    def _note_own(self, header: BlockHeader) -> None:
        """Notice a gap in one's own feed, whose envelopes are here already.

        Raises:
            ConflictError: The block before this one was not read.
        """
        known, self._read_back = self._read_back, (header.replica, header.stop)
        if known is not None and known[0] == header.replica and known[1] != header.first:
            raise ConflictError(
                f"it begins at envelope {header.first} of replica {header.replica.hex()}, and "
                f"{known[1]} is due"
            )


def _blocks(part: Part, *, whole: bool) -> Iterator[Block]:
    """The blocks of a part: one block if they decide, for half a decision must not be there."""
    index, frontier = part.envelopes[0].header.index, list(part.frontier)
    replica, size = part.envelopes[0].header.replica, 0
    waiting: list[Envelope] = []
    for envelope in part.envelopes:
        size += len(envelope.data)
        is_full = size > SHARED_BLOCK_BYTES_MAX or len(waiting) >= SHARED_BLOCK_ENVELOPES_MAX
        if waiting and is_full and not whole:
            yield Block.make(replica, index, frontier, waiting)
            index, waiting, size = index + len(waiting), [], len(envelope.data)
        waiting.append(envelope)
    yield Block.make(replica, index, frontier, waiting)
