"""One folded copy of the views: an LMDB environment, a checkpoint, and the way to move both on.

A build is never the truth, so its commits are not synced: they survive every crash but the
machine's own. The file `boot` names the boot of the machine under which it is
written, and `clean` the transaction that was synced last; it is gone before the next
commit. After a reboot a build without it is thrown away unread.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from eventtrack.errors import ProjectionError, StoreError
from eventtrack.events.envelope import Envelope
from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.environment import Environment, run_growing
from eventtrack.log.filesystem import boot_id, sync_folder, translating
from eventtrack.log.protocol import LogReader
from eventtrack.projections import fold
from eventtrack.projections.cache import Cache
from eventtrack.projections.standing import Standing
from eventtrack.projections.tables import TABLES, Reader, Tables

Include = Callable[[Envelope], bool]


class Checkpoint(msgspec.Struct, array_like=True, frozen=True):
    """The position folded last and the leaf hash of the header there; 0 for nothing yet.

    `rewrites` is how many payloads had been erased, or had come later, when folding began.
    """

    position: int = 0
    leaf: bytes = b""
    rewrites: int = 0


class StaleBuild(Exception):  # noqa: N818 - a signal to rebuild, not an error for callers
    """The checkpoint does not match the log: this was folded from another history."""


class Build:
    """A folded copy of the views in a folder of its own.

    Args:
        folder: Made when missing.
        include: Only envelopes it accepts are folded; all by default.
    """

    def __init__(self, folder: Path, include: Include | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._include = include
        self.last_included = 0  # the last position folded by this object
        # How streams stood to the moment that was asked about last, and in which transaction.
        self.looked_at: tuple[int, Standing | None] = (-1, None)
        self._boot = boot_id()
        self._note_boot()
        self._cache = Cache()
        self.environment = Environment(folder, TABLES, sync=not self._boot)

    @staticmethod
    def may_be_sound(folder: Path) -> bool:
        """Whether a build is of this boot or was closed cleanly; no other one is read."""
        try:
            boot, current = (folder / "boot").read_text(errors="replace"), boot_id()
        except OSError:
            return False
        return boot == current or not current or (folder / "clean").exists()

    @classmethod
    def is_sound(cls, folder: Path) -> bool:
        """Whether a build was left so that it can be trusted: same boot, or closed cleanly."""
        try:
            boot, current = (folder / "boot").read_text(), boot_id()
            if boot == current or not current:
                return (folder / "data.mdb").exists()
            synced = int((folder / "clean").read_text())
        except (OSError, ValueError):
            return False
        # Only the file's two meta pages are read here, never a page that may not have been written.
        environment = Environment(folder, ())
        try:
            return environment.last_transaction() == synced
        finally:
            environment.close()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A stable view of the tables."""
        with self.environment.read() as txn:
            yield Reader(txn, self.environment.tables)

    def checkpoint(self) -> Checkpoint:
        """How far this build is."""
        with self.environment.read() as txn:
            return _checkpoint(txn, self.environment.tables["meta"])

    def note_doubt(self, doubt: str) -> None:
        """Keep why what was folded cannot be trusted."""
        with self.environment.write() as txn:
            txn.put(b"doubt", doubt.encode(), db=self.environment.tables["meta"])

    def doubt(self) -> str:
        """Why what was folded cannot be trusted; "" where nothing is known."""
        with self.environment.read() as txn:
            return (txn.get(b"doubt", db=self.environment.tables["meta"]) or b"").decode()

    @contextmanager
    def begin(self) -> Iterator["Fold"]:
        """Be the only one to fold; what was folded is committed when the block ends."""
        try:
            with self.environment.write() as txn:
                if self._cache.as_of != txn.id() - 1:
                    self._cache.clear()
                self._cache.trim()
                tables = Tables(txn, self.environment.tables, self._cache)
                fold = Fold(self, tables, self._include)
                yield fold
                self.last_included = fold.last_included or self.last_included
                if fold.finish():
                    self._forget_clean()
                    self._cache.as_of = txn.id()
        except BaseException:
            self._cache.clear()
            raise

    def advance(self, log: LogReader) -> int:
        """Fold the next batch of the log, all of it or nothing; returns the position reached.

        Raises:
            StaleBuild: The log does not hold what was folded before.
        """
        try:
            return run_growing(partial(self._advance, log, FOLD_ENVELOPES_MAX))
        except ProjectionError:
            return self._advance_singly(log)

    def _advance(self, log: LogReader, limit: int, aside: str = "") -> int:
        with self.begin() as fold:
            fold.take_batch(log, limit, aside)
            return fold.position

    def _advance_singly(self, log: LogReader) -> int:
        """Fold a batch envelope by envelope, and set those aside that no fold can take.

        To set one aside costs the views one envelope; not to would stop the store.
        """
        position, head = self.checkpoint().position, log.head()
        stop = min(position + FOLD_ENVELOPES_MAX, head)
        while position < stop:
            try:
                position = run_growing(partial(self._advance, log, 1))
            except ProjectionError as error:
                position = run_growing(partial(self._advance, log, 1, error.message))
        return position

    def close(self) -> None:
        """Close, leaving it so that it can be trusted after a power cut."""
        try:
            self._note_clean()
        except (OSError, StoreError):
            pass  # on a full disk, say: it costs a rebuild after the next boot
        finally:
            self.environment.close()

    def _note_clean(self) -> None:
        clean = self.folder / "clean"
        if self._boot and self.folder.exists() and not clean.exists():
            # As the only writer: `clean` must not name a transaction that is followed by others.
            with self.environment.write():
                self.environment.sync()
                clean.write_text(str(self.environment.last_transaction()))

    def _note_boot(self) -> None:
        boot = self.folder / "boot"
        if not boot.exists() or boot.read_text() != self._boot:
            draft = boot.with_name(f"boot.{os.getpid()}")
            draft.write_text(self._boot)
            draft.replace(boot)

    @translating("write the views")
    def _forget_clean(self) -> None:
        """Before a commit: from here on the file on disk may be older or newer than its pages."""
        try:
            (self.folder / "clean").unlink()
        except FileNotFoundError:
            return
        sync_folder(self.folder)


