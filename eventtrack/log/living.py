"""The journals of processes that live, as others see them: what is logged, but not yet in the log.

Slow points wait in their journal (`drain.py`). Those who read the store look for them here, and
write nothing. Those who read the log itself move them into the log first. Both go by the offset
that the log has of each journal, so a frame is counted once, whoever moves it (decision 0055).
"""

import mmap
import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from eventtrack.events.envelope import Draft
from eventtrack.limits import COMMIT_PAYLOAD_BYTES_MAX, JOURNAL_HELD_BYTES_MAX
from eventtrack.log.drain import append_frames, drafts_of
from eventtrack.log.filesystem import translating
from eventtrack.log.frames import (
    FRAME,
    MAGIC,
    MAY_WAIT,
    PREAMBLE,
    Frame,
    Slot,
    decode_slot,
    find_slot,
    read_frames,
)
from eventtrack.log.journal import journals_in
from eventtrack.log.lmdb_log import Drained, LmdbLog
from eventtrack.log.orphans import id_of
from eventtrack.log.protocol import LogTransaction

# Journal id, offset that the log has of it, end of the frames that were read.
Mark = tuple[tuple[bytes, int, int], ...]
NO_MARK: Mark = ()
# Folders have times of some milliseconds.
_TICK_NS = 10**8


class Held(NamedTuple):
    """The points that wait in journals, as drafts of one session each.

    Together with the log up to `head` they are all that was logged. `mark` differs once there are
    other points. `streams` says for each journal what its points are about, as pairs of the end of
    a frame and its stream.
    """

    head: int
    mark: Mark
    drafts: list[tuple[bytes, Draft]]
    streams: dict[bytes, list[tuple[int, str]]]

    def since(self, mark: Mark) -> set[str]:
        """The streams with points that an earlier mark does not have."""
        ends = {journal: stop for journal, _, stop in mark}
        return {
            stream
            for journal, said in self.streams.items()
            for stop, stream in said
            if stop > ends.get(journal, 0)
        }


NOTHING = Held(0, NO_MARK, [], {})


class LivingJournals:
    """The journals of a store. Safe from any thread.

    Args:
        folder: The store's journals; it may be missing.
    """

    def __init__(self, log: LmdbLog, folder: Path) -> None:
        self._log = log
        self._folder, self._path = folder, str(folder)
        self._lock = threading.Lock()
        self._files: dict[str, _LivingFile] = {}  # guarded by _lock: by name
        self._drained: Drained | None = None  # guarded by _lock
        self._seen = NOTHING  # guarded by _lock
        # The folder's time when it was listed, and the names. Replaced together.
        self._listed: tuple[int, list[str]] = (-1, [])

    def __bool__(self) -> bool:
        """Whether there are any journals. Costs microseconds."""
        return bool(self.names())

    @translating("read the journals")
    def look(self, listed: Sequence[str] = (), change: int = -1) -> Held | None:
        """The points that wait now; None if a journal went away meanwhile: look again.

        Args:
            listed: The journals that there were when this look began.
            change: If this is the `change_count` of the last look, the log is not read again.
        """
        with self._lock:
            drained = self._drained
            if drained is None or drained.change != change:
                drained = self._drained = self._log.drained()
            # Listed afterwards: the offset of a journal that is still there was not forgotten.
            names = self.names()
            if names != list(self._files):
                if not set(listed).issubset(names):
                    return None
                try:
                    self._files = {name: self._file(name) for name in names}
                except FileNotFoundError:
                    return None
            offsets, is_news = drained.offsets, drained.head != self._seen.head
            for file in self._files.values():
                is_news |= file.read(offsets.get(file.id, 0), JOURNAL_HELD_BYTES_MAX)
            if is_news or len(names) != len(self._seen.mark):
                self._seen = _held(drained.head, list(self._files.values()))
            return self._seen

    @translating("read the journals")
    def move(self) -> None:
        """Move what the journals hold by now into the log, durably and in order."""
        held = self.look()
        if held is not None and all(start == stop for _, start, stop in held.mark):
            return
        while self._log.transact(self._move):
            pass

    def _move(self, transaction: LogTransaction) -> bool:
        """Move frames in one transaction; returns whether there may be more."""
        size = 0
        for name in self.names():
            try:
                # Opened within the transaction: the offset of a journal is forgotten by a later
                # transaction than the one after which its file was deleted.
                file = _LivingFile(self._folder / name)
            except FileNotFoundError:
                continue
            file.read(transaction.journal_offset(file.id), COMMIT_PAYLOAD_BYTES_MAX)
            if file.stop > file.start:
                append_frames(transaction, file.frames(), file.slots.__getitem__, file.session)
                transaction.set_journal_offset(file.id, file.stop)
            size += file.stop - file.start
            if size > COMMIT_PAYLOAD_BYTES_MAX // 2:
                return True
        return False

    @translating("read the journals")
    def names(self) -> list[str]:
        """The names of all journals, in the order of their frames: those of a process count up."""
        try:
            at_ns = os.stat(self._path).st_mtime_ns  # noqa: PTH116 - half the time of `Path.stat`
            if at_ns == self._listed[0]:
                return self._listed[1]
            names = [path.name for path in journals_in(self._folder) if id_of(path) is not None]
        except FileNotFoundError:
            return []
        # A folder that changes twice within a tick of the clock keeps its time.
        if time.time_ns() - at_ns > _TICK_NS:
            self._listed = at_ns, names
        return names

    def _file(self, name: str) -> "_LivingFile":
        return self._files.get(name) or _LivingFile(self._folder / name)


