"""Trees of runs: the runs of an experiment under their parents, of any number.

A tree keeps the id and the depth of each run, some hundred bytes. Records are made a page at a
time while somebody walks the tree, each page in a transaction of its own.
"""

from array import array
from collections.abc import Iterator, Sequence
from sys import maxsize

from eventtrack import collector
from eventtrack.projections.state import ExperimentState
from eventtrack.tags import FORKED_TAG, PARENT_TAG
from eventtrack.views.context import ReadContext
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import Run, ViewType
from eventtrack.views.search.runs import RunSearch

# A run may have thousands of metrics: few of them are held at once.
_PAGE = 250


class RunTree:
    """The active runs of an experiment, each with its depth, as a tree read downwards.

    Roots come newest first; each is followed by the runs nested in it, oldest first. It is the tree
    of the moment when it was asked for; runs are shown as they are when the walk comes to them.

    Attributes:
        depths: Of each run; roots have 0.
        forks: For each run, whether it is a fork.
    """

    def __init__(self, context: ReadContext, experiment_id: str) -> None:
        self._context = context
        self._ids: list[str] = []
        self.depths: Sequence[int] = array("I")
        self.forks: Sequence[bool] = ()
        with context.entities() as entities, collector.paused():
            experiment = entities.experiment_state(experiment_id)
            if experiment is not None:
                self._grow(entities, experiment)

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[tuple[Run, int]]:
        for first in range(0, len(self._ids), _PAGE):
            with self._context.entities() as entities:
                states = map(entities.reader.run, self._ids[first : first + _PAGE])
                runs = [entities.run(state) for state in states if state is not None]
            yield from zip(runs, self.depths[first : first + _PAGE], strict=True)

    def _grow(self, entities: EntityReader, experiment: ExperimentState) -> None:
        search = RunSearch(entities.reader, [experiment], entities.artifact_uri)
        numbers = search.numbers(None, ViewType.ACTIVE_ONLY, (), 0, maxsize)
        ids: list[str] = []
        parents: list[str | None] = []
        forks = bytearray()
        for number in numbers:
            state = entities.reader.run_by_number(int.from_bytes(number, "big"))
            assert state is not None, "the index names a run that is not there"
            ids.append(state.run_id)
            parent, forked = (state.tags.get(key, (None,))[0] for key in (PARENT_TAG, FORKED_TAG))
            parents.append(parent)
            forks.append(forked is not None)
        places, self.depths = _downwards(ids, parents)
        self._ids = [ids[place] for place in places]
        self.forks = [bool(forks[place]) for place in places]


def _downwards(
    ids: Sequence[str], parents: Sequence[str | None]
) -> tuple["array[int]", "array[int]"]:
    """The places of runs, newest first, in the order of their tree, and their depths."""
    place_of = {run_id: place for place, run_id in enumerate(ids)}
    nested: dict[int | None, list[int]] = {}
    for place, parent in enumerate(parents):
        nested.setdefault(place_of.get(parent or ""), []).append(place)
    del place_of
    places, depths = array("I"), array("I")
    waiting = [(place, 0) for place in reversed(nested.pop(None, []))]
    shown = bytearray(len(ids))
    # Runs that claim to be their own ancestors have no root: the newest becomes the root.
    for newest in range(-1, len(ids)):
        if newest >= 0 and not shown[newest]:
            waiting.append((newest, 0))
        while waiting:
            place, depth = waiting.pop()
            if not shown[place]:
                shown[place] = True
                places.append(place)
                depths.append(depth)
                waiting.extend((child, depth + 1) for child in nested.pop(place, []))
    return places, depths
