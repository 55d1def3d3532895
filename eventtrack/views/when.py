"""Times as people write them, for every `--at`, every page and every address.

    2026-05-03T14:00:00+02:00   ISO 8601; without a zone it is local
    2026-05-03 14:00            the same
    2026-05-03                  the beginning of that day
    14:00                       today
    yesterday, yesterday 14:00  yesterday at this time of day, or at that
    today, today 9:00           the beginning of this day, or that time of it
    7d, 7 days ago, a week ago  so long ago: s, min (or m), h, d, w, mo, y, or the words

Days, weeks, months and years ago are the same time of day by the calendar; hours, minutes and
seconds are elapsed time. Local means the zone of the machine that reads the text; the pages name
that of their browser.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

# Texts come from addresses and from strangers: longer ones are never looked at.
TEXT_LENGTH_MAX = 64
EXAMPLES = "2026-05-03 14:00, yesterday, 7d, 1 week ago"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"(an?|one|\d{1,6}) ?([a-z]+)(?: ago)?", re.ASCII)
_DAY = re.compile(r"(?:(today|yesterday) ?)?(?:(\d{1,2}:\d{2}(?::\d{2})?))?", re.ASCII)
_ELAPSED_S = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}
_ELAPSED_S |= {"h": 3600, "hr": 3600, "hour": 3600}
_DAYS = {"d": 1, "day": 1, "w": 7, "week": 7}
_MONTHS = {"mo": 1, "month": 1, "y": 12, "year": 12}


def time_ms(text: str, now_ms: int, zone: tzinfo | None = None) -> int:
    """The time that a text names, in milliseconds since 1970.

    Args:
        now_ms: The present, in milliseconds since 1970.
        zone: The zone of times that name none; None for the zone of this machine.

    Raises:
        ValueError: The text names no time.
    """
    words = " ".join(text.lower().split()) if len(text) <= TEXT_LENGTH_MAX else ""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    try:
        time = _ago(words, now) or _of_day(words, now)
        if time is None:
            time = datetime.fromisoformat(text.strip()) if words else None
        if time is None:
            raise ValueError("no time")
        if time.tzinfo is None:
            time = time.replace(tzinfo=zone)
        milliseconds = int(time.timestamp() * 1000)
        in_utc(milliseconds)
        return milliseconds
    except OverflowError as error:
        raise ValueError("a time beyond the calendar") from error


def in_utc(milliseconds: int) -> datetime:
    """A time since 1970 as a date, exactly.

    Raises:
        OverflowError: No calendar of Python has it.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _ago(words: str, now: datetime) -> datetime | None:
    """The time so long ago; without a zone if it is a time of day by the calendar."""
    match = _AGO.fullmatch(words)
    if match is None:
        return None
    many = int(match[1]) if match[1].isdecimal() else 1
    unit = match[2] if match[2] in _ELAPSED_S or match[2] in _DAYS else match[2].removesuffix("s")
    if unit in _ELAPSED_S:
        elapsed = timedelta(seconds=many * _ELAPSED_S[unit])
        return now.astimezone(UTC) - elapsed  # within a zone, Python counts by the wall clock
    wall = now.replace(tzinfo=None)
    if unit in _DAYS:
        return wall - timedelta(days=many * _DAYS[unit])
    if unit in _MONTHS:
        return _months_before(wall, many * _MONTHS[unit])
    return None


def _months_before(wall: datetime, months: int) -> datetime:
    """The same day of an earlier month, or the last that this month has."""
    year, month = divmod(wall.year * 12 + wall.month - 1 - months, 12)
    for day in range(wall.day, wall.day - 4, -1):
        try:
            return wall.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise ValueError("a year beyond the calendar")


def _of_day(words: str, now: datetime) -> datetime | None:
    match = _DAY.fullmatch(words)
    if match is None or not words:
        return None
    day = now.replace(tzinfo=None)
    if match[1] == "yesterday":
        day -= timedelta(days=1)
    if match[2] is None:
        return day if match[1] == "yesterday" else datetime.combine(day, datetime.min.time())
    hour, minute, *second = map(int, match[2].split(":"))
    return day.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)
