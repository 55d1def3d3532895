"""Search over experiments: there are few, so each is looked at."""

from collections.abc import Callable, Sequence

from eventtrack.views.filters import Comparison, Expression, Field, OrderTerm
from eventtrack.views.matching import compare_value, matches
from eventtrack.views.records import Experiment, LifecycleStage, ViewType


def find(
    experiments: Sequence[Experiment],
    expression: Expression | None,
    view_type: int,
    order: Sequence[OrderTerm],
) -> list[Experiment]:
    """The matches in order; without one, the newest first and equally old ones by id."""
    found = [
        experiment
        for experiment in experiments
        if _viewed(experiment, view_type)
        and (expression is None or matches(expression, _test(experiment)))
    ]
    if not order:
        return sorted(found, key=lambda one: (-one.creation_time, _id_order(one)))
    # As MLflow: the last tie-break is the id, descending.
    found.sort(key=_id_order, reverse=True)
    for term in reversed(order):
        found.sort(key=lambda one: _sort_key(one, term), reverse=not term.ascending)
    return found


def _viewed(experiment: Experiment, view_type: int) -> bool:
    if view_type == ViewType.ALL:
        return True
    deleted = experiment.lifecycle_stage == LifecycleStage.DELETED
    return deleted == (view_type == ViewType.DELETED_ONLY)


def _test(experiment: Experiment) -> Callable[[Comparison], bool]:
    return lambda one: compare_value(_value(experiment, one.field), one)


def _value(experiment: Experiment, field: Field) -> str | int | None:
    if field.kind == "tag":
        return experiment.tags.get(field.key)
    found: str | int = getattr(experiment, field.key)
    return found


def _id_order(experiment: Experiment) -> tuple[int, str]:
    # Ids are numbers written out; as texts "10" would come before "9".
    return len(experiment.experiment_id), experiment.experiment_id


def _sort_key(experiment: Experiment, term: OrderTerm) -> tuple[int, str, float]:
    value = getattr(experiment, term.field.key)
    if term.field.key == "experiment_id":
        return (*_id_order(experiment), 0.0)
    return (0, value, 0.0) if isinstance(value, str) else (0, "", float(value))
