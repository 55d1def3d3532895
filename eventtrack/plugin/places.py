"""The names of files inside a store, as URIs spell them.

runs/<run_id>/artifacts/<path>        a file of a run
models/<model_id>/artifacts/<path>    a file of a logged model
traces/<trace_id>/artifacts/<path>    a file of a trace
"""

from typing import NamedTuple

from eventtrack.store import Store
from eventtrack.store.artifacts import Artifacts

_KINDS = ("runs", "models", "traces")


class Place(NamedTuple):
    """Whose file it is, and under which path ("" for all of them)."""

    kind: str
    owner: str
    path: str

    def files(self, store: Store) -> Artifacts:
        """What keeps the files of owners of this kind."""
        if self.kind == "traces":
            return store.traces.artifacts
        return store.artifacts if self.kind == "runs" else store.models.artifacts


def place(inside: str) -> Place | None:
    """What a path below the store's folder names; None for a path that names nobody's files."""
    parts = [part for part in inside.split("/") if part]
    if len(parts) < 3 or parts[0] not in _KINDS or parts[2] != "artifacts":
        return None
    return Place(parts[0], parts[1], "/".join(parts[3:]))
