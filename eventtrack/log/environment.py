"""One LMDB environment, tamed: it grows, survives fork, and speaks our errors.

Nobody above has to know the three rules of LMDB that this module keeps:

- An environment must not cross `fork()`: a child that reads through its parent's seems to work, and
  is wrong. So each process opens its own, and a fork waits until no other thread is in one.
- A map may be resized, and an environment closed, only while this process has no transaction in it
  and asks it nothing. So every transaction and every question passes a gate.
- A process may open a file only once (py-lmdb raises otherwise). `open_store` sees to it.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import lmdb

from eventtrack.errors import StoreClosedError
from eventtrack.limits import MAP_BYTES_INITIAL, OPEN_PAGES_MAX, READER_CHECKS, READERS_MAX
from eventtrack.log.again import TryAgain, run_again
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.gate import Gate
from eventtrack.log.locking import FileLock
from eventtrack.log.structure import refuse_damage, refuse_damage_after_a_death
from eventtrack.log.translation import overtaken, read_only, translate

Result = TypeVar("Result")
if TYPE_CHECKING:
    # Reads give bytes. The one transaction that asks for buffers makes bytes of what it reads.
    Transaction: TypeAlias = lmdb.Transaction[bytes]
else:
    Transaction = lmdb.Transaction


_gate = Gate()
# Held during a fork, and while an environment is opened or closed: a child must find it whole.
_turn = threading.Lock()


class Environment:
    """An LMDB environment with named tables, opened for this process.

    Safe from any thread: writers queue, readers never wait for them.

    Args:
        path: Folder of `data.mdb`; it must exist.
        tables: Names of the tables, made when missing.
        sync: False leaves commits to the operating system: they survive a crash of the process,
            not of the machine.
        create: Whether to make the file if it is missing or empty.
        readonly: Whether the file cannot be written, or must not be.

    Raises:
        CorruptionError: The file is missing, cut or damaged, as far as its first pages show.
    """

    def __init__(
        self,
        path: Path,
        tables: tuple[str, ...],
        *,
        sync: bool = True,
        create: bool = True,
        map_bytes: int = MAP_BYTES_INITIAL,
        readonly: bool = False,
    ) -> None:
        self.path = path
        self._readonly = readonly
        # Without its lock file LMDB does not tell writers what this process reads.
        self._locked = not readonly or os.access(path / "lock.mdb", os.W_OK)
        self._inside = 0  # guarded by _gate.changed: transactions of this process
        self._growing = False  # guarded by _gate.changed
        self._closed = False  # guarded by _gate.changed
        self._abandoned = False
        self._depth = threading.local()  # transactions of this thread: a nested one must not wait
        # The writer. Others wait outside the gate: a fork within a write transaction need not wait
        # for them, and no thread that a fork makes wait is the writer.
        self._writer = (0, 0)  # guarded by _gate.changed: thread, number of nested transactions
        self._commits = 0  # of this process, by one thread at a time
        file = path / "data.mdb"
        size = file.stat().st_size if file.exists() else 0
        if size or not create:
            refuse_damage(file, OPEN_PAGES_MAX)
        while map_bytes < 2 * size:
            map_bytes *= 2
        with _turn:
            self._open = partial(
                lmdb.open,
                str(path),
                max_dbs=len(tables),
                sync=sync,
                metasync=sync,
                readonly=readonly,
                create=not readonly,
                lock=self._locked,
                max_readers=READERS_MAX,
                max_spare_txns=0,  # a spare transaction would hold a reader's slot across a fork
                writemap=False,
                readahead=False,
            )
            try:
                self._lmdb = self._open(map_size=map_bytes)
                self._lock = FileLock(file, os.O_RDONLY if readonly else os.O_RDWR)
            except lmdb.Error as error:
                raise translate(error, f"open {path}") from error
            except OSError as error:
                raise translate_os_error(error, f"open {path}") from error
            _open_environments.add(self)
        self.tables: dict[str, Any] = {}
        try:
            if not readonly and self._lmdb.reader_check():
                refuse_damage_after_a_death(file)
            run_again(lambda: self._open_tables(tables))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Wait for the transactions of other threads, then close. Later use raises."""
        with _gate.changed:
            self._closed = True
            while self._inside:
                _gate.changed.wait()
        with _turn:
            _open_environments.discard(self)
            if not self._abandoned:
                self._lmdb.close()
                self._lock.close()

    def _open_tables(self, names: tuple[str, ...]) -> None:
        # Within our own transaction: else `open_db` waits for another process's writer while it
        # keeps Python's own lock, which that writer may be waiting for.
        if names and self._readonly:
            for name in names:
                self.tables[name] = self._lmdb.open_db(name.encode(), create=False)
        elif names:
            with self.write() as txn:
                for name in names:
                    self.tables[name] = self._lmdb.open_db(name.encode(), txn=txn)

    @contextmanager
    def read(self, *, buffers: bool = False) -> Iterator[Transaction]:
        """A read transaction: a stable snapshot. Keep it short: it holds back reuse of pages.

        With `buffers`, values are views of the file, valid until it ends.
        """
        with self._kept_open("read"), self._begin(write=False, buffers=buffers) as txn:
            yield txn
            if not self._locked and self._lmdb.info()["last_txnid"] > txn.id() + 1:
                # Pages that were read are used again two commits later at the earliest.
                raise overtaken(self.path)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction, committed at the end of the block unless it raises.

        Other writers wait, in this process and in others. If the map is full, the block raises
        `MapFull` and has written nothing; `run_again` runs it again.
        """
        self._refuse_closed(write=True)
        self._enter(write=True)
        try:
            with self.answering(), self._begin(write=True) as txn:
                yield txn
        except lmdb.Error as error:
            raise translate(error, f"write {self.path}") from error
        finally:
            self._lock.release()
            self._leave(write=True)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A block whose full map is this environment's, whatever transactions are around it."""
        try:
            yield
        except lmdb.MapFullError as error:
            raise MapFull(self) from error

    def grow(self) -> None:
        """Double the map. Waits until no thread of this process is in a transaction."""
        self._resize(lambda: 2 * int(self._lmdb.info()["map_size"]))

    def renew(self) -> None:
        """Close the file and open it again, so that LMDB forgets every page in its memory."""
        self._refuse_closed(write=True)
        with _turn, self._alone(), self._lock.held():
            size = self._lmdb.info()["map_size"]
            self._lmdb.close()
            self._lmdb = self._open(map_size=size)
            with self._lmdb.begin(write=True) as txn:
                for name in self.tables:
                    self.tables[name] = self._lmdb.open_db(name.encode(), txn=txn)

    def oldest_reader(self) -> int | None:
        """The oldest transaction that any process reads now; None if nobody reads."""
        with self._kept_open("read"):
            self._lmdb.reader_check()
            readers = self._lmdb.readers()
        # Below a heading, each line has process, thread and transaction; "-" is an idle reader.
        last = [line.split()[-1] for line in readers.splitlines() if line.split()]
        return min((int(word) for word in last if word.isdecimal()), default=None)

    def make_room(self, free_bytes: int) -> None:
        """Grow until `free_bytes` of the map are free: for work that cannot be run again."""
        while self.free_bytes() < free_bytes:
            self.grow()

    def free_bytes(self) -> int:
        """The part of the map that no commit has used yet."""
        info = self.info()
        return info["map_size"] - (info["last_pgno"] + 1) * info["psize"]

    def last_transaction(self) -> int:
        """The number of the newest commit of any process that a read can see.

        It is a reader's own number. LMDB announces a commit in `info` before it is on disk; a
        reader who looked then would see the commit before, and believe to have seen the new one.
        """
        with self.read() as txn:
            return int(txn.id())

    def sync(self) -> None:
        """Make everything committed so far durable."""
        with self._kept_open("sync"):
            self._lmdb.sync(True)

    def info(self) -> dict[str, int]:
        """LMDB's figures: map size, last page, last transaction, readers."""
        with self._kept_open("read"):
            info: Any = {**self._lmdb.stat(), **self._lmdb.info()}
        names = ("psize", "map_size", "last_pgno", "last_txnid", "num_readers")
        return {name: info[name] for name in names}

    @property
    def in_use(self) -> bool:
        """Whether a thread of this process is in a transaction."""
        return self._inside > 0

    def abandon(self) -> None:
        """Let go of the parent's environment, in the child after a fork.

        LMDB forbids the use of an environment across a fork, and closing it in the child frees
        every reader's slot of the parent. The gate ensured that no other thread has a slot.
        """
        self._abandoned = True
        self._lock.close()  # a lock that the parent holds stays with the parent
        if self._inside:
            # The forking thread is in a transaction, so the child can neither use nor close this.
            _kept.append(self._lmdb)
        else:
            self._lmdb.close()

    @contextmanager
    def _kept_open(self, doing: str) -> Iterator[None]:
        """A block within which no other thread closes the file or enlarges its map."""
        self._enter()
        try:
            yield
        except lmdb.Error as error:
            raise translate(error, f"{doing} {self.path}") from error
        finally:
            self._leave()

    def _begin(self, *, write: bool, buffers: bool = False) -> Transaction:
        while True:
            self._refuse_closed()
            if write:
                # Processes wait here, not at LMDB's own lock: if several are killed at once, LMDB's
                # lock can be free without a survivor hearing of it.
                self._acquire()
            try:
                return self._lmdb.begin(write=write, buffers=buffers)  # type: ignore[call-overload, no-any-return]
            except lmdb.MapResizedError:
                # Another process grew the file. Only `begin` reports that, so nothing is done yet.
                if write:
                    self._lock.release()
                self._leave(write=write)
                try:
                    self._resize(lambda: 0)
                finally:
                    self._enter(write=write, again=True)

    def _acquire(self) -> None:
        self._lock.acquire()
        self._commits += 1
        if self._commits % READER_CHECKS == 0:  # slots of killed readers keep pages from reuse
            self._lmdb.reader_check()

    def _refuse_closed(self, *, write: bool = False) -> None:
        if write and self._readonly:
            raise read_only(self.path)
        if self._closed or self._abandoned:
            what = f"cannot use {self.path}: it was closed"
            raise StoreClosedError(what, hint="open the store again")

    def _enter(self, *, write: bool = False, again: bool = False) -> None:
        own, depth, thread = _gate.own_count(), getattr(self._depth, "value", 0), get_ident()
        with _gate.changed:
            while (
                (self._growing and not depth)
                or (_gate.forking and not own)
                or (write and self._writer[0] not in (0, thread))
            ):
                began = time.monotonic()
                _gate.changed.wait()
                if write:  # behind a thread that gave up, nobody waits as long again
                    self._lock.refuse_if_given_up(began)
            if not again:  # a thread that left for a resize must enter, to leave for good
                self._refuse_closed()
            if write:
                self._writer = (thread, self._writer[1] + 1)
            self._inside += 1
            _gate.inside += 1
        self._depth.value = depth + 1
        _gate.own.count = own + 1

    def _leave(self, *, write: bool = False) -> None:
        if self._abandoned:
            return  # the block began in the parent
        self._depth.value -= 1
        _gate.own.count -= 1
        with _gate.changed:
            if write:
                thread, count = self._writer
                self._writer = (thread, count - 1) if count > 1 else (0, 0)
            self._inside -= 1
            _gate.inside -= 1
            if write or self._growing or self._closed or _gate.forking:
                _gate.changed.notify_all()

    def _resize(self, size: Callable[[], int]) -> None:
        try:
            with self._alone():
                self._lmdb.set_mapsize(size())
        except lmdb.Error as error:
            raise translate(error, f"enlarge the map of {self.path}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """A block in which no thread of this process is in a transaction."""
        if getattr(self._depth, "value", 0):
            raise AssertionError("the map cannot be changed from within a transaction")
        with _gate.changed:
            while self._growing:
                _gate.changed.wait()
            self._growing = True
            try:
                while self._inside:
                    _gate.changed.wait()
                self._refuse_closed()
                yield
            finally:
                self._growing = False
                _gate.changed.notify_all()


class MapFull(TryAgain):
    """The map has no room."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(str(environment.path))
        self.environment = environment

    def prepare(self) -> None:
        """Double the map."""
        self.environment.grow()


_open_environments: "weakref.WeakSet[Environment]" = weakref.WeakSet()
_kept: list[lmdb.Environment] = []


def _before_fork() -> None:
    _turn.acquire()
    _gate.close()


def _in_parent() -> None:
    _gate.open()
    _turn.release()


def _in_child() -> None:
    global _gate, _turn
    _gate, _turn = Gate(), threading.Lock()
    for environment in list(_open_environments):
        environment.abandon()
    _open_environments.clear()


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
