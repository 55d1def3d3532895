"""Which columns fit, and what a pipe gets."""

from collections.abc import Iterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.cli import tables, text
from eventtrack.cli.output import Output
from eventtrack.cli.run_table import branches
from eventtrack.cli.tables import GAP, Cell, Column, Styled, fit, plain_lines

COLUMNS = [
    Column("id"),
    Column("name", width_max=40),
    Column("loss", right=True, rank=1),
    Column("note", rank=2),
]


def test_a_long_value_moves_only_its_own_row() -> None:
    rows: list[list[Cell]] = [["1", "x" * 190, "0.5", "a"], ["2", "y", "10", ""]]
    lines = list(plain_lines(COLUMNS, rows))
    assert lines[1].startswith(f"1   {'x' * 190}  ")
    assert len(lines[0]) < len(lines[2]) + 10 < 80


def test_a_pipe_gets_whole_values_in_aligned_columns() -> None:
    rows: list[list[Cell]] = [["1", "x" * 40, "0.5", "a"], ["22", Styled("y", "red"), "10", ""]]
    lines = list(plain_lines(COLUMNS, rows))
    assert lines[0].split() == ["id", "name", "loss", "note"]
    assert "x" * 40 in lines[1]
    assert lines[1].index("0.5") + 3 == lines[2].index("10") + 2
    assert all(line == line.rstrip() for line in lines)


def test_columns_of_higher_rank_leave_first() -> None:
    rows = [["1" * 8, "n" * 20, "0.123456", "long " * 10]]
    assert fit(COLUMNS, rows, 200).kept == [0, 1, 2, 3]
    assert fit(COLUMNS, rows, 50).kept == [0, 1, 2]
    narrow = fit(COLUMNS, rows, 36)
    assert narrow.kept == [0, 1]
    assert narrow.dropped == 2


@given(
    st.lists(st.lists(st.text(max_size=60), min_size=4, max_size=4), max_size=5),
    st.integers(min_value=20, max_value=200),
)
def test_a_row_never_wraps(rows: list[list[str]], width: int) -> None:
    cleaned = [[text.clean(cell) for cell in row] for row in rows]
    layout = fit(COLUMNS, cleaned, width)
    assert sum(layout.widths) + GAP * (len(layout.kept) - 1) <= width
    assert {0, 1} <= set(layout.kept)


def test_branches_show_who_belongs_to_whom() -> None:
    assert branches([0, 1, 1, 2, 3, 1, 2, 0]) == [
        "",
        "├─ ",
        "├─ ",
        "│  └─ ",
        "│     └─ ",
        "└─ ",
        "   └─ ",
        "",
    ]
    assert branches([0, 1, 1], [False, True, False])[1:] == ["├╌ ", "└─ "]


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=30))
def test_branches_are_as_deep_as_their_row(depths: list[int]) -> None:
    assert [len(branch) for branch in branches(depths)] == [3 * depth for depth in depths]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_table_has_the_layout_of_its_beginning(
    monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    monkeypatch.setattr(tables, "LAYOUT_ROWS", 2)
    rows: list[list[Cell]] = [[str(place), "n" * 3 * place, "0", ""] for place in range(5)]
    out, stream = Output(), StringIO()
    out.stream, out.is_terminal = stream, terminal
    out.table(COLUMNS, iter(rows))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[1].index("0", 1) == lines[2].index("0")
    assert ("n" * 12 in lines[5]) is not terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_list_that_streams_is_printed_as_one_that_does_not(*, terminal: bool) -> None:
    samples: list[list[object]] = [[], [1], [{"a": [1, {}], "b": "x\ny\x1b"}, [], {"c": None}]]
    for values in samples:
        printed = []
        for print_all in (Output.document, lambda out, them: out.documents(iter(them))):
            out, stream = Output(json=True), StringIO()
            out.stream, out.is_terminal = stream, terminal
            print_all(out, values)
            printed.append(stream.getvalue())
        assert printed[0] == printed[1]


def test_a_list_is_printed_while_it_is_made() -> None:
    out, stream = Output(json=True), StringIO()
    out.stream = stream
    seen = []

    def values() -> Iterator[int]:
        for value in (1, 2):
            yield value
            seen.append(stream.getvalue())

    out.documents(values())
    assert seen == ["[1", "[1, 2"]
