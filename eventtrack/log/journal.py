"""The journal: where a logged metric is safe before the log has it (docs/format.md, section 7).

A call that returned must survive `kill -9`, and must not wait for a disk. A copy into a shared,
preallocated map does both for a tenth of a microsecond: the pages belong to the kernel, not to the
process. A durable commit for many frames at a time follows from a thread (`drain.py`).
"""

import errno
import fcntl
import mmap
import os
import struct
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.errors import ChecksumError, StoreClosedError
from eventtrack.limits import JOURNAL_BYTES
from eventtrack.log.filesystem import translate_os_error

SUFFIX = ".journal"
MAGIC = b"ETJOURN1"
PREAMBLE = struct.Struct("<8s16s16s")
FRAME = struct.Struct("<III")
_SLOT_BYTES = struct.Struct("<I")
# A journal's id: these many bytes are those of all files of one process, the rest counts them.
FAMILY_BYTES = 12

# The journals that this process writes. A lock belongs to the open file, which a forked child
# shares: the child lets go of it, or it would keep the lock when its parent has died.
_own_files: "weakref.WeakSet[JournalFile]" = weakref.WeakSet()


class Slot(msgspec.Struct, array_like=True, frozen=True):
    """What the frames of one slot hold: events of one type for one stream."""

    number: int
    stream: str
    type: str
    version: int


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
        except OSError as error:
            draft.unlink(missing_ok=True)
            if descriptor >= 0:
                os.close(descriptor)
            raise translate_os_error(error, f"make a journal in {folder}") from error
        # Locked before it has its name: an adopter must never find it free. A POSIX lock would be
        # lost as soon as anything in this process, a backup say, closed a copy of the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._descriptor = descriptor
        self.map = mmap.mmap(descriptor, size)
        PREAMBLE.pack_into(self.map, 0, MAGIC, journal_id, session)
        self.at = PREAMBLE.size
        _own_files.add(self)
        draft.rename(self.path)

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

    def define(self, stream: str, event_type: str, version: int) -> int:
        """A slot for events of one type and stream, to be given to `append`."""
        with self._lock:
            self._slots_made += 1
            slot = Slot(self._slots_made, stream, event_type, version)
            self._write(0, msgspec.msgpack.encode(slot), _DEFINITION_SEED)
            self._file.slots[slot.number] = slot
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
            stop = start + 12 + len(body)
            if stop > self._limit:
                self._write(slot, body, seed)
            else:
                FRAME.pack_into(file.map, start, len(body), zlib.crc32(body, seed), slot)
                file.map[start + 12 : stop] = body
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
        FRAME.pack_into(file.map, file.at, len(body), zlib.crc32(body, seed), slot)
        file.map[file.at + FRAME.size : file.at + size] = body
        file.at += size

    def _begin_file(self, frame_bytes: int) -> None:
        # A frame larger than a file gets a file of its own size: no event is too large to keep.
        room = PREAMBLE.size + frame_bytes
        retired = self._retired.copy()
        gone = set(retired)
        slots = {key: slot for key, slot in self._file.slots.items() if key not in gone}
        definitions = [msgspec.msgpack.encode(slot) for slot in slots.values()]
        room += sum(FRAME.size + len(body) for body in definitions)
        size = max(self._file_bytes, room)
        file = self._make_file(size)
        del self._retired[: len(retired)]  # others may have been added meanwhile
        self._full.append(self._file)
        self._file, self._limit, file.slots = file, size, slots
        for body in definitions:
            self._write(0, body, _DEFINITION_SEED)

    def _make_file(self, size: int) -> JournalFile:
        number = self._files_made.to_bytes(16 - FAMILY_BYTES, "big")
        file = JournalFile(self._folder, self._family + number, self._session, size)
        self._files_made += 1
        return file


def slot_seed(slot: int) -> int:
    """The CRC-32 of a slot's bytes, from which its frames' checksums go on."""
    return zlib.crc32(_SLOT_BYTES.pack(slot))


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


# One frame of a journal: its slot and the event's body.
Frame = tuple[int, bytes]


class Scan(NamedTuple):
    """What a journal's bytes hold: frames, where they end, and the slots they use.

    `torn` counts bytes of a last frame that a crash cut; `damage` says why reading stopped early.
    """

    frames: list[Frame]
    stop: int
    torn: int
    damage: str


def scan(data: mmap.mmap | bytes, start: int, stop: int) -> Scan:
    """Read the frames of `data[start:stop]`, to the first that is not whole."""
    frames: list[Frame] = []
    at = start
    unpack, crc32, header = FRAME.unpack_from, zlib.crc32, FRAME.size
    seeds: dict[int, int] = {}
    while at + header <= stop:
        length, checksum, slot = unpack(data, at)
        if not length:
            break
        body = data[at + header : at + header + length]
        if slot not in seeds:
            seeds[slot] = slot_seed(slot)
        if crc32(body, seeds[slot]) != checksum:
            end = at + header + length
            if end <= stop and not data[end:stop].strip(b"\0"):
                return Scan(frames, at, end - at, "")
            return Scan(frames, at, 0, f"the frame at byte {at} fails its checksum")
        frames.append((slot, body))
        at += header + length
    if data[at:stop].strip(b"\0"):
        return Scan(frames, at, 0, f"there are bytes behind the end at byte {at}")
    return Scan(frames, at, 0, "")


class OrphanJournal:
    """The journal of a dead process, locked by this one for as long as it is open."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.data = b""
        with open(descriptor, "rb", closefd=False) as file:
            self.data = file.read()

    @classmethod
    def claim(cls, path: Path) -> "OrphanJournal | None":
        """Lock a journal whose owner is gone; None when somebody holds or has finished it."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise translate_os_error(error, f"adopt the journal {path}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        if not os.fstat(descriptor).st_nlink:
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def preamble(self) -> tuple[bytes, bytes]:
        """The journal's id and session.

        Raises:
            ChecksumError: It does not begin as a journal does.
        """
        if len(self.data) < PREAMBLE.size or self.data[: len(MAGIC)] != MAGIC:
            raise ChecksumError(
                f"{self.path} is not a journal", hint="move it away, then run `eventtrack check`"
            )
        _, journal_id, session = PREAMBLE.unpack_from(self.data)
        return journal_id, session

    def finish(self, *, damaged: bool) -> None:
        """Delete the journal, or set it aside when some of it could not be read."""
        if damaged:
            self.path.rename(self.path.with_suffix(".damaged"))
        else:
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Unlock the journal and leave it as it is."""
        os.close(self._descriptor)


def clear_drafts(folder: Path, older_than_s: float = 3600.0) -> None:
    """Remove files that a process died in the middle of making."""
    for path in folder.glob("*.new"):
        try:
            if time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()
        except OSError:
            continue
