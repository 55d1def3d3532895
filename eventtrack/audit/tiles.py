"""A feed as static files, for other tools to compute proofs with (c2sp.org/tlog-tiles)."""

import os
from collections.abc import Callable
from pathlib import Path

from eventtrack.audit.checkpoints import Checkpoint
from eventtrack.audit.notes import Note
from eventtrack.events.envelope import Envelope
from eventtrack.log.merkle import MerkleTree

WIDTH = 256
_LENGTH_BYTES = 2

Progress = Callable[[int, int], None]


def export_tiles(
    folder: Path,
    note: Note,
    tree: MerkleTree,
    envelopes: Callable[[int, int], list[Envelope]],
    progress: Progress | None = None,
) -> int:
    """Write the missing tiles and entries, then the signed head; returns files written.

    Args:
        envelopes: Reads the feed's envelopes `[start, stop)`.
    """
    size = Checkpoint.of(note).size
    written = 0
    level, count = 0, size
    while count:
        width = WIDTH**level
        for number in range(-(-count // WIDTH)):
            first, stop = number * WIDTH, min((number + 1) * WIDTH, count)
            path = folder / "tile" / str(level) / _name(number, stop - first)
            if not path.exists():
                hashes = [tree.node(n * width, (n + 1) * width) for n in range(first, stop)]
                written += _write(path, b"".join(hashes))
            if level == 0:
                written += _write_entries(folder, number, stop - first, envelopes)
                if progress is not None:
                    progress(stop, size)
        level, count = level + 1, count // WIDTH
    return written + _write(folder / "checkpoint", str(note).encode())


def _write_entries(
    folder: Path, number: int, width: int, envelopes: Callable[[int, int], list[Envelope]]
) -> int:
    path = folder / "tile" / "entries" / _name(number, width)
    if path.exists():
        return 0
    first = number * WIDTH
    headers = [envelope.header_bytes for envelope in envelopes(first, first + width)]
    lengths = (len(header).to_bytes(_LENGTH_BYTES, "big") for header in headers)
    return _write(
        path, b"".join(length + header for length, header in zip(lengths, headers, strict=True))
    )


def _name(number: int, width: int) -> Path:
    """`x001/x234/067` for 1234067, with `.p/WIDTH` for a tile that is not full."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03d}")
    name = "/".join(reversed(parts))
    return Path(name) if width == WIDTH else Path(f"{name}.p") / str(width)


def _write(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)
    return 1
