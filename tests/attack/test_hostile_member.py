"""A fleet with a hostile member: the honest ones agree, and nothing of theirs is lost or hidden."""

import contextlib
import itertools

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventtrack.clock import RECORDED_MAX, ManualClock
from eventtrack.errors import EventtrackError
from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.sync.peer import StoreRemote
from tests.attack.envelopes import hostile
from tests.attack.test_wild_clocks import YEAR_MS, meet
from tests.sync.machines import NOW_MS, machine

TIMES = st.sampled_from([1, NOW_MS << 16, (NOW_MS + YEAR_MS) << 16, RECORDED_MAX - 9, 2**64 - 9])
FORGERY = st.tuples(hostile(), TIMES, st.integers(0, 3), st.booleans())


def attack(store: Store, drafts: list[tuple[Draft, int, int, bool]]) -> None:
    """Push forged envelopes: into a feed of one's own, or as more of the victim's."""
    for number, (draft, recorded, cut, of_victim) in enumerate(drafts):
        log = store.replication.log
        replica = log.replica if of_victim else number.to_bytes(1) * 16
        head = log.heads().get(replica)
        index, frontier = (0, []) if head is None else (head.size, list(head.frontier))
        with contextlib.suppress(EventtrackError):
            data, _ = seal(
                draft,
                replica=replica,
                index=index,
                recorded=recorded,
                session=bytes(16),
                salt=bytes(16),
            )
            block = Block.make(replica, index, frontier, [Envelope(data[: len(data) - cut])])
            remote = StoreRemote(store)
            remote.append(Block.decode(block.data))
            remote.flush()


@pytest.mark.slow
@given(st.lists(st.lists(FORGERY, max_size=4), min_size=2, max_size=4))
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_honest_machines_agree_lose_nothing_and_go_on_writing(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[Draft, int, int, bool]]]
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as stack:
        stores = [
            stack.enter_context(
                contextlib.closing(machine(folder / str(at), clock=ManualClock(NOW_MS)))
            )
            for at in range(3)
        ]
        written: dict[str, str] = {}
        for number, forged in enumerate(rounds):
            victim = stores[number % len(stores)]
            attack(victim, forged)
            for at, store in enumerate(stores):
                run_id = store.runs.create("0", run_name=f"{number}").info.run_id
                store.runs.set_tags(run_id, {"by": str(at)})
                store.metrics.log(run_id, "loss", 0.5, step=number)
                written[run_id] = str(at)
            meet(victim, stores[(number + 1) % len(stores)])
        for one, two in itertools.permutations(stores, 2):
            meet(one, two)
        assert len({store.maintenance.digest() for store in stores}) == 1
        for store in stores:
            for run_id, by in written.items():
                run = store.runs.get(run_id)
                assert run.data.tags["by"] == by
                assert run.data.metrics["loss"] == 0.5
            assert store.stats().skipped_envelopes == {}
            assert store.maintenance.check().problems == []
            before = store.maintenance.digest()
            assert store.maintenance.rebuild() == before
