"""Rows of files, of runs, models and traces alike."""

from eventtrack.events.types import ArtifactStored
from eventtrack.projections.state import ArtifactState, Stamp
from eventtrack.projections.tables import Tables


def take_file(
    tables: Tables, owner: int, path: str, file: ArtifactStored | None, stamp: Stamp
) -> None:
    """A file of a thing, named by its number, appears or is replaced; None takes it off the list.

    Of two files under one path the later counts, and of two of one event the greater hash. A row
    remembers that a file left, so that the order of arrival does not matter.
    """
    known = tables.artifact(owner, path)
    if file is None:
        if known is None or stamp > known.stamp:
            tables.put_artifact(owner, ArtifactState(path, 0, b"", None, stamp, deleted=True))
    elif known is None or (stamp, file.sha256) > (known.stamp, known.sha256):
        state = ArtifactState(file.path, file.size, file.sha256, file.place, stamp)
        tables.put_artifact(owner, state)
