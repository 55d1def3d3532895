"""The client's calls that record metrics, params, tags, inputs and outputs."""

import time
from collections.abc import Sequence
from typing import Any

from eventtrack.fluent.client.base import StoreCalls
from eventtrack.fluent.operations import RunOperations, perform
from eventtrack.views.records import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)


class RecordingCalls(StoreCalls):
    """Records facts of active runs."""

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Log one point of a metric. In a loop use a run's sink: `client.store.metrics.sink`.

        Args:
            run_id: The run, which must be active.
            key: The metric's name.
            value: Any number; NaN and the infinities are kept as they are.
            timestamp: Milliseconds since 1970; None means now.
            step: Any integer of 64 bits; None means 0.
            synchronous: False returns an outcome to wait for instead of raising.
            dataset_name: The dataset on which the value was measured; needs `dataset_digest`.
            dataset_digest: The digest of that dataset.
            model_id: The model that the metric describes.
        """
        step = 0 if step is None else step
        if dataset_name is None and dataset_digest is None and model_id is None:
            return perform(
                lambda: self.store.metrics.log(run_id, key, value, step, timestamp), synchronous
            )
        if timestamp is None:
            timestamp = time.time_ns() // 1_000_000
        point = Metric(key, value, timestamp, step, model_id, dataset_name, dataset_digest)
        return self.log_batch(run_id, [point], synchronous=synchronous)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Log one param and return `value`; a param may be logged again, but not changed."""
        outcome = perform(lambda: self.store.runs.log_params(run_id, {key: value}), synchronous)
        return value if outcome is None else outcome

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Log metrics, params and tags in one commit: all of them, or none."""
        if not metrics and not params and not tags:
            return None
        texts = [Param(param.key, str(param.value)) for param in params]
        return perform(lambda: self.store.runs.log_batch(run_id, metrics, texts, tags), synchronous)

    def set_tag(
        self, run_id: str, key: str, value: Any, synchronous: bool | None = None
    ) -> RunOperations | None:
        """Set one tag of a run; the value is stored as text."""
        return perform(lambda: self.store.runs.set_tags(run_id, {key: value}), synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag of a run.

        Raises:
            NotFoundError: The run has no such tag.
        """
        self.store.runs.delete_tag(run_id, key)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] | None = None,
        models: Sequence[LoggedModelInput] | None = None,
    ) -> None:
        """Record datasets and models that a run read."""
        self.store.runs.log_inputs(run_id, datasets or (), models or ())

    def log_outputs(self, run_id: str, models: Sequence[LoggedModelOutput]) -> None:
        """Record models that a run wrote."""
        self.store.runs.log_outputs(run_id, models)
