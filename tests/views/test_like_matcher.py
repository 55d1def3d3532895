"""LIKE and ILIKE over whole texts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.views.filters.trees import like_matcher


@pytest.mark.parametrize(
    ("pattern", "text", "sensitive", "insensitive"),
    [
        ("abc", "abc", True, True),
        ("abc", "ABC", False, True),
        ("abc", "abcd", False, False),
        ("%b%", "abc", True, True),
        ("a%", "abc", True, True),
        ("%c", "abc", True, True),
        ("%c", "abcd", False, False),
        ("a_c", "a\nc", True, True),
        ("a%c", "a\n\nc", True, True),
        ("a_c", "ac", False, False),
        ("%", "", True, True),
        ("", "", True, True),
        ("", "a", False, False),
        ("a.c", "abc", False, False),
        ("%(x)%", "f(X)", False, True),
        ("abc", "abc\n", False, False),
        ("%ab%ab%", "abab", True, True),
        ("%ab%ab", "ab", False, False),
        ("é%", "Éa", False, True),
        ("a%%_", "ab", True, True),
    ],
)
def test_like_matches_whole_texts(
    pattern: str, text: str, sensitive: bool, insensitive: bool
) -> None:
    assert like_matcher(pattern, case_sensitive=True)(text) is sensitive
    assert like_matcher(pattern, case_sensitive=False)(text) is insensitive


def plainly_like(pattern: str, text: str) -> bool:
    """LIKE as its definition reads, slow: the judge of the fast one."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(plainly_like(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and plainly_like(pattern[1:], text[1:])


@given(st.text("ab%_\n", max_size=7), st.text("ab\n", max_size=7))
def test_like_agrees_with_its_definition(pattern: str, text: str) -> None:
    assert like_matcher(pattern, case_sensitive=True)(text) == plainly_like(pattern, text)


def test_a_hostile_like_pattern_ends_soon() -> None:
    start = time.perf_counter()
    assert not like_matcher("%a" * 30 + "%b", case_sensitive=True)("a" * 5000)
    assert time.perf_counter() - start < 5
