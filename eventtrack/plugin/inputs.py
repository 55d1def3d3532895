"""MLflow's calls about what runs read and wrote."""

from collections.abc import Sequence

from mlflow import entities
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from eventtrack import limits
from eventtrack.plugin.base import OpenStore, all_pages
from eventtrack.plugin.entities import DatasetSummary, dataset_input_record
from eventtrack.views import records

# MLflow's own bound on the answer.
_SUMMARIES_MAX = 1000


class InputCalls(OpenStore):
    """Datasets and models of runs."""

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[entities.DatasetInput] | None = None,
        models: Sequence[entities.LoggedModelInput] | None = None,
    ) -> None:
        """Record datasets and models that a run read; one named again changes nothing."""
        self.store.runs.log_inputs(
            run_id,
            [dataset_input_record(one) for one in datasets or ()],
            [records.LoggedModelInput(model_id=one.model_id) for one in models or ()],
        )

    def log_outputs(self, run_id: str, models: Sequence[entities.LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        written = [
            records.LoggedModelOutput(model_id=one.model_id, step=one.step) for one in models
        ]
        self.store.runs.log_outputs(run_id, written)

    def _search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Each dataset of each experiment once per context it was used in, the newest run first."""
        runs = all_pages(
            self.store.runs.search,
            limits.SEARCH_RESULTS_MAX,
            experiment_ids=[str(one) for one in experiment_ids],
            filter_string="datasets.name LIKE '%'",
            view_type=records.ViewType.ALL,
        )
        found: dict[tuple[str, str, str, str | None], None] = {}
        for run in runs:
            for one in run.inputs.dataset_inputs:
                contexts = [tag.value for tag in one.tags if tag.key == MLFLOW_DATASET_CONTEXT]
                name = (run.info.experiment_id, one.dataset.name, one.dataset.digest)
                for context in contexts or [None]:
                    found[*name, context] = None
        return [DatasetSummary(*one) for one in list(found)[:_SUMMARIES_MAX]]
