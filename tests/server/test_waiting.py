"""Reads whose client left stop, and slow reads never keep the others waiting."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventtrack import waiting
from eventtrack.server.threads import SLOW_READERS, Services
from eventtrack.store import Store, open_store
from eventtrack.waiting import WAITING, AbandonedError, Waiting

PATIENCE_S = 60.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with closing(open_store(tmp_path / "store")) as store:
        yield store


async def staying() -> dict[str, Any]:
    """A client that waits."""
    await asyncio.Event().wait()
    raise AssertionError("it waits for ever")


async def leaving() -> dict[str, Any]:
    """A client that has gone."""
    return {"type": "http.disconnect"}


def until_stopped() -> None:
    """A read that only ends when its client leaves."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_S * 1000)):
        waiting.check()
        pause.wait(0.001)
    raise AssertionError("nobody stopped it")


def with_services(store: Store, work: Callable[[Services], Coroutine[Any, Any, None]]) -> None:
    """Run `work` with the threads of a server."""

    async def run() -> None:
        services = Services(store)
        try:
            await asyncio.wait_for(work(services), PATIENCE_S)
        finally:
            services.close()

    asyncio.run(run())


def test_a_read_stops_when_its_client_leaves(store: Store) -> None:
    async def work(services: Services) -> None:
        with pytest.raises(AbandonedError):
            await services.answer(until_stopped, leaving)
        assert await services.answer(lambda: 1, staying) == 1

    with_services(store, work)


def test_slow_reads_leave_the_quick_alone(store: Store) -> None:
    """As many slow ones as there are threads, and more that wait for one of these."""

    async def work(services: Services) -> None:
        slow = [
            asyncio.create_task(services.answer(until_stopped, staying, slow=True))
            for _ in range(SLOW_READERS * 4)
        ]
        for _ in range(20):
            assert await services.answer(lambda: 1, staying) == 1
            assert await services.read(lambda: 1) == 1
        for task in slow:
            task.cancel()  # as when a token expires
        assert await services.answer(lambda: 1, staying, slow=True) == 1

    with_services(store, work)


def of_the_present(store: Store) -> int:
    """How many runs have a loss."""
    return store.overview.table(["0"], filter_string="metrics.loss < 2").total


def of_the_past(store: Store) -> int:
    """How many metrics there were before the newest event."""
    with store.moments.at(str(store.events.head() - 1)) as then:
        return len(then.overview.columns(["0"]).metrics)


@pytest.mark.parametrize(("ask", "answer"), [(of_the_present, 1), (of_the_past, 0)])
def test_a_search_stops_between_rows(
    store: Store, ask: Callable[[Store], int], answer: int
) -> None:
    run = store.runs.create("0")
    store.metrics.log(run.info.run_id, "loss", 1.0)
    client = Waiting()
    client.leave()
    token = WAITING.set(client)
    try:
        with pytest.raises(AbandonedError):
            ask(store)
    finally:
        WAITING.reset(token)
    assert ask(store) == answer
