"""Moves frames from the journal to the log: many in one durable commit, each exactly once.

The count of moved bytes is committed together with the envelopes, and every transaction reads it
before it takes frames. So neither two threads nor a crash between commit and clean-up can move a
frame twice or skip a frame. While points are few they wait, so that the log gets one envelope for
many; readers find them in the journal (`living.py`, decision 0055).
"""

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, KeysView
from pathlib import Path

import msgspec

from eventtrack.errors import EventtrackError, EventtrackWarning
from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.limits import (
    COMMIT_PAYLOAD_BYTES_MAX,
    ENVELOPE_EVENTS_MAX,
    JOURNAL_BACKLOG_BYTES_MAX,
    JOURNAL_DRAIN_INTERVAL_MS,
    JOURNAL_HELD_BYTES_MAX,
    JOURNAL_HELD_S,
)
from eventtrack.log.filesystem import translating
from eventtrack.log.frames import MAY_WAIT, PREAMBLE, Frame, Scan, Slot, read_frames, scan
from eventtrack.log.journal import FAMILY_BYTES, Journal, JournalFile, journals_in
from eventtrack.log.locking import locked
from eventtrack.log.orphans import OrphanJournal, clear_drafts, id_of
from eventtrack.log.protocol import EventLog, LogTransaction

# The drainer's pause after a failure (a full disk, say) before it tries again.
_RETRY_S = 1.0
# The drainer's pause between two looks at whether a burst of frames has ended.
_BURST_LOOK_S = 0.01


class Bell:
    """Wakes one thread; rung again before that thread listens, it rings once.

    A bare lock, not an `Event`: after a pause the Python code of an `Event` is in no cache, and
    `log_metric` would spend half of its time there.
    """

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        """Wake the thread that listens, or that listens next. From any thread."""
        try:  # noqa: SIM105 - `suppress` is Python code, too
            self._silent.release()
        except RuntimeError:  # it was rung already
            pass

    def listen(self, timeout_s: float | None = None) -> None:
        """Wait until the bell is rung."""
        self._silent.acquire(timeout=-1 if timeout_s is None else timeout_s)


