"""Formulas over the metrics of a run, as ``= `train/loss` / loss``, for charts.

A formula has numbers, names of metrics, `+ - * / **`, parentheses, and `abs exp log log10 sqrt min
max`. Names that are more than a word stand between backquotes. It is reckoned at the steps that all
of its metrics have; of several points of a step the latest counts. What has no value there, as a
division by zero, is NaN.
"""

import math
import operator
import re
from array import array
from collections.abc import Callable, Sequence
from itertools import islice
from math import nan
from typing import TypeAlias

from eventtrack.errors import InvalidValueError
from eventtrack.projections.points import Points
from eventtrack.views.queries.series import Series

SIGN = "="
LETTERS_MAX = 500
DEPTH_MAX = 30
Column: TypeAlias = "Sequence[float]"
# Takes the columns of the metrics, which are equally long, and their length.
Node: TypeAlias = "Callable[[dict[str, Column], int], Column]"

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([^\W\d][\w.]*)|`([^`]+)`|(\*\*|\S))"
)
_FUNCTIONS: dict[str, tuple[int, Callable[..., float]]] = {
    "abs": (1, abs),
    "exp": (1, math.exp),
    "log": (1, math.log),
    "log10": (1, math.log10),
    "sqrt": (1, math.sqrt),
    "min": (2, min),
    "max": (2, max),
}
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv}


class Formula:
    """A formula that was read.

    Attributes:
        names: The metrics in it, each once, in the order in which they come.

    Raises:
        InvalidValueError: It is none, or it is too long or too deep.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LETTERS_MAX:
            raise InvalidValueError(
                f"a formula has up to {LETTERS_MAX} letters; found {len(text)}",
                hint="draw its parts in charts of their own",
            )
        reader = _Reader(text.removeprefix(SIGN))
        self._node = reader.whole()
        self.names = list(reader.names)
        if not self.names:
            raise InvalidValueError(
                f"the formula {text!r} has no metric in it", hint="such as `train/loss` * 2"
            )

    def points(self, columns: Sequence[Points]) -> Points:
        """Its values, in order of the steps, from the points of each of its metrics."""
        steps = columns[0].steps
        if _is_rising(steps) and all(points.steps == steps for points in columns):
            # Metrics that are logged together, as most are: there is nothing to join.
            own: dict[str, Column] = {
                name: points.values for name, points in zip(self.names, columns, strict=True)
            }
            return self._over(steps, columns[0].timestamps, own)
        latest = [
            {step: at for at, step in enumerate(points.steps)} for points in columns
        ]  # later points of a step come later
        shared = sorted(set(latest[0]).intersection(*latest[1:]))
        values: dict[str, Column] = {
            name: [points.values[places[step]] for step in shared]
            for name, points, places in zip(self.names, columns, latest, strict=True)
        }
        times = array("q", (columns[0].timestamps[latest[0][step]] for step in shared))
        return self._over(array("q", shared), times, values)

    def _over(
        self, steps: "array[int]", timestamps: "array[int]", values: dict[str, Column]
    ) -> Points:
        reckoned = Points()
        reckoned.steps, reckoned.timestamps = steps, timestamps
        reckoned.values = array("d", self._node(values, len(steps)))
        return reckoned


def _is_rising(steps: "array[int]") -> bool:
    return all(map(operator.lt, steps, islice(steps, 1, None)))


class Reckoned:
    """The values of a formula for one run, in place of a `Series`.

    Args:
        key: The formula as it was asked for.
        parts: The series of its metrics, in the order of its names.
    """

    def __init__(self, key: str, formula: Formula, parts: Sequence[Series]) -> None:
        self._formula, self._parts = formula, parts
        self.run_id, self.key, self.began_ms = parts[0].run_id, key, parts[0].began_ms
        self.count = min(part.count for part in parts)
        self.last_step = min(part.last_step for part in parts)
        self.last_ms = parts[0].last_ms

    def first(self) -> tuple[int, int]:
        """About the first step and time: no metric of the formula begins later."""
        firsts = [part.first() for part in self._parts]
        return max(step for step, _ in firsts), firsts[0][1]

    def points(self) -> Points:
        """Its values at all steps that its metrics share."""
        return self._formula.points([part.points() for part in self._parts])


class _Reader:
    """Reads a text from left to right: sums of products of powers."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_TOKEN.finditer(text.rstrip()))
        self._at = 0
        self._depth = 0
        self.names: dict[str, None] = {}

    def whole(self) -> Node:
        node = self._sum()
        if self._at < len(self._tokens):
            raise self._unread("an operator")
        return node

    def _sum(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InvalidValueError(
                f"a formula is up to {DEPTH_MAX} parentheses deep", hint="draw a part of it alone"
            )
        node = self._many(_SUMS, lambda: self._many(_PRODUCTS, self._signed))
        self._depth -= 1
        return node

    def _many(self, signs: dict[str, Callable[..., float]], part: Callable[[], Node]) -> Node:
        node = part()
        while (act := signs.get(self._sign())) is not None:
            self._at += 1
            node = _applied(act, [node, part()])
        return node

    def _signed(self) -> Node:
        signs = 0
        while self._sign() in ("-", "+"):
            signs += self._sign() == "-"
            self._at += 1
        node = self._value()
        if self._sign() == "**":
            self._at += 1
            self._depth += 1
            if self._depth > DEPTH_MAX:
                raise self._unread("fewer powers of powers")
            node = _applied(math.pow, [node, self._signed()])
            self._depth -= 1
        return _applied(operator.neg, [node]) if signs % 2 else node

    def _value(self) -> Node:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or (token[4] is not None and token[4] != "("):
            raise self._unread("a number, a metric or (")
        self._at += 1
        if token[1] is not None:
            number = float(token[1])
            return lambda _, length: [number] * length
        if token[4] is not None:
            node = self._sum()
            self._expect(")")
            return node
        name = token[2] or token[3]
        if token[2] in _FUNCTIONS and self._sign() == "(":
            return self._call(name)
        self.names[name] = None
        return lambda columns, _: columns[name]

    def _call(self, name: str) -> Node:
        count, function = _FUNCTIONS[name]
        self._expect("(")
        parts = [self._sum()]
        while len(parts) < count:
            self._expect(",")
            parts.append(self._sum())
        self._expect(")")
        return _applied(function, parts)

    def _sign(self) -> str:
        return self._tokens[self._at][4] or "" if self._at < len(self._tokens) else ""

    def _expect(self, sign: str) -> None:
        if self._sign() != sign:
            raise self._unread(sign)
        self._at += 1

    def _unread(self, wanted: str) -> InvalidValueError:
        token = self._tokens[self._at][0].strip() if self._at < len(self._tokens) else "its end"
        return InvalidValueError(
            f"cannot read the formula {self._text.strip()!r}: expected {wanted}, found {token}",
            hint="such as `train/loss` - `val/loss`, with names of metrics between backquotes",
        )


def _applied(function: Callable[..., float], parts: Sequence[Node]) -> Node:
    def reckon(columns: dict[str, Column], length: int) -> Column:
        given = [part(columns, length) for part in parts]
        try:
            return list(map(function, *given))
        except (ArithmeticError, ValueError):
            return [_guarded(function, values) for values in zip(*given, strict=True)]

    return reckon


def _guarded(function: Callable[..., float], values: tuple[float, ...]) -> float:
    try:
        return function(*values)
    except (ArithmeticError, ValueError):
        return nan
