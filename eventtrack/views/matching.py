"""Filters over things of which there are few: each is looked at."""

from collections.abc import Callable

from eventtrack.views.filters import And, Comparison, Expression, Not, Or
from eventtrack.views.run_search import text_test


def matches(expression: Expression, compare: Callable[[Comparison], bool]) -> bool:
    """Whether a filter is true of a thing, given what each of its comparisons is."""
    if isinstance(expression, And):
        return all(matches(part, compare) for part in expression.parts)
    if isinstance(expression, Or):
        return any(matches(part, compare) for part in expression.parts)
    if isinstance(expression, Not):
        return not matches(expression.part, compare)
    return compare(expression)


def compare_value(found: str | float | None, comparison: Comparison) -> bool:
    """Whether a comparison is true of a value; None is what the thing does not have.

    Numbers are compared as numbers, texts as texts: `found` has the type that the field has.
    """
    operator, wanted = comparison.operator, comparison.value
    if operator == "IS NULL":
        return found is None
    if found is None or operator == "IS NOT NULL":
        return found is not None
    if isinstance(found, str):
        return text_test(operator, wanted)(found)
    return compare_number(float(found), operator, wanted)


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
