"""What every log promises. `lmdb_log` keeps the promises on disk, `memory` in a list for tests."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

from eventtrack.events.envelope import After, Draft, Envelope
from eventtrack.log import merkle
from eventtrack.log.feeds import Branch

Result = TypeVar("Result")


class Head(NamedTuple):
    """A feed as far as it is known here: its size, last recorded time and Merkle frontier."""

    size: int
    recorded: int
    frontier: list[bytes]

    @property
    def root(self) -> bytes:
        """The Merkle root hash of the feed at this size (RFC 6962)."""
        return merkle.root(self.frontier)


class LogReader(Protocol):
    """Reads of a log. Positions are 1-based; 0 is before everything.

    A feed's id is that of its replica; one that two copies wrote to has branches with ids of their
    own (`feeds`). Any index of a branch may be named: what stands before it is its stem's.
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
        """How many payloads were erased or came later: views of another number are stale."""
        ...

    def erased(self) -> int:
        """How many payloads were ordered to be erased. Grows only; views folded before are stale.

        An appended `payloads.redacted` takes the payloads that it names out of the log in its own
        transaction, and those that arrive later as they come.
        """
        ...

    def branches(self) -> dict[bytes, Branch]:
        """Every feed that is another end of one that was written twice, by its id."""
        ...

    def read_feed(self, feed: bytes, start: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes of one feed from index `start` on, in order.

        May return fewer than there are, to bound memory; none only when there are none.
        """
        ...

    def frontier(self, feed: bytes, size: int) -> list[bytes]:
        """The Merkle frontier of a feed as it was at `size`, at most its size here.

        Reads one hash for each 256 envelopes, and the headers of the last 255 at most.
        """
        ...


class LogTransaction(LogReader, Protocol):
    """A write in progress: what it appends is seen by its own reads, and by others once it ends."""

    def id(self) -> int:
        """What the log's `change_count` will be once this transaction has committed."""
        ...

    def feed_head(self, feed: bytes) -> Head:
        """A feed as this transaction leaves it; of size 0 for one never seen."""
        ...

    def next_recorded(self) -> int:
        """The time by which what is appended next is recorded."""
        ...

    def append(self, draft: Draft, session: bytes, after: After | None = None) -> Envelope:
        """Append a draft to this replica's feed and return the envelope.

        Args:
            after: An envelope whose facts it is to win over, though their time lies ahead.
        """
        ...

    def append_foreign(self, data: bytes, feed: bytes | None = None) -> Envelope | None:
        """Append another replica's envelope, bytes unchanged; None when it is already here.

        It goes into the feed of its replica, or into a branch of that.

        One that came without its payload gets it, when it comes again with it.

        One of this replica's own feed that is not here was lost with a restored backup: it is
        taken back, and from then on this copy writes under a new replica id.

        Raises:
            ConflictError: It is not the next of its feed, or differs from the one here.
            ChecksumError: Its payload does not match its header.
        """
        ...

    def begin_branch(self, stem: bytes, data: bytes) -> bytes:
        """Begin another end of a feed with an envelope that differs from the one at its index.

        Returns the id of the branch, which then holds what the feed does up to that index; the
        envelope and those that follow it are for `append_foreign`.
        """
        ...

    def renew_replica(self) -> None:
        """Write under a new replica id from here on; the feed so far becomes a foreign one."""
        ...

    def journal_offset(self, journal_id: bytes) -> int:
        """How many bytes of a journal are in the log; 0 for one never seen."""
        ...

    def set_journal_offset(self, journal_id: bytes, offset: int) -> None:
        """Record how many bytes of a journal are in the log once this transaction commits."""
        ...

    def forget_journals(self, present: Callable[[], Iterable[bytes]]) -> None:
        """Drop the offsets of journals that no longer exist.

        `present` is asked after the offsets were read: a journal made meanwhile has its file.
        """
        ...


class EventLog(LogReader, Protocol):
    """An append-only log of envelopes from any number of feeds. Safe from any thread."""

    @property
    def replica(self) -> bytes:
        """Whose feed this log's own appends extend: 16 bytes.

        It changes when this turns out not to be the only copy that wrote under that name.
        """
        ...

    def begin(self) -> AbstractContextManager[LogTransaction]:
        """A transaction for a block, as `transact` makes it, but without a second attempt.

        Raises:
            MapFull: Nothing was written; `environment.run_growing` runs the block again.
        """
        ...

    def transact(self, work: Callable[[LogTransaction], Result]) -> Result:
        """Run `work` as the only writer, then commit durably: all of its appends, or none.

        Returns what `work` returns, when everything it appended survives a power cut. `work` may
        run more than once (the log grows in between), so it has no effect but through the
        transaction. If it raises, nothing was written.

        Raises:
            DiskFullError: Nothing was written.
        """
        ...

    def heads(self) -> dict[bytes, Head]:
        """Every feed known here, by its id."""
        ...

    def locate(self, feed: bytes, index: int) -> int | None:
        """The position here of an envelope of any feed; None when it is not here."""
        ...

    def locate_all(self, replica: bytes, index: int) -> list[int]:
        """The positions of all envelopes of that name: several where a feed has branches."""
        ...

    def get_many(self, positions: Sequence[int]) -> list[Envelope]:
        """The envelopes at positions that the log holds, in that order.

        May return fewer than were asked for, to bound memory: the first of them, and at least one.
        """
        ...

    def arrived_ms(self, position: int) -> int | None:
        """When an envelope of another feed came here, by this machine's clock, in ms since 1970.

        None for one that was recorded here, or that came before arrivals were kept.
        """
        ...

    def unfilled(self) -> dict[bytes, int]:
        """The first index of each feed whose payload was left out and may come (partial sync)."""
        ...

    def set_aside(self, feed: bytes, index: int) -> None:
        """Let an envelope go without its payload, which is not what its header says.

        It may come again, as one that was left out may. Nothing happens to one that is whole. What
        was there is kept in a file beside the log, for whoever wants to mend it.
        """
        ...

    def erased_in(self, feed: bytes, start: int, stop: int) -> list[int]:
        """Which envelopes of a feed lost their payload to a redaction.

        Costs microseconds where none from index `start` to before `stop` did.
        """
        ...

    def change_count(self) -> int:
        """A number that grows with each commit of any process: cheap to ask, for watchers."""
        ...

    def close(self) -> None:
        """Release the log's files."""
        ...
