"""The journal keeps a logged metric safe until the log has it (docs/format.md, section 7).

A call that returned must survive `kill -9`, and must not wait for a disk. A copy into a shared,
preallocated map does both within a tenth of a microsecond: its pages belong to the kernel, not to
the process. A thread then commits many frames at a time, durably (`drain.py`).
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

from eventtrack.errors import StoreClosedError
from eventtrack.limits import JOURNAL_BYTES, JOURNAL_FIRST_BYTES
from eventtrack.log.filesystem import sync_folder, translate_os_error, translating
from eventtrack.log.frames import FRAME, MAGIC, PREAMBLE, Slot, encode_slot, session_slot, slot_seed

SUFFIX = ".journal"
# The first bytes of a journal's id are common to all files of one process; the rest counts them.
FAMILY_BYTES = 12

_crc32, _pack_into = zlib.crc32, FRAME.pack_into
_sync_data = getattr(os, "fdatasync", os.fsync)  # not everywhere

# The journals that this process writes. A lock belongs to the open file, which a forked child
# shares. The child closes its copy; else it would keep the lock after its parent's death.
_own_files: "weakref.WeakSet[JournalFile]" = weakref.WeakSet()


class JournalFile:
    """One journal file of this process: mapped, locked, filled from the front.

    Not thread-safe: `Journal` guards it.
    """

    def __init__(self, folder: Path, journal_id: bytes, session: bytes, size: int) -> None:
        self.id = journal_id
        self.path = folder / (journal_id.hex() + SUFFIX)
        self.drained = PREAMBLE.size
        self.slots: dict[int, Slot] = {}  # the slots that its frames may use
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
        self.synced = 0  # so far the disk has it
        PREAMBLE.pack_into(self.map, 0, MAGIC, journal_id, session)
        self.at = PREAMBLE.size
        _own_files.add(self)
        try:
            draft.rename(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            self.release()
            raise translate_os_error(error, f"make a journal in {folder}") from error

    def sync(self, stop: int) -> None:
        """Let the disk have the file up to `stop`, and its name."""
        if not self.synced:
            sync_folder(self.path.parent)
        _sync_data(self._descriptor)
        self.synced = stop

    def remove(self) -> None:
        """Delete the file. Only for a file whose frames are all in the log."""
        self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let go of the file and its lock. An adopter takes the file if it still exists."""
        _own_files.discard(self)
        self.map.close()
        os.close(self._descriptor)


def journals_in(folder: Path) -> list[Path]:
    """The files of all journals in a folder, those of each process in the order of their frames.

    Every read of a store looks here: a pattern would cost three times as much, and `re` at first.
    """
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
    except FileNotFoundError:
        return []


def _release_in_child() -> None:
    for file in list(_own_files):
        file.release()


os.register_at_fork(after_in_child=_release_in_child)


class JournalDisowned(Exception):  # noqa: N818 - a signal to take a new journal, not an error
    """This process was forked from the journal's owner and needs a journal of its own."""


