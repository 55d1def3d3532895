"""Points that describe a model besides their run. One change records them with both."""

from collections.abc import Iterable

from eventtrack import validate
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.store.points import PointLike
from eventtrack.views.records import Metric


def drafts(run_id: str, metrics: Iterable[PointLike]) -> list[Draft]:
    """Drafts that record points with the models that they name: one for each model.

    Args:
        metrics: Points of one run. The caller, who logs them for the run, has checked names, values
            and times.

    Raises:
        InvalidValueError: The id of a model, or a dataset's name or digest, is no text.
    """
    of_models: dict[str, list[types.ModelPoint]] = {}
    for metric in metrics:
        if isinstance(metric, Metric) and metric.model_id:
            model_id = validate.text("model id", metric.model_id)
            of_models.setdefault(model_id, []).append(_point(metric))
    return [
        Draft.of(f"model/{model_id}", types.ModelMetricsLogged(run_id, points))
        for model_id, points in of_models.items()
    ]


def _point(metric: Metric) -> types.ModelPoint:
    return types.ModelPoint(
        validate.metric_key(metric.key),
        validate.metric_value(metric.key, metric.value),
        validate.int64("step", metric.step),
        validate.timestamp_ms(metric.timestamp),
        _optional("dataset name", metric.dataset_name),
        _optional("dataset digest", metric.dataset_digest),
    )


def _optional(what: str, text: str | None) -> str | None:
    return validate.text(what, text) if text else None
