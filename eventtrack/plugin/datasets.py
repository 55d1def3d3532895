"""MLflow's calls about evaluation datasets."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlflow.entities.dataset_record import DatasetRecord
from mlflow.entities.dataset_record_source import DatasetRecordSource
from mlflow.store.entities.paged_list import PagedList

from eventtrack import limits
from eventtrack.plugin.base import OpenStore
from eventtrack.views import datasets as records

if TYPE_CHECKING:
    from mlflow.entities.evaluation_dataset import EvaluationDataset


class DatasetCalls(OpenStore):
    """Evaluation datasets: made, tagged, placed in experiments, found; their records."""

    def create_dataset(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> "EvaluationDataset":
        """Make a dataset without records."""
        made = self.store.datasets.create(name, tags=tags, experiment_ids=experiment_ids or ())
        dataset = _dataset(made)
        dataset.experiment_ids = made.experiment_ids
        return dataset

    def get_dataset(self, dataset_id: str) -> "EvaluationDataset":
        """A dataset by its id; its records are loaded when they are asked for."""
        return _dataset(self.store.datasets.get(dataset_id))

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its records; the record of it stays."""
        self.store.datasets.delete(dataset_id)

    def search_datasets(
        self,
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_DATASETS_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of datasets, by default the newest first."""
        page = self.store.datasets.search(
            experiment_ids, filter_string, max_results, order_by, page_token
        )
        return PagedList([_dataset(dataset) for dataset in page], page.token)

    def upsert_dataset_records(
        self, dataset_id: str, records: Sequence[Mapping[str, Any]]
    ) -> dict[str, int]:
        """Merge records: those with inputs that are there are updated."""
        return self.store.datasets.merge_records(dataset_id, records)._asdict()

    def delete_dataset_records(self, dataset_id: str, dataset_record_ids: Sequence[str]) -> int:
        """Delete records; says how many were there."""
        return self.store.datasets.delete_records(dataset_id, dataset_record_ids)

    def set_dataset_tags(self, dataset_id: str, tags: Mapping[str, Any]) -> None:
        """Set tags of a dataset."""
        self.store.datasets.set_tags(dataset_id, tags)

    def delete_dataset_tag(self, dataset_id: str, key: str) -> None:
        """Remove a tag of a dataset."""
        self.store.datasets.delete_tag(dataset_id, key)

    def get_dataset_experiment_ids(self, dataset_id: str) -> list[str]:
        """The experiments that a dataset belongs to."""
        return self.store.datasets.experiment_ids(dataset_id)

    def _load_dataset_records(
        self, dataset_id: str, max_results: int | None = None, page_token: str | None = None
    ) -> tuple[list[DatasetRecord], str | None]:
        page = self.store.datasets.records(dataset_id, max_results, page_token)
        return [_record(record) for record in page], page.token

    def add_dataset_to_experiments(
        self, dataset_id: str, experiment_ids: Sequence[str]
    ) -> "EvaluationDataset":
        """Let a dataset belong to further experiments."""
        return _dataset(self.store.datasets.add_to_experiments(dataset_id, experiment_ids))

    def remove_dataset_from_experiments(
        self, dataset_id: str, experiment_ids: Sequence[str]
    ) -> "EvaluationDataset":
        """Take a dataset out of experiments."""
        return _dataset(self.store.datasets.remove_from_experiments(dataset_id, experiment_ids))


def _dataset(known: records.EvaluationDataset) -> "EvaluationDataset":
    # In MLflow 3.5 this module imports the registry of stores, which loads this plugin.
    from mlflow.entities.evaluation_dataset import EvaluationDataset

    return EvaluationDataset(
        dataset_id=known.dataset_id,
        name=known.name,
        digest=known.digest,
        created_time=known.created_time,
        last_update_time=known.last_update_time,
        tags=dict(known.tags),
        schema=known.schema,
        profile=known.profile,
        created_by=known.created_by,
        last_updated_by=known.last_updated_by,
    )


def _record(known: records.DatasetRecord) -> DatasetRecord:
    source = None if known.source is None else DatasetRecordSource.from_dict(known.source)
    return DatasetRecord(
        dataset_id=known.dataset_id,
        dataset_record_id=known.dataset_record_id,
        inputs=known.inputs,
        outputs=known.outputs,
        expectations=known.expectations,
        tags=known.tags,
        source=source,
        created_time=known.created_time,
        last_update_time=known.last_update_time,
        created_by=known.created_by,
        last_updated_by=known.last_updated_by,
    )
