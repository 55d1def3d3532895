"""What is decided after seeing something holds, whatever the clocks of others said or say."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtrack.clock import RECORDED_MAX, ManualClock
from eventtrack.events import types
from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.events.registered import RegisteredDescribed
from eventtrack.limits import CLOCK_DRIFT_MAX_MS
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.sync import Remotes, Ways, synchronize
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.service import exchange
from eventtrack.views.records import ViewType
from tests.server.running import running
from tests.sync.machines import NOW_MS, machine

YEAR_MS = 365 * 86_400_000
FORGER = b"forger of stamps"


def meet(store: Store, other: Store) -> None:
    address = RemoteAddress(name="", url=str(other.path))
    exchange(store, StoreRemote(other), Remotes(store.replication), address, Ways())


def forge(store: Store, recorded: int, stream: str, *events: types.Event) -> None:
    """Give a store an envelope with any recorded time, as a hostile peer can."""
    head = store.replication.heads().get(FORGER)
    index, frontier = (0, []) if head is None else (head.size, list(head.frontier))
    data, _ = seal(
        Draft.of(stream, *events),
        replica=FORGER,
        index=index,
        recorded=recorded,
        session=bytes(16),
        salt=bytes(16),
    )
    remote = StoreRemote(store)
    remote.append(Block.make(FORGER, index, frontier, [Envelope(data)]))
    remote.flush()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run of an honest store."""
    return store.runs.create("0", run_name="honest").info.run_id


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """Another honest store."""
    other = machine(tmp_path / "other")
    yield other
    other.close()


def both(store: Store, other: Store) -> Iterator[Store]:
    """A store, and another once they have met; they agree."""
    yield store
    meet(store, other)
    assert store.maintenance.digest() == other.maintenance.digest()
    assert store.maintenance.rebuild() == other.maintenance.digest()
    yield other


@pytest.mark.parametrize("recorded", [(NOW_MS + YEAR_MS) << 16, RECORDED_MAX])
class TestDecisionsHold:
    def test_of_a_run(self, store: Store, other: Store, run_id: str, recorded: int) -> None:
        stream = f"run/{run_id}"
        forge(store, recorded - 1, stream, types.TagsSet({"t": "theirs", "u": "theirs"}))
        forge(store, recorded, stream, types.RunDeleted(0), types.RunUpdated("KILLED", 7, "bad"))
        assert store.runs.get(run_id).info.lifecycle_stage == "deleted"
        store.runs.restore(run_id)
        store.runs.set_tags(run_id, {"t": "ours"})
        store.runs.delete_tag(run_id, "u")
        store.runs.update(run_id, status="FINISHED", name="good")
        for one in both(store, other):
            run = one.runs.get(run_id)
            assert (run.info.lifecycle_stage, run.info.status) == ("active", "FINISHED")
            assert (run.info.run_name, run.data.tags["t"]) == ("good", "ours")
            assert "u" not in run.data.tags
        # A decision on the other machine, which saw all this, comes after it.
        other.runs.set_tags(run_id, {"t": "later"})
        for one in both(other, store):
            assert one.runs.get(run_id).data.tags["t"] == "later"

    def test_of_an_experiment_and_its_runs(
        self, store: Store, other: Store, run_id: str, recorded: int
    ) -> None:
        experiment_id = store.experiments.create("e")
        run_id = store.runs.create(experiment_id).info.run_id
        stream = f"experiment/{experiment_id}"
        forge(store, recorded - 1, stream, types.ExperimentDeleted(0))
        forge(store, recorded, f"run/{run_id}", types.RunRestored(0))
        store.experiments.restore(experiment_id)
        store.experiments.rename(experiment_id, "renamed")
        store.runs.delete(run_id)
        store.runs.restore(run_id)
        store.experiments.delete(experiment_id)
        for one in both(store, other):
            assert one.experiments.get(experiment_id).name == "renamed"
            assert one.experiments.get(experiment_id).lifecycle_stage == "deleted"
            assert one.runs.get(run_id).info.lifecycle_stage == "deleted"
        other.runs.restore(run_id)
        for one in both(other, store):
            assert one.runs.get(run_id).info.lifecycle_stage == "active"

    def test_of_undo(self, store: Store, other: Store, run_id: str, recorded: int) -> None:
        store.runs.set_tags(run_id, {"t": "ours"})
        forge(store, recorded, f"run/{run_id}", types.TagsSet({"t": "theirs"}))
        [theirs] = [one for one in store.events.read() if one.body.get("tags") == {"t": "theirs"}]
        store.history.undo(theirs.address)
        for one in both(store, other):
            assert one.runs.get(run_id).data.tags["t"] == "ours"
            blame = one.history.blame(run_id, "tag.t")
            assert [line.after for line in blame] == ["ours", "theirs", "ours"]

    def test_of_a_model_of_the_registry(self, store: Store, other: Store, recorded: int) -> None:
        store.registry.create("m")
        stream = store.registry.stream("m")
        forge(store, recorded, stream, RegisteredDescribed("theirs", 0))
        store.registry.describe("m", "ours")
        for one in both(store, other):
            assert one.registry.get("m").description == "ours"


