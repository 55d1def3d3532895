"""The journals of dead processes: claimed, read, and deleted once the log has their frames."""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import NamedTuple

from eventtrack.errors import ChecksumError
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.frames import MAGIC, OLD_MAGIC, PREAMBLE, scan, session_in


class Preamble(NamedTuple):
    """The beginning of a journal; `damage` describes its damage, "" for none."""

    journal_id: bytes
    session: bytes
    old: bool
    damage: str


class OrphanJournal:
    """The journal of a dead process. This process holds its lock for as long as it is open."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.data = b""
        with open(descriptor, "rb", closefd=False) as file:
            self.data = file.read()

    @classmethod
    def claim(cls, path: Path) -> "OrphanJournal | None":
        """Lock a journal whose owner is gone; None if a process holds it or has finished it."""
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

    def preamble(self) -> Preamble:
        """The journal's id, session and layout.

        If the beginning is damaged, the id comes from the file's name, the session from a frame.

        Raises:
            ChecksumError: The file is no journal.
        """
        named, old = id_of(self.path), self.data.startswith(OLD_MAGIC)
        if len(self.data) >= PREAMBLE.size:
            magic, journal_id, session = PREAMBLE.unpack_from(self.data)
            whole = scan(self.data, PREAMBLE.size, len(self.data), old=old).frames
            # A process that died before it wrote a frame has said its session only once.
            said = session if old or not whole else session_in(whole)
            name = named or journal_id
            if magic in (MAGIC, OLD_MAGIC) and (name, said) == (journal_id, session):
                return Preamble(name, session, old=old, damage="")
            if magic in (MAGIC, OLD_MAGIC) or (named is not None and whole):
                return Preamble(name, said or session, old=old, damage="its beginning is damaged")
        raise ChecksumError(
            f"{self.path} is not a journal", hint="move it away, then run `eventtrack check`"
        )

    def finish(self, *, damaged: bool) -> None:
        """Delete the journal, or set it aside if a part of it could not be read."""
        if damaged:
            self.path.rename(self.path.with_suffix(".damaged"))
        else:
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Unlock the journal and leave the file as it is."""
        os.close(self._descriptor)


def clear_drafts(folder: Path, older_than_s: float = 3600.0) -> None:
    """Remove unfinished journal files of processes that died while they made them."""
    for path in folder.iterdir():
        if path.suffix == ".new":
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > older_than_s:
                    path.unlink()


def id_of(path: Path) -> bytes | None:
    """The journal id in a file's name; None if the name is no id."""
    try:
        return bytes.fromhex(path.stem) if len(path.stem) == 32 else None
    except ValueError:
        return None
