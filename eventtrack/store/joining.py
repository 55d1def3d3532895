"""The run that `eventtrack run` began, which the first run of a program joins.

The command's environment names the run. If the command line named no experiment, the program's
choice decides, as with its own `set_experiment`: the run moves there.
"""

import importlib
import os
from collections.abc import Sequence
from typing import Protocol

from eventtrack.errors import EventtrackError, NotFoundError
from eventtrack.views.records import LifecycleStage, Run

# Removed when the run is joined: what the program starts later, here or in other processes, is new.
RUN_VARIABLE = "EVENTTRACK_RUN_ID"
# The experiment that the run began in; not set if the command line named it.
EXPERIMENT_VARIABLE = "EVENTTRACK_RUN_EXPERIMENT"


class _Runs(Protocol):
    def get(self, run_id: str) -> Run:
        """A run."""
        ...


class _Corrections(Protocol):
    def move(self, run_ids: Sequence[str], experiment_id: str) -> list[str]:
        """Move runs."""
        ...


class HasRuns(Protocol):
    """A store in a folder, or behind a server."""

    @property
    def runs(self) -> _Runs:
        """Its runs."""
        ...

    @property
    def corrections(self) -> _Corrections:
        """Moves of its runs."""
        ...


def environment(run_id: str, movable_from: str | None) -> dict[str, str | None]:
    """The variables to set for a command; None removes a variable.

    Args:
        run_id: The run that was begun for it.
        movable_from: The experiment of the run, if the program may choose another.
    """
    return {RUN_VARIABLE: run_id, EXPERIMENT_VARIABLE: movable_from}


def join_begun_run(store: HasRuns, experiment_id: str | None) -> str | None:
    """The run that was begun for this program, once; None if there is none in this store.

    Args:
        experiment_id: The experiment that the program chose for its run; None means no choice.
    """
    run_id = os.environ.get(RUN_VARIABLE)
    if not run_id:
        return None
    try:
        info = store.runs.get(run_id).info
    except NotFoundError:
        return None  # the program logs to another store
    if info.lifecycle_stage == LifecycleStage.DELETED or not os.environ.pop(RUN_VARIABLE, None):
        return None
    present = info.experiment_id
    # If another process of the command, or a person, has moved the run, that choice stands.
    is_movable = os.environ.get(EXPERIMENT_VARIABLE) == present
    if experiment_id not in (None, present) and is_movable:
        try:
            store.corrections.move([run_id], str(experiment_id))
        except EventtrackError as error:
            log = importlib.import_module("logging").getLogger("eventtrack")
            log.warning("eventtrack: run %s stays in its experiment: %s", run_id, error.message)
    return run_id
