"""A server knows the blocks that it appended, and reads them back when there is time."""

import asyncio
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventtrack.cluster.cache import Cache
from eventtrack.log.protocol import PublishedTransaction
from eventtrack.sharedlog import nats
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from eventtrack.sharedlog.nats import NatsLog
from eventtrack.sharedlog.nats_client import NatsClient
from eventtrack.views.records import Metric
from tests.cluster.servers import FaultyLog, Start, down, new_shelf
from tests.cluster.serving import serving
from tests.contracts.shared_log import Writer


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


def test_jetstream_is_asked_for_the_end_and_for_nothing_else(
    tmp_path: Path, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_shared_log(nats_url)
    assert isinstance(log, NatsLog)
    cache = Cache(log, tmp_path / "cache", source="server")
    with closing(log), closing(cache):
        cache.member.catch_up()
        cache.store.begin()
        run_id = cache.store.runs.create("0").info.run_id
        cache.member.take_news()
        asked: list[str] = []
        get = NatsClient.get

        def note(client: NatsClient, stream: str, *rest: Any) -> Any:
            asked.append(stream)
            return get(client, stream, *rest)

        monkeypatch.setattr(NatsClient, "get", note)
        for number in range(3):
            cache.member.catch_up()
            cache.store.runs.set_tags(run_id, {"a": str(number)})
        end = cache.member.catch_up()
        assert asked == []
        while cache.member.places().through < end - 1:
            cache.member.take_news()
        # No block was replaced, so the second stream is not asked.
        assert set(asked) == {log.names.stream}


def test_a_server_is_woken_by_others_and_not_by_its_own_blocks(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats, "_QUIET_S", 30)
    with closing(make_shared_log(nats_url)) as log, closing(open_shared_log(nats_url)) as other:
        log.wait(0, 0)  # it listens from now on
        waiting = threading.Thread(target=log.wait, args=(2**40, 30))
        waiting.start()
        log.append(Writer("ada").block(), last=0)
        waiting.join(0.3)
        assert waiting.is_alive()
        other.append(Writer("ben").block(), last=0)
        waiting.join(20)
        assert not waiting.is_alive()


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
