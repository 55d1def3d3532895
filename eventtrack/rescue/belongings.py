"""Salvage of a store's files beside its log: artifacts, and small files not made of events."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from eventtrack.errors import EventtrackError
from eventtrack.log import files
from eventtrack.log.durable import create_file
from eventtrack.rescue.damaged import WINDOW_BYTES, DamagedFile
from eventtrack.rescue.report import SalvageReport
from eventtrack.store import Store
from eventtrack.sync import RemoteAddress, Remotes
from eventtrack.sync.remotes import REMOTES_FILE, decode_remotes
from eventtrack.tokens import TOKENS_FILE, Tokens

_DIGEST = re.compile(r"[0-9a-f]{64}")
# Neither file has more than some hundred bytes for each remote or token.
_SMALL_BYTES_MAX = 16 * 2**20


def take_blobs(old: Path, store: Store, report: SalvageReport) -> None:
    """Copy the artifacts whose bytes have the hash in their names."""
    blobs = store.replication.blobs
    for path in _blob_files(old / files.BLOBS):
        digest = bytes.fromhex(path.name)
        try:
            with DamagedFile(path) as file:
                size = file.size
                blobs.receive(digest, (file.read(at, WINDOW_BYTES) for at in _starts(size)))
        except EventtrackError as error:
            report.note(f"blob {path.name}: {error.message}")
            continue
        report.artifacts += 1


def take_files(old: Path, store: Store, report: SalvageReport) -> list[str]:
    """Copy the names of remotes, the tokens and the locations that were given to experiments.

    Returns the URLs of the remotes.

    Private keys stay behind: they sign feeds that the new store does not continue.
    """
    urls = []
    remotes = Remotes(store.replication)
    try:
        for address in _read_remotes(old):
            remotes.add(address.name, address.url, address.wanted)
            urls.append(address.url)
    except EventtrackError as error:
        report.note(f"the names of remotes: {error.message}")
    _take_locations(old, store, report)
    tokens = Tokens(old)
    try:
        if tokens.list():
            data = tokens.path.read_bytes()
            descriptor = os.open(store.path / TOKENS_FILE, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fsync(descriptor)
    except EventtrackError as error:
        report.note(error.message)
    return urls


def _take_locations(old: Path, store: Store, report: SalvageReport) -> None:
    """Copy the notes of folders outside of the store; those folders are still in their places."""
    for path in (old / files.LOCATIONS).glob("*"):
        if _DIGEST.fullmatch(path.name):
            try:
                with DamagedFile(path) as file:
                    data = file.read(0, _SMALL_BYTES_MAX)
                create_file(store.path / files.LOCATIONS / path.name, [data])
            except EventtrackError as error:
                report.note(f"the location {path.name}: {error.message}")


def _read_remotes(old: Path) -> list[RemoteAddress]:
    path = old / files.REMOTES / REMOTES_FILE
    if not path.exists():
        return []
    with DamagedFile(path) as file:
        return decode_remotes(file.read(0, _SMALL_BYTES_MAX), path)


def _blob_files(folder: Path) -> Iterator[Path]:
    """The files with the name and the place of an artifact."""
    for path in folder.glob("??/*"):
        if _DIGEST.fullmatch(path.name) and path.parent.name == path.name[:2]:
            yield path


def _starts(size: int) -> range:
    return range(0, size, WINDOW_BYTES)