class Drainer:
    """Moves this process's journal into the log, from a thread and on demand.

    The thread sleeps while nothing is logged. `flush` may be called from any thread.

    Args:
        bell: Rung when the journal goes from drained to not drained.
    """

    def __init__(self, log: EventLog, journal: Journal, session: bytes, bell: "Bell") -> None:
        self._log = log
        self._journal = journal
        self._session = session
        self._bell = bell
        self._stop = threading.Event()
        self._warned = False
        self._rewrites = log.rewrites()
        self._thread = threading.Thread(target=self._run, name="eventtrack-drain", daemon=True)
        self._thread.start()

    def take(
        self, transaction: LogTransaction, bytes_max: int | None = None
    ) -> list[tuple[JournalFile, int]]:
        """Append undrained frames in the caller's transaction.

        Returns the argument for `settle`, which the caller calls after the commit.
        """
        self._leave_redacted(transaction.rewrites())
        marks: list[tuple[JournalFile, int]] = []
        for file, stop in self._journal.snapshot():
            start = max(transaction.journal_offset(file.id), file.drained)
            if start < stop:
                whole = scan(file.map, start, stop, slots=file.slots.keys())
                if whole.stop < stop or whole.damage:
                    _keep_damaged(file, whole)
                append_frames(transaction, whole.frames, file.slots.__getitem__, self._session)
                transaction.set_journal_offset(file.id, stop)
                bytes_max = None if bytes_max is None else bytes_max - (stop - start)
            marks.append((file, stop))
            if bytes_max is not None and bytes_max <= 0:
                break
        return marks

    def _leave_redacted(self, rewrites: int) -> None:
        """Begin a new journal file after a redaction, which may have erased points of this one.

        `settle` deletes this one.
        """
        if rewrites != self._rewrites:
            with contextlib.suppress(EventtrackError):  # no room for a file: drain, and try again
                self._journal.renew()
                self._rewrites = rewrites

    def settle(self, marks: list[tuple[JournalFile, int]]) -> None:
        """Note that the frames of a `take` are durable, and delete files that are drained."""
        for file, stop in marks:
            file.drained = max(file.drained, stop)
        if len(marks) > 1:
            self._journal.drop_drained()

    def flush(self) -> None:
        """Move every frame appended so far into the log, durably.

        Raises:
            DiskFullError: The frames stay in the journal, which survives the process.
        """
        # Frames appended from now on are not waited for: other threads may log without a pause.
        wanted = self._journal.snapshot()
        while any(file.drained < stop for file, stop in wanted):
            self.settle(self._log.transact(lambda txn: self.take(txn, COMMIT_PAYLOAD_BYTES_MAX)))

    def relieve(self) -> None:
        """Flush from the logging thread if the backlog has grown beyond its bound."""
        if self._journal.backlog_bytes() > JOURNAL_BACKLOG_BYTES_MAX:
            self.flush()

    def close(self) -> None:
        """Stop the thread. Flush before, or the remaining frames wait for an adopter."""
        self._stop.set()
        self._bell.ring()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        due: float | None = None  # when the oldest point that was held has to go
        while not self._stop.is_set():
            self._bell.listen(None if due is None else max(0.0, due - time.monotonic()))
            if self._must_stop_while_frames_gather():
                return
            self._journal.rest()
            now = time.monotonic()
            due = now + JOURNAL_HELD_S if due is None else due
            if now < due and self._may_hold():
                continue
            due = None if self._try_flush() else now

    def _must_stop_while_frames_gather(self) -> bool:
        """Wait until one commit pays for many frames; returns whether the thread has to stop.

        The wait ends early with a burst: where so many frames came that they may not be held, and
        none follows. Others who read the store wait for just these.
        """
        ends = time.monotonic() + JOURNAL_DRAIN_INTERVAL_MS / 1000
        waiting = JOURNAL_HELD_BYTES_MAX
        while not self._stop.wait(min(_BURST_LOOK_S, max(0.0, ends - time.monotonic()))):
            before, waiting = waiting, self._journal.backlog_bytes()
            if waiting <= JOURNAL_HELD_BYTES_MAX:
                return self._stop.wait(max(0.0, ends - time.monotonic()))
            if waiting == before or time.monotonic() >= ends:
                return False
        return True

    def _may_hold(self) -> bool:
        """Whether all that waits may wait longer: few points of metrics, nothing else."""
        waiting = self._journal.snapshot()
        if sum(stop - file.drained for file, stop in waiting) > JOURNAL_HELD_BYTES_MAX:
            return False
        for file, stop in waiting:
            frames, size = read_frames(file.map[file.drained : stop])
            types = {file.slots[slot].type for slot, _ in frames if slot}
            if size < stop - file.drained or not types <= MAY_WAIT:
                return False
        return True

    def _try_flush(self) -> bool:
        try:
            self.flush()
        except Exception as error:
            # The thread goes on trying after any error: nothing else moves the journal's frames.
            if not self._warned:
                self._warned = True
                with contextlib.suppress(EventtrackWarning):  # where warnings are errors
                    warnings.warn(
                        f"metrics stay in the journal for now: {error}",
                        EventtrackWarning,
                        stacklevel=2,
                    )
            self._stop.wait(_RETRY_S)
            self._bell.ring()
            return False
        self._warned = False
        return True


def append_frames(
    transaction: LogTransaction,
    frames: Iterable[Frame],
    slot_of: Callable[[int], Slot],
    session: bytes,
) -> None:
    """Append a journal's frames as envelopes; see `drafts_of`."""
    for author, draft in drafts_of(frames, slot_of, session):
        transaction.append(draft, author)


def drafts_of(
    frames: Iterable[Frame], slot_of: Callable[[int], Slot], session: bytes
) -> Iterator[tuple[bytes, Draft]]:
    """A journal's frames as drafts with their sessions.

    One for each stream and session, split if it gets too large.

    Args:
        session: That of the journal.
    """
    streams: dict[tuple[str, bytes], list[tuple[str, int, list[bytes]]]] = {}
    slot, slot_number = Slot(0, "", "", 0), 0
    parts: list[tuple[str, int, list[bytes]]] = []
    bodies: list[bytes] = []
    for number, body in frames:
        if number == 0:
            continue
        if number != slot_number:
            slot, slot_number = slot_of(number), number
            bodies = []
            parts = streams.setdefault((slot.stream, slot.session or session), [])
            parts.append((slot.type, slot.version, bodies))
        elif len(bodies) >= ENVELOPE_EVENTS_MAX:
            bodies = []
            parts.append((slot.type, slot.version, bodies))
        bodies.append(body)
    for (stream, author), parts in streams.items():
        for chunk in _chunks(parts):
            count = sum(len(part[2]) for part in chunk)
            yield author, Draft(stream, encode_groups(chunk), count)


