"""Search as one would write it on the first day: look at every record, then sort. Slow and plain.

The rules of order, as documented: what is asked for; missing values last and NaN just before
them, in both directions; then the newest start; then the run id.
"""

import math
import operator as relation
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from eventtrack.views.filters.trees import And, Comparison, Expression, Field, Not, Or, OrderTerm
from eventtrack.views.records import LifecycleStage, Run, ViewType

TIMES = ("start_time", "end_time")
CONTEXT = "mlflow.data.context"
RELATIONS: dict[str, Callable[[Any, Any], object]] = {
    "=": relation.eq,
    "!=": relation.ne,
    "<": relation.lt,
    "<=": relation.le,
    ">": relation.gt,
    ">=": relation.ge,
}


def search(
    runs: Sequence[Run], expression: Expression | None, view_type: int, order: Sequence[OrderTerm]
) -> list[Run]:
    """The runs that match, in order."""
    found = [
        run
        for run in runs
        if is_viewed(run.info.lifecycle_stage, view_type)
        and (expression is None or matches(run, expression))
    ]
    found.sort(key=lambda run: run.info.run_id)
    terms = list(order)
    if all(term.field.key != "start_time" or term.field.kind != "attribute" for term in terms):
        terms.append(OrderTerm(Field("attribute", "start_time"), ascending=False))
    for term in reversed(terms):
        found = sorted_by(found, term)
    return found


def sorted_by(runs: list[Run], term: OrderTerm) -> list[Run]:
    """Sorted by one field; equal ones stay as they were."""
    pairs = [(values_of(run, term.field), run) for run in runs]
    if term.numbers:
        return by_number(pairs, ascending=term.ascending)
    missing = [run for values, run in pairs if not values]
    nans = [run for values, run in pairs if values and is_nan(values[0])]
    rest = [(values[0], run) for values, run in pairs if values and not is_nan(values[0])]
    rest.sort(key=lambda pair: pair[0], reverse=not term.ascending)
    return [run for _, run in rest] + nans + missing


def by_number(pairs: list[tuple[list[str | float], Run]], *, ascending: bool) -> list[Run]:
    """Sorted by texts: numbers as numbers, then all other texts, then the runs without any."""
    known = [(str(values[0]), number_of(values[0]), run) for values, run in pairs if values]
    numbers = [(number, run) for _, number, run in known if number is not None]
    others = [(text, run) for text, number, run in known if number is None]
    numbers.sort(key=lambda pair: pair[0], reverse=not ascending)
    others.sort(key=lambda pair: pair[0], reverse=not ascending)
    missing = [run for values, run in pairs if not values]
    return [run for _, run in numbers] + [run for _, run in others] + missing


def number_of(text: str | float) -> float | None:
    """The number that a text is, by Python; Python knows more numbers than a filter does."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in str(text) else None


def is_viewed(stage: str, view_type: int) -> bool:
    """Whether a search with that view type shows that stage."""
    if view_type == ViewType.ALL:
        return True
    wanted = LifecycleStage.ACTIVE if view_type == ViewType.ACTIVE_ONLY else LifecycleStage.DELETED
    return stage == wanted


def matches(run: Run, expression: Expression) -> bool:
    """Whether a run is one that an expression describes."""
    match expression:
        case And(parts):
            return all(matches(run, part) for part in parts)
        case Or(parts):
            return any(matches(run, part) for part in parts)
        case Not(part):
            return not matches(run, part)
    values = values_of(run, expression.field)
    if expression.operator == "IS NULL":
        return not values
    if expression.operator == "IS NOT NULL":
        return bool(values)
    return any(holds(value, expression) for value in values)


def values_of(run: Run, field: Field) -> list[str | float]:
    """What a run holds under a field: nothing, one value, or one for each dataset."""
    name = field.key
    if field.kind == "attribute":
        value = getattr(run.info, name)
        return [] if value is None else [value]
    if field.kind == "dataset":
        used = run.inputs.dataset_inputs
        if name == "context":
            return [tag.value for one in used for tag in one.tags if tag.key == CONTEXT]
        return [getattr(one.dataset, name) for one in used]
    kept: dict[str, dict[str, str]] = {"param": run.data.params, "tag": run.data.tags}
    known = run.data.metrics if field.kind == "metric" else kept[field.kind]
    return [known[name]] if name in known else []


def holds(found: str | float, comparison: Comparison) -> bool:
    """Whether one value stands in the relation that is asked for."""
    operator, value = comparison.operator, comparison.value
    first = value[0] if isinstance(value, tuple) else value
    if isinstance(found, str) and isinstance(first, float):
        number = number_of(found)
        if number is None:
            return operator in ("!=", "NOT IN")
        found = number
    if isinstance(found, str):
        if operator in ("LIKE", "ILIKE"):
            pattern = str(value)
            if operator == "ILIKE":
                found, pattern = found.lower(), pattern.lower()
            return like(found, pattern)
    elif is_nan(found):
        return operator in ("!=", "NOT IN")
    if isinstance(value, tuple):
        if operator == "BETWEEN":
            return value[0] <= found <= value[1]  # type: ignore[operator]
        return (found in value) == (operator == "IN")
    return bool(RELATIONS[operator](found, value))


def like(text: str, pattern: str) -> bool:
    """SQL's LIKE, by its definition."""

    @cache
    def rest(at: int, of: int) -> bool:
        if of == len(pattern):
            return at == len(text)
        if pattern[of] == "%":
            return rest(at, of + 1) or (at < len(text) and rest(at + 1, of))
        return at < len(text) and pattern[of] in ("_", text[at]) and rest(at + 1, of + 1)

    return rest(0, 0)


def is_nan(value: str | float) -> bool:
    """Whether a value is the number that is none."""
    return isinstance(value, float) and math.isnan(value)
