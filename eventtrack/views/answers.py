"""Answers about runs, kept until what they show changes.

Pages and programs that wait for results ask for the same runs again and again. An answer follows
from the row of its run and from two facts of its experiment. As long as these are what they were,
it need not be made anew: to read and compare the row costs a tenth of that.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

from eventtrack.projections.state import RunState
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import Metric, Run

# Makes an answer, from its arguments alone.
Make = Callable[[Run, list[Metric]], bytes]
# The rows and answers that are kept have so many bytes together.
BYTES_MAX = 4 * 2**20


class _Kept(NamedTuple):
    make: Make
    row: bytes
    experiment_id: str
    around: object
    answer: bytes


class KeptAnswers:
    """The answers about the runs that were asked for last. Safe from any thread."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}  # by the number of the run
        self._bytes = 0  # guarded by _lock
        self._lock = threading.Lock()

    def of(
        self,
        entities: EntityReader,
        number: bytes,
        state: Callable[[bytes], RunState],
        make: Make,
    ) -> bytes:
        """The answer about a run.

        Args:
            state: Gives the run of a number; asked only if there is no answer yet.
        """
        row = entities.reader.rows.get("runs", number)
        kept = self._kept.get(number)
        if (
            kept is not None
            and kept.row == row
            and kept.make is make
            and kept.around == _around(entities, kept.experiment_id)
        ):
            return kept.answer
        run = state(number)
        answer = make(*entities.run_with_latest(run))
        # The answers about other runs follow from more rows than this one.
        if row is not None and not (run.is_joined or run.wide or run.moves):
            around = _around(entities, run.experiment_id)
            self._keep(number, _Kept(make, row, run.experiment_id, around, answer))
        return answer

    def _keep(self, number: bytes, kept: _Kept) -> None:
        with self._lock:
            before = self._kept.get(number)
            self._bytes += _size(kept) - (0 if before is None else _size(before))
            if self._bytes > BYTES_MAX:
                self._kept.clear()
                self._bytes = _size(kept)
            self._kept[number] = kept


def _size(kept: _Kept) -> int:
    return len(kept.row) + len(kept.answer)


def _around(entities: EntityReader, experiment_id: str) -> object:
    """The facts of an experiment that the answers about its runs show."""
    experiment = entities.experiment_state(experiment_id)
    return experiment and experiment.lifecycle, entities.location(experiment_id)
