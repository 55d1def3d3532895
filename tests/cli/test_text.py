"""Times, durations, sizes, numbers, and text that fits a width."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.cli import text

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("elapsed", "words"),
    [
        (0, "just now"),
        (999, "just now"),
        (3_000, "3 s ago"),
        (59_999, "59 s ago"),
        (180_000, "3 min ago"),
        (7_200_000, "2 h ago"),
        (3 * 86_400_000, "3 d ago"),
        (-120_000, "in 2 min"),
    ],
)
def test_relative_times_use_the_largest_unit(elapsed: int, words: str) -> None:
    assert text.relative_time(NOW - elapsed, NOW) == words


def test_old_times_are_dates() -> None:
    shown = text.relative_time(NOW - 100 * 86_400_000, NOW)
    assert shown == text.local_time(NOW - 100 * 86_400_000)[:10]


def test_times_outside_the_calendar_are_shown_as_they_are() -> None:
    assert text.local_time(2**62) == f"{2**62} ms"
    assert text.moment(None) == text.local_time(None) == text.relative_time(None) == "-"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "-"),
        (0, "0 ms"),
        (350, "350 ms"),
        (4_200, "4.2 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 00 s"),
        (185_000, "3 min 05 s"),
        (7_380_000, "2 h 03 min"),
        (3 * 86_400_000 + 4 * 3_600_000, "3 d 4 h"),
        (-350, "-350 ms"),
    ],
)
def test_durations_are_for_people(milliseconds: int | None, words: str) -> None:
    assert text.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("bytes_", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.50 KiB"), (2**32, "4.00 GiB"), (None, "-")],
)
def test_sizes_are_in_binary_units(bytes_: int | None, words: str) -> None:
    assert text.size(bytes_) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (3.0, "3"),
        (1e-9, "1e-09"),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (None, "-"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_are_short(value: float | None, words: str) -> None:
    assert text.number(value) == words


@pytest.mark.parametrize(
    ("amount", "words"), [(1, "1 run"), (0, "0 runs"), (12_345, "12,345 runs")]
)
def test_counts_agree_with_their_noun(amount: int, words: str) -> None:
    assert text.count(amount, "run") == words


def test_control_characters_cannot_reach_the_terminal() -> None:
    assert text.clean("a\x1b[31mred\nb\u202e") == "a\\x1b[31mred\\nb\\u202e"
    assert text.clean("ünïcödé 漢字") == "ünïcödé 漢字"


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_cut_text_fits_and_says_that_it_was_cut(string: str, width: int) -> None:
    cleaned = text.clean(string)
    cut = text.shorten(cleaned, width)
    assert text.cell_width(cut) <= width
    assert cut == cleaned or cut.endswith(text.ELLIPSIS)


def test_wide_characters_fill_two_cells() -> None:
    assert text.cell_width("漢字") == 4
    assert text.shorten("漢字漢字", 5) == "漢字…"
    assert text.pad("漢字", 6) == "漢字  "
    assert text.pad("7", 3, right=True) == "  7"


def test_bodies_are_summed_up_on_one_line() -> None:
    assert text.summary({"params": {"lr": "0.1", "hidden": "8"}}) == "lr=0.1 hidden=8"
    assert text.summary({"key": "loss", "value": 0.5, "step": 0, "end": None}) == (
        "key=loss value=0.5 step=0"
    )
    assert text.summary({"name": "a", "tags": {"x": "1"}}) == "name=a tags={x=1}"


def test_a_run_that_ended_before_it_began_has_no_duration() -> None:
    assert [text.took(1000, end) for end in (3000, 1000, 999)] == ["2.0 s", "0 ms", "-"]


@pytest.mark.parametrize("values", [[0.0, 5e-324], [-5e-324, 0.0, 5e-324], [-1e308, 1.7e308]])
def test_sparklines_of_the_least_and_the_largest_numbers_are_drawn(values: list[float]) -> None:
    assert len(text.sparkline(values, 20)) == len(values)


def test_sparklines_keep_spikes_and_skip_what_is_not_finite() -> None:
    assert text.sparkline([1.0, 2.0, 3.0], 8) == "▁▅█"
    assert text.sparkline([0.0] * 500 + [9.0] + [0.0] * 499, 10).count("█") == 1
    assert text.sparkline([math.nan, math.inf], 8) == ""
    assert text.sparkline([5.0, 5.0], 8) == "▁▁"
    assert len(text.sparkline([1e308, -1e308], 8)) == 2
