"""Counts of runs that the fold keeps for each experiment, and the runs with disputed facts.

Lists and tables show such counts for every experiment: without them each would walk the index.

- `run_counts`: `experiment number (u32)` -> three numbers (u64): the runs, those that are deleted
  by themselves, and those that run and are not deleted.
- `disputed`: `run number (u32)` of each run with a param that machines claimed differently.
"""

import struct
from typing import NamedTuple

from eventtrack.projections import index
from eventtrack.projections.index import FieldName
from eventtrack.projections.rows import Rows, Writer
from eventtrack.projections.state import RunState

TABLE, DISPUTED = "run_counts", "disputed"
_ROW = struct.Struct(">3Q")
_STATUS, _STAGE = (index.ATTRIBUTE, "status"), (index.ATTRIBUTE, "lifecycle_stage")
_RUNNING, _DELETED = (index.encode_text("RUNNING"),), (index.encode_text("deleted"),)


class RunCounts(NamedTuple):
    """The number of runs of an experiment, of deleted runs, and of active ones that run."""

    runs: int = 0
    deleted: int = 0
    running: int = 0


def of_experiment(rows: Rows, number: int) -> RunCounts | None:
    """The counts of an experiment; None if they are not kept, as at a moment."""
    value = rows.get(TABLE, number.to_bytes(4, "big"))
    return None if value is None else RunCounts(*_ROW.unpack(value))


class NewCounts:
    """Changes of counts within one write transaction of a fold."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._changes: dict[str, list[int]] = {}  # by experiment: what is added to each count

    def note(
        self, run: RunState, left: str, before: dict[FieldName, tuple[bytes, ...]] | None
    ) -> None:
        """Count a run that changed.

        Args:
            left: The experiment that it was in.
            before: The old index values of its changed fields; None if it was not counted before.
        """
        is_running, is_deleted = run.status[0] == "RUNNING", run.lifecycle[0] == "deleted"
        if before is not None:
            was_running = before[_STATUS] == _RUNNING if _STATUS in before else is_running
            was_deleted = before[_STAGE] == _DELETED if _STAGE in before else is_deleted
            if (was_running, was_deleted, left) == (is_running, is_deleted, run.experiment):
                return
            self._add(left, -1, running=was_running, deleted=was_deleted)
        self._add(run.experiment, 1, running=is_running, deleted=is_deleted)

    def note_disputes(self, run: RunState) -> None:
        """Note whether a param of a run is disputed."""
        if any(len(param.claims) > 1 for param in run.params.values()):
            key = run.number.to_bytes(4, "big")
            if any(param.conflicts() for param in run.params.values()):
                self._writer.rows.put(DISPUTED, key, b"")
            else:
                self._writer.rows.delete(DISPUTED, key)

    def flush(self) -> None:
        """Write the changed counts."""
        for experiment, changes in self._changes.items():
            number = self._writer.stream_number("experiment/" + experiment)
            known = of_experiment(self._writer.rows, number) or RunCounts()
            counts = [count + change for count, change in zip(known, changes, strict=True)]
            self._writer.rows.put(TABLE, number.to_bytes(4, "big"), _ROW.pack(*counts))
        self._changes.clear()

    def _add(self, experiment: str, sign: int, *, running: bool, deleted: bool) -> None:
        changes = self._changes.setdefault(experiment, [0, 0, 0])
        changes[0] += sign
        if deleted:
            changes[1] += sign
        elif running:
            changes[2] += sign
