"""Backups: a folder with all that a live store holds, and again only with what is new."""

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
    """What a backup holds now, and what of it was new.

    `heads` are the sizes of all feeds, by replica in hex, that it held when it began: all of them
    are in it. `envelopes`, `artifacts` and `bytes` are what this call copied.
    """

    made_ms: int
    heads: dict[str, int]
    envelopes: int = 0
    artifacts: int = 0
    bytes: int = 0
    artifacts_missing: int = 0


def back_up(store: Store, folder: Path, progress: Progress | None = None) -> BackupReport:
    """Copy what a store holds and a backup in `folder` lacks; others may write meanwhile.

    Everything that is in the log when this begins, and all of this process, is in the backup,
    durably, when it returns. (Points reach the log within a fraction of a second.) The folder is a
    remote that keeps bytes: what is in it is never changed, and a call that was stopped leaves what
    was there before, and some of what is new. Only the file `BACKUP.json`, written last, says that
    a backup is whole, and as of when.

    The names of remotes and the hashes of tokens come along; private keys do not.

    Raises:
        InvalidValueError: The folder is the store, lies in it, or is another store.
        DiskFullError: The backup is as it was, with some of what is new.
        CorruptionError: The store is damaged: what is whole of it was copied.
    """
    folder = folder.expanduser().absolute()
    target, own = folder.resolve(), store.path.resolve()
    if target == own or own in target.parents or (folder / "FORMAT").exists():
        raise InvalidValueError(
            f"cannot keep a backup in {folder}: it is a store's own folder",
            hint="name a folder on another disk, for example /mnt/backup/runs",
        )
    store.catch_up()  # takes in what processes left that have died
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
