"""Long curves are thinned chunk by chunk, into the same points as if all were read."""

import math
import random
from array import array
from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from eventtrack.events.envelope import Draft
from eventtrack.events.types import MetricsLogged
from eventtrack.projections import picking
from eventtrack.projections.points import CHUNK_POINTS, Points, chunk_points
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState
from eventtrack.store import Store
from eventtrack.views.queries.series import Series
from eventtrack.web.downsample import Thinner, width_of

CHUNKS, TAIL = 5, 1234
POINTS = CHUNKS * CHUNK_POINTS + TAIL


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Series]]:
    """Long series whose steps climb: by one, by leaps, and one in which not all is finite."""
    drawn = random.Random(5)
    values = array("d", (drawn.gauss(0, 1) for _ in range(POINTS)))
    leaps, step = array("q"), -300_000
    for _ in range(POINTS):
        step += drawn.choice((1, 1, 2, 50))
        leaps.append(step)
    times = array("q", (1_790_000_000_000 + place // 3 for place in range(POINTS)))
    odd = array("d", values)
    for place in (5, 4096, 4097, 15_000, POINTS - 1):
        odd[place] = (math.nan, math.inf, -math.inf)[place % 3]
    with closing(Store(tmp_path_factory.mktemp("long") / "store")) as store:
        run_id = store.runs.create("0").info.run_id
        with store._engine.appending() as (transaction, _):
            for key, steps, numbers in (
                ("by one", list(range(7, POINTS + 7)), values),
                ("leaps", list(leaps), values),
                ("odd", list(range(POINTS)), odd),
            ):
                logged = MetricsLogged([key] * POINTS, list(numbers), steps, list(times))
                transaction.append(Draft.of(f"run/{run_id}", logged), bytes(16))
        pairs = [(run_id, key) for key in ("by one", "leaps", "odd")]
        with store.metrics.series(pairs) as found:
            yield {curve.key: curve for curve in found if curve is not None}


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("key", ["by one", "leaps", "odd"])
def test_the_points_are_those_of_the_whole_curve(
    series: dict[str, Series], key: str, axis: str
) -> None:
    curve, by_step = series[key], axis == "step"
    whole = curve.points()
    column = whole.steps if by_step else whole.timestamps
    drawn = random.Random(key)
    stretches = [(-inf, inf), (column[0], column[-1]), (column[100], column[101])]
    stretches += [sorted(drawn.choices(column, k=2)) for _ in range(6)]  # type: ignore[misc]
    stretches += [(column[0] - 100, column[0] - 1), (column[-1] + 1, column[-1] + 9)]
    for low, high in stretches:
        for buckets in (10, 400, 4000):
            origin = drawn.choice((0, column[0], 17))
            width = width_of(max(low, column[0]), min(high, column[-1]), buckets)
            plain, short = Thinner(width, buckets), Thinner(width, buckets)
            places = plain(column, whole.values, low, high, origin)
            pieces = curve.pieces()
            assert pieces is not None
            points, thins, _ = short.reduced(pieces, by_step, low, high, origin)
            x = points.steps if by_step else points.timestamps
            kept = short(x, points.values, low, high, origin, thins=thins)
            assert [x[at] for at in kept] == [column[at] for at in places]
            assert repr([points.values[at] for at in kept]) == repr(
                [whole.values[at] for at in places]
            )
            assert short.width == plain.width


def test_chunks_within_a_bucket_are_not_read(
    series: dict[str, Series], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def noted(rows: Rows, state: MetricState, first: int) -> Points:
        read.append(first)
        return chunk_points(rows, state, first)

    monkeypatch.setattr(picking, "chunk_points", noted)
    pieces = series["by one"].pieces()
    assert pieces is not None
    thinner = Thinner(2**20, 1)
    points, thins, number = thinner.reduced(pieces, by_step=True)
    assert thins
    assert set(read) == {
        first for first in read if first >= CHUNKS * CHUNK_POINTS
    }  # the tail alone
    assert number <= TAIL
    assert len(points) <= 3 * CHUNKS + 3 * len(read)


def test_steps_that_double_back_are_read_whole(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store")) as store:
        run_id = store.runs.create("0").info.run_id
        sink = store.metrics.sink(run_id)
        for step in (1, 2, 1):
            sink.log("loss", 1.0, step=step)
        with store.metrics.series([(run_id, "loss")]) as [curve]:
            assert curve is not None
            assert curve.pieces() is None
