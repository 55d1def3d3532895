"""What a person at a terminal sees."""

import re

import pytest

from eventtrack.cli import text
from tests.cli.harness import Sample, Terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "words",
    [
        ["experiments", "list"],
        ["experiments", "show", "flowers"],
        ["runs", "list"],
        ["runs", "tree"],
        ["runs", "show", "child-0"],
        ["runs", "compare", "child-0", "child-1"],
        ["runs", "plot", "sweep", "-m", "loss"],
        ["log"],
        ["inspect", "child-0"],
        ["blame", "child-0"],
        ["artifacts", "list", "child-0"],
        ["replay", "--at", "now"],
        ["stats"],
        ["check"],
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(
    words: list[str], columns: int, shared: Sample, terminal: Terminal
) -> None:
    seen = terminal(*words, "--store", str(shared.store.path), columns=columns)
    assert "Traceback" not in seen
    assert COLOUR.search(seen)
    # Long paths stand on lines of their own and may wrap.
    lines = [
        line for line in COLOUR.sub("", seen).splitlines() if str(shared.store.path) not in line
    ]
    assert len(lines) > 1
    assert max(text.cell_width(line) for line in lines) <= columns


def test_no_color_is_honoured(shared: Sample, terminal: Terminal) -> None:
    seen = terminal("runs", "list", "--store", str(shared.store.path), NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", seen)


def test_times_are_relative_and_ids_short(shared: Sample, terminal: Terminal) -> None:
    seen = COLOUR.sub("", terminal("runs", "list", "--store", str(shared.store.path)))
    assert f"{shared.first[:8]} " in seen
    assert shared.first not in seen


def test_a_narrow_terminal_says_what_it_left_out(shared: Sample, terminal: Terminal) -> None:
    seen = terminal("runs", "list", "--store", str(shared.store.path), columns=44)
    assert "with a wider terminal" in seen
    assert "child-0" in seen


def test_json_is_json_on_a_terminal_too(shared: Sample, terminal: Terminal) -> None:
    seen = terminal("runs", "list", "--json", "--store", str(shared.store.path))
    assert seen.startswith("[\n")
    assert not COLOUR.search(seen)
