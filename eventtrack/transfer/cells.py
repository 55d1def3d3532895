"""Cells of tables as numbers, durations and times, however people and programs write them.

A column is read in one way: the way that fits most of its cells. Cells that do not fit are None in
the answer, for the caller to report.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from eventtrack.transfer.settings import iso_milliseconds, number

# Cells that say nothing, in lower case. `nan` is a value: a training that diverged.
NOTHING = {"", "-", "--", "none", "null", "na", "n/a", "#n/a", "<na>", "nat"}
_TRUTH = {"true": 1.0, "false": 0.0}
# How other programs print a single number.
_WRAPPED = re.compile(r"(?:tensor|np\.\w+|array|\w*[fF]loat\d*)\(\s*([^,()\s]+)\s*(?:,.*)?\)")
_GROUP = " \u00a0\u202f'"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_POINT = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[,{_GROUP}]\d{{3}})+(?:\.\d*)?")
_COMMA = re.compile(rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:[.{_GROUP}]\d{{3}})+)?,\d+(?:[eE][+-]?\d+)?")
_DOTS = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[.{_GROUP}]\d{{3}})+")
# `1,234` alone may be both; with a zero before the comma, or with dots, it is not.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_DURATION = re.compile(r"(?:(\d+) days?,? )?(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
# Times between the years 2000 and 2100, in seconds since 1970: all else counts something.
_EARLIEST_S, _LATEST_S = 946_684_800, 4_102_444_800
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_OTHER_TIMES = ("%Y-%m-%d_%H-%M-%S", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%a %b %d %H:%M:%S %Y")


@dataclass
class Read:
    """A column as it was read: a number or a time in ms for each cell, None for odd cells.

    `way` says how the column was read if other ways were possible.
    """

    values: list[Any]
    way: str = ""

    @property
    def odd(self) -> int:
        """The number of cells that did not fit."""
        return self.values.count(None)


@dataclass(frozen=True)
class Habits:
    """The way a whole table writes its numbers; it decides how `1,234` in a column is read."""

    comma: bool = False  # some cell can only have a decimal comma
    point: bool = False  # some cell can only have a decimal point
    semicolons: bool = False  # cells are not parted by commas, so that a comma is free for decimals


def says_nothing(cell: Any) -> bool:
    """Whether a cell holds no value."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in NOTHING)


def habits(cells: Iterable[Any], *, semicolons: bool) -> Habits:
    """The habits that cells of a table show."""
    texts = {cell.removesuffix("%").strip() for cell in cells if isinstance(cell, str)}
    with_comma = (text for text in texts if "," in text)
    comma = any(_COMMA.fullmatch(text) and not _EITHER.fullmatch(text) for text in with_comma)
    with_point = (text for text in texts if "." in text)
    point = any(_PLAIN.fullmatch(text) and not _DOTS.fullmatch(text) for text in with_point)
    return Habits(comma, point, semicolons)


def numbers(cells: Sequence[Any], table: Habits) -> Read | None:
    """A column of numbers; None if fewer than half of its cells look like numbers."""
    values = _all_plain(cells)
    if values is not None and (table.point or not table.comma):
        return Read(values)
    plain = Read([_cell(cell, _point) for cell in cells])
    comma = Read([_cell(cell, _comma) for cell in cells], "with decimal commas")
    both = zip(plain.values, comma.values, strict=True)
    if 2 * sum(pair != (None, None) for pair in both) < len(cells):
        return None
    best = min(plain, comma, key=lambda read: read.odd)
    if plain.odd == comma.odd and repr(plain.values) != repr(comma.values):
        # `1,234` and `1.234`: only the rest of the table can decide.
        if table.comma and not table.point:
            best = comma
        elif table.point or not any(map(is_ambiguous, cells)):
            best = plain
        else:
            best = comma if table.semicolons else Read([_unless_either(cell) for cell in cells])
    return _one_way(cells, best)


def is_ambiguous(cell: Any) -> bool:
    """Whether a cell like `1,234` can be read both with thousands and with decimals."""
    return isinstance(cell, str) and bool(_EITHER.fullmatch(cell.removesuffix("%").strip()))


def durations(cells: Sequence[Any]) -> Read | None:
    """Texts like `1:02:03` and `02:03.5` in seconds; None unless all are such texts."""
    values = []
    for cell in cells:
        match = _DURATION.fullmatch(cell) if isinstance(cell, str) else None
        if match is None:
            return None
        days, hours, minutes, seconds = match.groups()
        whole = int(days or 0) * 86400 + int(hours or 0) * 3600 + int(minutes) * 60
        values.append(whole + float(seconds))
    return Read(values, "durations, in seconds")


