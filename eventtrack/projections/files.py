"""The rows of files: runs, models and traces share them."""

from collections.abc import Iterator

import msgspec

from eventtrack.events.types import ArtifactStored
from eventtrack.projections.state import ArtifactState, Stamp
from eventtrack.projections.tables import Reader, Tables

_decode = msgspec.msgpack.Decoder(ArtifactState).decode


def all_files(reader: Reader) -> Iterator[tuple[int, ArtifactState]]:
    """Every file with the number of its run, model or trace, without deleted ones."""
    for key, value in reader.rows.scan("artifacts"):
        state = _decode(value)
        if not state.deleted:
            yield int.from_bytes(key[:4], "big"), state


def take_file(
    tables: Tables, owner: int, path: str, file: ArtifactStored | None, stamp: Stamp
) -> None:
    """Put a file under a path of a thing, or take it off the list (None).

    Of two files under one path the later counts; of two in one event, the greater hash. The row of
    a file that left stays, marked as deleted, so that the order of arrival does not matter.

    Args:
        owner: The local number of the thing.
    """
    known = tables.artifact(owner, path)
    if file is None:
        if known is None or stamp > known.stamp:
            tables.put_artifact(owner, ArtifactState(path, 0, b"", None, stamp, deleted=True))
    elif known is None or (stamp, file.sha256) > (known.stamp, known.sha256):
        state = ArtifactState(file.path, file.size, file.sha256, file.place, stamp)
        tables.put_artifact(owner, state)
