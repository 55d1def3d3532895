"""Tables of runs in pages, and the names of their columns."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.store import Store, open_store
from eventtrack.web import answers

RUNS = 45


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Runs with a metric each, of which one is NaN and some have none."""
    with closing(open_store(tmp_path_factory.mktemp("tables") / "store")) as found:
        for place in range(RUNS):
            run_id = found.runs.create("0", start_time=1000 + place).info.run_id
            found.runs.log_params(run_id, {"place": str(place), "long": "x" * 5000})
            if place % 5:
                found.metrics.log(run_id, "loss", math.nan if place == 7 else place / 10)
        found.flush()
        yield found


@pytest.mark.parametrize("order", ["", "metrics.loss DESC", "params.place ASC"])
def test_pages_of_any_order_make_up_the_table(store: Store, order: str) -> None:
    found = []
    for offset in range(0, RUNS + 10, 10):
        asked = {"order_by": [order] if order else [], "offset": offset, "limit": 10}
        page = answers.table(store, ["0"], ["params.place"], **asked)
        assert page["total"] == RUNS
        assert len(page["parents"]) == min(10, max(RUNS - offset, 0))
        found += page["values"].get("params.place", [])
    assert sorted(found, key=int) == [str(place) for place in range(RUNS)]
    if not order:
        assert found == [str(place) for place in reversed(range(RUNS))]


def test_cells_are_plain_values(store: Store) -> None:
    names = ["metrics.loss", "params.long", "params.none", "odd.kind"]
    page = answers.table(store, ["0"], names, order_by=["start_time ASC"], limit=10)
    losses = page["values"]["metrics.loss"]
    assert (losses[0], losses[1], losses[7]) == (None, 0.1, "NaN")
    assert page["values"]["params.long"][0] == "x" * answers.TEXT_LENGTH_MAX + "…"
    assert page["values"]["params.none"] == [None] * 10
    assert set(page["values"]) == set(names[:3])


def test_a_filter_counts_what_it_finds(store: Store) -> None:
    page = answers.table(store, ["0"], [], filter_string="metrics.loss > 4", limit=2)
    assert (page["total"], len(page["parents"])) == (4, 2)
    nothing = answers.table(store, ["0"], ["metrics.loss"], filter_string="params.place = 'x'")
    expected = {"total": 0, "runs": {}, "parents": [], "forks": [], "values": {}, "remark": ""}
    assert nothing == expected


def test_columns_are_those_that_runs_have(store: Store) -> None:
    found = answers.columns(store, ["0"])
    assert (found["metrics"], found["params"]) == (["loss"], ["long", "place"])
    assert answers.columns(store, ["12345"]) == {"metrics": [], "params": [], "tags": []}


def test_names_of_a_moment_cost_what_there_is_to_read(tmp_path: Path) -> None:
    """Once each name was looked for among all that came later: four times the names, 16 times."""
    ratios = []
    for attempt in range(3):
        spent = []
        for names in (400, 1600):
            with closing(open_store(tmp_path / f"{attempt}-{names}")) as store:
                early = store.runs.create("0").info.run_id
                store.metrics.log(early, "first", 1.0)
                at = str(store.events.head())
                late = store.runs.create("0").info.run_id
                later = {f"later-{name}": 1.0 for name in range(names)}
                store.metrics.sink(late).log_many(later)
                began = time.process_time()
                with store.moments.at(at) as then:
                    assert answers.columns(then, ["0"])["metrics"] == ["first"]
                spent.append(time.process_time() - began)
        ratios.append(spent[1] / spent[0])
    assert min(ratios) < 9
