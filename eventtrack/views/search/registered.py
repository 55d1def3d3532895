"""Search over registered models and their versions. A store has few, so each is tested.

A prompt is a registered model with a tag. As in MLflow, only a filter on that tag matches prompts.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeVar

from eventtrack.views.filters.trees import And, Comparison, Expression, Field, Not, Or, OrderTerm
from eventtrack.views.records import ModelVersion, RegisteredModel
from eventtrack.views.search.matching import compare_value, matches

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
    matching = [
        item
        for item in items
        if (asked or item.name not in prompts)
        and (expression is None or matches(expression, _test(item, asked=asked)))
    ]
    matching.sort(key=lambda item: (item.name, -getattr(item, "version", 0)))
    for term in reversed(order):
        matching.sort(key=attrgetter(_attribute(term.field)), reverse=not term.ascending)
    return matching


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
            return True  # `find` has left out all prompts
        if field.kind == "tag":
            return compare_value(item.tags.get(field.key), comparison)
        return compare_value(getattr(item, _attribute(field)), comparison)

    return compare
