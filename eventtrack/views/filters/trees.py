"""Reads MLflow's filter strings into small trees, which the searches evaluate.

    expression  = conjunction {OR conjunction}
    conjunction = negation {AND negation}
    negation    = NOT negation | "(" expression ")" | comparison
    comparison  = field operator value
                | field [NOT] IN "(" value {"," value} [","] ")"
                | field BETWEEN value AND value
                | field IS [NOT] NULL

MLflow knows only comparisons joined by AND; all other forms are eventtrack's. MLflow's SQL library
lets some slips pass: a missing, doubled or dangling AND, an empty key. They are refused here, since
such a filter hardly ever means what it does.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from eventtrack import limits
from eventtrack.errors import FilterSyntaxError
from eventtrack.views.filters.fields import (
    EXPERIMENTS,
    RUNS,
    RUNS_WITH_NUMBERS,
    Field,
    FieldType,
    Schema,
    comparator_error,
    resolve_field,
    value_error,
)
from eventtrack.views.filters.orders import (
    OrderTerm,
    parse_experiment_order,
    parse_order,
    parse_run_order,
)
from eventtrack.views.filters.tokens import Token, clipped, syntax_error, tokenize, unquote

__all__ = [
    "And",
    "Comparison",
    "Expression",
    "Field",
    "Not",
    "Or",
    "OrderTerm",
    "Value",
    "like_matcher",
    "parse_experiment_filter",
    "parse_experiment_order",
    "parse_filter",
    "parse_order",
    "parse_run_filter",
    "parse_run_order",
]

# Nested parentheses and NOTs: bounds the recursion of the parser and of every evaluation.
FILTER_DEPTH_MAX = 50
_TWO_STEPS = "search in two steps"
_PATTERNS = ("LIKE", "ILIKE", "RLIKE")

Value: TypeAlias = str | float | int | tuple[str | float | int, ...] | None


class Comparison(msgspec.Struct, frozen=True):
    """One test of one field.

    `operator` is one of = != < <= > >= LIKE ILIKE IN, NOT IN, BETWEEN, IS NULL, IS NOT NULL, in
    capitals. `value` is None for the last two, a tuple for IN and NOT IN, and for BETWEEN the pair
    (lowest, highest), both included. A metric is compared with a float, a time with an int if the
    filter has no fraction. A param or a tag that is compared with a float counts as a number.
    """

    field: Field
    operator: str
    value: Value


class And(msgspec.Struct, frozen=True):
    """True if all parts are true. Has at least two parts, none of them an `And`."""

    parts: tuple["Expression", ...]


class Or(msgspec.Struct, frozen=True):
    """True if any part is true. Has at least two parts, none of them an `Or`."""

    parts: tuple["Expression", ...]


class Not(msgspec.Struct, frozen=True):
    """True if the part is false."""

    part: "Expression"


Expression: TypeAlias = Comparison | And | Or | Not


def comparisons(expression: "Expression | None") -> Iterator[Comparison]:
    """Every comparison of an expression; nothing for None."""
    waiting = [] if expression is None else [expression]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Comparison):
            yield part
        else:
            waiting += [part.part] if isinstance(part, Not) else part.parts


def parse_run_filter(text: str | None, *, numbers: bool = False) -> Expression | None:
    """The tree of a filter over runs; see `parse_filter`.

    Args:
        numbers: Whether params and tags may be compared with numbers, which MLflow refuses.
    """
    return parse_filter(text, RUNS_WITH_NUMBERS if numbers else RUNS)


def parse_experiment_filter(text: str | None) -> Expression | None:
    """The tree of a filter over experiments; see `parse_filter`."""
    return parse_filter(text, EXPERIMENTS)


def like_matcher(pattern: str, case_sensitive: bool) -> Callable[[str], bool]:
    """A test of whole texts for SQL's LIKE, or for ILIKE if not `case_sensitive`.

    `%` matches any characters, also line breaks; `_` matches one character; there is no escape. A
    test takes at most time proportional to the text times the pattern.
    """
    first, *rest = [
        "".join("." if letter == "_" else re.escape(letter) for letter in piece)
        for piece in pattern.split("%")
    ]
    source = first
    if rest:
        # The earliest place for a middle piece is never worse than a later place, so the atomic
        # groups lose no match. Without them patterns of many % would take exponential time.
        middle = [f"(?>.*?{piece})" for piece in rest[:-1] if piece]
        source = f"{first}{''.join(middle)}.*{rest[-1]}"
    expression = re.compile(source, re.DOTALL if case_sensitive else re.DOTALL | re.IGNORECASE)
    fullmatch = expression.fullmatch
    return lambda text: fullmatch(text) is not None


def parse_filter(text: str | None, schema: Schema) -> Expression | None:
    """The tree of a filter over the fields of `schema`; None for None or the empty text.

    Raises:
        FilterSyntaxError: The filter cannot be read; the message shows the place.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise FilterSyntaxError(
            f"Invalid filter {text!r}. Could not be parsed.", hint="give the filter as one text"
        )
    if len(text) > limits.FILTER_LENGTH_MAX:
        raise FilterSyntaxError(
            f"Invalid filter {clipped(text)!r}: it has {len(text)} characters, and may have "
            f"{limits.FILTER_LENGTH_MAX}",
            hint=_TWO_STEPS,
        )
    parser = _Parser(text, schema)
    if parser.at("end", ""):
        raise FilterSyntaxError(
            f"Invalid filter {clipped(text)!r}. Could not be parsed.",
            hint="leave the filter empty to find everything",
        )
    expression = parser.expression(0)
    if not parser.at("end", ""):
        raise parser.unexpected("join comparisons with AND or OR")
    return expression


