"""The names of files inside a store, as URIs spell them.

runs/<run_id>/artifacts/<path>        a file of a run
models/<model_id>/artifacts/<path>    a file of a logged model
traces/<trace_id>/artifacts/<path>    a file of a trace
"""

from typing import NamedTuple

from eventtrack.compat.owners import owner_of
from eventtrack.store import Store
from eventtrack.store.artifacts import Artifacts


class Place(NamedTuple):
    """The owner of a file, and the file's path ("" for all files of the owner)."""

    kind: str
    owner: str
    path: str

    def files(self, store: Store) -> Artifacts:
        """The keeper of files for owners of this kind."""
        if self.kind == "traces":
            return store.traces.artifacts
        return store.artifacts if self.kind == "runs" else store.models.artifacts


def place(inside: str) -> Place | None:
    """The place that a path below the store's folder names; None if it names nobody's files."""
    owner_and_path = owner_of(inside)
    return None if owner_and_path is None else Place(*owner_and_path)
