"""Times as people write them."""

import contextlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.views.when import TEXT_LENGTH_MAX, time_ms

BERLIN = ZoneInfo("Europe/Berlin")
# A week after the clocks went forward there.
NOW = datetime(2026, 4, 5, 10, 30, 15, tzinfo=BERLIN)
NOW_MS = int(NOW.timestamp() * 1000)


def read(text: str) -> datetime:
    return datetime.fromtimestamp(time_ms(text, NOW_MS, BERLIN) / 1000, BERLIN)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-03 14:00", "2026-03-03T14:00:00"),
        ("2026-03-03T14:00:00+00:00", "2026-03-03T15:00:00"),
        ("2026-03-03", "2026-03-03T00:00:00"),
        ("9:05", "2026-04-05T09:05:00"),
        ("Today", "2026-04-05T00:00:00"),
        ("today 9:05:06", "2026-04-05T09:05:06"),
        ("yesterday", "2026-04-04T10:30:15"),
        ("  yesterday   14:00 ", "2026-04-04T14:00:00"),
        ("7d", "2026-03-29T10:30:15"),
        ("8d", "2026-03-28T10:30:15"),  # at the same time of day, though 191 hours ago
        ("1 week ago", "2026-03-29T10:30:15"),
        ("a week ago", "2026-03-29T10:30:15"),
        ("2 Weeks", "2026-03-22T10:30:15"),
        ("192h", "2026-03-28T09:30:15"),  # elapsed
        ("90 min ago", "2026-04-05T09:00:15"),
        ("90m", "2026-04-05T09:00:15"),
        ("15 seconds", "2026-04-05T10:30:00"),
        ("2mo", "2026-02-05T10:30:15"),
        ("1 year ago", "2025-04-05T10:30:15"),
    ],
)
def test_times_are_read(text: str, wanted: str) -> None:
    assert read(text) == datetime.fromisoformat(wanted).replace(tzinfo=BERLIN), text


def test_a_month_before_ends_with_its_last_day() -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=BERLIN)
    asked = time_ms("1 month ago", int(now.timestamp() * 1000), BERLIN)
    assert asked == datetime(2026, 2, 28, 12, tzinfo=BERLIN).timestamp() * 1000


def test_times_without_a_zone_are_of_this_machine() -> None:
    assert time_ms("2026-05-03", NOW_MS) == datetime(2026, 5, 3).astimezone().timestamp() * 1000
    elapsed = datetime.now().astimezone() - timedelta(hours=1)
    now_ms = int((elapsed + timedelta(hours=1)).timestamp() * 1000)
    assert time_ms("1h", now_ms) == now_ms - 3_600_000


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "soon", "tomorrow", "7", "7 q", "d", "ago", "1.5d", "-1d", "25:00"),
        "today 9:61",
        *("9999999d", "999999y", "999999 months", "٣d", "7d" + " " * TEXT_LENGTH_MAX, "1-1-1"),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several causes
        time_ms(text, NOW_MS, BERLIN)


@given(st.text(max_size=80))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(time_ms(text, NOW_MS), int)
