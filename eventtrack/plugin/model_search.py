"""MLflow's search over logged models: there are few, so each is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.exceptions import MlflowException

from eventtrack.plugin.errors import not_implemented
from eventtrack.views.records import LifecycleStage, LoggedModel

# MLflow's other names of a field.
_ALIASES = {
    "creation_time": "creation_timestamp",
    "creation_timestamp_ms": "creation_timestamp",
    "last_updated_timestamp_ms": "last_updated_timestamp",
}


def find(
    models: Sequence[LoggedModel],
    filter_string: str | None,
    order_by: Sequence[Mapping[str, Any]] | None,
) -> list[LoggedModel]:
    """The active models that match, as ordered, then newest first, then by id.

    Raises:
        MlflowException: The filter or the order cannot be read, or asks for a model's metrics.
    """
    # Not at the top: it needs all of MLflow, which is still being imported then.
    from mlflow.utils.search_logged_model_utils import parse_filter_string

    comparisons = parse_filter_string(filter_string)
    found = [
        one
        for one in models
        if one.lifecycle_stage != LifecycleStage.DELETED
        and all(_matches(one, comparison) for comparison in comparisons)
    ]
    found.sort(key=_newest_first)
    for term in reversed(order_by or ()):
        field, ascending = _field(str(term.get("field_name"))), bool(term.get("ascending", True))
        without = [one for one in found if getattr(one, field) is None]
        found = [one for one in found if getattr(one, field) is not None]
        found.sort(key=lambda one: getattr(one, field), reverse=not ascending)
        found += without
    return found


def _matches(model: LoggedModel, comparison: Any) -> bool:
    kind, key = comparison.entity.type.value, comparison.entity.key
    if kind == "metrics":
        _refuse_metrics()
    if kind == "params":
        value = model.params.get(key)
    elif kind == "tags":
        value = model.tags.get(key)
    else:
        value = getattr(model, _field(key))
    if value is None:
        return False
    from mlflow.utils.search_utils import SearchUtils

    return bool(SearchUtils.get_comparison_func(comparison.op)(value, comparison.value))


def _field(name: str) -> str:
    """The attribute of a model that a filter or an order names."""
    if name.startswith("metrics."):
        _refuse_metrics()
    field = _ALIASES.get(name, name)
    if field not in LoggedModel.__struct_fields__ or field in ("params", "tags"):
        raise MlflowException.invalid_parameter_value(f"Invalid field name: {name}")
    return field


def _refuse_metrics() -> None:
    not_implemented(
        "Search for logged models by metrics",
        "metrics belong to runs here; search the runs, their outputs name the models",
    )


def _newest_first(model: LoggedModel) -> tuple[int, str]:
    return -model.creation_timestamp, model.model_id
