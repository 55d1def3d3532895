"""A server knows the blocks that it appended, and reads them back when there is time."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventtrack.log.protocol import PublishedTransaction
from eventtrack.views.records import Metric
from tests.cluster.servers import FaultyLog, Server, down, new_shelf
from tests.cluster.serving import serving

Start = Callable[[str], Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server with a folder of that name."""
    servers: list[Server] = []
    shelf = new_shelf()

    def started(name: str) -> Server:
        servers.append(Server(tmp_path / name, shelf))
        return servers[-1]

    yield started
    for server in servers:
        server.cache.close()


def test_own_blocks_are_not_read_before_an_answer(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    run_id = ada.store.runs.create("0").info.run_id
    asked = ada.log.read
    ada.log.read = down  # type: ignore[assignment]
    point = ada.store.metrics.prepare(run_id, [Metric("loss", 0.5, 1, 1)])
    assert ada.store.metrics.record([point]) == [None]
    ada.store.runs.set_tags(run_id, {"a": "1"})
    ada.catch_up()
    ada.log.read = asked  # type: ignore[method-assign]
    ben.catch_up().store.runs.set_tags(run_id, {"a": "2"})
    assert ada.catch_up().store.runs.get(run_id).data.tags["a"] == "2"
    assert ada.digest() == ben.digest()


def test_an_own_block_that_was_not_committed_here_is_read(start: Start) -> None:
    ada, ben = start("ada"), start("ben")
    publish = ada.member.publish

    def publish_and_fail(transaction: PublishedTransaction) -> None:
        publish(transaction)
        raise OSError("the cache's disk is full")

    ada.member.publish = publish_and_fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="disk is full"):
        ada.store.experiments.create("appended")
    ada.member.publish = publish  # type: ignore[method-assign]
    assert ada.store.experiments.get_by_name("appended") is None
    assert ada.catch_up().store.experiments.get_by_name("appended") is not None
    ada.store.experiments.create("next")
    assert ada.digest() == ben.digest()
    assert not ada.store.feeds.forks()


def test_a_server_notices_within_a_second_that_its_own_block_was_lost(tmp_path: Path) -> None:
    shelf = new_shelf()
    log = FaultyLog(shelf)
    waits, is_over = threading.Event(), threading.Event()

    def wait(after: int, timeout_s: float) -> None:
        assert timeout_s <= 1
        waits.set()
        is_over.wait(30)

    log.wait = wait  # type: ignore[method-assign]

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf, log=log) as ada:
            await asyncio.to_thread(waits.wait, 30)
            run_id = await ada.new_run()
            place = len(shelf.places)
            for number in range(2):
                tag = {"run_id": run_id, "key": "a", "value": str(number)}
                assert (await ada.post("runs/set-tag", **tag)).status_code == 200
            shelf.places[place] = (None, True)
            is_over.set()
            while (health := await ada.client.get("/health")).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert f"place {place + 2} of memory:" in health.text

    asyncio.run(asyncio.wait_for(work(), 30))