class Journal:
    """This process's journal: appends frames, and begins a new file when a file is full.

    Thread-safe.

    Args:
        wake: Called when the journal goes from drained to not drained.
        file_bytes: The size of a file; the first one has at most `JOURNAL_FIRST_BYTES`.
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
        self._syncing = threading.Lock()  # no file goes away while it is synced
        self._full: list[JournalFile] = []  # guarded by _lock
        self._retired: list[int] = []  # appended to without the lock
        self._slots_made = 0  # guarded by _lock
        self._awake = False
        self._disowned = False
        self._closed = False
        self._limit = min(file_bytes, JOURNAL_FIRST_BYTES)  # guarded by _lock: the size of _file
        self._file = self._make_file(self._limit)  # guarded by _lock
        self._define(session_slot(session))
        self._file.drained = self._file.at

    def define(
        self, stream: str, event_type: str, version: int, session: bytes | None = None
    ) -> int:
        """Define a slot for events of one type and stream; returns its number, for `append`.

        Args:
            session: That of the events' author, which the log has; None for this journal's own.
        """
        with self._lock:
            self._slots_made += 1
            slot = Slot(self._slots_made, stream, event_type, version, session)
            self._define(slot)
            return slot.number

    def disown(self) -> None:
        """Make every use raise `JournalDisowned`: in a forked child the files are the parent's."""
        self._lock = threading.Lock()
        self._limit = 0
        self._disowned = True

    def retire(self, number: int) -> None:
        """Retire a slot that nobody will append to any more; new files do not define it.

        Takes no lock: the garbage collector calls this through a sink, at any place in the code.
        """
        self._retired.append(number)

    def append(self, slot: int, body: bytes, seed: int) -> None:
        """Append the body of an event. When this returns, `kill -9` cannot lose it.

        Args:
            seed: `slot_seed(slot)`, kept by the caller: this is the hottest path of all.
        """
        with self._lock:
            file = self._file
            start = file.at
            size = len(body)
            stop = start + 12 + size
            if stop > self._limit:
                self._write(slot, body, seed)
            else:
                # The header is written last: it makes the frame valid.
                data = file.map
                data[start + 12 : stop] = body
                _pack_into(data, start, size, _crc32(body, seed + size), slot)
                file.at = stop
        if not self._awake:
            self._awake = True
            self._wake()

    @translating("sync a journal")
    def sync(self) -> None:
        """Let what was appended so far survive a power cut too. Costs a sync of the disk."""
        with self._syncing:
            for file, stop in self.snapshot():
                if file.synced < stop and file.drained < stop:
                    file.sync(stop)

    def rest(self) -> None:
        """Tell the journal that its drainer goes to sleep, so that the next append wakes it."""
        self._awake = False

    def snapshot(self) -> list[tuple[JournalFile, int]]:
        """The files that may hold undrained frames, oldest first, each with its present end."""
        with self._lock:
            return [(file, file.at) for file in (*self._full, self._file)]

    def backlog_bytes(self) -> int:
        """The number of bytes that no drain has moved yet."""
        return sum(stop - file.drained for file, stop in self.snapshot())

    def renew(self) -> None:
        """Begin a new file; the present one is deleted once it is drained.

        Raises:
            DiskFullError: There is no room for it.
        """
        with self._lock:
            if not self._closed:
                self._begin_file(0)

    def drop_drained(self) -> None:
        """Delete full files whose frames are all in the log."""
        with self._lock:
            done = [file for file in self._full if file.drained == file.at]
            self._full = [file for file in self._full if file.drained < file.at]
        with self._syncing:
            for file in done:
                file.remove()

    def seal(self) -> None:
        """Refuse every further event. Frames that were appended can still be drained."""
        with self._lock:
            self._limit = 0
            self._closed = True

    def close(self) -> None:
        """Let go of the files: drained ones are deleted, the others are left to an adopter."""
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
        self._write_twice(encode_slot(slot))
        self._file.slots[slot.number] = slot

    def _write_twice(self, definition: bytes) -> None:
        # No frame of a slot can be read without its definition, so it stands there twice.
        for _ in range(2):
            self._write(0, definition, _DEFINITION_SEED)

    def _begin_file(self, frame_bytes: int) -> None:
        # A frame larger than a file gets a larger file: no event is too large to keep.
        room = PREAMBLE.size + frame_bytes
        retired = self._retired.copy()
        gone = set(retired)
        slots = {key: slot for key, slot in self._file.slots.items() if key not in gone}
        definitions = [encode_slot(slot) for slot in slots.values()]
        room += sum(2 * (FRAME.size + len(body)) for body in definitions)
        size = max(self._file_bytes, room)
        file = self._make_file(size)
        del self._retired[: len(retired)]  # more may have been added meanwhile
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
    # Real blocks, not a hole: on a full disk, a write to a hole through a map kills the process.
    try:
        os.posix_fallocate(descriptor, 0, size)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _NOT_SUPPORTED:
            raise
        if os.write(descriptor, bytes(size)) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
