"""Filters over few things (models, experiments, ...): each thing is tested."""

from collections.abc import Callable

from eventtrack.views.filters.trees import And, Comparison, Expression, Not, Or
from eventtrack.views.search.values import text_test


def matches(expression: Expression, compare: Callable[[Comparison], bool]) -> bool:
    """Whether a filter is true of a thing; `compare` decides each comparison."""
    if isinstance(expression, And):
        return all(matches(part, compare) for part in expression.parts)
    if isinstance(expression, Or):
        return any(matches(part, compare) for part in expression.parts)
    if isinstance(expression, Not):
        return not matches(expression.part, compare)
    return compare(expression)


def compare_value(value: str | float | None, comparison: Comparison) -> bool:
    """Whether a comparison is true of a value; None if the thing has no value.

    Numbers are compared as numbers, texts as texts: `value` has the type of the field.
    """
    operator, wanted = comparison.operator, comparison.value
    if operator == "IS NULL":
        return value is None
    if value is None or operator == "IS NOT NULL":
        return value is not None
    if isinstance(value, str):
        return text_test(operator, wanted)(value)
    return compare_number(float(value), operator, wanted)


def compare_number(number: float, operator: str, wanted: object) -> bool:
    """Whether a number passes the test of an operator and its value."""
    if operator in ("IN", "NOT IN"):
        inside = number in wanted if isinstance(wanted, tuple) else False
        return inside == (operator == "IN")
    low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return {
        "=": number == low,
        "!=": number != low,
        "<": number < low,
        "<=": number <= low,
        ">": number > low,
        ">=": number >= low,
        "BETWEEN": low <= number <= high,
    }[operator]
