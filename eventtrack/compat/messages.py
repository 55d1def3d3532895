"""Requests as MLflow reads them: JSON read by a description of its fields.

A value is read as MLflow's protobuf reads it: field by field in the order of the JSON, numbers also
as texts, enumerations by name or number. If protobuf stops, at a fraction for an integer say,
MLflow's server goes on with the fields that it has read so far, and answers 200. Here such a
request is refused: the other fields would be lost.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from eventtrack import limits
from eventtrack.errors import InvalidValueError

_SURROGATE = re.compile("[\ud800-\udfff]")
# Protobuf takes such a name as an extension, and none of the messages has extensions.
_EXTENSION = re.compile(r"^\[[a-zA-Z0-9._]*\]$")
_DIGIT = re.compile("[0-9]")
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


class ParseStoppedError(Exception):
    """A field could not be read; everything after it is left out.

    `path` leads to the field, and `value` is its value in the request. Both are complete when the
    reading has ended.
    """

    path: str = ""
    value: object = None

    def within(self, name: str, value: object) -> None:
        """Add a step to the path, from the innermost place outwards."""
        if not self.path:
            self.value = value
        joint = "" if not self.path or name[-1] == self.path[0] or self.path[1].isdecimal() else "."
        self.path = f"{name}{joint}{self.path}"


Convert = Callable[[Any], Any]
Kind = Literal["text", "int32", "int64", "double", "truth", "one_of"]


class Fields(Protocol):
    """The fields of a request, or of a part of it, by name; an unset field reads as its default."""

    def __getitem__(self, name: str) -> Any:
        """A field's value."""
        ...


class Values:
    """The fields of a message that were sent; other fields read as protobuf's defaults."""

    def __init__(self, message: "Message") -> None:
        self._message = message
        self._sent: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        sent = self._sent.get(name)
        return self._message.named[name].unset() if sent is None else sent

    def has(self, name: str) -> bool:
        """Whether a field was sent, and not as null."""
        return name in self._sent

    def given(self, name: str) -> Any:
        """A field's value; None if it was not sent."""
        return self._sent.get(name)

    def put(self, name: str, value: Any) -> None:
        """Set a field."""
        self._sent[name] = value

    def drop(self, name: str) -> None:
        """Forget a field."""
        self._sent.pop(name, None)

    def plain(self) -> dict[str, Any]:
        """The sent fields as dictionaries and lists."""
        return {
            name: [item.plain() if isinstance(item, Values) else item for item in value]
            if isinstance(value, list)
            else value.plain()
            if isinstance(value, Values)
            else value
            for name, value in self._sent.items()
        }


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its name and the conversion of its JSON to a value.

    Args:
        convert: The conversion of a scalar; None for a message.
        default: The value of the field when it was not sent.
        kind: The type of a scalar, for descriptions of the field.
        names: All allowed names, if the value is one of several names.
    """

    name: str
    convert: Convert | None = None
    message: "Message | None" = None
    repeated: bool = False
    default: Any = None
    kind: Kind = "text"
    names: tuple[str, ...] = ()

    @property
    def json_name(self) -> str:
        """The name in camelCase, which protobuf's JSON takes as well."""
        head, *tail = self.name.split("_")
        return head + "".join(word[:1].upper() + word[1:] for word in tail)

    def of_query(self, values: Sequence[str]) -> Any:
        """The JSON that the values of a query stand for.

        Raises:
            InvalidValueError: A boolean is neither true nor false.
        """
        if self.repeated:
            return list(values)
        if self.convert is not _truth:
            return values[0]
        if values[0].lower() not in ("true", "false"):
            raise InvalidValueError(
                f"Invalid boolean value: {values[0]}, must be 'true' or 'false'."
            )
        return values[0].lower() == "true"

    def unset(self) -> Any:
        """The value of the field when it was not sent."""
        if self.repeated:
            return []
        return Values(self.message) if self.message is not None else self.default


