"""Values as words: times, durations, sizes, numbers, and text that fits a width.

Names and values come from other people and machines, so `clean` escapes control characters before
anything is printed: a run's name must not move the cursor or change the colours.
"""

import math
import time
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

ELLIPSIS = "…"
ID_SHOWN = 8

_SECOND = 1000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
# For older times the date says more than "15 d ago".
_RELATIVE_MAX = 14 * _DAY


def now_ms() -> int:
    """The wall clock in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def clean(text: str) -> str:
    """`text` on one line, with control characters and lone surrogates shown as escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escape(character) for character in text
    )


def harmless(text: str) -> str:
    """`text` with its lines, and all other control characters shown as escapes."""
    if text.isprintable():
        return text
    return "\n".join(map(clean, text.split("\n")))


def _escape(character: str) -> str:
    if character in "\u00a0\u3000\u200d":
        return character
    return character.encode("unicode_escape").decode("ascii")


def cell_width(text: str) -> int:
    """The terminal cells that `text` fills: wide East Asian characters fill two, marks none."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """`text`, cut with an ellipsis if it fills more than `width` cells."""
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    taken, used = [], 1
    for character in text:
        used += _character_width(character)
        if used > width:
            break
        taken.append(character)
    return "".join(taken) + ELLIPSIS


def shorten_middle(text: str, width: int) -> str:
    """`text`, with an ellipsis for its middle if it is too wide: both ends matter."""
    if cell_width(text) <= width or not text.isascii() or width < 5:
        return shorten(text, width)
    head = width // 2
    return text[:head] + ELLIPSIS + text[len(text) - (width - head - 1) :]


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with blanks to `width` cells; `right` puts the blanks before it."""
    blanks = " " * (width - cell_width(text))
    return blanks + text if right else text + blanks


def local_time(milliseconds: int | None, *, exact: bool = False) -> str:
    """The local time of day as `2026-11-23 16:04:45`; `exact` adds milliseconds and the zone."""
    if milliseconds is None:
        return "-"
    try:
        moment = time.localtime(milliseconds / 1000)
    except (OverflowError, ValueError, OSError):
        return f"{milliseconds} ms"
    if not 1 <= moment.tm_year <= 9999:
        return f"{milliseconds} ms"
    text = time.strftime("%Y-%m-%d %H:%M:%S", moment)
    if not exact:
        return text
    return f"{text}.{milliseconds % 1000:03d} {time.strftime('%z', moment)}"


def relative_time(milliseconds: int | None, now: int | None = None) -> str:
    """The distance from now: `3 min ago`, `in 2 h`; the date if it is far; `-` for None."""
    if milliseconds is None:
        return "-"
    elapsed = (now_ms() if now is None else now) - milliseconds
    if abs(elapsed) > _RELATIVE_MAX:
        return local_time(milliseconds)[:10]
    if abs(elapsed) < _SECOND:
        return "just now"
    amount = _largest_unit(abs(elapsed))
    return f"{amount} ago" if elapsed > 0 else f"in {amount}"


def _largest_unit(milliseconds: int) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if milliseconds >= unit:
            return f"{milliseconds // unit} {name}"
    return f"{milliseconds // _SECOND} s"


def moment(milliseconds: int | None, now: int | None = None) -> str:
    """The local time and its distance from now, for places with room for both."""
    if milliseconds is None:
        return "-"
    relative = relative_time(milliseconds, now)
    exact = local_time(milliseconds)
    return exact if exact.startswith(relative) else f"{exact} ({relative})"


def duration(milliseconds: int | None) -> str:
    """A length of time for people: `350 ms`, `4.2 s`, `3 min 05 s`, `2 h 03 min`, `3 d 4 h`."""
    if milliseconds is None:
        return "-"
    if milliseconds < 0:
        return "-" + duration(-milliseconds)
    if milliseconds < _SECOND:
        return f"{milliseconds} ms"
    if milliseconds < _MINUTE - 50:
        return f"{milliseconds / _SECOND:.1f} s"
    seconds = round(milliseconds / _SECOND)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def took(start_ms: int, end_ms: int) -> str:
    """The time from a start to an end; `-` if it ended before: a clock was set back meanwhile."""
    return duration(end_ms - start_ms if end_ms >= start_ms else None)


def size(count: int | None) -> str:
    """A number of bytes in binary units: `512 B`, `1.5 KiB`, `4.00 GiB`."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        amount /= 1024
        if amount < 1024 or unit == "PiB":
            break
    digits = 2 if amount < 10 else 1 if amount < 100 else 0
    return f"{amount:.{digits}f} {unit}"


def number(value: float | None) -> str:
    """A metric's value in at most six significant digits; `NaN`, `Infinity` by name."""
    if value is None:
        return "-"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e12):
        return str(int(value))
    return f"{value:.6g}"


def either(names: Sequence[str]) -> str:
    """The names as alternatives: `a`, `a or b`, `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def count(amount: int, noun: str = "") -> str:
    """A number with separators, and its noun in the right form: `1 run`, `12,345 runs`."""
    if not noun:
        return f"{amount:,}"
    if amount != 1:
        noun = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{amount:,} {noun}"


def short_id(identifier: str) -> str:
    """The first characters of a run's or session's id: enough to name it on the command line."""
    return identifier[:ID_SHOWN]


def value(anything: Any) -> str:
    """Any fact of an event in a few characters, for tables and one-line summaries."""
    if isinstance(anything, str):
        return clean(anything)
    if anything is None:
        return "-"
    if isinstance(anything, bool):
        return "yes" if anything else "no"
    if isinstance(anything, int | float):
        return number(anything)
    if isinstance(anything, bytes):
        return anything.hex()
    if isinstance(anything, Mapping):
        return summary(anything)
    if isinstance(anything, list | tuple):
        return "[" + ", ".join(value(item) for item in anything) + "]"
    return clean(str(anything))


def summary(body: Mapping[str, Any]) -> str:
    """A mapping as `key=value key=value`; a single nested mapping loses its own name."""
    if len(body) == 1:
        (only,) = body.values()
        if isinstance(only, Mapping):
            return summary(only)
    return " ".join(
        f"{clean(str(key))}={'{' + value(item) + '}' if isinstance(item, Mapping) else value(item)}"
        for key, item in body.items()
        if item not in (None, "", [], {}, ())
    )


def sparkline(values: list[float], width: int) -> str:
    """The course of a series in at most `width` block characters; only finite points count."""
    finite = [number for number in values if math.isfinite(number)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    # Halves: the difference of two huge values is infinite. Half of the least value is 0.
    middle, spread = low / 2 + high / 2, high / 2 - low / 2
    columns = min(width, len(finite))
    blocks = "▁▂▃▄▅▆▇█"
    line = []
    for column in range(columns):
        part = finite[column * len(finite) // columns : (column + 1) * len(finite) // columns]
        # The point furthest from the middle stands for its column: spikes stay visible.
        point = max(part, key=lambda number: abs(number - middle))
        level = round((point / 2 - low / 2) / spread * 7) if spread else 0
        line.append(blocks[max(0, min(7, level))])
    return "".join(line)
