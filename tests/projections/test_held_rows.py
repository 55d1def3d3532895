"""Rows of the same metrics are held across envelopes, and nobody can tell."""

import pytest

from eventtrack.events.histories import PointsWithdrawn, Withdrawal
from eventtrack.events.types import MetricLogged, MetricsLogged
from eventtrack.projections import new_points
from tests.projections.facts import RUN, fact, folded, history, run_of


@pytest.mark.parametrize("held_max", [0, 5, new_points.HELD_MAX])
def test_rows_of_many_envelopes_keep_their_order_among_other_points(
    held_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_points, "HELD_MAX", held_max)
    other_run = RUN[:-1] + "f"
    events = [
        *[MetricsLogged(["a", "b"], [float(n), -float(n)], n, 10 + n) for n in range(4)],
        MetricLogged("a", 4.0, 4, 14),
        MetricsLogged(["b", "a"], [-5.0, 5.0], 5, 15),
        MetricsLogged(["a", "a"], [6.0, 7.0], [6, 7], [16, 17]),
        MetricsLogged(["a", "b"], [8.0, -8.0], 8, 18),
    ]
    facts = [fact(1, 100 + place, RUN, event) for place, event in enumerate(events)]
    between = MetricsLogged(["a", "b"], [1.0, 1.0], 1, 10)
    facts.insert(2, fact(1, 102, other_run, between))
    with folded(facts, len(facts)) as reader:
        assert history(reader, "a") == [(10 + n, n, float(n)) for n in range(9)]
        assert history(reader, "b") == [(10 + n, n, -float(n)) for n in (0, 1, 2, 3, 5, 8)]
        metrics = run_of(reader).metrics
        assert all(metrics[key].ordered and metrics[key].climbing for key in "ab")


def test_rows_that_a_withdrawal_covers_within_one_batch_do_not_count() -> None:
    rows = [
        fact(1, 100 + n, RUN, MetricsLogged(["a", "b"], [float(n), 0.0], n, 10 + n))
        for n in range(4)
    ]
    of_all_but_the_last = Withdrawal([(bytes((1,)) * 16, 103)], ["a"], 0, 9)
    withdrawn = fact(2, 200, RUN, PointsWithdrawn(of_all_but_the_last, 20))
    facts = [*rows[:-1], withdrawn, rows[-1]]
    with folded(facts, len(facts)) as reader:
        curve = reader.curve(run_of(reader), "a")
        assert curve is not None
        assert list(reader.history(curve).values) == [3.0]
