"""File locks that do not wait for ever: after seconds a warning names the holder, then an error.

flock(2) queues those who wait, so many writers take fair turns. But it has no time limit, and a
process that is stopped within a commit (Ctrl-Z, a debugger, a frozen container) keeps its lock. So
a helper thread waits in the kernel's queue, and the thread that wants the lock watches the clock.
"""

import contextlib
import fcntl
import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from eventtrack.errors import EventtrackWarning, StoreLockedError
from eventtrack.limits import LOCK_TOLD_S, LOCK_WAIT_S_MAX
from eventtrack.log.filesystem import translate_os_error

_LOCKS, _PROCESSES = Path("/proc/locks"), Path("/proc")
_POLL_S = 0.005


class FileLock:
    """The exclusive lock of a file or folder, taken and given back many times.

    Not for two threads at once. A forked child must close its copy before the parent uses its own.

    Raises:
        OSError: The file cannot be opened.
    """

    def __init__(self, path: Path, flags: int = os.O_RDONLY) -> None:
        self._path = path
        self._flags = flags
        self._descriptor = os.open(path, flags)
        self._given_up: tuple[float, StoreLockedError] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StoreLockedError: Another process holds it and did nothing for `LOCK_WAIT_S_MAX`.
        """
        try:
            if not _try(self._descriptor):
                self._wait()
        except StoreLockedError as error:
            self._given_up = (time.monotonic(), error)
            raise
        except OSError as error:
            raise translate_os_error(error, f"lock {self._path}") from error

    def refuse_if_given_up(self, since: float) -> None:
        """Raise the error of an `acquire` that gave up since `since`, by `time.monotonic`."""
        if self._given_up is not None and self._given_up[0] >= since:
            raise self._given_up[1]

    def release(self) -> None:
        """Give the lock back, unless the lock is closed."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file. In a forked child, the parent's lock stays locked."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _wait(self) -> None:
        wait = _Wait(self._descriptor)
        try:
            _watch(wait, self._path)
        except BaseException:
            if wait.leave():
                # The helper thread still waits on the old open file, and closes it in its turn.
                self.close()
                self._descriptor = os.open(self._path, self._flags)
            else:
                self.release()
            raise

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A block in which this process has the lock."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


@contextlib.contextmanager
def locked(path: Path, doing: str) -> Iterator[None]:
    """A block in which this process has the lock of a file or folder.

    Args:
        doing: The purpose, in words that follow "cannot".

    Raises:
        StoreLockedError: Another process holds it and did nothing for `LOCK_WAIT_S_MAX`.
        StoreError: The file or folder cannot be opened.
    """
    try:
        lock = FileLock(path)
    except OSError as error:
        raise translate_os_error(error, doing) from error
    try:
        with lock.held():  # unlocked before it is closed: a forked child may have a copy open
            yield
    finally:
        lock.close()


def share(descriptor: int, path: Path) -> None:
    """Take the shared lock of an open file; whoever fails closes the file.

    Raises:
        StoreLockedError: Another process keeps it for itself, and did nothing for
            `LOCK_WAIT_S_MAX`.
    """
    if _try(descriptor, fcntl.LOCK_SH):
        return
    wait = _Wait(descriptor, fcntl.LOCK_SH)
    try:
        _watch(wait, path)
    except BaseException:
        wait.leave()
        raise


class _Wait:
    """A place in the queue for a lock."""

    def __init__(self, descriptor: int, kind: int = fcntl.LOCK_EX) -> None:
        self._descriptor = os.dup(descriptor)
        self._kind = kind
        self._got = threading.Event()
        self._turn = threading.Lock()
        self._left = False  # guarded by _turn
        self._thread: threading.Thread | None = threading.Thread(
            target=self._run, name="eventtrack-lock", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:  # when Python shuts down, or has too many threads
            self._thread = None

    def has_come(self, timeout_s: float) -> bool:
        """Wait for the lock, for at most that time; returns whether it came."""
        if self._thread is not None:
            return self._got.wait(timeout_s)
        until = time.monotonic() + timeout_s
        while not _try(self._descriptor, self._kind):
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_S)
        os.close(self._descriptor)
        return True

    def leave(self) -> bool:
        """Give up the place. Returns False if the lock came meanwhile: then the caller holds it."""
        with self._turn:
            self._left = not self._got.is_set()
            if self._thread is None:
                os.close(self._descriptor)
            return self._left

    def _run(self) -> None:
        try:
            fcntl.flock(self._descriptor, self._kind)
        finally:
            with self._turn:
                if self._left:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                os.close(self._descriptor)
                self._got.set()


def _try(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _watch(wait: _Wait, path: Path) -> None:
    """Return when the lock has come. After a while name its holder, later give up."""
    if wait.has_come(LOCK_TOLD_S):
        return
    holder = find_holder(path)
    warnings.warn(
        f"waiting for {_called(holder, path)}; {_advice(holder)}",
        EventtrackWarning,
        stacklevel=5,
    )
    idle_s = LOCK_TOLD_S
    while idle_s < LOCK_WAIT_S_MAX:
        if wait.has_come(LOCK_TOLD_S):
            return
        # A holder that uses processor time is in a long batch: no reason to give up.
        now = find_holder(path)
        works = now is not None and (holder is None or now[:2] != holder[:2])
        idle_s = 0.0 if works else idle_s + LOCK_TOLD_S
        holder = now
    raise StoreLockedError(
        f"cannot write: {_called(holder, path)}, for {LOCK_WAIT_S_MAX:.0f} s and more",
        hint=_advice(holder),
    )


class Holder(NamedTuple):
    """The process that holds a lock."""

    pid: int
    ticks: int  # of processor time that it has used
    name: str
    stopped: bool


def find_holder(path: Path) -> Holder | None:
    """The holder of a file's flock; None if nobody holds it, or the system does not say."""
    try:
        inode = path.stat().st_ino
        for line in _LOCKS.read_text().splitlines():
            # "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF"; lines of waiters have a "->".
            words = line.split()
            if words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode):
                return _process(int(words[4]))
    except (OSError, ValueError, IndexError):
        pass
    return None


def _process(pid: int) -> Holder:
    before, _, after = (_PROCESSES / str(pid) / "stat").read_text().rpartition(")")
    fields = after.split()
    ticks = int(fields[11]) + int(fields[12])
    return Holder(pid, ticks, before.partition("(")[2], fields[0] in "Tt")


def _called(holder: Holder | None, path: Path) -> str:
    if holder is None:
        return f"another process, which has locked {path}"
    state = "is stopped and has" if holder.stopped else "has"
    return f"process {holder.pid} ({holder.name}), which {state} locked {path}"


def _advice(holder: Holder | None) -> str:
    if holder is None:
        return "find it with `fuser` or `lsof`, and let it go on or end it"
    go_on = f"let it go on with `kill -CONT {holder.pid}`, or " if holder.stopped else ""
    return f"{go_on}end it with `kill -KILL {holder.pid}`: what it has not committed is undone"
