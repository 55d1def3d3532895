"""Search over logged models. A store has few, so each is tested."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.filters.fields import LOGGED_MODELS
from eventtrack.views.filters.orders import refuse_many_fields
from eventtrack.views.filters.trees import Comparison, Expression, Field
from eventtrack.views.records import LifecycleStage, LoggedModel, Metric
from eventtrack.views.search.matching import compare_value, matches


class DatasetFilter(msgspec.Struct, frozen=True):
    """A dataset on which models were measured; without a digest, every dataset of that name."""

    name: str | None = None
    digest: str | None = None

    def fits(self, point: Metric) -> bool:
        """Whether a point was measured on the dataset."""
        named = self.name in (None, point.dataset_name)
        return named and self.digest in (None, point.dataset_digest)


class ModelOrder(msgspec.Struct, frozen=True):
    """An order: by an attribute, or by a metric's latest point, perhaps on a dataset."""

    field: Field
    ascending: bool
    dataset: DatasetFilter | None = None


def parse_datasets(sources: Sequence[Mapping[str, Any]] | None) -> list[DatasetFilter]:
    """Read MLflow's list of datasets.

    Raises:
        InvalidValueError: A dataset has no name.
    """
    filters = [
        DatasetFilter(str(source.get("dataset_name") or ""), source.get("dataset_digest") or None)
        for source in sources or ()
    ]
    if not all(dataset.name for dataset in filters):
        raise InvalidValueError("`dataset_name` in the `datasets` clause must be specified.")
    return filters


def parse_order(sources: Sequence[Mapping[str, Any]] | None) -> list[ModelOrder]:
    """Read MLflow's list of orders.

    Raises:
        InvalidValueError: An order names no field that models can be sorted by.
    """
    terms = []
    refuse_many_fields(len(sources or ()))
    for source in sources or ():
        name = str(source.get("field_name") or "")
        dataset = DatasetFilter(
            str(source.get("dataset_name") or "") or None, source.get("dataset_digest") or None
        )
        terms.append(
            ModelOrder(
                _order_field(name),
                ascending=bool(source.get("ascending", True)),
                dataset=None if dataset == DatasetFilter() else dataset,
            )
        )
    return terms


def find(
    models: Sequence[LoggedModel],
    expression: Expression | None,
    datasets: Sequence[DatasetFilter],
    order: Sequence[ModelOrder],
) -> list[LoggedModel]:
    """The active models that match, in order; among equals the newest first, then by id."""
    matching = [
        model
        for model in models
        if model.lifecycle_stage != LifecycleStage.DELETED and _matches(model, expression, datasets)
    ]
    matching.sort(key=lambda model: (-model.creation_timestamp, model.model_id))
    for term in reversed(order):
        values = {model.model_id: _sort_value(model, term) for model in matching}
        without = [model for model in matching if values[model.model_id] is None]
        matching = [model for model in matching if values[model.model_id] is not None]
        matching.sort(key=lambda model: values[model.model_id], reverse=not term.ascending)  # type: ignore[arg-type, return-value]
        matching += without
    return matching


def _matches(
    model: LoggedModel, expression: Expression | None, datasets: Sequence[DatasetFilter]
) -> bool:
    points = [
        point
        for point in model.metrics
        if not datasets or any(dataset.fits(point) for dataset in datasets)
    ]
    if datasets and not points:
        return False

    def compare(comparison: Comparison) -> bool:
        field = comparison.field
        if field.kind != "metric":
            return compare_value(_value(model, field), comparison)
        values = [point.value for point in points if point.key == field.key]
        # As in MLflow any point may match, not only the latest.
        return any(compare_value(value, comparison) for value in values or (None,))

    return expression is None or matches(expression, compare)


def _value(model: LoggedModel, field: Field) -> str | int | None:
    if field.kind == "param":
        return model.params.get(field.key)
    if field.kind == "tag":
        return model.tags.get(field.key)
    value: str | int | None = getattr(model, field.key)
    return value


def _order_field(name: str) -> Field:
    entity, dot, key = name.partition(".")
    if dot:
        if entity != "metrics":
            raise InvalidValueError(
                f"Invalid order by field name: {name}. Only metrics are supported."
            )
        return Field("metric", key)
    attribute = LOGGED_MODELS.aliases.get(name, name)
    if attribute not in LOGGED_MODELS.attributes:
        raise InvalidValueError(
            f"Invalid order by field name: {name}",
            hint=f"order by metrics.KEY or one of {', '.join(LOGGED_MODELS.attributes)}",
        )
    return Field("attribute", attribute)


def _sort_value(model: LoggedModel, term: ModelOrder) -> str | float | None:
    if term.field.kind != "metric":
        return _value(model, term.field)
    points = [
        point
        for point in model.metrics
        if point.key == term.field.key and (term.dataset is None or term.dataset.fits(point))
    ]
    if not points:
        return None
    # MLflow's latest point of a model: by time, then by step, then by the smallest run id.
    latest = max((point.timestamp, point.step) for point in points)
    runs = {
        point.run_id or "": point.value
        for point in points
        if (point.timestamp, point.step) == latest
    }
    return runs[min(runs)]