class SlotLookup:
    """The slots that a journal's own frames define. Call it with a slot's number."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._slots: dict[int, Slot] = {}
        self.add(frames)

    def add(self, frames: Iterable[Frame]) -> None:
        """Take the definitions of further frames."""
        for number, body in frames:
            if number == 0:
                slot = msgspec.msgpack.decode(body, type=Slot)
                self._slots[slot.number] = slot

    @property
    def numbers(self) -> KeysView[int]:
        """The slots that are defined."""
        return self._slots.keys()

    def __contains__(self, number: object) -> bool:
        return number == 0 or number in self._slots

    def __call__(self, number: int) -> Slot:
        """The definition of a slot."""
        return self._slots[number]


def _chunks(
    parts: list[tuple[str, int, list[bytes]]],
) -> Iterable[list[tuple[str, int, list[bytes]]]]:
    """Split a stream's parts into envelopes of at most the allowed events and bytes."""
    chunk: list[tuple[str, int, list[bytes]]] = []
    events = size = 0
    for part in parts:
        part_size = sum(map(len, part[2]))
        full = events + len(part[2]) > ENVELOPE_EVENTS_MAX
        if chunk and (full or size + part_size > COMMIT_PAYLOAD_BYTES_MAX):
            yield chunk
            chunk, events, size = [], 0, 0
        chunk.append(part)
        events += len(part[2])
        size += part_size
    if chunk:
        yield chunk


@translating("adopt the journals of processes that died")
def adopt_orphans(log: EventLog, folder: Path) -> int:
    """Move the journals of dead processes into the log; returns the number of journals.

    Waits for another process that is adopting. So afterwards the log holds every call that had
    returned in a process that is dead. A damaged journal is set aside as `.damaged`, with a
    warning, after all its whole frames were moved.
    """
    if not journals_in(folder):
        return 0
    with locked(folder, f"adopt the journals in {folder}"):
        return _adopt_all(log, folder)


def _adopt_all(log: EventLog, folder: Path) -> int:
    adopted = 0
    waiting = ""
    for path in journals_in(folder):
        # The files of a process are moved in order: the second must wait while another process,
        # or the owner, still holds the first.
        family = path.stem[: 2 * FAMILY_BYTES]
        if family == waiting:
            continue
        orphan = OrphanJournal.claim(path)
        if orphan is not None:
            _adopt(log, orphan)
            adopted += 1
        elif path.exists():
            waiting = family
    if not adopted:
        return 0
    clear_drafts(folder)
    log.transact(
        lambda txn: txn.forget_journals(lambda: filter(None, map(id_of, journals_in(folder))))
    )
    return adopted


def _adopt(log: EventLog, orphan: OrphanJournal) -> None:
    if not orphan.data.strip(b"\0"):
        orphan.finish(damaged=False)  # its process died while it made the file
        return
    try:
        preamble = orphan.preamble()
    except EventtrackError as error:
        _warn_damaged(orphan.path, str(error))
        orphan.finish(damaged=True)
        return

    def move(transaction: LogTransaction) -> str:
        offset = transaction.journal_offset(preamble.journal_id)
        start = max(offset, PREAMBLE.size)
        before = scan(orphan.data, PREAMBLE.size, start, old=preamble.old)
        slots = SlotLookup(before.frames)
        rest = scan(orphan.data, start, len(orphan.data), slots=slots.numbers, old=preamble.old)
        slots.add(rest.frames)
        whole = [frame for frame in rest.frames if frame[0] in slots]
        append_frames(transaction, whole, slots, session=preamble.session)
        transaction.set_journal_offset(preamble.journal_id, rest.stop)
        problems = [preamble.damage, before.damage, rest.damage]
        if lost := len(rest.frames) - len(whole):
            problems.append(f"{lost} frames are of slots that it does not define")
        if before.stop < start and not before.damage:
            problems.append(f"{offset} bytes of it are said to be in the log, where no frame ends")
        return "; ".join(filter(None, problems))

    try:
        damage = log.transact(move)
    except EventtrackError:
        orphan.close()
        raise
    if damage:
        _warn_damaged(orphan.path, damage)
    orphan.finish(damaged=bool(damage))


def _keep_damaged(file: JournalFile, whole: Scan) -> None:
    # Another program wrote into this process's journal. The process goes on behind the damage.
    with contextlib.suppress(OSError):  # no room for a copy is no reason to lose whole frames
        file.path.with_suffix(".damaged").write_bytes(file.map[:])
    _warn_damaged(file.path, whole.damage or f"the frame at byte {whole.stop} is not whole")


def _warn_damaged(path: Path, damage: str) -> None:
    warnings.warn(
        f"the journal {path.name} is damaged: {damage}. Every whole frame was kept, the file is "
        "set aside as .damaged; `eventtrack check` tells more",
        EventtrackWarning,
        stacklevel=2,
    )
