"""Whose feed a copy of a log writes: an id that no other copy has."""

from pathlib import Path

from eventtrack.ids import IdSource
from eventtrack.log.environment import Environment, run_growing
from eventtrack.log.filesystem import file_identity, sync_folder


def settle(environment: Environment, ids: IdSource, file: Path) -> None:
    """Give this copy a replica id: for a new log, and for one that was copied here."""
    home, inode, meta = file_identity(file), file.stat().st_ino, environment.tables["meta"]
    with environment.read() as txn:
        if txn.get(b"home", db=meta) == home:
            return

    def work() -> None:
        with environment.write() as txn:
            found = txn.get(b"home", db=meta)
            # Until 0.1.0 was out, the inode alone was written down.
            if found not in (home, str(inode).encode()):
                txn.put(b"replica", ids.id128(), db=meta)
            txn.put(b"home", home, db=meta)

    run_growing(work)
    sync_folder(file.parent)  # it may have been made just now
