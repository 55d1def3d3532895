"""MLflow's calls that record metrics, params and tags of a run, alone and in batches."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from mlflow import entities
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_MODELS

from eventtrack import limits, validate
from eventtrack.compat import checks
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.entities import metric_record, param_record, tag_record
from eventtrack.views import records

Named = TypeVar("Named", records.Param, records.RunTag)


class RecordingCalls(OpenStore):
    """Records facts of runs; they survive `kill -9` once the call has returned."""

    def log_metric(self, run_id: str, metric: entities.Metric) -> None:
        """Log one point."""
        point = _point(metric)
        if point.model_id:
            self.store.runs.log_batch(run_id, [point])
        else:
            self.store.metrics.log(run_id, point.key, point.value, point.step, point.timestamp)

    def log_param(self, run_id: str, param: entities.Param) -> None:
        """Log one param; another value for a logged param is refused."""
        record = param_record(param)
        self.store.runs.log_params(run_id, {record.key: record.value})

    def set_tag(self, run_id: str, tag: entities.RunTag) -> None:
        """Set one tag."""
        record = tag_record(tag)
        self.store.runs.set_tags(run_id, {record.key: record.value})

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove one tag."""
        self.store.runs.delete_tag(run_id, key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[entities.Metric],
        params: Sequence[entities.Param],
        tags: Sequence[entities.RunTag],
    ) -> None:
        """Log the whole batch durably, or nothing."""
        self.store.runs.log_batch(
            run_id,
            [_point(metric, f"metrics[{at}].") for at, metric in enumerate(metrics)],
            [_named(param_record(param), f"params[{at}].") for at, param in enumerate(params)],
            [_named(tag_record(tag), f"tags[{at}].") for at, tag in enumerate(tags)],
        )

    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        """Add a model to the run's tag that lists models; a full tag loses its oldest models."""
        known = self.store.runs.get(run_id).data.tags.get(MLFLOW_LOGGED_MODELS, "[]")
        models = [*json.loads(known), mlflow_model.get_tags_dict()]
        while len(json.dumps(models)) > limits.TAG_VALUE_LENGTH_MAX and len(models) > 1:
            models.pop(0)
        self.store.runs.set_tags(run_id, {MLFLOW_LOGGED_MODELS: json.dumps(models)})


def _point(metric: entities.Metric, path: str = "") -> records.Metric:
    """A point as our record, refused as MLflow does, in its words; `path` is its batch place."""
    step = 0 if metric.step is None else metric.step
    checks.point(metric.key, metric.value, metric.timestamp, step, path)
    return metric_record(metric)


def _named(record: Named, path: str) -> Named:
    """The param or tag, if its name is allowed; `path` is its place in a batch."""
    check = validate.param_key if isinstance(record, records.Param) else validate.tag_key
    check(record.key, f"{path}key")
    return record
