"""Search over logged models: there are few, so each is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.filter_fields import LOGGED_MODELS
from eventtrack.views.filter_orders import refuse_many_fields
from eventtrack.views.filters import Comparison, Expression, Field
from eventtrack.views.matching import compare_value, matches
from eventtrack.views.records import LifecycleStage, LoggedModel, Metric


class DatasetFilter(msgspec.Struct, frozen=True):
    """A dataset on which models were measured; without a digest, any of that name."""

    name: str | None = None
    digest: str | None = None

    def fits(self, point: Metric) -> bool:
        """Whether a point was measured on it."""
        named = self.name in (None, point.dataset_name)
        return named and self.digest in (None, point.dataset_digest)


class ModelOrder(msgspec.Struct, frozen=True):
    """One thing to sort by: an attribute, or a metric's latest point, perhaps on a dataset."""

    field: Field
    ascending: bool
    dataset: DatasetFilter | None = None


def parse_datasets(sources: Sequence[Mapping[str, Any]] | None) -> list[DatasetFilter]:
    """MLflow's list of datasets.

    Raises:
        InvalidValueError: One has no name.
    """
    found = [
        DatasetFilter(str(one.get("dataset_name") or ""), one.get("dataset_digest") or None)
        for one in sources or ()
    ]
    if not all(one.name for one in found):
        raise InvalidValueError("`dataset_name` in the `datasets` clause must be specified.")
    return found


def parse_order(sources: Sequence[Mapping[str, Any]] | None) -> list[ModelOrder]:
    """MLflow's list of things to sort by.

    Raises:
        InvalidValueError: One names no field that models are sorted by.
    """
    found = []
    refuse_many_fields(len(sources or ()))
    for one in sources or ():
        name = str(one.get("field_name") or "")
        dataset = DatasetFilter(
            str(one.get("dataset_name") or "") or None, one.get("dataset_digest") or None
        )
        found.append(
            ModelOrder(
                _order_field(name),
                ascending=bool(one.get("ascending", True)),
                dataset=None if dataset == DatasetFilter() else dataset,
            )
        )
    return found


def find(
    models: Sequence[LoggedModel],
    expression: Expression | None,
    datasets: Sequence[DatasetFilter],
    order: Sequence[ModelOrder],
) -> list[LoggedModel]:
    """The active models that match in order; equally placed ones newest first, then by id."""
    found = [
        one
        for one in models
        if one.lifecycle_stage != LifecycleStage.DELETED and _matches(one, expression, datasets)
    ]
    found.sort(key=lambda one: (-one.creation_timestamp, one.model_id))
    for term in reversed(order):
        values = {one.model_id: _sort_value(one, term) for one in found}
        without = [one for one in found if values[one.model_id] is None]
        found = [one for one in found if values[one.model_id] is not None]
        found.sort(key=lambda one: values[one.model_id], reverse=not term.ascending)  # type: ignore[arg-type, return-value]
        found += without
    return found


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
        # As in MLflow, any point will do, not only the latest.
        return any(compare_value(value, comparison) for value in values or (None,))

    return expression is None or matches(expression, compare)


def _value(model: LoggedModel, field: Field) -> str | int | None:
    if field.kind == "param":
        return model.params.get(field.key)
    if field.kind == "tag":
        return model.tags.get(field.key)
    found: str | int | None = getattr(model, field.key)
    return found


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
    # MLflow's latest point of a model: by time, then by step, then that of the lesser run.
    latest = max((point.timestamp, point.step) for point in points)
    runs = {
        point.run_id or "": point.value
        for point in points
        if (point.timestamp, point.step) == latest
    }
    return runs[min(runs)]
