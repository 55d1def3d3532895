"""MLflow's calls about the inputs and outputs of runs."""

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
        """Record datasets and models that a run read; naming a dataset again changes nothing."""
        self.store.runs.log_inputs(
            run_id,
            [dataset_input_record(dataset) for dataset in datasets or ()],
            [records.LoggedModelInput(model_id=model.model_id) for model in models or ()],
        )

    def log_outputs(self, run_id: str, models: Sequence[entities.LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        written = [
            records.LoggedModelOutput(model_id=model.model_id, step=model.step) for model in models
        ]
        self.store.runs.log_outputs(run_id, written)

    def _search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Each dataset of each experiment, once for each context of its use, newest run first."""
        runs = all_pages(
            self.store.runs.search,
            limits.SEARCH_RESULTS_MAX,
            experiment_ids=[str(experiment_id) for experiment_id in experiment_ids],
            filter_string="datasets.name LIKE '%'",
            view_type=records.ViewType.ALL,
        )
        uses: dict[tuple[str, str, str, str | None], None] = {}
        for run in runs:
            for used in run.inputs.dataset_inputs:
                contexts = [tag.value for tag in used.tags if tag.key == MLFLOW_DATASET_CONTEXT]
                name = (run.info.experiment_id, used.dataset.name, used.dataset.digest)
                for context in contexts or [None]:
                    uses[*name, context] = None
        return [DatasetSummary(*use) for use in list(uses)[:_SUMMARIES_MAX]]