def test_a_param_that_a_stamp_of_1970_pushed_out_is_a_conflict_and_comes_back_by_undo(
    store: Store, other: Store, run_id: str
) -> None:
    store.runs.log_params(run_id, {"p": "ours"})
    forge(store, 1, f"run/{run_id}", types.ParamsLogged({"p": "theirs"}))
    assert store.runs.get(run_id).data.params == {"p": "theirs"}
    [conflict] = [one for one in store.conflicts() if one.fact == "param.p"]
    assert "ours" in str(conflict)
    [theirs] = [one for one in store.events.read() if one.body.get("params") == {"p": "theirs"}]
    store.history.undo(theirs.address)
    store.runs.log_params(run_id, {"p": "ours"})
    forge(store, 2, f"run/{run_id}", types.ParamsLogged({"p": "again"}))
    for one in both(store, other):
        assert one.runs.get(run_id).data.params == {"p": "ours"}


def test_envelopes_without_need_have_no_further_field(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"a": "b"})
    assert all(one.header.after is None for one in store.replication.log.read(0, 100))


def test_a_clock_that_was_wrong_leaves_its_feed_and_its_times(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS + YEAR_MS)
    with contextlib.closing(machine(tmp_path / "store", clock=clock)) as store:
        run_id = store.runs.create("0", run_name="early").info.run_id
        store.runs.set_tags(run_id, {"t": "then"})
        before = store.replication.log.replica
        clock.advance(-YEAR_MS)
        store.runs.set_tags(run_id, {"t": "now"})
        assert store.replication.log.replica != before
        assert store.runs.get(run_id).data.tags["t"] == "now"
        [newest] = store.events.get(str(store.events.head()))
        assert abs(newest.recorded_ms - NOW_MS) <= CLOCK_DRIFT_MAX_MS
        assert store.maintenance.check().problems == []


def test_a_machine_that_has_a_wrong_clock_and_one_that_meets_it_are_told(
    store: Store, tmp_path: Path
) -> None:
    """The clock of a served store is the machine's; the one that pushes is a year behind it."""
    clock = ManualClock(NOW_MS + YEAR_MS)
    with contextlib.closing(machine(tmp_path / "ahead", clock=clock)) as ahead:
        ahead.runs.create("0")
        feed = ahead.replication.log.replica.hex()
        address = RemoteAddress(name="", url="x")
        report = exchange(store, StoreRemote(ahead), Remotes(store.replication), address, Ways())
        assert "365 days ahead" in report.clocks[feed]
        assert [what for what in store.maintenance.check().clocks if feed in what]
        assert store.maintenance.check().ok
        with running(tmp_path / "served") as server:
            told = synchronize(ahead, server.url).clocks[feed]
        assert f"behind that of {server.url}" in told


CLOCKS = st.sampled_from([-50 * YEAR_MS, -YEAR_MS, -61_000, 0, 5, 61_000, YEAR_MS, 100 * YEAR_MS])
WHICH = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.just("tag"), WHICH, st.sampled_from(["a", "b"])),
    st.tuples(st.just("clock"), WHICH, CLOCKS),
    st.tuples(st.just("meet"), WHICH, WHICH),
    st.tuples(st.just("stage"), WHICH, WHICH),
    st.tuples(st.just("forge"), WHICH, st.sampled_from([1, (NOW_MS + YEAR_MS) << 16, 2**62])),
)


@given(st.lists(STEP, min_size=4, max_size=14))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_meetings_of_machines_with_wild_clocks_agree_and_what_was_decided_last_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("clocks")
    clocks = [ManualClock(NOW_MS) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(contextlib.closing(machine(folder / str(at), clock=clock)))
            for at, clock in enumerate(clocks)
        ]
        run_id = stores[0].runs.create("0").info.run_id
        for one in stores[1:]:
            meet(one, stores[0])
        texts = (str(number) for number in itertools.count())
        forged = 0
        for what, which, detail in steps:
            store = stores[which]
            if what == "clock":
                clocks[which].advance(detail)
            elif what == "meet" and which != detail:
                meet(store, stores[detail])
            elif what == "forge" and not forged:
                forged = detail
                forge(store, detail, f"run/{run_id}", types.TagsSet({"a": "forged"}))
            elif what == "stage":
                stage = store.runs.get(run_id).info.lifecycle_stage
                (store.runs.delete if stage == "active" else store.runs.restore)(run_id)
                assert store.runs.get(run_id).info.lifecycle_stage != stage
            elif what == "tag":
                if store.runs.get(run_id).info.lifecycle_stage == "deleted":
                    store.runs.restore(run_id)
                text = next(texts)
                store.runs.set_tags(run_id, {str(detail): text})
                # It holds here at once.
                assert store.runs.get(run_id).data.tags[str(detail)] == text
        for one, two in itertools.product(stores, stores):
            if one is not two:
                meet(one, two)
        # Whoever has seen everything decides, and it holds everywhere.
        if stores[2].runs.get(run_id).info.lifecycle_stage == "deleted":
            stores[2].runs.restore(run_id)
        stores[2].runs.set_tags(run_id, {"a": "last", "b": "last"})
        for one in stores:
            if one is not stores[2]:
                meet(one, stores[2])
        digests = {one.maintenance.digest() for one in stores}
        assert len(digests) == 1
        for one in stores:
            assert one.runs.get(run_id).data.tags["a"] == "last"
            assert one.runs.search(["0"], "", ViewType.ACTIVE_ONLY)
            assert one.maintenance.rebuild() in digests
