"""Logged models, read."""

from collections.abc import Mapping, Sequence
from typing import Any

from eventtrack import limits, validate
from eventtrack.errors import NotFoundError
from eventtrack.projections.state import ModelState
from eventtrack.projections.tables import Reader
from eventtrack.views import paging
from eventtrack.views.context import ReadContext
from eventtrack.views.filters.fields import LOGGED_MODELS
from eventtrack.views.filters.trees import parse_filter
from eventtrack.views.queries.artifacts import ArtifactQueries
from eventtrack.views.records import LoggedModel, PagedList
from eventtrack.views.search import models as model_search


class ModelArtifactQueries(ArtifactQueries):
    """Reads of the files of logged models; methods take a model's id in place of a run's."""

    _kind = "model"

    def _owner(self, reader: Reader, run_id: str) -> ModelState:
        return existing_model(reader, run_id)


class ModelQueries:
    """Reads of the logged models of a store. `artifacts` has their files."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self.artifacts = ModelArtifactQueries(context)

    def get(self, model_id: str) -> LoggedModel:
        """A model by its id, even if it is deleted.

        Raises:
            NotFoundError: There is no such model.
        """
        with self._context.entities() as entities:
            return entities.model(existing_model(entities.reader, model_id))

    def list(self, experiment_ids: Sequence[str] | None = None) -> Sequence[LoggedModel]:
        """Every model of some experiments (all by default), even deleted ones, newest first."""
        wanted = None if experiment_ids is None else set(map(str, experiment_ids))
        with self._context.entities() as entities:
            models = [
                entities.model(state)
                for state in entities.reader.models()
                if wanted is None or state.experiment_id in wanted
            ]
        return sorted(models, key=lambda model: (-model.creation_timestamp, model.model_id))

    def search(
        self,
        experiment_ids: Sequence[str],
        filter_string: str | None = None,
        datasets: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        page_token: str | None = None,
    ) -> PagedList[LoggedModel]:
        """One page of the active models of some experiments that match.

        Args:
            datasets: Each has a `dataset_name` and perhaps a `dataset_digest`. Only points measured
                on one of these count, and only models with such points match.
            max_results: 100 by default.
            order_by: Each has a `field_name` (an attribute, or `metrics.KEY` for its latest point),
                `ascending` and perhaps `dataset_name` and `dataset_digest`. At last newest first.

        Raises:
            InvalidValueError: The filter, a dataset or the order cannot be read.
        """
        expression = parse_filter(filter_string, LOGGED_MODELS)
        wanted = model_search.parse_datasets(datasets)
        order = model_search.parse_order(order_by)
        asked = paging.search_of(
            list(map(str, experiment_ids)),
            filter_string or "",
            list(datasets or ()),
            list(order_by or ()),
        )
        offset = paging.offset_of(page_token, asked)
        if max_results is not None:
            max_results = validate.max_results(max_results, least=0)
        size = max_results or limits.SEARCH_LOGGED_MODELS_RESULTS_DEFAULT
        matches = model_search.find(self.list(experiment_ids), expression, wanted, order)
        return paging.page(matches[offset : offset + size + 1], offset, size, asked)


def existing_model(reader: Reader, model_id: str) -> ModelState:
    """The state of a logged model, even if it is deleted.

    Raises:
        NotFoundError: There is no such model.
    """
    state = reader.model(validate.text("model id", model_id))
    if state is None or not state.experiment_id:
        raise NotFoundError(
            f"Logged model with ID '{model_id}' not found.",
            hint="is it the right store? mlflow.search_logged_models() lists its models",
        )
    return state
