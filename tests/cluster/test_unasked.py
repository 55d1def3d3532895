"""A server of a cluster takes points without a question for news, and nobody is misled by it."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eventtrack.cluster import member
from eventtrack.cluster.tokens import TokenOffice, public_key
from eventtrack.compat.errors import UnauthenticatedError
from eventtrack.errors import (
    InvalidValueError,
    RemoteUnavailableError,
    VerificationError,
)
from eventtrack.server import clustered
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from eventtrack.store import Store
from eventtrack.sync.own_feed import OwnFeed
from eventtrack.views.records import Metric
from tests.cluster.servers import Start, down, lost, nothing
from tests.cluster.serving import Served, with_two
from tests.cluster.writers import no_blobs, put_into
from tests.sync.machines import machine

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
POINT = {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}


@pytest.fixture
def shelf() -> Shelf:
    """The log that the servers of a test share, with a key for tokens."""
    return Shelf(Description("a" * 32, 0, access_key=public_key(KEY)))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server looks for news by itself."""
    monkeypatch.setattr(clustered, "_LOOK_S", 20)


async def logged_run(server: Served) -> str:
    """A run whose points the server takes without a question."""
    run_id = await server.new_run()
    answer = await server.post("runs/log-batch", run_id=run_id, metrics=[POINT])
    assert answer.status_code == 200, answer.text
    assert await server.log_shortly(run_id) in ("asked", "short")
    assert await server.log_shortly(run_id) == "short"
    return run_id


def pulled(shelf: Shelf, folder: Path) -> Store:
    """A writer's store that has all of the log."""
    store = machine(folder)
    put_into(shelf, store)
    return store


def publish(shelf: Shelf, store: Store) -> None:
    """Bring a writer's own feed into the log, with no server in between."""
    OwnFeed(store.replication, MemorySharedLog(shelf), no_blobs()).publish()


def test_no_question_is_asked_and_others_see_the_points(tmp_path: Path, shelf: Shelf) -> None:
    async def work(ada: Served, ben: Served) -> None:
        run_id = await logged_run(ada)
        ada.log.before_end = down
        for _ in range(3):
            assert await ada.log_shortly(run_id) == "short"
        found = await ben.get("metrics/get-history", run_id=run_id, metric_key="loss")
        assert len(found.json()["metrics"]) == 6

    with_two(tmp_path, shelf, work)


def test_points_of_others_are_in_nobodys_way(tmp_path: Path, shelf: Shelf) -> None:
    async def work(ada: Served, ben: Served) -> None:
        run_id = await logged_run(ada)
        await ben.post("runs/log-batch", run_id=run_id, metrics=[POINT])
        await ada.get("runs/get", run_id=run_id)
        assert await ben.log_shortly(run_id) in ("asked", "short")
        for server in (ben, ada, ben, ada):
            assert await server.log_shortly(run_id) == "short"

    with_two(tmp_path, shelf, work)


def test_what_another_server_decided_counts_at_once(tmp_path: Path, shelf: Shelf) -> None:
    async def work(ada: Served, ben: Served) -> None:
        run_id = await logged_run(ada)
        await ben.post("runs/delete", run_id=run_id)
        with pytest.raises(InvalidValueError, match="deleted"):
            await ada.log_shortly(run_id)
        await ben.post("runs/restore", run_id=run_id)
        assert await ada.log_shortly(run_id) == "asked"
        assert await ada.log_shortly(run_id) == "short"
        # Any decision of another server is looked at, whatever it is about.
        await ben.new_run()
        assert await ada.log_shortly(run_id) == "asked"
        await ben.post("experiments/delete", experiment_id="0")
        with pytest.raises(InvalidValueError, match="deleted"):
            await ada.log_shortly(run_id)

    with_two(tmp_path, shelf, work)


def test_a_run_that_a_writer_deleted_with_no_server_in_between_takes_no_points(
    tmp_path: Path, shelf: Shelf
) -> None:
    async def work(ada: Served, _: Served) -> None:
        run_id = await logged_run(ada)
        writer = await asyncio.to_thread(pulled, shelf, tmp_path / "writer")
        writer.runs.set_tags(run_id, {"seen": "by the writer"})
        await asyncio.to_thread(publish, shelf, writer)
        assert await ada.log_shortly(run_id) == "short"  # facts are in nobody's way
        writer.runs.delete(run_id)
        await asyncio.to_thread(publish, shelf, writer)
        with pytest.raises(InvalidValueError, match="deleted"):
            await ada.log_shortly(run_id)

    with_two(tmp_path, shelf, work)


