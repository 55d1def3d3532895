"""Calls that record: metrics, params, tags, inputs and outputs."""

from collections.abc import Mapping, Sequence

from eventtrack.rest import records
from eventtrack.rest.calls import Calls
from eventtrack.views.records import DatasetInput, LoggedModelInput, LoggedModelOutput, Metric


class RecordingCalls(Calls):
    """Records facts of runs. Each call may be repeated: the second time changes nothing."""

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, params and tags: all of them, or none.

        At most 1,000 metrics, 100 params, 100 tags, 1,000 altogether and 1 MB (MLflow's bounds).
        """
        self._post(
            "runs/log-batch",
            run_id=run_id,
            metrics=[records.metric_json(metric) for metric in metrics],
            params=records.pairs(params or {}),
            tags=records.pairs(tags or {}),
        )

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag of a run."""
        self._post("runs/set-tag", run_id=run_id, key=key, value=value)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag of a run."""
        self._post("runs/delete-tag", run_id=run_id, key=key)

    def withdraw(
        self,
        run_id: str,
        keys: Sequence[str] | None = None,
        first_step: int | None = None,
        last_step: int | None = None,
    ) -> bool:
        """Withdraw points; whether there was anything to withdraw. Only eventtrack's server can."""
        answer = self._post_own(
            "withdraw",
            run_id=run_id,
            keys=None if keys is None else list(keys),
            first_step=first_step,
            last_step=last_step,
        )
        return answer.get("withdrawn") is True

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[LoggedModelInput] = (),
    ) -> None:
        """Record datasets and models that a run read."""
        self._post(
            "runs/log-inputs",
            run_id=run_id,
            datasets=[records.dataset_input_json(dataset) for dataset in datasets],
            models=[{"model_id": model.model_id} for model in models],
        )

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        self._post(
            "runs/outputs",
            run_id=run_id,
            models=[{"model_id": model.model_id, "step": model.step} for model in models],
        )
