"""Formulas over metrics: read with care, reckoned at the steps that all of their metrics have."""

import math
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import InvalidValueError
from eventtrack.projections.points import Points
from eventtrack.store import Store, open_store
from eventtrack.views.records import Metric
from eventtrack.web.formulas import Formula
from tests.web.test_series import ask

A, B = [2.0, 4.0, -1.0], [1.0, 0.0, 3.0]


def points(values: list[float], first: int = 0) -> Points:
    """One point a step."""
    found = Points()
    for step, value in enumerate(values, first):
        found.steps.append(step)
        found.timestamps.append(1000 + step)
        found.values.append(value)
    return found


def values(text: str) -> list[float]:
    """What a formula of `a` and `b/c` comes to."""
    formula = Formula(text)
    columns = {"a": points(A), "b/c": points(B)}
    return formula.points([columns[name] for name in formula.names]).values.tolist()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("= a", A),
        ("= a + `b/c` * 2", [4.0, 4.0, 5.0]),
        ("= (a + `b/c`) * 2", [6.0, 8.0, 4.0]),
        ("= -a ** 2", [-4.0, -16.0, -1.0]),
        ("= a - 1 - 1", [0.0, 2.0, -3.0]),
        ("= 8 / a / 2", [2.0, 1.0, -4.0]),
        ("= 2 ** 3 ** 1 + 0 * a", [8.0, 8.0, 8.0]),
        ("= max(a, `b/c`) - abs(a)", [0.0, 0.0, 2.0]),
        ("= a / `b/c`", [2.0, math.nan, -1 / 3]),
        ("= sqrt(a) * 0", [0.0, 0.0, math.nan]),
        ("= exp(a * 1e6)", [math.nan, math.nan, 0.0]),
        ("= a ** 0.5 * 0", [0.0, 0.0, math.nan]),
    ],
)
def test_a_formula_is_reckoned(text: str, wanted: list[float]) -> None:
    assert values(text) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        "=",
        "= 1",
        "= a +",
        "= a b",
        "= (a",
        "= a)",
        "= abs a",
        "= max(a)",
        "= `a",
        "= a ; b",
        "= " + "(" * 100 + "a",
        "= a" + " ** a" * 90,
        "= " + "a" * 600,
        "= a.__class__()",
    ],
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        Formula(text)
    assert refused.value.hint


@given(st.text("ab`(),+-*/.1e \n\u0661", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidValueError):
        Formula(f"= {text}")


def test_only_steps_that_all_metrics_have_count_and_the_latest_point_of_each() -> None:
    late = points([10.0, 20.0, 30.0], first=1)
    late.steps.append(2)
    late.timestamps.append(9000)
    late.values.append(25.0)
    found = Formula("= a * late").points([points(A), late])
    assert (found.steps.tolist(), found.values.tolist()) == ([1, 2], [40.0, -25.0])


def test_metrics_of_the_same_steps_need_no_order_of_them() -> None:
    """Rising steps are not joined; others are, and come in order."""
    rising, falling = points(A), points(A)
    for column in (falling.steps, falling.timestamps, falling.values):
        column.reverse()
    square = Formula("= a * b")
    found = [square.points([each, each]) for each in (rising, falling)]
    assert found[0].steps.tolist() == found[1].steps.tolist() == [0, 1, 2]
    assert found[0].timestamps == found[1].timestamps
    assert found[0].values.tolist() == found[1].values.tolist() == [value * value for value in A]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store."""
    folder: Path = tmp_path_factory.mktemp("formulas")
    with closing(open_store(folder / "store")) as found:
        yield found


def test_a_curve_of_a_formula_comes_beside_those_of_metrics(store: Store) -> None:
    run_id, other = (store.runs.create("0").info.run_id for _ in range(2))
    for key, first in (("loss", 1.0), ("val", 3.0), ("apart", 0.0)):
        shift = 100 if key == "apart" else 0
        logged = [Metric(key, first + step, 10 + step, step + shift) for step in range(3)]
        store.runs.log_batch(run_id, logged)
    store.runs.log_batch(other, [Metric("loss", 1.0, 10, 0)])
    keys = ["loss", "= val - loss", "= apart - loss"]
    for axis in ("step", "time", "relative", "metrics.loss"):
        _, curves = ask(store, [run_id, other], keys=keys, x=axis)
        drawn = {(one.run_id, one.key): [y for _, y in one.xy] for one in curves}
        assert drawn == {
            (run_id, "loss"): [1.0, 2.0, 3.0],
            (run_id, "= val - loss"): [2.0, 2.0, 2.0],
            (run_id, "= apart - loss"): [],
            (other, "loss"): [1.0],
        }
    with pytest.raises(InvalidValueError, match="cannot read the formula"):
        ask(store, [run_id], keys=["= val -"])
