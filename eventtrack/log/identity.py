"""The replica id: names the feed that a copy of a log writes. No two copies share an id."""

from pathlib import Path

from eventtrack.ids import IdSource
from eventtrack.log.again import run_again
from eventtrack.log.environment import Environment
from eventtrack.log.filesystem import file_identity, sync_folder


def settle(environment: Environment, ids: IdSource, file: Path) -> None:
    """Give this copy a new replica id if the log is new or was copied here."""
    home, inode, meta = file_identity(file), file.stat().st_ino, environment.tables["meta"]
    with environment.read() as txn:
        if txn.get(b"home", db=meta) == home:
            return

    def work() -> None:
        with environment.write() as txn:
            noted_home = txn.get(b"home", db=meta)
            # Before 0.1.0 only the inode was noted.
            if noted_home not in (home, str(inode).encode()):
                txn.put(b"replica", ids.id128(), db=meta)
            txn.put(b"home", home, db=meta)

    run_again(work)
    sync_folder(file.parent)  # the file may have been made just now