class _Parser:
    """Recursive descent over the tokens; `token` is the next token not yet taken."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.schema = schema
        self.tokens = iter(tokenize(text))
        self.token = next(self.tokens)
        self.comparisons = 0

    def expression(self, depth: int) -> Expression:
        part = self.conjunction(depth)
        if not self.at("keyword", "OR"):
            return part
        parts = [part]
        while self.accept("keyword", "OR"):
            parts.append(self.conjunction(depth))
        return Or(_flat(parts, Or))

    def conjunction(self, depth: int) -> Expression:
        part = self.negation(depth)
        if not self.at("keyword", "AND"):
            return part
        parts = [part]
        while self.accept("keyword", "AND"):
            parts.append(self.negation(depth))
        return And(_flat(parts, And))

    def negation(self, depth: int) -> Expression:
        if depth > FILTER_DEPTH_MAX:
            raise syntax_error(
                f"The filter nests more than {FILTER_DEPTH_MAX} parentheses and NOTs",
                self.text,
                self.token.start,
                hint=f"take out parentheses that change nothing, or {_TWO_STEPS}",
            )
        if self.accept("keyword", "NOT"):
            return Not(self.negation(depth + 1))
        if self.accept("mark", "("):
            inner = self.expression(depth + 1)
            self.expect("mark", ")", hint="close the parenthesis with )")
            return inner
        return self.comparison()

    def comparison(self) -> Comparison:
        token = self.token
        self.comparisons += 1
        if self.comparisons > limits.FILTER_COMPARISONS_MAX:
            raise self.too_many(f"{limits.FILTER_COMPARISONS_MAX} comparisons")
        if token.kind == "field" or (token.kind == "text" and token.text[0] == '"'):
            field = resolve_field(self.schema, self.take(), self.text)
        elif token.kind in ("number", "text"):
            raise syntax_error(
                f"Invalid comparison clause. Expected 'Identifier' found '{clipped(token.text)}'",
                self.text,
                token.start,
                hint="write the field first, then the operator, then the value",
            )
        else:
            raise self.unexpected("a comparison is written like metrics.loss < 0.5")
        field_type = self.schema.type_of(field)
        operator = self.operator(field_type)
        return Comparison(field, operator, self.value(field, field_type, operator))

    def operator(self, field_type: FieldType) -> str:
        start = self.token.start
        if self.token.kind not in ("operator", "keyword", "field"):
            raise self.unexpected(
                f"a field is followed by one of {', '.join(field_type.operators)}"
            )
        operator = self.take().text
        if operator == "IS":
            operator = "IS NOT NULL" if self.accept("keyword", "NOT") else "IS NULL"
            self.expect("keyword", "NULL", hint="write IS NULL or IS NOT NULL")
        elif operator == "NOT":
            if self.token.kind not in ("keyword", "field"):
                raise self.unexpected("write NOT IN (...), or NOT in front of the comparison")
            operator = f"NOT {self.take().text}"
        if operator not in field_type.operators:
            raise comparator_error(field_type, operator, self.text, start)
        return operator

    def value(self, field: Field, field_type: FieldType, operator: str) -> Value:
        if operator in ("IS NULL", "IS NOT NULL"):
            return None
        if operator == "BETWEEN":
            kind = self.token.kind
            lowest = self.scalar(field, field_type, operator)
            self.expect("keyword", "AND", hint="write BETWEEN lowest AND highest")
            return (lowest, self.scalar(field, field_type, operator, kind))
        if operator not in ("IN", "NOT IN"):
            return self.scalar(field, field_type, operator)
        self.expect("mark", "(", hint=f"write {operator} with its values in parentheses")
        if self.at("mark", ")"):
            raise syntax_error(
                "While parsing a list in the query, expected a non-empty list of "
                f"{'string' if field_type.value == 'text' else 'numeric'} values, but got empty "
                "list",
                self.text,
                self.token.start,
                hint="write at least one value between the parentheses",
            )
        kind = self.token.kind
        values = [self.scalar(field, field_type, operator)]
        while self.accept("mark", ",") and not self.at("mark", ")"):
            values.append(self.scalar(field, field_type, operator, kind))
            if len(values) > limits.FILTER_LIST_MAX:
                raise self.too_many(f"{limits.FILTER_LIST_MAX} values in one list")
        self.expect("mark", ")", hint="separate the values with commas and close the list with )")
        return tuple(values)

    def scalar(
        self, field: Field, field_type: FieldType, operator: str, kind: str = ""
    ) -> str | float | int:
        """The next value. `kind` is that of the values before it, which it has to share."""
        token = self.token
        if token.kind not in field_type.token_kinds(operator) or kind not in ("", token.kind):
            raise value_error(field, field_type, token, self.text, operator)
        self.take()
        if token.kind == "text":
            return self.pattern(unquote(token.text), operator, token.start)
        if field.kind == "metric" or field_type.value in ("either", "mixed"):
            return float(token.text)
        try:
            return int(token.text)
        except ValueError:
            # A fraction, an exponent, or more digits than Python turns into an int.
            if field_type.value == "number":
                return float(token.text)
        raise syntax_error(
            f"Invalid value for numeric attribute '{field.key}': '{clipped(token.text)}'",
            self.text,
            token.start,
            hint=f"write {field.key} as whole milliseconds since 1970",
        )

    def pattern(self, value: str, operator: str, start: int) -> str:
        """The text unchanged; refuses a pattern that costs too much to match."""
        long = len(value) > limits.FILTER_PATTERN_LENGTH_MAX
        if operator in _PATTERNS and (
            long or value.count("%") > limits.FILTER_PATTERN_PERCENTS_MAX
        ):
            raise syntax_error(
                f"Invalid pattern of {operator}: it may have {limits.FILTER_PATTERN_LENGTH_MAX} "
                f"characters, and {limits.FILTER_PATTERN_PERCENTS_MAX} of them may be %",
                self.text,
                start,
                hint="look for a shorter part of the text",
            )
        return value

    def too_many(self, what: str) -> FilterSyntaxError:
        return syntax_error(
            f"The filter has more than {what}", self.text, self.token.start, hint=_TWO_STEPS
        )

    def at(self, kind: str, text: str) -> bool:
        return self.token.kind == kind and self.token.text == text

    def take(self) -> Token:
        token = self.token
        self.token = next(self.tokens)
        return token

    def accept(self, kind: str, text: str) -> bool:
        if not self.at(kind, text):
            return False
        self.take()
        return True

    def expect(self, kind: str, text: str, *, hint: str) -> None:
        if not self.accept(kind, text):
            raise self.unexpected(hint)

    def unexpected(self, hint: str) -> FilterSyntaxError:
        token = self.token
        fault = f"'{clipped(token.text)}'" if token.kind != "end" else "it ends too early"
        message = f"Invalid clause(s) in filter string: {fault}"
        return syntax_error(message, self.text, token.start, hint=hint)


def _flat(parts: list[Expression], kind: type[And] | type[Or]) -> tuple[Expression, ...]:
    """The parts; inner nodes of the same kind are replaced by their parts."""
    flat: list[Expression] = []
    for part in parts:
        if isinstance(part, kind):
            flat.extend(part.parts)
        else:
            flat.append(part)
    return tuple(flat)
