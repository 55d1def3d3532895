"""The log's questions to the file system and the machine: locality, identity, boot, errors."""

import errno
import fcntl
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from eventtrack.errors import (
    DiskFullError,
    EventtrackError,
    StoreError,
    StoreMissingError,
    StoreReadOnlyError,
    UnsuitableFileSystemError,
)

Work = TypeVar("Work", bound=Callable[..., Any])

# File systems whose mmap and locks do not hold between machines (LMDB manual, "Caveats").
_NETWORK_FILE_SYSTEM_NAMES = """
    nfs nfs4 cifs smb3 smbfs 9p afs ceph lustre gpfs beegfs beegfs_nodev glusterfs fuse.sshfs
    fuse.glusterfs fuse.s3fs fuse.gcsfuse fuse.rclone fuse.ceph fuse.juicefs davfs ncpfs
"""
_NETWORK_FILE_SYSTEMS = frozenset(_NETWORK_FILE_SYSTEM_NAMES.split())
_MOUNTS = Path("/proc/self/mounts")
_FS_IOC_GETVERSION = 0x80087601  # linux/fs.h, of a 64-bit machine; others answer with an error
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def refuse_network_file_system(path: Path) -> None:
    """Refuse a folder on a network file system, where memory maps and locks cannot be trusted.

    Only Linux names file systems (in /proc); on other systems nothing is refused.

    Raises:
        UnsuitableFileSystemError: The folder is on one; the hint names the way out.
    """
    kind = file_system_kind(path)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise UnsuitableFileSystemError(
            f"cannot keep a store at {path}: it lies on a network file system ({kind}), "
            "where a memory-mapped log can be damaged by two machines",
            hint="choose a folder on this machine's own disk, for example with "
            "set_tracking_uri('/tmp/runs') or EVENTTRACK_URI, and copy it when the run is over",
        )


def file_system_kind(path: Path) -> str:
    """The type of the file system under `path`, as mount(8) names it; "" when unknown."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def file_identity(path: Path) -> bytes:
    """A name of a file that survives a move and a remount, and that no copy of the file shares.

    It joins three numbers: the inode; the inode's generation, random on most file systems, because
    a copy on another disk can have the same inode; and the id of the file system, because a
    snapshot has the same inode and generation.
    """
    status = path.stat()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        generation = fcntl.ioctl(descriptor, _FS_IOC_GETVERSION, bytes(8))[:4].hex()
        system = os.fstatvfs(descriptor).f_fsid
    except OSError:
        # A file system in memory, say, has no generations. Its device number lasts as long as it.
        generation, system = "", status.st_dev
    finally:
        os.close(descriptor)
    # Some file systems use the device number as their id, and it changes from mount to mount.
    if generation and system == status.st_dev:
        system = 0
    return f"{status.st_ino}.{generation}.{system:x}".encode()


def boot_id() -> str:
    """The name of the machine's current boot; "" if the system does not say.

    Data written without a sync is lost only when the machine itself crashes, and such a crash
    changes this name.
    """
    try:
        return _BOOT_ID.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def translate_os_error(error: OSError, doing: str) -> EventtrackError:
    """Our error for an `OSError`, with a hint that says what to do about it.

    Args:
        doing: The act that failed and its object, in words that follow "cannot".
    """
    why = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    if error.errno == errno.EFBIG:
        return DiskFullError(
            f"cannot {doing}: a file would be larger than this process may write",
            hint="allow more with `ulimit -f`, then try again; what was recorded before is intact",
        )
    if error.errno == errno.ENOMEM:
        return StoreError(
            f"cannot {doing}: this process may map no more memory",
            hint="a store maps its files, which takes addresses and no memory: allow 4 GB and four "
            "times the store's size with `ulimit -v` (batch systems may call it `vmem`)",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"cannot {doing}: the disk is full",
            hint="free some space, then try again; what was recorded before is intact",
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnlyError(
            f"cannot {doing}: {why}",
            hint="check the owner and permissions of the folder, or choose another one",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENODEV, errno.ENXIO):
        return StoreMissingError(
            f"cannot {doing}: {why}",
            hint="was it moved, deleted or unmounted? Put it back, then open the store again",
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StoreError(
            f"cannot {doing}: too many files are open",
            hint="close some stores or files, or allow more with `ulimit -n`; then try again",
        )
    if error.errno == errno.EIO:
        return StoreError(
            f"cannot {doing}: the disk fails to read or write ({why})",
            hint="look at the system's log (`dmesg`); copy the store to another disk, then run "
            "`eventtrack check` on the copy",
        )
    return StoreError(f"cannot {doing}: {why}", hint="mend that, then try again")


def translating(doing: str) -> Callable[[Work], Work]:
    """A decorator that turns errors of the system into ours; see `translate_os_error`."""

    def decorate(work: Work) -> Work:
        @wraps(work)
        def translated(*arguments: Any, **options: Any) -> Any:
            try:
                return work(*arguments, **options)
            except OSError as error:
                raise translate_os_error(error, doing) from error

        return cast("Work", translated)

    return decorate


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable (fsync of the folder itself)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
