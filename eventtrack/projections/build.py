"""A build: one folded copy of the views. It is an LMDB environment with a checkpoint.

A build is never the truth, so its commits are not synced: they survive every crash except the
machine's own. The file `boot` names the boot of the machine that writes it. The file `clean` names
the last synced transaction, and is made negative before the next commit: overwritten in its place,
which costs one short sync, where a deletion would wait for the whole file system. After a reboot a
build that is not `clean` is thrown away unread.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventtrack import collector
from eventtrack.errors import ProjectionError, StoreError
from eventtrack.events.envelope import Envelope
from eventtrack.lazy import lazy
from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.again import run_again
from eventtrack.log.environment import Environment
from eventtrack.log.filesystem import boot_id, translating
from eventtrack.log.protocol import LogReader
from eventtrack.projections.cache import Cache
from eventtrack.projections.rows import LmdbRows, Rows
from eventtrack.projections.tables import TABLES, Reader, Tables

# The folds of all nouns, which a program that only reads needs where something is new.
if TYPE_CHECKING:
    from eventtrack.projections import fold
    from eventtrack.projections.standing import Standing
else:
    fold = lazy("eventtrack.projections.fold")

Include = Callable[[Envelope], bool]


class Checkpoint(msgspec.Struct, array_like=True, frozen=True):
    """The last folded position, 0 for none, and the leaf hash of the envelope there.

    `rewrites` is the log's count of erased and late payloads when folding began.
    """

    position: int = 0
    leaf: bytes = b""
    rewrites: int = 0


class StaleBuild(Exception):  # noqa: N818 - a signal to rebuild, not an error for callers
    """The checkpoint does not match the log: the build was folded from another history."""


class Build:
    """A folded copy of the views in a folder of its own.

    Args:
        folder: Made when missing.
        include: Says which envelopes to fold; all by default.
    """

    def __init__(self, folder: Path, include: Include | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._include = include
        self.last_included = 0  # the last position folded by this object
        # The live transaction and the standing of the streams of the last question about a moment.
        self.looked_at: tuple[int, Standing | None] = (-1, None)
        self._boot = boot_id()
        self._note_boot()
        self._cache = Cache()
        self.environment = Environment(folder, TABLES, sync=not self._boot)

    @staticmethod
    def may_be_sound(folder: Path) -> bool:
        """Whether a build may be read: it is of this boot, or may have been closed cleanly."""
        try:
            boot, current = (folder / "boot").read_text(errors="replace"), boot_id()
        except OSError:
            return False
        return boot == current or not current or _synced(folder) is not None

    @classmethod
    def is_sound(cls, folder: Path) -> bool:
        """Whether a build can be trusted: it is of this boot, or was closed cleanly."""
        try:
            boot, current = (folder / "boot").read_text(), boot_id()
            if boot == current or not current:
                return (folder / "data.mdb").exists()
        except OSError:
            return False
        synced = _synced(folder)
        if synced is None:
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
            yield Reader(LmdbRows(txn, self.environment.tables))

    def checkpoint(self) -> Checkpoint:
        """The checkpoint of this build."""
        with self.read() as reader:
            return checkpoint_of(reader.rows)

    def note_doubt(self, doubt: str) -> None:
        """Keep why what was folded cannot be trusted; "" if nothing speaks against it."""
        with self.environment.write() as txn:
            LmdbRows(txn, self.environment.tables).put("meta", b"doubt", doubt.encode())

    def doubt(self) -> str | None:
        """Why what was folded cannot be trusted; None if nobody has looked yet."""
        with self.read() as reader:
            doubt = reader.rows.get("meta", b"doubt")
        return None if doubt is None else doubt.decode()

    @contextmanager
    def begin(self) -> Iterator["Fold"]:
        """A block in which nobody else folds; its folds are committed when it ends."""
        try:
            with self.environment.write() as txn:
                if self._cache.as_of != txn.id() - 1:
                    self._cache.clear()
                self._cache.trim()
                tables = Tables(LmdbRows(txn, self.environment.tables), self._cache)
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
            StaleBuild: The log does not hold the history that was folded before.
        """
        try:
            return run_again(partial(self._advance, log, FOLD_ENVELOPES_MAX))
        except ProjectionError:
            return self._advance_singly(log)

    def _advance(self, log: LogReader, limit: int, aside: str = "") -> int:
        with collector.paused(), self.begin() as fold:
            before = fold.position
            fold.take_batch(log, limit, aside)
            if fold.position - before == FOLD_ENVELOPES_MAX:
                collector.pass_over()  # such a batch leaves tens of thousands of objects
            return fold.position

    def _advance_singly(self, log: LogReader) -> int:
        """Fold a batch envelope by envelope, and set aside each envelope that breaks its fold.

        That costs the views one envelope; otherwise the store would stop.
        """
        position, head = self.checkpoint().position, log.head()
        stop = min(position + FOLD_ENVELOPES_MAX, head)
        while position < stop:
            try:
                position = run_again(partial(self._advance, log, 1))
            except ProjectionError as error:
                position = run_again(partial(self._advance, log, 1, error.message))
        return position

    def close(self) -> None:
        """Close the build, so that it can be trusted after a power cut."""
        try:
            self._note_clean()
        except (OSError, StoreError):
            pass  # on a full disk, say: the next boot then costs a rebuild
        finally:
            self.environment.close()

    def _note_clean(self) -> None:
        if self._boot and self.folder.exists() and _synced(self.folder) is None:
            # As the only writer: `clean` must name the last transaction.
            with self.environment.write():
                self.environment.sync()
                number = self.environment.last_transaction()
                self._write_clean(os.O_CREAT, b"%020d" % number)

    def _note_boot(self) -> None:
        boot = self.folder / "boot"
        if not boot.exists() or boot.read_text() != self._boot:
            draft = boot.with_name(f"boot.{os.getpid()}")
            draft.write_text(self._boot)
            draft.replace(boot)

    @translating("write the views")
    def _forget_clean(self) -> None:
        """Note before a commit that from now on the disk may lack some of the pages."""
        if _synced(self.folder) is not None:
            self._write_clean(0, b"-", sync=True)

    def _write_clean(self, flags: int, text: bytes, *, sync: bool = False) -> None:
        descriptor = os.open(self.folder / "clean", os.O_WRONLY | flags, 0o644)
        try:
            os.write(descriptor, text)
            if sync:
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


