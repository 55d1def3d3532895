"""Search over experiments: there are few, so each is looked at."""

from collections.abc import Sequence

from eventtrack.views.filters import And, Comparison, Expression, Not, Or, OrderTerm
from eventtrack.views.records import Experiment, LifecycleStage, ViewType
from eventtrack.views.run_search import text_test

_NUMERIC = ("creation_time", "last_update_time")


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
        and (expression is None or _matches(experiment, expression))
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


def _matches(experiment: Experiment, expression: Expression) -> bool:
    if isinstance(expression, And):
        return all(_matches(experiment, part) for part in expression.parts)
    if isinstance(expression, Or):
        return any(_matches(experiment, part) for part in expression.parts)
    if isinstance(expression, Not):
        return not _matches(experiment, expression.part)
    return _compare(experiment, expression)


def _compare(experiment: Experiment, comparison: Comparison) -> bool:
    field, operator, wanted = comparison.field, comparison.operator, comparison.value
    found = (
        experiment.tags.get(field.key) if field.kind == "tag" else getattr(experiment, field.key)
    )
    if operator == "IS NULL":
        return found is None
    if found is None or operator == "IS NOT NULL":
        return found is not None
    if field.kind == "attribute" and field.key in _NUMERIC:
        return compare_number(float(found), operator, wanted)
    return text_test(operator, wanted)(str(found))


def compare_number(found: float, operator: str, wanted: object) -> bool:
    """Whether a number passes the test that an operator with its value stands for."""
    if operator in ("IN", "NOT IN"):
        inside = found in wanted if isinstance(wanted, tuple) else False
        return inside == (operator == "IN")
    low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return {
        "=": found == low,
        "!=": found != low,
        "<": found < low,
        "<=": found <= low,
        ">": found > low,
        ">=": found >= low,
        "BETWEEN": low <= found <= high,
    }[operator]


def _id_order(experiment: Experiment) -> tuple[int, str]:
    # Ids are numbers written out; as texts "10" would come before "9".
    return len(experiment.experiment_id), experiment.experiment_id


def _sort_key(experiment: Experiment, term: OrderTerm) -> tuple[int, str, float]:
    value = getattr(experiment, term.field.key)
    if term.field.key == "experiment_id":
        return (*_id_order(experiment), 0.0)
    return (0, value, 0.0) if isinstance(value, str) else (0, "", float(value))
