"""Moves: a run goes into another experiment, and everything that counts follows."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import Metric, ViewType
from tests.store.machines import exchange, refused, send


@pytest.fixture
def archive(store: Store) -> str:
    """Another experiment."""
    return store.experiments.create("archive")


def ids_in(store: Store, experiment_id: str, filter_string: str = "") -> list[str]:
    """The runs that a search of an experiment finds."""
    runs = store.runs.search([experiment_id], filter_string, ViewType.ALL)
    return [run.info.run_id for run in runs]


def child_of(store: Store, parent: str, experiment_id: str = "0") -> str:
    """A new run nested in another."""
    return store.runs.create(experiment_id, tags={PARENT_TAG: parent}).info.run_id


def test_a_moved_run_is_in_its_new_experiment_and_nowhere_else(
    store: Store, run_id: str, archive: str
) -> None:
    store.runs.log_params(run_id, {"lr": "0.1"})
    store.runs.log_batch(run_id, [Metric(key="loss", value=0.5, timestamp=1, step=1)])
    store.runs.set_tags(run_id, {"stage": "draft"})
    before = store.runs.get(run_id)
    assert store.corrections.move([run_id], archive, reason="the project ended") == [run_id]
    after = store.runs.get(run_id)
    assert after.info.experiment_id == archive
    assert (after.data, after.info.artifact_uri) == (before.data, before.info.artifact_uri)
    for words in ("", "params.lr = '0.1'", "metrics.loss < 1", "tags.stage = 'draft'"):
        assert ids_in(store, archive, words) == [run_id]
        assert ids_in(store, "0", words) == []
    assert [run.info.run_id for run, _ in store.runs.tree(archive)] == [run_id]
    assert {one.experiment.experiment_id: one.runs for one in store.overview.experiments()} == {
        "0": 0,
        archive: 1,
    }
    [event] = store.events.read(types=["run.moved"])
    assert (event.body, event.reason) == ({"experiment_id": archive}, "the project ended")
    [born, moved] = store.history.blame(run_id, "experiment")
    assert (born.after, moved.before, moved.after) == ("0", "0", archive)


def test_a_moved_run_goes_on(store: Store, run_id: str, archive: str) -> None:
    sink = store.metrics.sink(run_id)
    sink.log("loss", 1.0, 1)
    store.corrections.move([run_id], archive)
    sink.log("loss", 0.5, 2)
    store.runs.set_tags(run_id, {"a": "1"})
    assert ids_in(store, archive, "metrics.loss = 0.5 AND tags.a = '1'") == [run_id]
    store.experiments.delete("0")
    sink.log("loss", 0.25, 3)
    assert store.runs.get(run_id).info.lifecycle_stage == "active"
    store.experiments.delete(archive)
    assert store.runs.get(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(InvalidValueError, match="active"):
        sink.log("loss", 0.1, 4)


def test_files_stay_where_they_lie(store: Store, run_id: str, tmp_path: Path) -> None:
    outside = store.experiments.create("outside", str(tmp_path / "files"))
    placed = store.runs.create(outside).info.run_id
    for name in (run_id, placed):
        store.artifacts.log_bytes(name, b"weights", "model.bin")
    uri = store.runs.get(placed).info.artifact_uri
    store.corrections.move([run_id], outside)
    store.corrections.move([placed], "0")
    store.artifacts.log_bytes(placed, b"later", "later.bin")
    assert store.runs.get(placed).info.artifact_uri == uri
    for name, path, content in ((placed, "later.bin", b"later"), (run_id, "model.bin", b"weights")):
        with store.artifacts.open(name, path) as file:
            assert file.read() == content
    assert len(list((tmp_path / "files").rglob("*.bin"))) == 2


def test_children_go_along_when_asked(store: Store, run_id: str, archive: str) -> None:
    child = child_of(store, run_id)
    grandchild, deleted = child_of(store, child), child_of(store, child)
    store.runs.delete(deleted)
    assert store.corrections.move([run_id], archive) == [run_id]
    store.corrections.move([run_id], "0")
    moved = store.corrections.move([run_id, child], archive, children=True)
    assert sorted(moved) == sorted([run_id, child, grandchild])
    assert ids_in(store, "0") == [deleted]
    depths = {run.info.run_id: depth for run, depth in store.runs.tree(archive)}
    assert depths == {run_id: 0, child: 1, grandchild: 2}
    # Runs that name each other as parents end no move.
    store.runs.set_tags(run_id, {PARENT_TAG: grandchild})
    assert len(store.corrections.move([child], "0", children=True)) == 3


def test_what_cannot_move_says_why_and_nothing_moves(
    store: Store, run_id: str, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = store.runs.create("0").info.run_id
    store.runs.delete(deleted)
    gone = store.experiments.create("gone")
    store.experiments.delete(gone)
    with refused(store, InvalidValueError, "active"):
        store.corrections.move([run_id, deleted], archive)
    with refused(store, InvalidValueError, "active"):
        store.corrections.move([run_id], gone)
    with refused(store, NotFoundError, "No Experiment"):
        store.corrections.move([run_id], "404")
    with refused(store, NotFoundError, "not found"):
        store.corrections.move([run_id, "f" * 32], archive)
    monkeypatch.setattr("eventtrack.store.corrections.MOVED_RUNS_MAX", 1)
    child_of(store, run_id)
    with refused(store, InvalidValueError, "more than move at once"):
        store.corrections.move([run_id], archive, children=True)
    head = store.events.head()
    assert store.corrections.move([run_id], "0") == []
    assert store.events.head() == head


def test_a_move_is_undone_unless_its_old_place_is_gone(
    store: Store, run_id: str, archive: str
) -> None:
    store.corrections.move([run_id], archive)
    address = f"{store.events.head()}.0"
    [undone] = store.history.undo(address)
    assert (undone.type, undone.body) == ("run.moved", {"experiment_id": "0"})
    assert ids_in(store, "0") == [run_id]
    with pytest.raises(InvalidStateError, match="changed again since"):
        store.history.undo(address)
    store.history.undo(undone.address)
    assert ids_in(store, archive) == [run_id]
    store.experiments.delete("0")
    with pytest.raises(InvalidStateError, match="the experiment 0 is deleted"):
        store.history.undo(f"{store.events.head() - 1}.0")


def test_the_past_shows_the_run_where_it_was(store: Store, run_id: str, archive: str) -> None:
    store.runs.log_params(run_id, {"lr": "0.1"})
    before = store.events.head()
    store.corrections.move([run_id], archive)
    moved = store.events.head()
    store.experiments.delete(archive)
    with store.at(str(before)) as then:
        assert then.runs.get(run_id).info.experiment_id == "0"
        found = then.runs.search(["0"], "params.lr = '0.1'")
        assert [run.info.run_id for run in found] == [run_id]
        assert then.runs.search([archive]) == []
    with store.at(str(moved)) as then:
        assert [run.info.run_id for run in then.runs.search([archive])] == [run_id]
        assert then.runs.search(["0"]) == []
    changes = {one.fact: (one.before, one.after) for one in store.history.diff(str(before), "now")}
    assert changes["experiment"] == ("0", archive)
    assert changes["lifecycle"] == ("active", "deleted")


def test_blame_follows_a_run_through_its_experiments(
    store: Store, run_id: str, archive: str
) -> None:
    store.experiments.delete(archive)
    store.experiments.restore(archive)
    store.experiments.delete("0")
    store.experiments.restore("0")
    store.corrections.move([run_id], archive)
    store.experiments.delete("0")
    store.experiments.delete(archive)
    lines = store.history.blame(run_id, "lifecycle")
    assert [(line.before, line.after, line.event.stream.partition("/")[0]) for line in lines] == [
        (None, "active", "run"),
        ("active", "deleted", "experiment"),
        ("deleted", "active", "experiment"),
        ("active", "deleted", "experiment"),
    ]
    assert lines[-1].event.stream == f"experiment/{archive}"


def test_of_two_moves_the_later_holds(
    store: Store, other: Store, clock: ManualClock, run_id: str, archive: str
) -> None:
    elsewhere = store.experiments.create("elsewhere")
    exchange(store, other)
    store.corrections.move([run_id], archive)
    clock.advance(5)
    other.corrections.move([run_id], elsewhere)
    exchange(store, other)
    for one in (store, other):
        assert one.runs.get(run_id).info.experiment_id == elsewhere
        assert ids_in(one, archive) == []
    assert store.maintenance.digest() == other.maintenance.digest()


def test_garbage_of_the_experiment_that_it_left_is_not_the_run(
    store: Store, run_id: str, archive: str
) -> None:
    store.corrections.move([run_id], archive)
    store.experiments.delete("0")
    assert run_id not in {thing.id for thing in store.garbage.find().garbage}
    store.experiments.delete(archive)
    assert run_id in {thing.id for thing in store.garbage.find().garbage}


def test_a_move_that_was_erased_never_was(store: Store, run_id: str, archive: str) -> None:
    store.corrections.move([run_id], archive)
    head = store.events.head()
    envelopes = store.feeds.of_stream(f"run/{run_id}")
    moves = [envelope for envelope in envelopes if envelope.position == head]
    store.redaction.redact_envelopes(moves, "a test")
    assert (ids_in(store, "0"), ids_in(store, archive)) == ([run_id], [])
    assert store.runs.experiments_of(run_id) == ["0"]


MACHINES = 3
STEPS = st.lists(
    st.tuples(st.integers(0, MACHINES - 1), st.integers(0, 10), st.integers(0, 3)), max_size=25
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_any_moves_of_several_machines_give_one_digest(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    """Moves, corrections, points, rewinds, forks, undos and stages in any order: one end."""
    folder, clock = tmp_path_factory.mktemp("machines"), ManualClock()
    stores = [Store(folder / str(n), clock=clock, ids=SeededIds(str(n))) for n in range(MACHINES)]
    places = ["0", *(stores[0].experiments.create(name) for name in ("one", "two"))]
    run_id = stores[0].runs.create("0", run_name="r").info.run_id
    stores[0].runs.log_params(run_id, {"lr": "0"})
    for store in stores[1:]:
        send(stores[0], store)
    forks: list[str] = []
    for machine, deed, number in steps:
        store = stores[machine]
        clock.advance(number)
        try:
            if deed < 3:
                store.corrections.move([run_id], places[deed])
            elif deed == 3:
                store.corrections.correct_param(run_id, "lr", number, "a law")
            elif deed == 4:
                events = list(store.events.read(stream=f"run/{run_id}"))
                store.history.undo(events[-1 - number % len(events)].address)
            elif deed == 5:
                change = store.experiments.delete if number % 2 else store.experiments.restore
                change(places[number // 2])
            elif deed == 6:
                store.metrics.log(run_id, "loss", clock.now_ms(), step=number)
                store.flush()
            elif deed == 7:
                store.metrics.rewind(run_id, number)
            elif deed == 8:
                forks.append(store.forks.fork(run_id, number, experiment_id=places[number % 3]))
            else:
                exchange(store, stores[number % MACHINES])
        except (InvalidValueError, InvalidStateError, NotFoundError):
            continue
    for _ in range(2):
        for store in stores:
            exchange(stores[0], store)
    assert len({store.maintenance.digest() for store in stores}) == 1
    for name in (run_id, *forks):
        assert len({store.runs.digest(name) for store in stores}) == 1
    for store in stores:
        run = store.runs.get(run_id)
        home = run.info.experiment_id
        assert [place for place in places if run_id in ids_in(store, place)] == [home]
        facts = {"experiment": home, "lifecycle": run.info.lifecycle_stage}
        for fact, value in {**facts, "param.lr": run.data.params.get("lr")}.items():
            assert store.history.blame(run_id, fact)[-1].after == value
        store.close()
