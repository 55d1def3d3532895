"""The port for a log that servers and writers share (docs/wire.md, section 12).

A shared log is totally ordered: each block has a place, and all readers meet the blocks in the
order of their places. An engine that people run anyway carries it: PostgreSQL, NATS JetStream, a
bucket. The engine need not understand a block, and is not trusted: readers verify each feed.

    seen = 0
    while (page := log.read(seen)).through < log.end():      # catch up
        seen = page.through
    log.append(block, last=last, seen=seen, decides=True)    # or ConflictError: read, decide again
"""

from typing import Annotated, NamedTuple, Protocol

import msgspec

from eventtrack.log.blocks import Block

# The version of the layout that an engine's tables, stream or objects have.
LOG_FORMAT = 1
# Blocks of one page, unless the caller wants fewer.
PAGE_BLOCKS = 512


class Description(msgspec.Struct, frozen=True):
    """The facts that stand beside a log from its making on.

    `id` is random, in hex: a log that was made anew under an old address has another id, so places
    that were noted before mean nothing in it. `artifacts` is the address of the artifacts; None if
    the log's engine keeps them itself. `access_key` is the public key (Ed25519, in hex) whose
    signature gives tokens for the log's servers; None for a log without one.
    """

    id: str
    created_ms: int
    format: int = LOG_FORMAT
    artifacts: str | None = None
    access_key: str | None = None


class Entry(NamedTuple):
    """A block and its place. The bytes are as the engine gave them: nothing is verified yet."""

    place: int
    data: bytes


class Page(NamedTuple):
    """A part of the log: every block behind the asked place, up to the place `through`, in order.

    `through` may lie behind the last entry, as not every number is the place of a block. It equals
    the asked place if there is nothing behind it.
    """

    entries: list[Entry]
    through: int


class Node(msgspec.Struct, frozen=True):
    """A machine of an engine: its name, what it does there, and what is wrong with it, if known."""

    name: str
    role: str
    trouble: str = ""


class EngineState(msgspec.Struct, frozen=True):
    """An engine as it is now, for people.

    `bytes` are those of live blocks on one node. `risks` are settings with which the engine may
    lose blocks that it acknowledged; each says how to mend it.
    """

    engine: str
    blocks: int
    bytes: int
    nodes: list[Node]
    risks: list[str]


_Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Announcement(msgspec.Struct, frozen=True):
    """A server or a writer as it said of itself: its name, a place, and when.

    The place is that up to which a server has read, or that of a writer's last block. Only a writer
    has a `feed`, by its replica in hex, and the number of its envelopes that the log lacks.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
    place: _Place
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    feed: Annotated[str, msgspec.Meta(max_length=64)] = ""
    unpublished: _Place = 0


class BlockReader(Protocol):
    """The part of a `SharedLog` that reads: of the log, or of what one node of its engine has."""

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """See `SharedLog.read`."""
        ...

    def end(self) -> int:
        """See `SharedLog.end`."""
        ...

    def wait(self, after: int, timeout_s: float) -> None:
        """See `SharedLog.wait`."""
        ...


class SharedLog(Protocol):
    """A log of blocks that any number of processes append to and read. Safe from any thread.

    Places are positive and only grow. They have gaps in some engines, so a place is no count. Place
    0 is before everything.

    Raises:
        RemoteUnavailableError: From any call: the engine, or its majority, does not answer.
        RemoteDeniedError: From any call: these credentials may not do that.
        StoreClosedError: From any call after `close`.
    """

    @property
    def url(self) -> str:
        """The address of the log without its password, for messages."""
        ...

    @property
    def description(self) -> Description:
        """The description as it was when this log was opened."""
        ...

    @property
    def block_bytes_max(self) -> int:
        """The size of the largest block that the engine takes, in bytes."""
        ...

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block and return its place, once a majority of the engine has it durably.

        Nothing is appended if there is news that the caller should know first:

        * behind `last`, another block of the same replica: its feed went on elsewhere;
        * behind `seen`, another block that decides.

        A block *decides* if what others are about to append may depend on it: it takes a name, or
        deletes a run. Facts such as metric points do not decide, and a writer appends them without
        `seen`: no other replica's block is in their way. A server names `seen` with points that it
        took without a question for the end: the append is the question.

        The call may be repeated with the same arguments, after any error and in any process. It
        reads before it writes: a block that is there already is not appended again, and its place
        is returned. So a caller that does not know the outcome repeats the call. It must not make
        other blocks of these indexes until it has an answer.

        Both conditions are checked by the engine in one step with the append, with one exception:
        in JetStream, of two blocks of one replica at the same instant, at least one with `seen` and
        at most one that decides, both may be appended. The feed then has two ends (docs/wire.md,
        section 10). If the outcome of such a call was unknown, the check of `seen` may be a step of
        its own before the append.

        Args:
            block: At most `block_bytes_max` bytes.
            last: The place of the replica's last block; 0 if it has none.
            seen: The place up to which the caller has read the log, as far as others decided; it
                may lie before `last`. None if nothing that others decided matters.
            decides: Whether the block decides. Whoever names an older `seen` from now on is
                refused.

        Raises:
            ConflictError: There is such news. Nothing was appended. Read on, and decide again; if
                the news is of the block's own replica, go on as a new replica.
            InvalidValueError: The block is too large. Nothing was appended.
            RemoteUnavailableError: If its `sent` is true, the outcome is unknown.
        """
        ...

    def tail(self, replica: bytes) -> Entry | None:
        """The last block of a replica; None if there is none. May lag behind, as `read` may.

        Costs one question; in a bucket, as many as there are blocks of others behind it.
        """
        ...

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place: at most `limit`, and fewer to bound memory.

        May lag behind `end` if another node answers; `through` never passes over a block that
        becomes visible later.
        """
        ...

    def end(self) -> int:
        """A place at or behind every block whose `append` returned before this call began.

        A majority vouches for the answer, so that a deposed leader cannot give an old one. Costs as
        much as an append in some engines: let requests that wait share one call.
        """
        ...

    def is_empty(self, place: int) -> bool:
        """Whether this object knows without asking that no block was appended at a place.

        In JetStream its own questions for the end have places. False says nothing.
        """
        ...

    def wait(self, after: int, timeout_s: float) -> None:
        """Return when there may be a block behind `after`, or after `timeout_s` seconds.

        A hint that saves polling, and no promise: it may return early, and news may come late. What
        this object appends need not wake its own callers.
        """
        ...

    def replace(self, place: int, block: Block | None) -> None:
        """Let a block stand at a place instead of what is there, durably on a majority.

        For erasures (the same block without payloads), repairs (a block that the engine lost or
        altered) and doubled blocks (None empties the place). The bytes before are erased from the
        engine's live data; its backups and archives are the operator's. Readers meet the new block
        at the same place. Needs more rights than `append`.

        Args:
            place: At most the log's end. A gap may be filled too.
        """
        ...

    def state(self) -> EngineState:
        """The engine's version, nodes, size and risks, as far as it tells these credentials."""
        ...

    def describe(self) -> Description:
        """The description as it is now: `change_key` may have changed it."""
        ...

    def change_key(self, access_key: str) -> None:
        """Put another public key (Ed25519, in hex) into the description, durably.

        A log that was made without a key gets its first so. Needs more rights than `append`.
        """
        ...

    def announce(self, announcement: Announcement) -> None:
        """Let others know how far a server or a writer is, beside the log: no block is appended.

        Replaces what the same name announced before. Kept for a day; not durable.
        """
        ...

    def announced(self) -> list[Announcement]:
        """The servers and writers that announced themselves within a day.

        Takes a second in some engines.

        What stands there is for people: nothing of it is verified.
        """
        ...

    def close(self) -> None:
        """Release the connections. The log stays."""
        ...
