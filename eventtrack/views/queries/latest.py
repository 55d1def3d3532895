"""The runs of all experiments that run now, and those that ended lately."""

from collections.abc import Sequence

from eventtrack.projections.state import RunState
from eventtrack.views.context import ReadContext
from eventtrack.views.entities import EntityReader
from eventtrack.views.filters.trees import Comparison, Field, OrderTerm
from eventtrack.views.records import LifecycleStage, Record, RunInfo, RunStatus, ViewType
from eventtrack.views.search.runs import RunSearch

_STATUS = Field("attribute", "status")
_RUNNING = Comparison(_STATUS, "=", RunStatus.RUNNING)
_LAST_ENDED = (OrderTerm(Field("attribute", "end_time"), False),)
# Deleted runs are passed over; no more runs than this many times the limit are looked at.
_LOOKED_AT = 4


class LatestRuns(Record):
    """Runs of all experiments, without deleted ones.

    Args:
        running: The runs with the status RUNNING, the last started first.
        running_total: The number of all of them, deleted ones included.
        died: The runs that failed or were killed, the last ended first.
        ended: The runs that ended, whatever their status, the last ended first.
    """

    running: list[RunInfo]
    running_total: int
    died: list[RunInfo]
    ended: list[RunInfo]


class Latest:
    """The runs of a store that a person who comes back wants to see first."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def running(self, limit: int) -> list[RunInfo]:
        """The runs with the status RUNNING, the last started first, at most `limit`."""
        with self._context.entities() as entities:
            states = [state for state in entities.reader.experiments() if state.exists]
            search = RunSearch(entities.reader, states, entities.artifact_uri)
            runs = search.find(_RUNNING, ViewType.ALL, (), 0, limit * _LOOKED_AT)
            return _active(entities, runs, limit)

    def runs(self, limit: int = 12, *, running_limit: int | None = None) -> LatestRuns:
        """The latest runs of all experiments, at most `limit` of each kind.

        `running_limit` is the limit of those that run, if it is another one.

        Costs a walk over the index entries of running and of failed runs, and decodes only the
        runs that it answers with.
        """
        died = Comparison(_STATUS, "IN", (RunStatus.FAILED, RunStatus.KILLED))
        most = limit * _LOOKED_AT
        with self._context.entities() as entities:
            reader = entities.reader
            states = [state for state in reader.experiments() if state.exists]
            search = RunSearch(reader, states, entities.artifact_uri)
            running_limit = limit if running_limit is None else running_limit
            running = search.find(_RUNNING, ViewType.ALL, (), 0, running_limit * _LOOKED_AT)
            ended = search.find(None, ViewType.ALL, _LAST_ENDED, 0, most)
            return LatestRuns(
                running=_active(entities, running, running_limit),
                running_total=search.count(_RUNNING, ViewType.ALL),
                died=_active(
                    entities, search.find(died, ViewType.ALL, _LAST_ENDED, 0, most), limit
                ),
                ended=_active(
                    entities, [state for state in ended if state.end_ms[0] is not None], limit
                ),
            )


def _active(entities: EntityReader, states: Sequence[RunState], limit: int) -> list[RunInfo]:
    """The first runs that are not deleted."""
    active = (state for state in states if entities.lifecycle(state) == LifecycleStage.ACTIVE)
    return [entities.run_info(state) for state, _ in zip(active, range(limit), strict=False)]
