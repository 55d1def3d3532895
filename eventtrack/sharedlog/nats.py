"""A shared log in a stream of NATS JetStream. A place is a sequence of the stream.

Blocks that decide have the subject `et.NAME.d.REPLICA`, all others `et.NAME.f.REPLICA`. The leader
checks the last sequence of some subjects in one step with the append: those of the replica, or
those of all decisions if the caller says how far it knows them. Only the first keeps facts from
standing there twice. With the second, facts have a message id, which the leader remembers for two
minutes; if no answer comes, they are sent again with the first.

The subject `et.NAME.end` has barriers, messages without content that the stream drops after a
while. A majority acknowledges a barrier, so its sequence is an end that no deposed leader can tell.

A stream cannot change a message. A block that stands for another is kept in a second stream; the
first block is deleted and overwritten.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from eventtrack.errors import (
    RemoteUnavailableError,
)
from eventtrack.log.blocks import Block, read_header
from eventtrack.sharedlog.nats_client import Message, NatsClient, Refused, refused
from eventtrack.sharedlog.nats_servers import Servers
from eventtrack.sharedlog.nats_state import engine_state
from eventtrack.sharedlog.nats_streams import (
    NOT_NOW,
    RESOLVE_S,
    Names,
    change_key,
    description_of,
    stream_of,
)
from eventtrack.sharedlog.protocol import (
    PAGE_BLOCKS,
    Announcement,
    Description,
    EngineState,
    Entry,
    Page,
)
from eventtrack.sharedlog.refusals import (
    conflict,
    is_same,
    missing_place,
    refuse_large,
)

_PAUSE_S = 0.1
_QUIET_S = 1.0
# Headers of a message and its acknowledgement, roughly.
_HEADER_BYTES = 2048
_BARRIER_LIVES = "2m"
# Barriers that are remembered, so that nobody reads what stands at their places.
_BARRIERS_MAX = 10_000
# JetStream's numbers of errors.
_NO_MESSAGE = (10037, 10043, 10057)
_WRONG_SEQUENCE, _IN_PROCESS = 10071, 10164
_FULL = (10077, 10047, 10023, 10122)


class NatsLog:
    """A `SharedLog` in a stream.

    Args:
        url: `nats://HOST:PORT,HOST:PORT/NAME`; `?monitor=PORT` names the nodes' monitoring port.

    Raises:
        NotFoundError: There is no log of that name.
        FormatTooNewError: A later eventtrack made the log.
    """

    def __init__(self, url: str) -> None:
        self._client = NatsClient(url)
        self.url = self._client.shown
        self._names = Names(self._client.address.name)
        self._servers = Servers(self._client, self._names.servers)
        self._bell = threading.Condition()
        self._rung = 0  # guarded by the bell
        self._listens = False
        self._lock = threading.Lock()
        self._barriers: OrderedDict[int, None] = OrderedDict()  # the newest of this object
        self._name = secrets.token_bytes(8)  # tells its own hints from those of others
        # Guarded by the lock: the last barrier that was told to a caller, the last decision that is
        # known, the last own block of each replica, the sequence in the second stream of each block
        # that stands for another, and how far that stream was read.
        self._told = 0
        self._decided = 0
        self._own: dict[bytes, int] = {}
        self._replaced: dict[int, int] = {}
        self._replaced_read = 0
        try:
            config = stream_of(self._client, self._names.stream)["config"]
            self.description = description_of(config, self.url)
        except BaseException:
            self._client.close()
            raise
        limit = config.get("max_msg_size", -1)
        self.block_bytes_max = (
            min(self._client.payload_max, limit if limit > 0 else 2**62) - _HEADER_BYTES
        )

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block, unless there is news behind `last` or `seen`."""
        refuse_large(
            block, self.block_bytes_max, self.url, "raise max_payload in the configuration of NATS"
        )
        replica = block.header.replica
        own = self._names.of_replica(replica)
        with self._lock:
            expected = last if seen is None else min(self._decided, seen)
            is_known = self._own.get(replica) == last
        once = seen is not None and not decides
        if seen is not None and not is_known and (place := self._refuse_news(block, last)):
            return place
        deadline, was_sent = time.monotonic() + RESOLVE_S, False
        while True:
            try:
                if once and was_sent and seen is not None:
                    self._refuse_decided(block, seen)
                    seen, expected = None, last
                subjects = f"{self._names.d}*" if seen is not None else own
                place = self._publish(block, (subjects, expected), decides=decides, once=once)
                break
            except RemoteUnavailableError as error:
                was_sent = was_sent or error.sent
                if time.monotonic() > deadline:
                    error.sent = was_sent
                    with self._lock:
                        self._own.pop(replica, None)  # the next call looks at what is there
                    raise
                time.sleep(_PAUSE_S)
            except Refused as answer:
                if answer.code == _IN_PROCESS or answer.code in NOT_NOW:
                    if time.monotonic() > deadline:
                        raise refused(self.url, answer) from answer
                    time.sleep(_PAUSE_S / 20)
                    continue
                expected = self._expected_next(answer)
                if expected > (last if seen is None else seen):
                    place = self._refuse_news(block, last) or self._conflict(block, expected)
                    break
        with self._lock:
            self._own[replica] = place
            if decides:
                self._decided = max(self._decided, place)
        self._client.tell(self._names.news, self._name)
        return place

    def tail(self, replica: bytes) -> Entry | None:
        """The last block of a replica."""
        message = self._client.get_last(self._names.stream, self._names.of_replica(replica))
        place = 0 if message is None else message.sequence
        self._read_replaced()
        with self._lock:
            later = sorted((each for each in self._replaced if each > place), reverse=True)
        for replaced in later:
            data = self._replacement(replaced)
            if data and read_header(data)[0].replica == replica:
                return Entry(replaced, data)
        if message is None:
            return None
        data = self._replacement(place) if place in self._replaced else message.data
        return Entry(place, data or message.data)

    def read(self, after: int, limit: int = PAGE_BLOCKS) -> Page:
        """The next blocks behind a place; barriers count too."""
        messages, is_all = self._client.get(self._names.stream, after, self._names.all, limit)
        through = messages[-1].sequence if messages else after
        with self._lock:
            barrier = self._told
        if is_all and through < barrier:
            # The barrier is no longer there, or this node lags behind: a new barrier shows which.
            self._barrier()
            time.sleep(_PAUSE_S / 20)
        # A message that another stands for is gone, so a page without a gap has none of them.
        return self.page(messages, after, is_whole=through - after == len(messages))

    def end(self) -> int:
        """The sequence of a new barrier."""
        deadline = time.monotonic() + RESOLVE_S
        while True:
            try:
                return self._barrier()
            except (RemoteUnavailableError, Refused) as error:
                if time.monotonic() > deadline:
                    if isinstance(error, Refused):
                        raise refused(self.url, error) from error
                    raise
                time.sleep(_PAUSE_S)

    def is_empty(self, place: int) -> bool:
        """Whether it is the place of a barrier of this object."""
        return place in self._barriers

    def wait(self, after: int, timeout_s: float) -> None:
        """Wait for a hint of another writer, at most a second."""
        if not self._listens:
            self._listens = True
            self._client.listen(self._names.news, self._ring)
        with self._bell:
            rung = self._rung
        if not self._client.get(self._names.stream, after, self._names.blocks, 1)[0]:
            with self._bell:
                self._bell.wait_for(lambda: self._rung > rung, min(timeout_s, _QUIET_S))

    def replace(self, place: int, block: Block | None) -> None:
        """Keep a block for a place in the second stream, and delete the block there."""
        end = self.end()
        if not 0 < place < end:
            raise missing_place(self.url, place, end - 1)
        data = b"" if block is None else block.data
        subject = self._names.replaced(place)
        before = self._client.get_last(self._names.second, subject)
        try:
            self._client.publish(subject, data, {})
            self._delete(self._names.stream, place)
            if before is not None:
                self._delete(self._names.second, before.sequence)
        except Refused as answer:
            raise refused(self.url, answer) from answer

    def state(self) -> EngineState:
        """The stream's nodes, size and risks."""
        return engine_state(self._client, self._names.stream, self._names.barrier)

    def describe(self) -> Description:
        """Read the stream's metadata."""
        return description_of(stream_of(self._client, self._names.stream)["config"], self.url)

    def change_key(self, access_key: str) -> None:
        """Update the stream's metadata."""
        change_key(self._client, self._names.stream, access_key)

    def announce(self, announcement: Announcement) -> None:
        """Answer with this whenever somebody asks for the servers."""
        self._servers.announce(announcement)

    def announced(self) -> list[Announcement]:
        """The servers that answer within a second."""
        return self._servers.announced()

    def page(self, messages: Sequence[Message], after: int, *, is_whole: bool = False) -> Page:
        """A page of consecutive messages behind a place, with what stands for some of them.

        Args:
            is_whole: Whether no message lacks among them.
        """
        if not messages:
            return Page([], after)
        through = messages[-1].sequence
        if not is_whole:
            self._read_replaced()
        blocks = {
            message.sequence: message.data
            for message in messages
            if message.subject != self._names.barrier
        }
        with self._lock:
            places = [place for place in self._replaced if after < place <= through]
            decided = [each.sequence for each in messages if each.subject.startswith(self._names.d)]
            self._decided = max([self._decided, *decided])
        for place in places:
            data = self._replacement(place)
            if data:
                blocks[place] = data
            else:
                blocks.pop(place, None)
        return Page([Entry(place, blocks[place]) for place in sorted(blocks)], through)

    @property
    def client(self) -> NatsClient:
        """The connection, for `nats_nodes`."""
        return self._client

    @property
    def names(self) -> Names:
        """The log's streams and subjects, for `nats_nodes`."""
        return self._names

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _publish(
        self, block: Block, condition: tuple[str, int], *, decides: bool, once: bool
    ) -> int:
        """Publish a block if the last sequence of some subjects is the expected one.

        Args:
            once: Whether the block gets a message id, by which the leader knows a second copy.
        """
        headers = {
            "Nats-Expected-Last-Subject-Sequence-Subject": condition[0],
            "Nats-Expected-Last-Subject-Sequence": str(condition[1]),
        }
        if once:
            headers["Nats-Msg-Id"] = block.header.root.hex()
        subject = f"{self._names.d if decides else self._names.f}{block.header.replica.hex()}"
        return self._client.publish(subject, block.data, headers)

    def _expected_next(self, answer: Refused) -> int:
        """The last sequence that an answer names in place of the expected sequence."""
        number = answer.text.rpartition(" ")[2]
        if answer.code == _WRONG_SEQUENCE and number.isdecimal():
            return int(number)
        if answer.code in _FULL:
            raise RemoteUnavailableError(
                f"{self.url} has no room: {answer.text}",
                hint="make room on its disks or raise its limits; nothing was lost",
            )
        raise refused(self.url, answer)

    def _refuse_news(self, block: Block, last: int) -> int:
        """The place of the block if it is behind `last`, 0 if nothing of its replica is there.

        Raises:
            ConflictError: Other blocks of the replica are there.
        """
        subjects = self._names.of_replica(block.header.replica)
        messages, _ = self._client.get(self._names.stream, last, subjects, PAGE_BLOCKS)
        for message in messages:
            if is_same(read_header(message.data)[0], block.header):
                return message.sequence
        return self._conflict(block, messages[0].sequence) if messages else 0

    def _refuse_decided(self, block: Block, seen: int) -> None:
        """Refuse the block if others have decided behind `seen` by now."""
        end, through = self._barrier(), seen
        deadline = time.monotonic() + RESOLVE_S
        while through < end:
            through = self.read(through).through
            if time.monotonic() > deadline:
                raise RemoteUnavailableError(
                    f"{self.url} gives nothing behind {through}", sent=True
                )
        if self._decided > seen:
            self._conflict(block, self._decided)

    def _conflict(self, block: Block, place: int) -> int:
        raise conflict(self.url, block, place)

    def _ring(self, hint: bytes) -> None:
        if hint == self._name:
            return
        with self._bell:
            self._rung += 1
            self._bell.notify_all()

    def _barrier(self) -> int:
        with self._lock:
            before = self._told
        place = self._client.publish(self._names.barrier, b"", {"Nats-TTL": _BARRIER_LIVES})
        with self._lock:
            if place <= before:  # the stream was set back, and uses places again
                self._barriers.clear()
            self._told = max(self._told, place)
            self._barriers[place] = None
            if len(self._barriers) > _BARRIERS_MAX:
                self._barriers.popitem(last=False)
        return place

    def _read_replaced(self) -> None:
        """Learn which blocks stand for others. Read after the blocks: deletions come last."""
        while True:
            with self._lock:
                after = self._replaced_read
            messages, is_all = self._client.get(
                self._names.second, after, self._names.replaced("*"), PAGE_BLOCKS
            )
            with self._lock:
                for message in messages:
                    place = int(message.subject.rpartition(".")[2])
                    self._replaced[place] = message.sequence
                    self._replaced_read = message.sequence
            if is_all or not messages:
                return

    def _replacement(self, place: int) -> bytes | None:
        message = self._client.get_last(self._names.second, self._names.replaced(place))
        return None if message is None else message.data

    def _delete(self, stream: str, sequence: int) -> None:
        try:
            self._client.ask(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": False})
        except Refused as answer:
            if answer.code not in _NO_MESSAGE:
                raise