def times(cells: Sequence[Any]) -> Read | None:
    """A column of times in milliseconds since 1970; None if fewer than half of its cells are times.

    The size of a number decides whether it is in seconds, milliseconds, microseconds or
    nanoseconds. Texts are dates, in UTC unless they name a zone. A small number is no time: it
    counts from another moment than 1970.
    """
    units = Counter(_unit(value) for cell in cells if (value := _exact(cell)) is not None)
    by_unit = [(count, unit) for unit, count in units.items() if unit]
    if by_unit and 2 * max(by_unit)[0] >= len(cells):
        _, unit = max(by_unit)
        return Read([_of_unit(cell, unit) for cell in cells], f"{unit} since 1970")
    if units and 2 * units.total() >= len(cells):
        return None
    dates = Read([date(cell) for cell in cells], "dates")
    return dates if 2 * dates.odd <= len(cells) and dates.odd < len(cells) else None


def date(cell: Any) -> int | None:
    """A date in milliseconds since 1970, UTC unless it names a zone; None for anything else."""
    if not isinstance(cell, str) or len(cell) < len("20240503"):
        return None
    text = cell.strip()
    if text.upper().endswith((" UTC", " GMT")):
        text = f"{text[:-4]}+00:00"
    time_ms = iso_milliseconds(text)
    if time_ms is not None:
        return time_ms
    for form in _OTHER_TIMES:
        try:
            return round(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    try:
        return round(parsedate_to_datetime(text).timestamp() * 1000)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def milliseconds(cell: Any) -> int | None:
    """A whole number of milliseconds, exactly; None for anything else."""
    value = _exact(cell)
    return value if isinstance(value, int) else None if value is None else _whole(value)


def whole(cell: Any, value: float | None) -> int | None:
    """The step in a cell that was read as `value`; None unless it is a whole number of 64 bits."""
    exact = _exact(cell)
    if not isinstance(exact, int):
        exact = None if value is None else _whole(value)
    return exact if exact is not None and -(2**63) <= exact < 2**63 else None


def _whole(value: float) -> int | None:
    return int(value) if math.isfinite(value) and value.is_integer() else None


def _exact(cell: Any) -> int | float | None:
    """A plain number; integers stay integers, since a float would round nanoseconds."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return cell if not isinstance(cell, float) or math.isfinite(cell) else None
    text = cell.strip() if isinstance(cell, str) else ""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 30:
        return int(text)
    return float(text) if _PLAIN.fullmatch(text) and math.isfinite(float(text)) else None


def _unit(value: float) -> str:
    for unit, per_second in _UNITS.items():
        if _EARLIEST_S * per_second <= value < _LATEST_S * per_second:
            return unit
    return ""


def _of_unit(cell: Any, unit: str) -> int | None:
    value = _exact(cell)
    if value is None or _unit(value) != unit:
        return None
    per_second = _UNITS[unit]
    if isinstance(value, int):
        return value * 1000 // per_second
    return round(value * 1000 / per_second)


def _all_plain(cells: Sequence[Any]) -> list[float] | None:
    """The quick road: the numbers of a column that Python reads as they are, else None."""
    try:
        values = list(map(float, cells))
    except (TypeError, ValueError, OverflowError):
        return None
    # Python reads `1_0` as ten; no table means that.
    return None if any(isinstance(cell, str) and "_" in cell for cell in cells) else values


def _cell(cell: Any, text: Callable[[str], float | None]) -> float | None:
    return text(cell.strip()) if isinstance(cell, str) else number(cell)


def _point(text: str) -> float | None:
    """A number with a decimal point; also with separated thousands, in per cent, or `nan`."""
    if text.endswith("%"):
        value = _point(text[:-1].strip())
        return None if value is None else value / 100
    if _POINT.fullmatch(text):
        text = re.sub(f"[,{_GROUP}]", "", text)
    return _plain(text)


def _comma(text: str) -> float | None:
    """A number with a decimal comma; also with separated thousands, in per cent, or `nan`."""
    if text.endswith("%"):
        value = _comma(text[:-1].strip())
        return None if value is None else value / 100
    if _COMMA.fullmatch(text) or _DOTS.fullmatch(text):
        text = re.sub(f"[.{_GROUP}]", "", text).replace(",", ".")
    return _plain(text)


def _plain(text: str) -> float | None:
    text = text.replace("\u2212", "-")
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped[1] if wrapped else text
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return _TRUTH.get(text.lower())


def _unless_either(cell: Any) -> float | None:
    return None if is_ambiguous(cell) else _cell(cell, _point)


def _one_way(cells: Sequence[Any], read: Read) -> Read:
    """The column without its minority: cells in per cent do not mix with plain numbers."""
    marked = [isinstance(cell, str) and cell.rstrip().endswith("%") for cell in cells]
    if not any(marked):
        return read
    most = 2 * sum(marked) >= len(cells)
    values = [
        value if mark == most else None for value, mark in zip(read.values, marked, strict=True)
    ]
    way = "in per cent: 50% is 0.5" if most else ""
    return Read(values, ", ".join(filter(None, (read.way, way))))
