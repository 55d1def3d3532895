"""Files outside of a store, in the folder that an experiment was given on this machine.

An event names such a file by its whole path, its *place*. Any machine may have written the event.
So a place is opened only if, after all links are followed, it lies below the folder that this store
gave (`locations.py`), and is a regular file of the logged size and hash.
"""

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from eventtrack.errors import ChecksumError, InvalidValueError, NotFoundError
from eventtrack.folders import resolve_path
from eventtrack.lazy import lazy
from eventtrack.locations import is_local
from eventtrack.views.entities import EntityReader

if TYPE_CHECKING:
    import hashlib
else:
    hashlib = lazy("hashlib")  # loads OpenSSL

_COPY_BYTES = 2**20
# The scheme of URIs by which a server is asked for files; it keeps them in the store.
BY_PROXY = "mlflow-artifacts:"
_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.EINVAL)
_RESTORE = "run `eventtrack check`; restore the file from a copy"


class Place(NamedTuple):
    """The place for files of a run or a model; `root` is None for the store's own blobs."""

    number: int
    root: Path | None


def outside_root(entities: EntityReader, experiment_id: str, uri: str) -> Path | None:
    """The folder that `uri` names if the experiment has a location of its own, else None.

    Raises:
        InvalidValueError: This eventtrack cannot write there, or the URI leads out of the location.
    """
    location = entities.location(experiment_id)
    if location is None or location.startswith(BY_PROXY):
        return None
    root = resolve_path(uri)
    if is_local(location) and not root.is_relative_to(resolve_path(location)):
        raise InvalidValueError(
            f"cannot keep files in {root}: it lies outside of {location}, the artifact location of "
            f"experiment {experiment_id}",
            hint="remove the link there, or log to another experiment",
        )
    return root


def open_place(entities: EntityReader, experiment_id: str, place: str, size: int) -> BufferedReader:
    """A file that an event names by its path; its hash is still to be checked.

    Raises:
        NotFoundError: The file is not below the folder that the experiment was given here, is not
            there, or is no regular file.
        ChecksumError: The file has another size.
    """
    folder = entities.folder(experiment_id)
    path = Path(os.path.realpath(place)) if "\0" not in place else None
    if folder is None or path is None or not path.is_relative_to(resolve_path(folder)):
        raise NotFoundError(
            f"{place!r} lies outside of every folder that this store gave to experiment "
            f"{experiment_id}",
            hint="get the file from the machine that logged it",
        )
    return open_regular(path, size)


def open_regular(path: Path, size: int | None = None) -> BufferedReader:
    """A regular file, open for reading. Never waits, as it would for a FIFO, and follows no link.

    Raises:
        NotFoundError: There is no such file, or the path is no regular file.
        ChecksumError: The file has another size than `size`.
    """
    try:
        # The type is checked first: opening a device may already do something.
        regular = stat.S_ISREG(os.lstat(path).st_mode)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(path, flags) if regular else -1
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        raise NotFoundError(f"there is no file {path}", hint="get it from a copy") from error
    if descriptor < 0:
        raise NotFoundError(f"{path} is no regular file", hint="put the file back from a copy")
    file = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or size not in (None, status.st_size):
        file.close()
        raise ChecksumError(
            f"{path} has {status.st_size} bytes, but {size} were logged", hint=_RESTORE
        )
    return file


def check(file: BufferedReader, digest: bytes, what: str) -> None:
    """Check the hash of an open file, and go back to its beginning.

    Raises:
        ChecksumError: Its bytes have another hash.
    """
    if hashlib.file_digest(file, "sha256").digest() != digest:
        file.close()
        raise not_as_logged(what)
    file.seek(0)


def checked(file: BufferedReader, digest: bytes, what: str) -> Iterator[bytes]:
    """A file's bytes in pieces. A reader must throw them away if this raises at the end.

    Raises:
        ChecksumError: After the last piece: the bytes have another hash.
    """
    hasher = hashlib.sha256()
    with file:
        while chunk := file.read(_COPY_BYTES):
            hasher.update(chunk)
            yield chunk
    if hasher.digest() != digest:
        raise not_as_logged(what)


def not_as_logged(what: str) -> ChecksumError:
    """The error for bytes that have another hash than the log says."""
    return ChecksumError(f"{what} is not what was logged", hint=_RESTORE)
