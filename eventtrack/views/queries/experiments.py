"""Experiments, read: by id, by name, searched."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from eventtrack import limits, validate
from eventtrack.errors import (
    InvalidValueError,
    NotFoundError,
)
from eventtrack.lazy import lazy
from eventtrack.projections.state import ExperimentState
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.entities import find_by_name
from eventtrack.views.records import Experiment, LifecycleStage, PagedList, ViewType

if TYPE_CHECKING:
    from eventtrack.views import paging
    from eventtrack.views.filters import trees
    from eventtrack.views.search import experiments as experiment_search
else:
    paging = lazy("eventtrack.views.paging")
    trees = lazy("eventtrack.views.filters.trees")
    experiment_search = lazy("eventtrack.views.search.experiments")


class ExperimentQueries:
    """Reads of the experiments of a store."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, experiment_id: str) -> Experiment:
        """An experiment by its id, even if it is deleted.

        Raises:
            NotFoundError: There is no such experiment.
        """
        with self._context.entities() as entities:
            return entities.experiment(existing_experiment(entities.reader, experiment_id))

    def get_by_name(self, name: str) -> Experiment | None:
        """An experiment by its name, even if it is deleted; None if there is none."""
        with self._context.entities() as entities:
            state = find_by_name(entities.reader, name)
            return None if state is None else entities.experiment(state)

    def views(self, experiment_id: str) -> dict[str, dict[str, str]]:
        """The saved views of an experiment by name: each the query of the page's address.

        Views that another machine wrote in another form are left out.

        Raises:
            NotFoundError: There is no such experiment.
        """
        with self._context.entities() as entities:
            written = existing_experiment(entities.reader, experiment_id).live_views()
        return {
            name: view for name, text in written.items() if (view := _view_of(text)) is not None
        }

    def search(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of experiments; by default the newest first."""
        size = validate.max_results(
            limits.SEARCH_EXPERIMENTS_RESULTS_DEFAULT if max_results is None else max_results
        )
        expression = trees.parse_experiment_filter(filter_string)
        order = trees.parse_experiment_order(order_by)
        asked = paging.search_of(view_type, filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        with self._context.entities() as entities:
            records = [entities.experiment(state) for state in entities.reader.experiments()]
        matches = experiment_search.find(records, expression, view_type, order)
        return paging.page(matches[offset : offset + size + 1], offset, size, asked)


def _view_of(text: str) -> dict[str, str] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        return None


def known_experiment(reader: Reader, experiment_id: str) -> ExperimentState | None:
    """The state of an experiment whose creation was seen, even if it is deleted."""
    state = reader.experiment(experiment_id)
    return state if state is not None and state.exists else None


def existing_experiment(reader: Reader, experiment_id: str) -> ExperimentState:
    """The state of an experiment, active or deleted.

    Raises:
        NotFoundError: There is no such experiment.
    """
    state = known_experiment(reader, str(experiment_id))
    if state is None:
        raise NotFoundError(
            f"No Experiment with id={experiment_id} exists",
            hint="`eventtrack experiments list` shows the ids",
        )
    return state


def active_experiment(reader: Reader, experiment_id: str) -> ExperimentState:
    """The state of an active experiment.

    Raises:
        NotFoundError: There is no such experiment.
        InvalidValueError: The experiment is deleted.
    """
    state = existing_experiment(reader, experiment_id)
    if state.lifecycle[0] != LifecycleStage.ACTIVE:
        raise InvalidValueError(
            f"The experiment {experiment_id} must be in the 'active' state. "
            f"Current state is {state.lifecycle[0]}.",
            hint="restore it first",
        )
    return state
