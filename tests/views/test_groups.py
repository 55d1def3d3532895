"""Groups of all runs: their sizes and figures are those of the rows one by one."""

import math
import statistics
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store
from eventtrack.views.queries.overview import Overview
from eventtrack.views.search.groups import Figures, _Groups

LONG = "a text of more bytes than the index keeps of one, so it has to be read " * 3
STATUS = ("attributes", "status")
COLUMNS = [("metrics", "loss"), ("params", "lr"), ("params", "name"), ("tags", "absent")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Runs with optimizers and without, of which one is deleted."""
    with closing(Store(tmp_path / "store")) as store:
        for place in range(40):
            run_id = store.runs.create("0", run_name=f"r{place}").info.run_id
            optimizer = (None, "adam", "sgd", LONG, "1e3")[place % 5]
            params = {"lr": f"{place}e-2", "name": str(place) if place % 2 else "text"}
            store.runs.log_params(run_id, {**params, **({"opt": optimizer} if optimizer else {})})
            store.metrics.log(run_id, "loss", math.nan if place == 11 else place / 3)
            if place == 7:
                store.runs.delete(run_id)
        yield store


def expected(overview: Overview, where: str = "") -> dict[str | None, list[list[float | str]]]:
    """The cells of each group, column by column."""
    table = overview.table(["0"], [("params", "opt"), *COLUMNS], filter_string=where, limit=1000)
    groups: dict[str | None, list[list[float | str]]] = defaultdict(lambda: [[] for _ in COLUMNS])
    for row in table.rows:
        by, *cells = row.cells
        for column, cell in zip(groups[None if by is None else str(by)], cells, strict=True):
            if cell is not None:
                column.append(cell)
    return groups


def check(figures: Figures | None, cells: list[float | str]) -> None:
    """Figures are those of the numbers among some cells; none if the cells are of both kinds."""
    numbers = [float(cell) for cell in cells if cell != "text"]
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite or "text" in cells:
        assert figures is None
        return
    assert figures is not None
    assert (figures.many, figures.others) == (len(finite), len(numbers) - len(finite))
    assert (figures.min, figures.max) == (min(finite), max(finite))
    assert figures.mean == pytest.approx(statistics.fmean(finite))
    assert figures.std == pytest.approx(statistics.pstdev(finite))


@pytest.mark.parametrize("where", ["", "metrics.loss > 3", "params.lr < 0.2", "r1"])
def test_groups_have_the_figures_of_their_runs(store: Store, where: str) -> None:
    groups = store.overview.groups(["0"], ("params", "opt"), COLUMNS, filter_string=where)
    rows = expected(store.overview, where)
    assert {group.value for group in groups} == set(rows)
    sizes = [group.runs for group in groups]
    assert sizes == sorted(sizes, reverse=True)
    for group in groups:
        assert group.runs == len(rows[group.value][1])  # each run has a rate
        for figures, cells in zip(group.figures, rows[group.value], strict=True):
            check(figures, cells)


@pytest.mark.parametrize("where", ["", "metrics.loss > 3 AND params.lr < 0.2", "r1"])
def test_a_table_has_the_runs_of_one_group(store: Store, where: str) -> None:
    groups = store.overview.groups(["0"], ("params", "opt"), filter_string=where)
    opt = [("params", "opt")]
    assert {None, "1e3", LONG} <= {group.value for group in groups}
    for group in groups:
        within = ("params", "opt"), group.value
        table = store.overview.table(["0"], opt, filter_string=where, group=within, limit=3)
        assert table.total == group.runs
        assert {row.cells[0] for row in table.rows} == {group.value}


def test_runs_are_grouped_by_status_and_at_a_moment(store: Store) -> None:
    before = str(store.events.head())
    run_id = store.runs.create("0").info.run_id
    store.runs.update(run_id, status="FINISHED")
    assert {group.value: group.runs for group in store.overview.groups(["0"], STATUS)} == {
        "RUNNING": 39,
        "FINISHED": 1,
    }
    with store.moments.at(before) as then:
        [group] = then.overview.groups(["0"], STATUS)
        assert (group.value, group.runs) == ("RUNNING", 39)
        assert then.overview.table(["0"], group=(STATUS, "RUNNING")).total == 39


def test_what_no_groups_are_made_of_is_refused(store: Store) -> None:
    for by in (("metrics", "loss"), ("attributes", "start_time"), ("nonsense", "x")):
        with pytest.raises(InvalidValueError, match=f"cannot group runs by {by[0]}.{by[1]}"):
            store.overview.groups(["0"], by)
        with pytest.raises(InvalidValueError, match=f"cannot group runs by {by[0]}.{by[1]}"):
            store.overview.table(["0"], group=(by, None))


def test_groups_of_many_runs_take_a_few_bytes_for_each() -> None:
    """Groups of 1,000,000 runs took 216 MB."""
    many = 50_000
    tracemalloc.start()
    groups = _Groups(number.to_bytes(4, "big") for number in range(7, 7 + many))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert groups.sizes() == [many]
    assert groups.of(b"key" + (7).to_bytes(4, "big")) == 0
    assert groups.of(b"key" + (6).to_bytes(4, "big")) < 0
    assert groups.of(b"key" + (7 + many).to_bytes(4, "big")) < 0
    assert peak < 20 * many