class Fold:
    """Folding in progress: one write transaction of a build."""

    def __init__(self, build: Build, tables: Tables, include: Include | None) -> None:
        self.build = build
        self.tables = tables
        self.last_included = 0
        self._include = include
        self._meta = tables.tables["meta"]
        self._found = self._checkpoint = _checkpoint(tables.txn, self._meta)

    @property
    def position(self) -> int:
        """The position folded last."""
        return self._checkpoint.position

    def catch_up(self, log: LogReader) -> None:
        """Fold everything that the log holds; the tables then answer for its head.

        Raises:
            StaleBuild: The log does not hold what was folded before.
        """
        head = log.head()
        if self.position > head:
            raise StaleBuild(f"{self.position} folded, {head} in the log")
        while self.position < head:
            self.take_batch(log)

    def take_batch(self, log: LogReader, limit: int = FOLD_ENVELOPES_MAX, aside: str = "") -> None:
        """Fold the next batch of the log: `limit` envelopes, or fewer.

        Args:
            aside: Set them aside instead, for that reason.

        Raises:
            StaleBuild: The log does not hold what was folded before.
            ProjectionError: A fold broke down over an event; the transaction is to be given up.
        """
        if not self.position:
            self._checkpoint = Checkpoint(rewrites=log.rewrites())
        if not matches(self._checkpoint, log):
            raise StaleBuild(f"another history at position {self.position}")
        self.apply(log.read(self.position, limit), aside)

    def apply(self, envelopes: list[Envelope], aside: str = "", *, own: bool = False) -> None:
        """Fold the envelopes that follow; the tables then show them.

        Args:
            aside: As of `take_batch`.
            own: They are about to be recorded here: refuse what would be skipped.

        Raises:
            MalformedError: One is `own`, and not well-formed.
            ProjectionError: As of `take_batch`.
        """
        if not envelopes:
            return
        # The log's transaction may be open around this one: it is not the log's map that is full.
        with self.build.environment.answering():
            for envelope in envelopes:
                if self._include is None or self._include(envelope):
                    if aside:
                        fold.set_aside(self.tables, envelope, aside)
                    else:
                        fold.apply(self.tables, envelope, own=own)
                    self.last_included = envelope.position
            try:
                self.tables.flush()
            except fold.NOT_OF_THE_EVENT:
                raise
            except Exception as error:
                raise ProjectionError(
                    f"cannot write what was folded up to {envelopes[-1].position}: {error!r}",
                    hint="upgrade eventtrack, then run `eventtrack replay --rebuild`",
                ) from error
        last = envelopes[-1]
        self._checkpoint = Checkpoint(last.position, last.leaf_hash, self._checkpoint.rewrites)

    def finish(self) -> bool:
        """Write the checkpoint if it moved; returns whether it did."""
        if self._checkpoint == self._found:
            return False
        value = msgspec.msgpack.encode(self._checkpoint)
        self.tables.txn.put(b"checkpoint", value, db=self._meta)
        return True


def matches(checkpoint: Checkpoint, log: LogReader) -> bool:
    """Whether the log still holds what was folded, at the checkpoint's position and before."""
    if not checkpoint.position:
        return True
    if checkpoint.rewrites != log.rewrites():
        return False
    envelope = log.get(checkpoint.position)
    return envelope is not None and envelope.leaf_hash == checkpoint.leaf


def _checkpoint(txn: Any, meta: Any) -> Checkpoint:
    value = txn.get(b"checkpoint", db=meta)
    return Checkpoint() if value is None else msgspec.msgpack.decode(value, type=Checkpoint)
