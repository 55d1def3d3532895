"""The rows of files: runs, models and traces share them."""

from eventtrack.events.types import ArtifactStored
from eventtrack.projections.state import ArtifactState, Stamp
from eventtrack.projections.tables import Tables


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
