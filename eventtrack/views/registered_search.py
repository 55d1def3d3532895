"""Search over registered models and their versions: there are few, so each is looked at.

Prompts are registered models with a tag; as in MLflow they are found only by those who ask for it.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

from eventtrack.views.filters import And, Comparison, Expression, Field, Not, Or, OrderTerm
from eventtrack.views.matching import compare_value, matches
from eventtrack.views.records import ModelVersion, RegisteredModel

PROMPT_TAG = "mlflow.prompt.is_prompt"
_PROMPT = Field("tag", PROMPT_TAG)
_ATTRIBUTES = {"version_number": "version", "source_path": "source"}
Item = TypeVar("Item", RegisteredModel, ModelVersion)


def find(
    items: Sequence[Item],
    expression: Expression | None,
    order: Sequence[OrderTerm],
    prompts: set[str],
) -> list[Item]:
    """The matches in order, then by name, then the newest version first.

    Args:
        prompts: The names of registered models that are prompts.
    """
    asked = expression is not None and _asks_for_prompts(expression)
    found = [
        one
        for one in items
        if (asked or one.name not in prompts)
        and (expression is None or matches(expression, _test(one, asked=asked)))
    ]
    found.sort(key=lambda one: (one.name, -getattr(one, "version", 0)))
    for term in reversed(order):
        found.sort(key=attrgetter(_attribute(term.field)), reverse=not term.ascending)
    return found


def _attribute(field: Field) -> str:
    return _ATTRIBUTES.get(field.key, field.key)


def _asks_for_prompts(expression: Expression) -> bool:
    if isinstance(expression, And | Or):
        return any(map(_asks_for_prompts, expression.parts))
    if isinstance(expression, Not):
        return _asks_for_prompts(expression.part)
    wanted = str(expression.value).lower()
    return expression.field == _PROMPT and (expression.operator, wanted) in (
        ("=", "true"),
        ("!=", "false"),
    )


def _test(item: RegisteredModel | ModelVersion, *, asked: bool) -> Callable[[Comparison], bool]:
    def compare(comparison: Comparison) -> bool:
        field = comparison.field
        if field == _PROMPT and not asked:
            return True  # prompts are left out already
        if field.kind == "tag":
            return compare_value(item.tags.get(field.key), comparison)
        return compare_value(getattr(item, _attribute(field)), comparison)

    return compare
