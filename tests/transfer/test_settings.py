"""Nested settings have names of their own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.transfer.settings import Paths, flat

KEYS = st.text("ab./-2", max_size=4)
NESTED = st.recursive(st.integers(), lambda inner: st.dictionaries(KEYS, inner, max_size=4))


@pytest.mark.parametrize(
    "values", [{"a": {"b": 1}, "a.b": 2}, {"a.b": 2, "a": {"b": 1}}, {"a": {"b": 1, "b.": {}}}]
)
def test_a_dotted_name_and_a_nested_one_are_two(values: dict[str, Any]) -> None:
    assert len({name for name, _ in flat(values)}) == 2


@given(st.lists(st.dictionaries(KEYS, NESTED), max_size=4))
def test_two_paths_never_share_a_name_in_any_row(rows: list[dict[str, Any]]) -> None:
    paths, of_names = Paths(), dict[str, list[str]]()
    for row in rows:
        for name, path in paths.flat(marked(row, [])):
            assert of_names.setdefault(name, path) == path


def marked(values: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """The same, with each value's own path as the value."""
    return {
        key: marked(value, [*path, key]) if isinstance(value, dict) and value else [*path, key]
        for key, value in values.items()
    }
