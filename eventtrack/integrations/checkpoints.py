"""Checkpoints of a run by reference: their bytes stay where the framework wrote them.

A checkpoint is large, and the framework deletes it when a better one comes. So a run keeps a
description of each, as the file `checkpoints/NAME.json`:

    {"path": "/data/lightning/epoch=1.ckpt", "host": "node-7", "step": 200, "score": 0.25,
     "files": [{"path": "", "bytes": 1048576, "sha256": "9f86..."}]}

A path in `files` is relative to `path`, and empty where the checkpoint is a single file. The hashes
tell whether a file that is found later is the one that the run wrote.
"""

import hashlib
import socket
from pathlib import Path
from typing import Any

FOLDER = "checkpoints"


def described(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """The description of a checkpoint, which is a file or a folder; reads it for its hashes.

    Args:
        path: The checkpoint.
        facts: Its step, its score and so on, whatever the framework knows.

    Raises:
        OSError: The checkpoint cannot be read.
    """
    place = path.absolute()
    files = (
        sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    )
    return {
        "path": str(place),
        "host": socket.gethostname(),
        **facts,
        "files": [_file(file, place) for file in files],
    }


def written_ns(path: Path) -> int | None:
    """The time at which a checkpoint was written, in nanoseconds since 1970; None if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _file(file: Path, place: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    name = "" if file == place else file.relative_to(place).as_posix()
    return {"path": name, "bytes": file.stat().st_size, "sha256": digest}
