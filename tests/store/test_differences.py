"""The differences between two moments as they stream: in order, in little memory."""

import gc
from contextlib import closing

import pytest

from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event, ExperimentCreated
from eventtrack.projections.keys import TEXT_BYTES_MAX
from eventtrack.store import Store
from eventtrack.views.history import candidates, differences
from eventtrack.views.history.facts import Change


@pytest.fixture
def older(store: Store) -> str:
    """A moment before tagged runs, long names, and two experiments that were deleted."""
    moved = store.experiments.create("moved")
    gone = store.experiments.create("gone")
    store.runs.create(gone)
    wanderer = store.runs.create(gone).info.run_id
    old = str(store.events.head())
    for place in range(9):
        run_id = store.runs.create("0", start_time=1).info.run_id
        store.runs.set_tags(run_id, {"place": str(place)})
    for last in "ab":
        record(store, "experiment/" + "ä" * 250 + last, ExperimentCreated(last, None, {}, 1))
    store.corrections.move([wanderer], moved)
    store.experiments.delete(gone)
    store.experiments.delete(moved)
    return old


def record(store: Store, stream: str, event: Event) -> None:
    """Record an event as another program may, with ids that ours do not give."""
    store._engine.append(lambda _: (None, [Draft.of(stream, event)]))


def groups(store: Store, older: str) -> list[list[Change]]:
    return list(store.history.changes(older, "now"))


def test_many_subjects_are_met_in_the_order_of_few(
    store: Store, older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = groups(store, older)
    monkeypatch.setattr(candidates, "SORTED_MAX", 0)
    monkeypatch.setattr(differences, "_STRETCH_SUBJECTS", 2)
    many = groups(store, older)
    assert sorted(many, key=str) == sorted(few, key=str)
    names = [group[0].subject for group in many if group]
    short = [name for name in names if len(name.encode()) <= TEXT_BYTES_MAX]
    assert len(names) - len(short) == 2
    assert short == sorted(short)
    assert len(names) == 2 + 9 + 2 + 2
    lifecycles = [change for group in many for change in group if change.fact == "lifecycle"]
    deleted = [change for change in lifecycles if change.after == "deleted"]
    assert len(deleted) == 4
    assert all(change.address and change.session for change in deleted)


@pytest.mark.parametrize("few", [True, False])
def test_a_slow_reader_holds_no_transaction_and_survives_new_views(
    store: Store, older: str, monkeypatch: pytest.MonkeyPatch, *, few: bool
) -> None:
    """Somebody reads in a pager: writers reuse pages meanwhile, and views may be made anew."""
    whole = groups(store, older)
    monkeypatch.setattr(candidates, "SORTED_MAX", 4096 if few else 0)
    monkeypatch.setattr(differences, "_STRETCH_SUBJECTS", 3)
    engine = store._engine
    found: list[list[Change]] = []
    with closing(store.history.changes(older, "now")) as changes:
        for place, group in enumerate(changes):
            found.append(group)
            assert not engine.views.in_use().environment.in_use
            if place == 4:
                engine.views.rebuild()
                store.runs.create("0")
    assert sorted(map(str, found)) == sorted(map(str, whole))


def test_reads_of_moments_give_their_readers_slots_back_at_once(store: Store, run_id: str) -> None:
    """LMDB has a limited number of slots; a circle of objects would hold one until a collection."""
    store.runs.set_tags(run_id, {"t": "a"})
    environment = store._engine.views.in_use().environment
    gc.disable()
    try:
        with store.at("1") as then:
            used = []
            for _ in range(5):
                assert then.runs.search(["0"]) == []
                used.append(environment.info()["num_readers"])
    finally:
        gc.enable()
    assert len(set(used[1:])) == 1
