"""The journal: where a logged metric is safe before the log has it (docs/format.md, section 7).

A call that returned must survive `kill -9`, and must not wait for a disk. A copy into a shared,
preallocated map does both for a tenth of a microsecond: the pages belong to the kernel, not to the
process. A durable commit for many frames at a time follows from a thread (`drain.py`).
"""

import errno
import fcntl
import mmap
import os
import threading
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from eventtrack.errors import StoreClosedError
from eventtrack.limits import JOURNAL_BYTES
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.frames import FRAME, MAGIC, PREAMBLE, Slot, session_slot, slot_seed

SUFFIX = ".journal"
# A journal's id: these many bytes are those of all files of one process, the rest counts them.
FAMILY_BYTES = 12

_crc32, _pack_into = zlib.crc32, FRAME.pack_into

# The journals that this process writes. A lock belongs to the open file, which a forked child
# shares: the child lets go of it, or it would keep the lock when its parent has died.
_own_files: "weakref.WeakSet[JournalFile]" = weakref.WeakSet()


class JournalFile:
    """One journal file of this process: mapped, locked, filled from the front.

    Not thread-safe: `Journal` guards it.
    """

    def __init__(self, folder: Path, journal_id: bytes, session: bytes, size: int) -> None:
        self.id = journal_id
        self.path = folder / (journal_id.hex() + SUFFIX)
        self.drained = PREAMBLE.size
        self.slots: dict[int, Slot] = {}  # those its frames may use
        draft = self.path.with_suffix(".new")
        descriptor = -1
        try:
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            _allocate(descriptor, size)
            # Locked before it has its name: an adopter must never find it free. A POSIX lock would
            # be lost as soon as anything in this process, a backup say, closed a copy of it.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self.map = mmap.mmap(descriptor, size)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if descriptor >= 0:
                os.close(descriptor)
            raise translate_os_error(error, f"make a journal in {folder}") from error
        self._descriptor = descriptor
        PREAMBLE.pack_into(self.map, 0, MAGIC, journal_id, session)
        self.at = PREAMBLE.size
        _own_files.add(self)
        try:
            draft.rename(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            self.release()
            raise translate_os_error(error, f"make a journal in {folder}") from error

    def remove(self) -> None:
        """Delete the file. Only for one whose frames are all in the log."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let go of the file and its lock, leaving it to an adopter if it still exists."""
        _own_files.discard(self)
        self.map.close()
        os.close(self._descriptor)


def _release_in_child() -> None:
    for file in list(_own_files):
        file.release()


os.register_at_fork(after_in_child=_release_in_child)


class JournalDisowned(Exception):  # noqa: N818 - a signal to take a new journal, not an error
    """This process was forked from the journal's owner and needs a journal of its own."""


class Journal:
    """This process's journal: appends frames, begins a new file when one is full.

    Thread-safe. Args:
        wake: Called when the journal goes from drained to not drained.
    """

    def __init__(
        self,
        folder: Path,
        session: bytes,
        new_id: Callable[[], bytes],
        wake: Callable[[], None],
        file_bytes: int = JOURNAL_BYTES,
    ) -> None:
        self._folder = folder
        self._session = session
        # Ids of the files count up, so that their names stand in the order of their frames.
        self._family = new_id()[:FAMILY_BYTES]
        self._files_made = 0  # guarded by _lock
        self._wake = wake
        self._file_bytes = file_bytes
        self._lock = threading.Lock()
        self._full: list[JournalFile] = []  # guarded by _lock
        self._retired: list[int] = []  # appended to without the lock
        self._slots_made = 0  # guarded by _lock
        self._awake = False
        self._disowned = False
        self._closed = False
        self._file = self._make_file(file_bytes)  # guarded by _lock
        self._limit = file_bytes  # guarded by _lock: the size of _file
        self._define(session_slot(session))
        self._file.drained = self._file.at

    def define(self, stream: str, event_type: str, version: int) -> int:
        """A slot for events of one type and stream, to be given to `append`."""
        with self._lock:
            self._slots_made += 1
            slot = Slot(self._slots_made, stream, event_type, version)
            self._define(slot)
            return slot.number

    def disown(self) -> None:
        """In a forked child: the files are the parent's, so every use raises `JournalDisowned`."""
        self._lock = threading.Lock()
        self._limit = 0
        self._disowned = True

    def retire(self, number: int) -> None:
        """Say that nobody will append to a slot any more; files to come do without it.

        Takes no lock: a sink that is garbage-collected calls this, wherever that happens.
        """
        self._retired.append(number)

    def append(self, slot: int, body: bytes, seed: int) -> None:
        """Append one event's body. When this returns, `kill -9` cannot lose it.

        Args:
            seed: `slot_seed(slot)`, kept by the caller: this is the hottest path there is.
        """
        with self._lock:
            file = self._file
            start = file.at
            size = len(body)
            stop = start + 12 + size
            if stop > self._limit:
                self._write(slot, body, seed)
            else:
                # The header goes last: with it the frame is there.
                data = file.map
                data[start + 12 : stop] = body
                _pack_into(data, start, size, _crc32(body, seed + size), slot)
                file.at = stop
        if not self._awake:
            self._awake = True
            self._wake()

    def rest(self) -> None:
        """Tell the journal that its drainer is about to sleep: the next append wakes it."""
        self._awake = False

    def snapshot(self) -> list[tuple[JournalFile, int]]:
        """The files that may hold undrained frames, oldest first, each with where it ends now."""
        with self._lock:
            return [(file, file.at) for file in (*self._full, self._file)]

    def backlog_bytes(self) -> int:
        """Bytes that no drain has moved yet."""
        return sum(stop - file.drained for file, stop in self.snapshot())

    def drop_drained(self) -> None:
        """Delete full files whose frames are all in the log."""
        with self._lock:
            done = [file for file in self._full if file.drained == file.at]
            self._full = [file for file in self._full if file.drained < file.at]
        for file in done:
            file.remove()

    def seal(self) -> None:
        """Refuse every further event; what was appended can still be drained."""
        with self._lock:
            self._limit = 0
            self._closed = True

    def close(self) -> None:
        """Let go of the files; what is drained is deleted, the rest is left to an adopter."""
        self.seal()
        with self._lock:
            for file in (*self._full, self._file):
                if file.drained == file.at:
                    file.remove()
                else:
                    file.release()
            self._full = []

    def _write(self, slot: int, body: bytes, seed: int) -> None:
        if self._disowned:
            raise JournalDisowned
        if self._closed:
            raise StoreClosedError(
                f"cannot log: the store of {self._folder} was closed",
                hint="open it again with open_store()",
            )
        size = FRAME.size + len(body)
        if self._file.at + size > self._limit:
            self._begin_file(size)
        file = self._file
        file.map[file.at + FRAME.size : file.at + size] = body
        _pack_into(file.map, file.at, len(body), _crc32(body, seed + len(body)), slot)
        file.at += size

    def _define(self, slot: Slot) -> None:
        self._write_twice(msgspec.msgpack.encode(slot))
        self._file.slots[slot.number] = slot

    def _write_twice(self, definition: bytes) -> None:
        # Without it no frame of the slot can be read: one that is damaged must not cost them all.
        for _ in range(2):
            self._write(0, definition, _DEFINITION_SEED)

    def _begin_file(self, frame_bytes: int) -> None:
        # A frame larger than a file gets a file of its own size: no event is too large to keep.
        room = PREAMBLE.size + frame_bytes
        retired = self._retired.copy()
        gone = set(retired)
        slots = {key: slot for key, slot in self._file.slots.items() if key not in gone}
        definitions = [msgspec.msgpack.encode(slot) for slot in slots.values()]
        room += sum(2 * (FRAME.size + len(body)) for body in definitions)
        size = max(self._file_bytes, room)
        file = self._make_file(size)
        del self._retired[: len(retired)]  # others may have been added meanwhile
        self._full.append(self._file)
        self._file, self._limit, file.slots = file, size, slots
        for body in definitions:
            self._write_twice(body)

    def _make_file(self, size: int) -> JournalFile:
        number = self._files_made.to_bytes(16 - FAMILY_BYTES, "big")
        file = JournalFile(self._folder, self._family + number, self._session, size)
        self._files_made += 1
        return file


_DEFINITION_SEED = slot_seed(0)


_NOT_SUPPORTED = (errno.EOPNOTSUPP, errno.EINVAL)


def _allocate(descriptor: int, size: int) -> None:
    # Real blocks, not a hole: writing to a hole of a full disk through a map kills the process.
    try:
        os.posix_fallocate(descriptor, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NOT_SUPPORTED:
            raise
        if os.write(descriptor, bytes(size)) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
