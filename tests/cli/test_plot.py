"""Lines of braille: what is drawn, what is left out, and that no spike is lost."""

import math
from array import array

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.cli.plot import Plot, Series, draw, legend
from eventtrack.cli.tables import cell_text

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def lines(plot: Plot) -> list[str]:
    return ["".join(cell_text(part) for part in line) for line in plot.lines]


def test_the_axes_are_labelled_with_the_extremes() -> None:
    drawn = lines(
        draw([Series("loss", range(11), [x / 10 for x in range(11)])], width=40, height=8)
    )
    assert len(drawn) == 8
    assert drawn[0].split("┤")[0].strip() == "1"
    assert drawn[-3].split("┤")[0].strip() == "0"
    assert drawn[-1].split() == ["0", "10"]
    assert all(len(line) <= 40 for line in drawn)


def test_a_rising_line_rises() -> None:
    drawn = lines(draw([Series("x", range(50), range(50))], width=30, height=12))[:-2]
    dots = [row.split("┤")[-1].split("│")[-1] for row in drawn]
    left, right = (
        next(i for i, row in enumerate(dots) if row[column] > "\u2800") for column in (0, -1)
    )
    assert left == len(dots) - 1
    assert right == 0


def test_one_spike_in_a_million_points_is_seen() -> None:
    values = array("d", bytes(8 * 1_000_000))
    values[777_777] = 9.0
    drawn = lines(draw([Series("x", range(1_000_000), values)], width=80, height=10))
    assert drawn[0].lstrip().startswith("9 ┤")
    assert any(character > "\u2800" for character in drawn[0])


def test_points_that_are_not_finite_are_counted_and_left_out() -> None:
    ys = [1.0, math.nan, math.inf, 2.0]
    assert draw([Series("x", range(4), ys)], width=30, height=6).left_out == 2
    nothing = draw([Series("x", [0], [math.nan])], width=30, height=6)
    assert nothing == Plot([], 1)


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    plot = draw([Series("x", range(4), [0.0, 0.001, 1.0, 1000.0])], width=40, height=9, log=True)
    drawn = lines(plot)
    assert plot.left_out == 1
    assert drawn[0].split("┤")[0].strip() == "1000"
    assert drawn[3].split("┤")[0].strip() == "1"


def test_without_colours_each_line_has_a_letter() -> None:
    several = [Series("a", range(5), [1.0] * 5), Series("b", range(5), [2.0] * 5)]
    drawn = "\n".join(lines(draw(several, width=40, height=8, letters=True)))
    assert "A" in drawn
    assert "B" in drawn
    assert not any("\u2800" < character <= "\u28ff" for character in drawn)
    marks = [cell_text(parts[0]) for parts in legend(["a", "b"], ["", ""], letters=True)]
    assert marks == ["A", "B"]


def test_points_in_any_order_draw_the_same_line() -> None:
    ordered = draw([Series("x", [1, 2, 3], [1.0, 5.0, 2.0])], width=30, height=8)
    mixed = draw([Series("x", [3, 1, 2], [2.0, 1.0, 5.0])], width=30, height=8)
    assert ordered == mixed


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), FINITE), min_size=1, max_size=30),
    st.integers(min_value=12, max_value=120),
    st.integers(min_value=3, max_value=40),
)
def test_any_finite_points_can_be_drawn(
    points: list[tuple[int, float]], width: int, height: int
) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    plot = draw([Series("x", xs, ys)], width=max(width, 30), height=height)
    assert plot.left_out == 0
    assert any("\u2800" < character <= "\u28ff" for line in lines(plot) for character in line)