def _held(head: int, files: "list[_LivingFile]") -> Held:
    return Held(
        head,
        tuple((file.id, file.start, file.stop) for file in files),
        [each for file in files for each in file.drafts()],
        {file.id: file.streams() for file in files},
    )


class _LivingFile:
    """A journal that a process writes, read as far as it is whole. Not thread-safe.

    Attributes:
        start: The offset that the log has of it.
        stop: The end of the last frame that was read.

    Raises:
        FileNotFoundError: The file was deleted.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        closing = weakref.finalize(self, os.close, self._descriptor)
        closing.atexit = False  # stores are closed at exit, too, perhaps later, and read before
        self.id = bytes.fromhex(path.stem)
        beginning = self._read(PREAMBLE.size, 0).ljust(PREAMBLE.size, b"\0")
        magic, _, self.session = PREAMBLE.unpack(beginning)
        self._known = magic == MAGIC
        self.slots: dict[int, Slot] = {}
        self.start = self.stop = PREAMBLE.size
        self._frames: list[tuple[int, Frame]] = []  # each with its end

    def read(self, offset: int, bytes_max: int) -> bool:
        """Read what was written since, up to so many bytes behind the offset.

        Returns whether `start` or `stop` moved.
        """
        before = self.start, self.stop
        start = max(offset, PREAMBLE.size)
        if start != self.start:
            if start > self.stop or start < self.start:
                self._frames, self.stop = [], start
            self._frames = [(stop, frame) for stop, frame in self._frames if stop > start]
            self.start = start
        room = bytes_max - (self.stop - start)
        if room > 0 and self._known and self._read(4, self.stop).strip(b"\0"):
            for number, body in read_frames(self._read(room, self.stop))[0]:
                if not self._defined(number, body):
                    break
                self.stop += FRAME.size + len(body)
                self._frames.append((self.stop, (number, body)))
        return (self.start, self.stop) != before

    def frames(self) -> list[Frame]:
        """The frames that are not in the log."""
        return [frame for _, frame in self._frames]

    def drafts(self) -> Iterator[tuple[bytes, Draft]]:
        """The points that wait, with their sessions."""
        waiting = [frame for _, frame in self._frames if self._may_wait(frame)]
        return drafts_of(waiting, self.slots.__getitem__, self.session)

    def streams(self) -> list[tuple[int, str]]:
        """The end of each frame of a point that waits, and its stream."""
        return [
            (stop, self.slots[frame[0]].stream)
            for stop, frame in self._frames
            if self._may_wait(frame)
        ]

    def _may_wait(self, frame: Frame) -> bool:
        return frame[0] != 0 and self.slots[frame[0]].type in MAY_WAIT

    def _defined(self, number: int, body: bytes) -> bool:
        """Whether the slot of a frame is known; learns slots from definitions."""
        if number and number in self.slots:
            return True
        # The definition may be among the frames that the log has.
        slot = self._found(number) if number else decode_slot(body)
        if slot is not None:
            self.slots[slot.number] = slot
        return slot is not None

    def _found(self, number: int) -> Slot | None:
        # A map: a file has megabytes, of which the definition is often among the first.
        with mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as data:
            return find_slot(data, number)

    def _read(self, size: int, at: int) -> bytes:
        return os.pread(self._descriptor, size, at)
