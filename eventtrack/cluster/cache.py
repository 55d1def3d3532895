"""The folder of a server of a cluster: a store that holds nothing which the shared log lacks.

So it may be deleted, and it is written without waiting for the disk. After a power cut the pages of
its files may be torn; so a file `cache.json` says in which run of the machine they were written,
and whether they were closed. A folder of another run that was not closed is filled anew.
"""

import shutil
from pathlib import Path

import msgspec

from eventtrack.cluster.member import Member
from eventtrack.errors import ConflictError, InvalidValueError
from eventtrack.log import files
from eventtrack.log.durable import rewrite_in_turn
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import Store
from eventtrack.store.shared_blobs import SharedBlobs

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Note(msgspec.Struct, frozen=True):
    """`cache.json`: the log's id and address, and the machine's run; `run` is "" once closed."""

    log: str
    url: str
    run: str


class Cache:
    """An open cache: the store, and the member that keeps it.

    Args:
        folder: Made if it is missing.
        blobs: The artifacts that the servers share.

    Raises:
        InvalidValueError: The folder is a store of its own.
        ConflictError: It is a cache of another log.
    """

    def __init__(
        self, log: SharedLog, folder: Path, *, source: str, blobs: SharedBlobs | None = None
    ) -> None:
        self._file = folder / files.CACHE
        note = self._read(log, folder)
        run = _run_of_machine()
        if note is not None and note.run not in ("", run):
            _empty(folder)
        self._note = _Note(log.description.id, log.url, run)
        self._write(self._note)
        files.prepare(folder, create=True)
        self.member = Member(log)
        self.store = Store(
            folder, source=source, create=False, publisher=self.member, shared_blobs=blobs
        )
        self.member.join(self.store.replication)

    def close(self) -> None:
        """Bring everything to the disk, and let go of all files."""
        self.store.sync()
        self.store.close()
        self._write(msgspec.structs.replace(self._note, run=""))

    def _read(self, log: SharedLog, folder: Path) -> _Note | None:
        try:
            note = msgspec.json.decode(self._file.read_bytes(), type=_Note)
        except FileNotFoundError:
            if files.is_store(folder):
                raise InvalidValueError(
                    f"cannot make {folder} a cache of {log.url}: it is a store of its own",
                    hint="name an empty folder with --store; `eventtrack cluster move` brings a "
                    "store into a cluster",
                ) from None
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            _empty(folder)  # torn by a power cut
            return None
        if note.log != log.description.id:
            raise ConflictError(
                f"{folder} is a cache of the log {note.log} at {note.url}, and {log.url} is the "
                f"log {log.description.id}",
                hint="name another folder with --store; or delete this one, which fills itself "
                "anew",
            )
        return note

    def _write(self, note: _Note) -> None:
        rewrite_in_turn(self._file, msgspec.json.encode(note))


def _run_of_machine() -> str:
    """The id of the time since this machine was started; "unknown" where there is none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def _empty(folder: Path) -> None:
    """Remove everything that may be torn. Artifacts were written durably, and have hashes."""
    for name in (files.LOG, files.VIEWS, files.JOURNAL):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / files.FORMAT).unlink(missing_ok=True)