class Fold:
    """Folding in progress: one write transaction of a build."""

    def __init__(self, build: Build, tables: Tables, include: Include | None) -> None:
        self.build = build
        self.tables = tables
        self.last_included = 0
        self._include = include
        self._found = self._checkpoint = checkpoint_of(tables.rows)

    @property
    def position(self) -> int:
        """The last folded position."""
        return self._checkpoint.position

    def catch_up(self, log: LogReader) -> None:
        """Fold up to the log's head.

        Raises:
            StaleBuild: The log does not hold the history that was folded before.
        """
        head = log.head()
        if self.position > head:
            raise StaleBuild(f"{self.position} folded, {head} in the log")
        while self.position < head:
            self.take_batch(log)

    def take_batch(self, log: LogReader, limit: int = FOLD_ENVELOPES_MAX, aside: str = "") -> None:
        """Fold the next batch of the log: `limit` envelopes, or fewer.

        Args:
            aside: The reason to set the envelopes aside instead; "" to fold them.

        Raises:
            StaleBuild: The log does not hold the history that was folded before.
            ProjectionError: A fold broke down over an event; roll the transaction back.
        """
        if not self.position:
            self._checkpoint = Checkpoint(rewrites=log.rewrites())
        if not matches(self._checkpoint, log):
            raise StaleBuild(f"another history at position {self.position}")
        self.apply(log, log.read(self.position, limit), aside)

    def apply(
        self, log: LogReader, envelopes: list[Envelope], aside: str = "", *, own: bool = False
    ) -> None:
        """Fold the next envelopes; the tables then show them.

        Args:
            log: It holds the envelopes.
            aside: See `take_batch`.
            own: Whether the envelopes are about to be recorded here: then refuse to skip any.

        Raises:
            MalformedError: An `own` envelope is not well-formed.
            ProjectionError: See `take_batch`.
        """
        if not envelopes:
            return
        fold_one = fold.apply  # looked up once: this loop is what a rebuild waits for
        # The log's transaction may be open around this one, but the full map is this build's.
        with self.build.environment.answering():
            for envelope in envelopes:
                if self._include is None or self._include(envelope):
                    if aside:
                        fold.set_aside(self.tables, envelope, aside)
                    else:
                        fold_one(self.tables, envelope, own=own)
                    self.last_included = envelope.position
            try:
                fold.split_runs(self.tables, log)
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
        """Write the checkpoint if it moved; returns whether it moved."""
        if self._checkpoint == self._found:
            return False
        value = msgspec.msgpack.encode(self._checkpoint)
        self.tables.rows.put("meta", b"checkpoint", value)
        return True


def _synced(folder: Path) -> int | None:
    """The last synced transaction, by `clean`; None if there were others since."""
    try:
        number = int((folder / "clean").read_bytes())
    except (OSError, ValueError):
        return None
    return number if number >= 0 else None


def matches(checkpoint: Checkpoint, log: LogReader) -> bool:
    """Whether the log still holds the history that was folded, up to the checkpoint."""
    if not checkpoint.position:
        return True
    if checkpoint.rewrites != log.rewrites():
        return False
    envelope = log.get(checkpoint.position)
    return envelope is not None and envelope.leaf_hash == checkpoint.leaf


def checkpoint_of(rows: Rows) -> Checkpoint:
    """The checkpoint of a build, from its rows."""
    value = rows.get("meta", b"checkpoint")
    return Checkpoint() if value is None else msgspec.msgpack.decode(value, type=Checkpoint)