def test_a_token_that_was_revoked_counts_no_more(tmp_path: Path, shelf: Shelf) -> None:
    admin = machine(tmp_path / "admin")
    office = TokenOffice(admin, KEY, lambda: publish(shelf, admin))

    async def work(ada: Served, _: Served) -> None:
        run_id = await logged_run(ada)
        text = await asyncio.to_thread(office.create, "alice", "write")
        with pytest.raises(UnauthenticatedError):  # from the first token on
            await ada.log_shortly(run_id)
        ways = [await ada.log_shortly(run_id, text) for _ in range(3)]
        assert ways[-1] == "short"
        await asyncio.to_thread(office.create, "bob", "read")
        assert await ada.log_shortly(run_id, text) == "asked"
        await asyncio.to_thread(office.revoke, "alice")
        with pytest.raises(UnauthenticatedError):
            await ada.log_shortly(run_id, text)
        assert await ada.log_shortly(run_id, text) == "usual"

    with_two(tmp_path, shelf, work)


def test_a_token_that_was_revoked_since_it_was_looked_at_counts_no_more(
    tmp_path: Path, shelf: Shelf
) -> None:
    admin = machine(tmp_path / "admin")
    office = TokenOffice(admin, KEY, lambda: publish(shelf, admin))

    async def work(ada: Served, _: Served) -> None:
        text = await asyncio.to_thread(office.create, "alice", "write")
        run_id = ada.cache.store.runs.create("0").info.run_id
        ways = [await ada.log_shortly(run_id, text) for _ in range(3)]
        assert ways[-1] == "short"

        def revoke_and_read() -> None:
            office.revoke("alice")
            ada.cache.member.catch_up()  # the append alone would not notice any more
            metrics = ada.cache.store.metrics
            assert metrics.record([metrics.prepare(run_id, [Metric("loss", 1.0, 1, 0)])]) == [None]

        with pytest.raises(UnauthenticatedError):
            await ada.log_shortly(run_id, text, revoke_and_read)

    with_two(tmp_path, shelf, work)


def test_an_outcome_that_nobody_knows_is_resolved_and_not_doubled(
    tmp_path: Path, shelf: Shelf
) -> None:
    async def work(ada: Served, ben: Served) -> None:
        run_id = await logged_run(ada)

        def lose_once() -> None:
            ada.log.after_append = nothing
            lost()

        ada.log.after_append = lose_once
        assert await ada.log_shortly(run_id) == "short"
        found = await ben.get("metrics/get-history", run_id=run_id, metric_key="loss")
        assert len(found.json()["metrics"]) == 4

    with_two(tmp_path, shelf, work)


def test_nothing_is_taken_without_a_question_while_the_log_does_not_answer(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "PATIENCE_S", 0.05)
    monkeypatch.setattr(member, "_RETRY_S", 0.01)

    async def work(ada: Served, _: Served) -> None:
        run_id = await logged_run(ada)
        ada.log.before_append = down
        with pytest.raises(RemoteUnavailableError):
            await ada.log_shortly(run_id)
        ada.log.before_append = nothing
        assert await ada.log_shortly(run_id) == "asked"
        ada.log.before_end = down
        assert (await ada.get("runs/get", run_id=run_id)).status_code == 503
        assert await ada.log_shortly(run_id) == "usual"
        ada.log.before_end = nothing
        assert (await ada.get("runs/get", run_id=run_id)).status_code == 200
        assert await ada.log_shortly(run_id) == "short"

    with_two(tmp_path, shelf, work)


def test_a_log_that_was_set_back_is_noticed(tmp_path: Path, shelf: Shelf) -> None:
    async def work(ada: Served, _: Served) -> None:
        run_id = await logged_run(ada)
        del shelf.places[-2:]
        with pytest.raises(VerificationError, match="lost what this server has read"):
            await ada.log_shortly(run_id)

    with_two(tmp_path, shelf, work)


def test_points_of_many_calls_are_all_there_or_ask(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "SHARED_BLOCK_ENVELOPES_MAX", 2)
    ada, ben = start("ada"), start("ben")
    metrics = ada.store.metrics
    run_id = ada.store.runs.create("0").info.run_id
    points = [metrics.prepare(run_id, [Metric("loss", 0.5, 1, step)]) for step in range(5)]
    assert metrics.record_unasked(points) == [False] * 5  # nobody looked at the run
    assert metrics.record(points[:1]) == [None]
    before = ada.log.appends
    assert metrics.record_unasked(points) == [True] * 5
    assert ada.log.appends == before + 3
    ben.catch_up().store.experiments.create("decided")
    end = ada.log.end()
    assert metrics.record_unasked(points) == [False] * 5
    assert ada.log.end() == end
    assert ada.catch_up().digest() == ben.catch_up().digest()
