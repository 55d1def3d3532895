"""The promises of every log. `lmdb_log` keeps them on disk, `memory` in a list for tests."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

from eventtrack.events.envelope import After, Draft, Envelope
from eventtrack.log import merkle
from eventtrack.log.feeds import Branch

Result = TypeVar("Result")


class Head(NamedTuple):
    """A feed as far as this log knows it: its size, last recorded time and Merkle frontier."""

    size: int
    recorded: int
    frontier: list[bytes]

    @property
    def root(self) -> bytes:
        """The Merkle root hash of the feed at this size (RFC 6962)."""
        return merkle.root(self.frontier)


class LogReader(Protocol):
    """Reads of a log. Positions are 1-based; 0 is before everything.

    A feed has the id of its replica. A feed that two copies wrote to has branches with ids of their
    own (`feeds`). Any index of a branch may be named: indexes before its first are the stem's.
    """

    def head(self) -> int:
        """The position of the newest envelope, 0 for an empty log."""
        ...

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order.

        May return fewer than there are, to bound memory; none only when there are none.
        """
        ...

    def get(self, position: int) -> Envelope | None:
        """The envelope at a position, None beyond the log."""
        ...

    def rewrites(self) -> int:
        """The number of payloads that were erased or came later.

        Views that were folded at another number are stale.
        """
        ...

    def erased(self) -> int:
        """The number of payloads that were ordered to be erased. It only grows.

        Views that were folded at a smaller number are stale. An appended `payloads.redacted` takes
        the payloads that it names out of the log in its own transaction; a payload that arrives
        later is taken out on arrival.
        """
        ...

    def branches(self) -> dict[bytes, Branch]:
        """Every branch: the second end of a feed that two copies wrote to, by the branch's id."""
        ...

    def read_feed(self, feed: bytes, start: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes of one feed from index `start` on, in order.

        May return fewer than there are, to bound memory; none only when there are none.
        """
        ...

    def frontier(self, feed: bytes, size: int) -> list[bytes]:
        """The Merkle frontier of a feed as it was at `size`, at most its size here.

        Costs the read of a hash for every 256 envelopes, and of at most 255 headers.
        """
        ...


class LogTransaction(LogReader, Protocol):
    """A write in progress. Its own reads see its appends; others see them once it has ended."""

    def id(self) -> int:
        """The value of the log's `change_count` after the commit of this transaction."""
        ...

    def feed_head(self, feed: bytes) -> Head:
        """The head of a feed as this transaction leaves it; of size 0 for an unknown feed."""
        ...

    def next_recorded(self) -> int:
        """The recorded time of the next append."""
        ...

    def append(self, draft: Draft, session: bytes, after: After | None = None) -> Envelope:
        """Append a draft to this replica's feed and return the envelope.

        Args:
            after: An envelope whose facts the new one must win over, though their time lies ahead.
        """
        ...

    def append_foreign(self, data: bytes, feed: bytes | None = None) -> Envelope | None:
        """Append another replica's envelope, bytes unchanged; None if it is already here.

        The envelope goes into the feed of its replica, or into a branch of that feed.

        An envelope that is here without its payload gets the payload, if it comes with one now.

        An envelope of this replica's own feed that is not here was lost when a backup was restored.
        It is taken back, and from then on this copy writes under a new replica id.

        Raises:
            ConflictError: The envelope is not the next of its feed, or differs from the one here.
            ChecksumError: The payload does not match the header.
        """
        ...

    def begin_branch(self, stem: bytes, data: bytes) -> bytes:
        """Begin a branch of a feed with an envelope that differs from the feed's at its index.

        Returns the id of the branch. It shares the feed's envelopes before that index; append this
        envelope and those that follow it with `append_foreign`. A branch that exists already stays
        as it is.
        """
        ...

    def renew_replica(self) -> None:
        """Write under a new replica id from now on; the feed so far becomes a foreign feed."""
        ...

    def journal_offset(self, journal_id: bytes) -> int:
        """The number of bytes of a journal that are in the log; 0 for an unknown journal."""
        ...

    def set_journal_offset(self, journal_id: bytes, offset: int) -> None:
        """Record the number of bytes of a journal that are in the log after this commit."""
        ...

    def forget_journals(self, present: Callable[[], Iterable[bytes]]) -> None:
        """Drop the offsets of journals that no longer exist.

        `present` is called after the offsets were read, so it knows a journal made meanwhile.
        """
        ...


class Part(NamedTuple):
    """Contiguous envelopes of one feed, as a transaction appended them.

    `frontier` is the Merkle frontier of the feed before the first of them.
    """

    feed: bytes
    frontier: list[bytes]
    envelopes: list[Envelope]


class Publisher(Protocol):
    """Makes the envelopes of a log known elsewhere before they are committed here.

    A server of a cluster has one: the shared log holds an envelope before any server does.
    """

    def publish(self, transaction: "PublishedTransaction") -> None:
        """Called once at the end of each transaction, before its commit.

        If it raises, the transaction is undone: nothing was written here.

        Raises:
            TryAgain: Somebody else was first. Read the news, then decide again.
            RemoteError: The envelopes are nowhere, or nobody knows whether they are somewhere.
        """
        ...


class PublishedTransaction(LogTransaction, Protocol):
    """A write in progress of a log that has a publisher."""

    decides: bool
    """Whether the envelopes depend on what others did not do: a name was free, say."""

    asks: bool
    """Whether the envelopes may be published only if this log has all that others decided."""

    @property
    def replica(self) -> bytes:
        """The id of the feed that `append` extends."""
        ...

    @property
    def parts(self) -> list[Part]:
        """The envelopes that this transaction appended, in order. Cleared, they stay here only."""
        ...

    def note(self, name: bytes) -> bytes:
        """A small value that was kept beside the log; b"" if there is none."""
        ...

    def set_note(self, name: bytes, value: bytes) -> None:
        """Keep a small value, in the same commit as the envelopes."""
        ...


class EventLog(LogReader, Protocol):
    """An append-only log of envelopes from any number of feeds. Safe from any thread."""

    @property
    def replica(self) -> bytes:
        """The id of the feed that this log's own appends extend: 16 bytes.

        It changes when another copy turns out to have written under the same id.
        """
        ...

    def begin(self) -> AbstractContextManager[LogTransaction]:
        """A transaction for a block, as in `transact`, but without a second attempt.

        Raises:
            MapFull: Nothing was written; `again.run_again` can run the block again.
        """
        ...

    def transact(self, work: Callable[[LogTransaction], Result]) -> Result:
        """Run `work` as the only writer, then commit durably: all of its appends, or none.

        Returns the result of `work`, once all of its appends survive a power cut. `work` may run
        more than once (the log grows in between), so its only effects must be through the
        transaction. If it raises, nothing was written.

        Raises:
            DiskFullError: Nothing was written.
        """
        ...

    def heads(self) -> dict[bytes, Head]:
        """Every feed known here, by its id."""
        ...

    def locate(self, feed: bytes, index: int) -> int | None:
        """The position here of an envelope of any feed; None if it is not here."""
        ...

    def locate_all(self, replica: bytes, index: int) -> list[int]:
        """The positions of all envelopes of that name: several if the feed has branches."""
        ...

    def headers(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order, without payloads.

        Costs the same however large the payloads are.
        """
        ...

    def get_many(self, positions: Sequence[int]) -> list[Envelope]:
        """The envelopes at positions that the log holds, in that order.

        May return only the first of them, to bound memory, but at least one.
        """
        ...

    def arrived_ms(self, position: int) -> int | None:
        """The arrival of an envelope of another feed, by this machine's clock, in ms since 1970.

        None for an envelope that was recorded here, or that came before arrivals were kept.
        """
        ...

    def unfilled(self) -> dict[bytes, int]:
        """For each feed, the first index whose payload was left out and may come (partial sync)."""
        ...

    def set_aside(self, feed: bytes, index: int) -> None:
        """Take out an envelope's payload, which does not match its header.

        The payload may come again, as one that was left out may. Nothing happens to a whole
        envelope. The damaged envelope is kept in a file beside the log, for those who may mend it.
        """
        ...

    def erased_in(self, feed: bytes, start: int, stop: int) -> list[int]:
        """The indexes of a feed, from `start` to before `stop`, whose payloads were redacted.

        Costs microseconds if there are none.
        """
        ...

    def change_count(self) -> int:
        """A number that grows with each commit of any process. Cheap, for watchers."""
        ...

    def close(self) -> None:
        """Release the log's files."""
        ...
