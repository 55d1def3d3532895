"""Several servers answer as one server would (docs/cluster.md)."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from eventtrack.cluster import member
from eventtrack.log.erasure import marker
from eventtrack.server import clustered
from eventtrack.sharedlog.memory import Shelf
from tests.cluster.servers import FaultyLog, Server, down, nothing
from tests.cluster.serving import Served, serving

SERVERS = ("ada", "ben", "eve")
POINT = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}


@pytest.fixture(autouse=True)
def _soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustered, "_LOOK_S", 0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that give up at once."""
    monkeypatch.setattr(member, "PATIENCE_S", 0.05)
    monkeypatch.setattr(member, "_RETRY_S", 0.01)


def with_servers(
    folder: Path, shelf: Shelf, work: Callable[..., Awaitable[None]], stale_reads: bool = False
) -> None:
    """Run `work` with three servers that are ready."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(
                    serving(folder / name, shelf, stale_reads=stale_reads)
                )
                for name in SERVERS
            ]
            for server in servers:
                await server.ready()
            await work(*servers)

    asyncio.run(asyncio.wait_for(run(), 120))


def test_an_answer_of_one_server_is_seen_on_every_other(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(ada: Served, ben: Served, eve: Served) -> None:
        monkeypatch.setattr(clustered, "_LOOK_S", 0.5)
        for server in (ada, ben, eve):
            server.log.is_deaf = True  # they learn of each other by asking alone
        for turn in range(5):
            run_id = await ada.new_run()
            sent = {"run_id": run_id, "metrics": [{**POINT, "value": turn}]}
            assert (await ben.post("runs/log-batch", **sent)).status_code == 200
            run = (await eve.get("runs/get", run_id=run_id)).json()["run"]
            assert run["data"]["metrics"][0]["value"] == turn
            assert (await eve.post("runs/delete", run_id=run_id)).status_code == 200
            for server in (ada, ben, eve):
                refused = await server.post("runs/log-batch", **sent)
                assert refused.status_code == 400, refused.text

    with_servers(tmp_path, shelf, work)


def test_requests_that_race_on_three_servers_are_answered_as_by_one(
    tmp_path: Path, shelf: Shelf
) -> None:
    async def work(*servers: Served) -> None:
        for turn in range(5):
            asked = (server.post("experiments/create", name=f"n{turn}") for server in servers * 3)
            answers = await asyncio.gather(*asked)
            assert sorted(answer.status_code for answer in answers) == [200] + [400] * 8
        run_id = await servers[0].new_run()
        sent = [
            server.post("runs/log-parameter", run_id=run_id, key="lr", value=str(number))
            for number, server in enumerate(servers)
        ]
        codes = [answer.status_code for answer in await asyncio.gather(*sent)]
        assert sorted(codes) == [200, 400, 400]
        run = (await servers[2].get("runs/get", run_id=run_id)).json()["run"]
        assert run["data"]["params"] == [{"key": "lr", "value": str(codes.index(200))}]

    with_servers(tmp_path, shelf, work)


def test_a_change_above_the_limit_of_the_engine_is_refused_and_costs_no_other(
    tmp_path: Path, shelf: Shelf
) -> None:
    async def work(ada: Served, ben: Served, _: Served) -> None:
        run_id = await ada.new_run()
        ada.log.block_bytes_max = 2048
        noise = random.Random(1).randbytes(3000).hex()
        answers = await asyncio.gather(
            ada.post("runs/set-tag", run_id=run_id, key="large", value=noise),
            ada.post("runs/set-tag", run_id=run_id, key="small", value="x"),
        )
        assert [answer.status_code for answer in answers] == [400, 200]
        assert "memory:" in answers[0].json()["message"]
        run = (await ben.get("runs/get", run_id=run_id)).json()["run"]
        keys = {tag["key"] for tag in run["data"]["tags"]}
        assert "small" in keys
        assert "large" not in keys

    with_servers(tmp_path, shelf, work)


def test_waiting_requests_share_one_question(tmp_path: Path, shelf: Shelf) -> None:
    async def work(ada: Served, *_: Served) -> None:
        await ada.new_run()
        asked = 0

        def count() -> None:
            nonlocal asked
            asked += 1

        ada.log.before_end = count
        await asyncio.gather(*(ada.get("experiments/get", experiment_id="0") for _ in range(50)))
        # One is under way when the others come; these share the next. The follower asks, too.
        assert asked <= 6

    with_servers(tmp_path, shelf, work)


@pytest.mark.usefixtures("impatient")
class TestOutages:
    @pytest.mark.parametrize("stale_reads", [True, False])
    def test_reads_go_on_where_the_operator_allows_it(
        self, tmp_path: Path, shelf: Shelf, stale_reads: bool
    ) -> None:
        async def work(ada: Served, *_: Served) -> None:
            run_id = await ada.new_run()
            asked: list[None] = []

            def note_and_fail() -> None:
                asked.append(None)
                down()

            ada.log.before_end = ada.log.before_append = note_and_fail
            answer = await ada.get("runs/get", run_id=run_id)
            if stale_reads:
                assert answer.status_code == 200
                assert int(answer.headers["age"]) >= 1
            else:
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
            asked.clear()
            answer = await ada.get("runs/get", run_id=run_id)
            # The follower asks again and again; a read that may be old need not wait for it.
            assert len(asked) <= 1 or not stale_reads
            ada.log.before_end = ada.log.before_append = nothing
            async with asyncio.timeout(30):
                while "age" in answer.headers or answer.status_code != 200:
                    answer = await ada.get("runs/get", run_id=run_id)

        with_servers(tmp_path, shelf, work, stale_reads)

    @pytest.mark.parametrize("end_answers", [True, False])
    def test_a_refused_change_is_not_made_later(
        self, tmp_path: Path, shelf: Shelf, end_answers: bool
    ) -> None:
        async def work(ada: Served, ben: Served, _: Served) -> None:
            ada.log.before_append = down
            ada.log.before_end = nothing if end_answers else down
            asked = (ada.post("experiments/create", name=f"n{number}") for number in range(5))
            for answer in await asyncio.gather(*asked):
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
            ada.log.before_end = ada.log.before_append = nothing
            assert (await ada.post("experiments/create", name="after")).status_code == 200
            for server in (ada, ben):
                found = await server.post("experiments/search", max_results=10)
                names = {experiment["name"] for experiment in found.json()["experiments"]}
                assert names == {"Default", "after"}

        with_servers(tmp_path, shelf, work, stale_reads=True)


def test_a_server_answers_only_once_its_cache_is_full(tmp_path: Path, shelf: Shelf) -> None:
    first = Server(tmp_path / "first", shelf)
    for number in range(20):
        first.store.experiments.create(f"n{number}")
    first.cache.close()
    log = FaultyLog(shelf)
    log.before_end = down

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf, log=log) as ada:
            health = await ada.client.get("/health")
            assert (health.status_code, health.headers["retry-after"]) == (503, "1")
            assert "filling the cache" in health.text
            assert (await ada.get("experiments/get", experiment_id="0")).status_code == 503
            log.before_end = nothing
            await ada.ready()
            found = await ada.get("experiments/get-by-name", experiment_name="n19")
            assert found.status_code == 200

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_damaged_log_is_not_answered_from(tmp_path: Path, shelf: Shelf) -> None:
    first = Server(tmp_path / "first", shelf)
    for number in range(3):
        first.store.experiments.create(f"n{number}")
    first.cache.close()
    shelf.places[1] = (None, True)

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf, stale_reads=True) as ada:
            while "place 3 of memory:" not in (health := await ada.client.get("/health")).text:
                assert health.status_code == 503
                await asyncio.sleep(0.01)
            assert (await ada.get("experiments/get", experiment_id="0")).status_code == 503

    asyncio.run(asyncio.wait_for(work(), 60))


def test_a_server_finishes_an_erasure_that_failed_before(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustered, "_OBEY_S", 0.1)

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf) as ada:
            await ada.ready()
            left = marker(ada.cache.store.path / "log")
            left.touch()  # as where the engine did not answer meanwhile
            while left.exists():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(work(), 30))
