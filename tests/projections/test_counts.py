"""The numbers of runs that the fold keeps are those that looking at every run gives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.store import Moment, Store
from eventtrack.views.records import ViewType


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("counts"))
    yield store
    store.close()


def check(store: Store, experiments: list[str]) -> None:
    """Hold what is kept against what a search finds."""
    for experiment in experiments:
        for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
            found = store.runs.search([experiment], view_type=view)
            assert store.overview.table([experiment], view_type=view).total == len(found)
    running = {
        experiment: len(store.runs.search([experiment], "status = 'RUNNING'"))
        for experiment in experiments
    }
    shown = {it.experiment.experiment_id: it.running for it in store.overview.experiments()}
    assert {experiment: shown[experiment] for experiment in experiments} == running


def test_counts_follow_every_change_of_a_run(store: Store) -> None:
    other = store.experiments.create("other")
    runs = [store.runs.create("0").info.run_id for _ in range(4)]
    check(store, ["0", other])
    store.runs.update(runs[0], status="FINISHED")
    store.runs.delete(runs[1])
    check(store, ["0", other])
    store.corrections.move([runs[0], runs[3]], other)
    check(store, ["0", other])
    store.runs.restore(runs[1])
    store.runs.update(runs[0], status="RUNNING")
    store.runs.delete(runs[2])
    check(store, ["0", other])
    with store.batch():
        fresh = store.runs.create("0").info.run_id
        store.runs.update(fresh, status="FAILED")
        store.runs.delete(fresh)
        check(store, ["0", other])
    check(store, ["0", other])
    store.experiments.delete(other)
    check(store, ["0", other])
    store.experiments.restore(other)
    check(store, ["0", other])


def test_a_moment_counts_the_runs_of_its_time(store: Store) -> None:
    store.runs.create("0")
    head = store.events.head()
    store.runs.create("0")
    with store.at(Moment(position=head)) as then:
        assert then.overview.table(["0"]).total == 1
    assert store.overview.table(["0"]).total == 2
