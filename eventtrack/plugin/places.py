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
    found = owner_of(inside)
    return None if found is None else Place(*found)
