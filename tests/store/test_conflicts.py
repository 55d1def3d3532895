"""Two machines that said different things: one fact is kept, and what lost stays visible."""

from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import AlreadyExistsError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.conflicts import Conflict
from eventtrack.views.records import ViewType
from tests.store.machines import exchange, refused


@pytest.fixture
def shared_run(store: Store, other: Store) -> str:
    """A run that both machines know."""
    run_id = store.runs.create("0", run_name="shared").info.run_id
    exchange(store, other)
    return run_id


def agree(store: Store, other: Store) -> None:
    """After an exchange both show the same."""
    exchange(store, other)
    assert store.maintenance.digest() == other.maintenance.digest()
    assert store.conflicts() == other.conflicts()


def test_one_machine_has_no_conflicts(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    assert store.conflicts() == []


def test_of_two_params_the_earlier_is_kept_and_the_other_shown(
    store: Store, other: Store, shared_run: str, clock: ManualClock
) -> None:
    clock.advance(1)
    other.runs.log_params(shared_run, {"p": "early", "same": 1})
    clock.advance(1)
    store.runs.log_params(shared_run, {"p": "late", "same": 1})
    agree(store, other)
    assert store.runs.get(shared_run).data.params == {"p": "early", "same": "1"}
    assert store.conflicts() == [
        Conflict(subject=f"run/{shared_run}", fact="param.p", kept="early", lost=["late"])
    ]
    assert len(store.runs.search(["0"], "params.p = 'early'")) == 1
    assert not store.runs.search(["0"], "params.p = 'late'")


def test_withdrawing_a_param_ends_its_conflict(
    store: Store, other: Store, shared_run: str, clock: ManualClock
) -> None:
    for one in (other, store):
        clock.advance(1)
        one.runs.log_params(shared_run, {"p": one.path.name})
    exchange(store, other)
    clock.advance(1)
    kept = store.history.blame(shared_run, "param.p")[0]
    store.history.undo(kept.event.address)
    agree(store, other)
    assert store.conflicts() == []
    assert store.runs.get(shared_run).data.params == {}


def test_a_tag_and_a_status_are_those_set_last(
    store: Store, other: Store, shared_run: str, clock: ManualClock
) -> None:
    clock.advance(1)
    store.runs.set_tags(shared_run, {"t": "early"})
    store.runs.update(shared_run, status="FAILED")
    clock.advance(1)
    other.runs.set_tags(shared_run, {"t": "late"})
    other.runs.update(shared_run, status="FINISHED")
    agree(store, other)
    run = store.runs.get(shared_run)
    assert (run.data.tags["t"], run.info.status) == ("late", "FINISHED")
    assert store.conflicts() == []


def test_the_same_experiment_made_on_two_machines_is_one(store: Store, other: Store) -> None:
    ids = {store.experiments.create("mnist"), other.experiments.create("mnist")}
    agree(store, other)
    assert len(ids) == 1
    assert len(store.experiments.search()) == 2  # and Default
    assert store.conflicts() == []


@pytest.fixture(params=["b", "c", "d"])
def namesakes(
    store: Store, other: Store, clock: ManualClock, request: pytest.FixtureRequest
) -> tuple[str, str]:
    """Two experiments that came to share the name `a`: the older, then the younger.

    Ids follow from the names at birth: of these some are greater than the older's, some less.
    """
    clock.advance(1)
    older = store.experiments.create("a")
    clock.advance(1)
    younger = other.experiments.create(request.param)
    other.experiments.rename(younger, "a")
    exchange(store, other)
    return older, younger


def test_of_two_experiments_of_one_name_the_older_keeps_it(
    store: Store, other: Store, namesakes: tuple[str, str]
) -> None:
    older, younger = namesakes
    shown = f"a~{other.stats().replica[:8]}"
    for one in (store, other):
        assert one.experiments.get(older).name == "a"
        assert one.experiments.get(younger).name == shown
        assert {found.name for found in one.experiments.search()} == {"Default", "a", shown}
        by_name = one.experiments.get_by_name("a"), one.experiments.get_by_name(shown)
        assert [found and found.experiment_id for found in by_name] == [older, younger]
        assert one.conflicts() == [
            Conflict(subject=f"experiment/{younger}", fact="name", kept=shown, lost=["a"])
        ]


def test_a_name_with_its_machine_behind_it_is_taken(
    store: Store, other: Store, namesakes: tuple[str, str]
) -> None:
    shown = store.experiments.get(namesakes[1]).name
    with refused(store, AlreadyExistsError):
        store.experiments.create(shown)
    with refused(store, AlreadyExistsError):
        store.experiments.create("a")


@pytest.mark.parametrize("place", [0, 1])
def test_renaming_either_ends_the_conflict(
    store: Store, other: Store, namesakes: tuple[str, str], clock: ManualClock, place: int
) -> None:
    clock.advance(1)
    other.experiments.rename(namesakes[place], "free")
    agree(store, other)
    assert store.conflicts() == []
    assert {one.name for one in store.experiments.search()} == {"Default", "a", "free"}


def test_what_is_said_of_a_run_is_kept_until_the_run_arrives(
    store: Store, other: Store, shared_run: str, tmp_path: Path, clock: ManualClock
) -> None:
    other.runs.set_tags(shared_run, {"t": 1})
    other.metrics.log(shared_run, "m", 1.0, 1)
    other.flush()
    third = Store(tmp_path / "third", clock=clock, ids=SeededIds("third"))
    own = [
        envelope.data
        for envelope in other._engine.log.read(0, 1000)
        if envelope.header.replica == other._engine.log.replica
    ]
    third._engine.log.transact(lambda txn: [txn.append_foreign(data) for data in own])
    with refused(third, NotFoundError, "not found"):
        third.runs.get(shared_run)
    with refused(third, NotFoundError, "not found"):
        third.runs.set_tags(shared_run, {"t": 2})
    assert third.runs.search(["0"], view_type=ViewType.ALL) == []
    exchange(other, third)
    run = third.runs.get(shared_run)
    assert (run.data.tags["t"], run.data.metrics) == ("1", {"m": 1.0})
    assert len(third.runs.search(["0"], "tags.t = '1' AND metrics.m = 1")) == 1
    assert third.maintenance.digest() == other.maintenance.digest()
    third.close()
