"""One run written by several machines: each rank logs apart, and sync puts it together."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from eventtrack.errors import NotFoundError
from eventtrack.store import Store, open_store
from eventtrack.sync.ssh import COMMAND_VARIABLE
from eventtrack.views.records import Metric
from tests.server.running import ROOT, running
from tests.sync.machines import plain_ssh, sync

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


RANK = """
import sys, time, eventtrack as mlflow
place, run_id, rank = sys.argv[1:]
mlflow.set_tracking_uri(place)
with mlflow.start_run(run_id=run_id):
    for step in range(50):
        mlflow.log_metric(f"loss/rank-{rank}", step / 10, step=step)
        mlflow.log_metric("examples", 100 * step + int(rank), step=step)
        time.sleep(0.01)
    mlflow.set_tag(f"host-{rank}", f"node-{rank}")
    mlflow.log_param("world_size", 3)
    mlflow.log_text(f"rank {rank}", f"logs/rank-{rank}.txt")
"""


def has(store: Store, run_id: str) -> bool:
    with contextlib.suppress(NotFoundError):
        return bool(store.runs.get(run_id))
    return False


def test_ranks_write_one_run_at_once_and_are_kept_in_step_over_http_and_ssh(
    tmp_path: Path,
) -> None:
    """One rank logs to a server, two into stores of their own, which follow the server's store."""
    script, program = plain_ssh(tmp_path)
    paths = [tmp_path / name for name in ("hub", "by-http", "by-ssh")]
    environment = {**os.environ, COMMAND_VARIABLE: str(script), "PYTHONPATH": str(ROOT)}

    def begin(*words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, *words], env=environment)

    with running(paths[0]) as server, contextlib.ExitStack() as stack:
        urls = [server.url, f"ssh://host{paths[0]}?program={program}"]
        stores = [open_store(path) for path in paths]
        for path, url in zip(paths[1:], urls, strict=True):
            words = ("-m", "eventtrack", "--store", str(path), "sync", url, "--follow")
            follower = stack.enter_context(begin(*words))
            stack.callback(follower.terminate)
        run_id = server.new_run(run_name="distributed")["run_id"]
        wait_for(lambda: all(has(store, run_id) for store in stores))
        places = [server.url, *map(str, paths[1:])]
        ranks = [begin("-c", RANK, place, run_id, str(n)) for n, place in enumerate(places)]
        assert [rank.wait() for rank in ranks] == [0, 0, 0]
        wait_for(lambda: len({store.maintenance.digest() for store in stores}) == 1)
        names = [f"logs/rank-{rank}.txt" for rank in range(RANKS)]
        wait_for(lambda: all(read(one, run_id, name) for one in stores for name in names))
    for store in stores:
        run = store.runs.get(run_id)
        assert run.info.status == "FINISHED"
        assert len(store.metrics.history(run_id, "examples")) == RANKS * STEPS
        for rank in range(RANKS):
            assert len(store.metrics.history(run_id, f"loss/rank-{rank}")) == STEPS
            assert run.data.tags[f"host-{rank}"] == f"node-{rank}"
            assert read(store, run_id, names[rank]) == f"rank {rank}".encode()
        assert run.data.params == {"world_size": "3"}
        assert store.maintenance.check().ok
        store.close()


def read(store: Store, run_id: str, path: str) -> bytes:
    """A file's bytes; none while only the event that names it has come."""
    with contextlib.suppress(NotFoundError), store.artifacts.open(run_id, path) as stream:
        return stream.read()
    return b""


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)
