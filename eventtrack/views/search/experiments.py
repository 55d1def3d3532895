"""Search over experiments. A store has few, so each is tested."""

from collections.abc import Callable, Sequence

from eventtrack.views.filters.trees import Comparison, Expression, Field, OrderTerm
from eventtrack.views.records import Experiment, LifecycleStage, ViewType
from eventtrack.views.search.matching import compare_value, matches


def find(
    experiments: Sequence[Experiment],
    expression: Expression | None,
    view_type: int,
    order: Sequence[OrderTerm],
) -> list[Experiment]:
    """The matches in order; without `order` the newest first, and those of one time by id."""
    matching = [
        experiment
        for experiment in experiments
        if _viewed(experiment, view_type)
        and (expression is None or matches(expression, _test(experiment)))
    ]
    if not order:
        return sorted(
            matching, key=lambda experiment: (-experiment.creation_time, _id_order(experiment))
        )
    # As in MLflow, the last tie-break is the id, descending.
    matching.sort(key=_id_order, reverse=True)
    for term in reversed(order):
        matching.sort(
            key=lambda experiment: _sort_key(experiment, term), reverse=not term.ascending
        )
    return matching


def _viewed(experiment: Experiment, view_type: int) -> bool:
    if view_type == ViewType.ALL:
        return True
    deleted = experiment.lifecycle_stage == LifecycleStage.DELETED
    return deleted == (view_type == ViewType.DELETED_ONLY)


def _test(experiment: Experiment) -> Callable[[Comparison], bool]:
    return lambda comparison: compare_value(_value(experiment, comparison.field), comparison)


def _value(experiment: Experiment, field: Field) -> str | int | None:
    if field.kind == "tag":
        return experiment.tags.get(field.key)
    value: str | int = getattr(experiment, field.key)
    return value


def _id_order(experiment: Experiment) -> tuple[int, str]:
    # Ids are numbers as texts; a plain text order would put "10" before "9".
    return len(experiment.experiment_id), experiment.experiment_id


def _sort_key(experiment: Experiment, term: OrderTerm) -> tuple[int, str, float]:
    value = getattr(experiment, term.field.key)
    if term.field.key == "experiment_id":
        return (*_id_order(experiment), 0.0)
    return (0, value, 0.0) if isinstance(value, str) else (0, "", float(value))
