"""One run written by several machines: each rank logs apart, and sync puts it together."""

from pathlib import Path

from eventtrack.store import Store
from eventtrack.views.records import Metric
from tests.sync.machines import sync

RANKS = 3
STEPS = 50


def log_as_rank(store: Store, run_id: str, rank: int) -> None:
    """What a rank says of the run: its own curve, its part of a shared one, and a common param."""
    points = [
        Metric(key=key, value=value, timestamp=step, step=step)
        for step in range(STEPS)
        for key, value in ((f"loss/rank-{rank}", step / 10), ("examples", 100 * step + rank))
    ]
    store.runs.log_batch(run_id, metrics=points)
    store.runs.log_params(run_id, {"world_size": str(RANKS), "rank": str(rank)})
    store.runs.set_tags(run_id, {f"host-{rank}": f"node-{rank}"})
    store.artifacts.log_bytes(run_id, f"rank {rank}".encode(), f"logs/rank-{rank}.txt")


def test_ranks_that_log_one_run_apart_make_one_run(
    one: Store, two: Store, three: Store, stick: Path, tmp_path: Path
) -> None:
    run_id = one.runs.create("0", run_name="distributed").info.run_id
    stores = (one, two, three)
    for store in stores:
        sync(store, stick)
    for store in (two, three):
        sync(store, stick)
    for rank, store in enumerate(stores):
        log_as_rank(store, run_id, rank)
    one.runs.update(run_id, status="FINISHED", end_time=99)
    for store in (*stores, *stores):
        sync(store, stick)
    assert len({store.maintenance.digest() for store in stores}) == 1
    for store in stores:
        run = store.runs.get(run_id)
        assert run.info.status == "FINISHED"
        assert len(store.metrics.history(run_id, "examples")) == RANKS * STEPS
        assert {f"loss/rank-{rank}" for rank in range(RANKS)} <= run.data.metrics.keys()
        assert run.data.params["world_size"] == str(RANKS)
        assert [conflict.fact for conflict in store.conflicts()] == ["param.rank"]
        assert len(store.artifacts.entries(run_id)) == RANKS
        with store.artifacts.open(run_id, "logs/rank-2.txt") as stream:
            assert stream.read() == b"rank 2"
