"""The rules of an endpoint for its request's fields beside their types, and its words of refusal.

MLflow checks the JSON as it was sent: a required field must be there under its snake_case name.
Rules about types only count if the request could not be read as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventtrack.errors import InvalidValueError
from eventtrack.validate import invalid_value

_SEE_DOCS = " See the API docs for more information about request parameters."


class RuleBrokenError(Exception):
    """A value breaks a rule; the text, if any, says how."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A check of a field of the JSON.

    Args:
        check: Raises `RuleBrokenError`, or any of Python's conversion errors.
        of_type: The rule is skipped if the request could be read as a whole.
        required: The rule also applies if the field was not sent.
    """

    check: Callable[[Any], None]
    of_type: bool = False
    required: bool = False


Rules = Mapping[str, Sequence[Rule]]


def missing_value(path: str) -> str:
    """MLflow's sentence about a value that was not given."""
    return f"Missing value for required parameter '{path}'."


def unreadable(path: str, value: object) -> str:
    """MLflow's sentence about a value that does not have the type of its field."""
    kind = f" Hint: Value was of type '{type(value).__name__}'."
    return invalid_value(path, value, kind) + _SEE_DOCS


def apply(rules: Rules, source: Mapping[str, Any], *, all_read: bool) -> None:
    """Apply all rules.

    Raises:
        InvalidValueError: A rule is broken.
    """
    for name, asked in rules.items():
        if name not in source and not any(rule.required for rule in asked):
            continue
        value = source.get(name)
        if name == "run_id" and value is None:
            value = source.get("run_uuid")
        for rule in asked:
            if not (rule.of_type and all_read):
                _ask(rule, name, value)


def _ask(rule: Rule, name: str, value: object) -> None:
    try:
        rule.check(value)
    except (RuleBrokenError, ValueError, TypeError, AttributeError, OverflowError) as error:
        said = str(error) if isinstance(error, RuleBrokenError) else ""
        if not said and rule.required:
            said = missing_value(name)
        if not said:
            raise InvalidValueError(unreadable(name, value)) from error
        raise InvalidValueError(said + _SEE_DOCS) from error


def _present(value: object) -> None:
    if value is None or value == "":
        raise RuleBrokenError


def _is(*types: type) -> Callable[[object], None]:
    def check(value: object) -> None:
        if not isinstance(value, types):
            raise RuleBrokenError

    return check


def _whole(value: Any) -> None:
    int(value)


def _number(value: Any) -> None:
    float(value)


def _all_text(value: Any) -> None:
    if not all(isinstance(item, str) for item in value):
        raise RuleBrokenError


REQUIRED = Rule(_present, required=True)
STRING = Rule(_is(str), of_type=True)
WHOLE = Rule(_whole, of_type=True)
NUMBER = Rule(_number, of_type=True)
ARRAY = Rule(_is(list), of_type=True)
TRUTH = Rule(_is(bool), of_type=True)
TEXTS = Rule(_all_text, of_type=True)


def at_most(largest: int) -> Rule:
    """An integer has an upper bound."""

    def check(value: Any) -> None:
        if int(value) > largest:
            raise RuleBrokenError

    return Rule(check)


def between(least: int, largest: int, message: str) -> Rule:
    """An integer has two bounds, both allowed."""

    def check(value: Any) -> None:
        if not least <= int(value) <= largest:
            raise RuleBrokenError(message)

    return Rule(check)


def no_more_than(most: int, message: str) -> Rule:
    """A list has a greatest length; `{}` in the message stands for its real length."""

    def check(value: Any) -> None:
        if len(value) > most:
            raise RuleBrokenError(message.format(len(value)))

    return Rule(check)


def each_has(*names: str, of: str) -> Rule:
    """Every object in the list `of` has these fields."""

    def check(value: Any) -> None:
        for place, item in enumerate(value):
            for name in names:
                if item.get(name) in (None, ""):
                    raise RuleBrokenError(missing_value(f"{of}[{place}].{name}"))

    return Rule(check)
