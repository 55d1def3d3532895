"""Evaluation datasets, read, with their records."""

import base64
import binascii
from collections.abc import Sequence
from itertools import islice

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.projections import dataset_state
from eventtrack.projections.dataset_state import DatasetState
from eventtrack.projections.tables import Reader
from eventtrack.views import datasets as views
from eventtrack.views import paging
from eventtrack.views.context import ReadContext
from eventtrack.views.datasets import DatasetRecord, EvaluationDataset
from eventtrack.views.filters.fields import DATASETS
from eventtrack.views.filters.trees import parse_filter, parse_order
from eventtrack.views.records import PagedList


class DatasetQueries:
    """Reads of the evaluation datasets of a store."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def get(self, dataset_id: str) -> EvaluationDataset:
        """A dataset by its id.

        Raises:
            NotFoundError: There is none.
        """
        with self._context.read() as reader:
            return views.dataset_record(existing_dataset(reader, dataset_id))

    def search(
        self,
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_DATASETS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[EvaluationDataset]:
        """One page of datasets, by default the newest first.

        Args:
            experiment_ids: Only those that belong to one of these; by default all.
        """
        validate.max_results(max_results)
        expression = parse_filter(filter_string, DATASETS)
        order = parse_order(order_by or None, DATASETS)
        wanted = {str(item) for item in experiment_ids or ()}
        asked = paging.search_of(sorted(wanted), filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        with self._context.read() as reader:
            states = [
                item
                for item in dataset_state.datasets(reader)
                if item.shown and (not wanted or wanted.intersection(item.live_experiments()))
            ]
        result = views.find(list(map(views.dataset_record, states)), expression, order)
        return paging.page(result[offset : offset + max_results + 1], offset, max_results, asked)

    def experiment_ids(self, dataset_id: str) -> list[str]:
        """The experiments that a dataset belongs to; none of one that there is not."""
        with self._context.read() as reader:
            state = dataset_state.dataset(reader, dataset_id)
            return state.live_experiments() if state is not None and state.shown else []

    def records(
        self, dataset_id: str, max_results: int | None = None, page_token: str | None = None
    ) -> PagedList[DatasetRecord]:
        """One page of records, by when they were made, then by id; by default all of them.

        Raises:
            InvalidValueError: The token is none of ours.
            NotFoundError: There is no such dataset.
        """
        if max_results is not None:
            validate.max_results(max_results)
        after = _place_of(page_token)
        with self._context.read() as reader:
            state = existing_dataset(reader, dataset_id)
            rows = dataset_state.records_in_order(reader, state, after)
            most = None if max_results is None else max_results + 1
            result = [
                item
                for row in islice(rows, most)
                if (item := views.record_of(dataset_id, row)) is not None
            ]
        if max_results is None or len(result) <= max_results:
            return PagedList(result)
        last = result[max_results - 1]
        place = f"{last.created_time}:{last.dataset_record_id}"
        return PagedList(result[:max_results], base64.b64encode(place.encode()).decode())


def _place_of(token: str | None) -> tuple[int, str] | None:
    """The record behind which a page begins, of its token; None for the first page."""
    if not token:
        return None
    try:
        text = base64.b64decode(token, validate=True).decode()
        at_ms, _, record_id = text.partition(":")
        place = int(at_ms)
        if not limits.INT64_MIN <= place <= limits.INT64_MAX:
            raise ValueError(text)
    except (TypeError, binascii.Error, ValueError) as error:
        raise InvalidValueError(
            f"Invalid page token: {str(token)[:40]!r}",
            hint="pass the `token` of the page before, unchanged",
        ) from error
    return place, record_id


def existing_dataset(
    reader: Reader, dataset_id: str, message: str = "Evaluation dataset with id '{}' not found"
) -> DatasetState:
    """The state of a dataset that is not deleted.

    Args:
        message: MLflow's words of the call that asks.

    Raises:
        NotFoundError: There is none.
    """
    state = dataset_state.dataset(reader, str(dataset_id))
    if state is None or not state.shown:
        raise NotFoundError(
            message.format(dataset_id),
            hint="a search of datasets lists those of this store; is it the right store?",
        )
    return state
