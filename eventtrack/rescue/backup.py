"""Backups: a folder with everything that a live store holds. Later backups copy only new data."""

from pathlib import Path

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.log.durable import replace_file
from eventtrack.log.filesystem import translate_os_error
from eventtrack.store import Store
from eventtrack.sync import Progress, Ways, synchronize
from eventtrack.sync.remotes import REMOTES_FILE
from eventtrack.tokens import TOKENS_FILE
from eventtrack.views.records import Record

NOTE = "BACKUP.json"
_PUSH = Ways(pull=False)


class BackupReport(Record):
    """The contents of a backup, and the new part of it.

    `heads` are the sizes of all feeds of the store when the backup began, by replica in hex; the
    backup holds all of these envelopes. `envelopes`, `artifacts` and `bytes` count the new part,
    copied by this call.
    """

    made_ms: int
    heads: dict[str, int]
    envelopes: int = 0
    artifacts: int = 0
    bytes: int = 0
    artifacts_missing: int = 0


def back_up(store: Store, folder: Path, progress: Progress | None = None) -> BackupReport:
    """Copy everything that a store holds and the backup in `folder` lacks.

    Others may write meanwhile. On return, the backup durably holds everything that was in the log
    at the start, and everything that processes of this machine logged before the call. The folder
    is a remote that keeps bytes: nothing in it is ever changed. A call that is stopped leaves the
    earlier contents and some of the new. Only the file `BACKUP.json`, written last, says that a
    backup is whole, and
    as of when.

    The names of remotes and the hashes of tokens are copied too; private keys are not.

    Raises:
        InvalidValueError: The folder is the store, lies in it, or is another store.
        DiskFullError: The backup is as it was, with a part of the new data.
        CorruptionError: The store is damaged: its whole parts were copied.
    """
    folder = folder.expanduser().absolute()
    target, own = folder.resolve(), store.path.resolve()
    if target == own or own in target.parents or (folder / "FORMAT").exists():
        raise InvalidValueError(
            f"cannot keep a backup in {folder}: it is a store's own folder",
            hint="name a folder on another disk, for example /mnt/backup/runs",
        )
    store.catch_up()  # takes in the journals of processes that have died
    store.gather()
    heads = {feed.hex(): head.size for feed, head in store.replication.heads().items()}
    made_ms = store.replication.now_ms()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate_os_error(error, f"make {folder.parent}") from error
    moved = synchronize(store, str(folder), _PUSH, progress).pushed
    report = BackupReport(
        made_ms=made_ms,
        heads=heads,
        envelopes=moved.envelopes,
        artifacts=moved.artifacts,
        bytes=moved.bytes + moved.artifact_bytes,
        artifacts_missing=moved.artifacts_missing,
    )
    note = {"made_ms": made_ms, "heads": heads}
    try:
        for file in (store.path / TOKENS_FILE, store.replication.folder / REMOTES_FILE):
            if file.exists():
                replace_file(folder / file.name, file.read_bytes())
        replace_file(folder / NOTE, msgspec.json.format(msgspec.json.encode(note)))
    except OSError as error:
        raise translate_os_error(error, f"write {folder}") from error
    return report