@dataclass(frozen=True)
class Message:
    """A kind of message: its fields by both of their names."""

    fields: tuple[Field, ...]
    named: Mapping[str, Field] = field(init=False)
    spelled: Mapping[str, Field] = field(init=False)
    twice: Sequence[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", {field.name: field for field in self.fields})
        spelled = {field.json_name: field for field in self.fields}
        object.__setattr__(self, "spelled", {**self.named, **spelled})
        twice = [(field.name, name) for name, field in spelled.items() if field.name != name]
        object.__setattr__(self, "twice", twice)

    def parse(self, source: object) -> tuple[Values, ParseStoppedError | None]:
        """Read a JSON object; returns the fields, and the place if the reading stopped early."""
        values = Values(self)
        try:
            _fill(values, self, source)
        except ParseStoppedError as stopped:
            return values, stopped
        return values, None

    def doubly_spelled(self, source: object) -> tuple[str, str] | None:
        """A field that an object names in both spellings, at any depth; None if there is none."""
        if not isinstance(source, dict):
            return None
        for names in self.twice:
            if names[0] in source and names[1] in source:
                return names
        for member in self.fields:
            if member.message is None:
                continue
            below = source.get(member.name, source.get(member.json_name))
            for item in below if isinstance(below, list) else [below]:
                if (twice := member.message.doubly_spelled(item)) is not None:
                    return twice
        return None


def _names(source: object) -> Iterator[str]:
    """The names that protobuf finds in a JSON value that should be an object."""
    if not isinstance(source, dict | list | str):
        raise ParseStoppedError
    for name in source:
        if not isinstance(name, str):
            raise ParseStoppedError
        yield name


def _fill(values: Values, message: Message, source: object) -> None:
    for name in _names(source):
        known = message.spelled.get(name)
        if known is None and not _EXTENSION.match(name):
            continue
        if not isinstance(source, dict):
            raise ParseStoppedError
        try:
            if known is None:
                raise ParseStoppedError
            _fill_field(values, known, source[name])
        except ParseStoppedError as stopped:
            stopped.within(name, source[name])
            raise


def _fill_field(values: Values, known: Field, value: object) -> None:
    if value is None:
        values.drop(known.name)
    elif known.repeated:
        _fill_list(values, known, value)
    elif known.message is not None:
        below = Values(known.message)
        values.put(known.name, below)
        _fill(below, known.message, value)
    else:
        values.put(known.name, _scalar(known, value))


def _fill_list(values: Values, known: Field, source: object) -> None:
    values.drop(known.name)
    if not isinstance(source, list):
        raise ParseStoppedError
    items: list[Any] = []
    for at, item in enumerate(source):
        try:
            if known.message is None:
                items.append(_item(known, item))
            else:
                items.append(Values(known.message))
            values.put(known.name, items)
            if known.message is not None:
                _fill(items[-1], known.message, item)
        except ParseStoppedError as stopped:
            stopped.within(f"[{at}]", item)
            raise


def _item(known: Field, item: object) -> Any:
    if item is None:
        raise ParseStoppedError
    return _scalar(known, item)


def _scalar(known: Field, value: object) -> Any:
    assert known.convert is not None
    try:
        return known.convert(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ParseStoppedError from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or _SURROGATE.search(value):
        raise ParseStoppedError
    return value


def _integer(least: int, largest: int) -> Convert:
    def convert(value: Any) -> int:
        if (isinstance(value, float) and not value.is_integer()) or isinstance(value, bool):
            raise ParseStoppedError
        if isinstance(value, str) and " " in value:
            raise ParseStoppedError
        try:
            number = int(value)
        except ValueError:
            whole = float(value)
            if not whole.is_integer():
                raise ParseStoppedError from None
            number = int(whole)
        if not least <= number <= largest:
            raise ParseStoppedError
        return number

    return convert


def _double(value: Any) -> float:
    # The texts "NaN" and "Infinity" are numbers; bare words in the JSON are not.
    if (isinstance(value, float) and not math.isfinite(value)) or value == "nan":
        raise ParseStoppedError
    number = float(value)
    if math.isinf(number) and _DIGIT.search(str(value)):
        raise ParseStoppedError  # a finite number, but too large
    return number


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ParseStoppedError
    return value


def _one_of(names: Mapping[str, int]) -> Convert:
    numbers = {number: name for name, number in names.items()}

    def convert(value: Any) -> str:
        if value in names:
            return str(value)
        number = _int32(value)
        if number not in numbers:
            raise ParseStoppedError
        return numbers[number]

    return convert


_int64 = _integer(limits.INT64_MIN, limits.INT64_MAX)
_int32 = _integer(_INT32_MIN, _INT32_MAX)


def text(name: str) -> Field:
    """A text; "" when unset."""
    return Field(name, _text, default="")


def texts(name: str) -> Field:
    """A list of texts."""
    return Field(name, _text, repeated=True)


def int64(name: str, default: int = 0) -> Field:
    """A 64-bit integer, as a number or a text."""
    return Field(name, _int64, default=default, kind="int64")


def int32(name: str, default: int = 0) -> Field:
    """A 32-bit integer, as a number or a text."""
    return Field(name, _int32, default=default, kind="int32")


def double(name: str) -> Field:
    """A number, also as a text, also "NaN", "Infinity" and "-Infinity"; 0 when unset."""
    return Field(name, _double, default=0.0, kind="double")


def truth(name: str) -> Field:
    """A boolean; False when unset."""
    return Field(name, _truth, default=False, kind="truth")


def one_of(name: str, names: Sequence[str], *, first: int = 1) -> Field:
    """One of several names, numbered from `first`; the first when unset."""
    numbered = {word: number for number, word in enumerate(names, first)}
    return Field(name, _one_of(numbered), default=names[0], kind="one_of", names=tuple(names))


def below(name: str, message: Message) -> Field:
    """A message within the message."""
    return Field(name, message=message)


def many(name: str, message: Message) -> Field:
    """A list of messages."""
    return Field(name, message=message, repeated=True)
