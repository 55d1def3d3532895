"""Engines are killed and stopped while writers append: nothing acknowledged is lost or doubled."""

import contextlib
import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from eventtrack.errors import ConflictError, RemoteUnavailableError
from eventtrack.log.blocks import Block
from eventtrack.sharedlog import postgresql, postgresql_connections
from eventtrack.sharedlog.checking import LogCheck
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from eventtrack.sharedlog.nats_client import NatsClient
from eventtrack.sharedlog.protocol import SharedLog
from tests.contracts.shared_log import Writer, bytes_of, everything
from tests.sharedlog.engines import (
    Nats,
    NatsNode,
    Postgresql,
    log_name,
    running_postgresql,
    running_standby,
    until,
)


def write_through(url: str, count: int, damage: Callable[[], None]) -> list[Block]:
    """Append blocks with three writers, do damage amidst them; returns what was acknowledged.

    One of them appends on condition that nobody decided, and nobody does.
    """
    appended: list[Block] = []
    begun = threading.Barrier(4)

    def write(number: int) -> None:
        writer, last = Writer(f"writer {number}"), 0
        seen = 0 if number == 0 else None
        with contextlib.closing(open_shared_log(url)) as log:
            for step in range(count):
                block = writer.block()
                if step == count // 3:
                    begun.wait(60)
                last = append(log, block, last, seen)
                appended.append(block)

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, number) for number in range(3)]
        begun.wait(60)
        damage()
        for each in writers:
            each.result(120)
    return appended


def append(log: SharedLog, block: Block, last: int, seen: int | None = None) -> int:
    """Append as a writer does: again and again, until there is an answer."""
    while True:
        try:
            return log.append(block, last=last, seen=seen)
        except RemoteUnavailableError:
            time.sleep(0.1)


def assert_all_there_once(url: str, appended: list[Block]) -> None:
    """Every acknowledged block is in the log once, and the log is whole."""
    with contextlib.closing(open_shared_log(url)) as log:
        assert LogCheck(log).run() == []
        assert sorted(bytes_of(everything(log))) == sorted(block.data for block in appended)


@contextlib.contextmanager
def slowed(node: NatsNode) -> Iterator[None]:
    """A node that stands still most of the time, as one does that waits for a slow disk."""
    ended = threading.Event()

    def slow() -> None:
        while not ended.wait(0.05):
            node.signal(signal.SIGSTOP)
            time.sleep(0.2)
            node.signal(signal.SIGCONT)

    slows = threading.Thread(target=slow)
    slows.start()
    try:
        yield
    finally:
        ended.set()
        slows.join()


def leading(cluster: Nats, log: SharedLog) -> NatsNode:
    """The node that leads a log."""
    [leader] = [node.name for node in log.state().nodes if node.role == "leader"]
    [node] = [node for node in cluster.nodes if node.name == leader]
    return node


class TestNats:
    @pytest.mark.parametrize("arrives", ["at once", "never", "late"])
    def test_facts_on_condition_stand_once_whatever_became_of_the_first_message(
        self, nats_url: str, monkeypatch: pytest.MonkeyPatch, arrives: str
    ) -> None:
        ada, held = Writer("ada"), list[Callable[[], int]]()
        publish = NatsClient.publish

        def lose(client: NatsClient, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
            message = partial(publish, client, subject, data, headers)
            if not data or held:
                return message()
            held.append(message)
            if arrives == "at once":
                message()
            raise RemoteUnavailableError("the connection broke", sent=True)

        with contextlib.closing(make_shared_log(nats_url, risky=True)) as log:
            last = log.append(ada.block(), last=0, seen=0)
            monkeypatch.setattr(NatsClient, "publish", lose)
            place = log.append(ada.block(), last=last, seen=0)
            if arrives == "late":
                assert held[0]() == place  # the leader knows it by its id
            assert [entry.place for entry in everything(log)] == [last, place]

    def test_facts_on_condition_are_refused_if_somebody_decided_before_they_come_again(
        self, nats_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada, publish = Writer("ada"), NatsClient.publish

        def lose(client: NatsClient, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
            monkeypatch.setattr(NatsClient, "publish", publish)
            with contextlib.closing(open_shared_log(nats_url)) as other:
                other.append(Writer("ben").block(), last=0, seen=0, decides=True)
            raise RemoteUnavailableError("the connection broke", sent=True)

        with contextlib.closing(make_shared_log(nats_url, risky=True)) as log:
            last = log.append(ada.block(), last=0, seen=0)
            monkeypatch.setattr(NatsClient, "publish", lose)
            with pytest.raises(ConflictError):
                log.append(ada.block(), last=last, seen=0)
            assert len(everything(log)) == 2

    @pytest.mark.slow
    def test_a_leader_with_a_slow_disk_costs_time_and_nothing_else(
        self, nats_cluster: Nats, nats_url: str
    ) -> None:
        with contextlib.closing(make_shared_log(nats_url)) as log:
            node = leading(nats_cluster, log)
        with slowed(node):
            appended = write_through(nats_url, 9, lambda: None)
        until(lambda: nats_cluster.is_settled(log_name(nats_url)))
        assert_all_there_once(nats_url, appended)

    @pytest.mark.slow
    def test_writes_go_on_after_the_leader_was_killed(
        self, nats_cluster: Nats, nats_url: str
    ) -> None:
        with contextlib.closing(make_shared_log(nats_url)) as log:
            node = leading(nats_cluster, log)

        def damage() -> None:
            node.kill()
            open_shared_log(nats_url).close()  # waits for the next leader

        appended = write_through(nats_url, 30, damage)
        node.start()
        until(lambda: nats_cluster.is_settled(log_name(nats_url)))
        assert_all_there_once(nats_url, appended)

    # The driver forgets a connection that a stopped node accepted and never answered.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.slow
    def test_writes_go_on_after_a_node_was_stopped(self, nats_cluster: Nats, nats_url: str) -> None:
        make_shared_log(nats_url).close()
        node = nats_cluster.nodes[0]
        try:
            appended = write_through(nats_url, 30, lambda: node.signal(signal.SIGSTOP))
        finally:
            node.signal(signal.SIGCONT)
        until(lambda: nats_cluster.is_settled(log_name(nats_url)))
        assert_all_there_once(nats_url, appended)
        gc.collect()  # let it warn here


class TestPostgresql:
    @pytest.fixture
    def server(self) -> Iterator[Postgresql]:
        with running_postgresql() as server:
            yield server

    @pytest.fixture
    def hasty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No patience with a database that does not answer."""
        monkeypatch.setattr(postgresql_connections, "ANSWER_S", 1.0)
        monkeypatch.setattr(postgresql, "_RESOLVE_S", 0.5)

    def test_a_killed_database_loses_and_doubles_nothing(self, server: Postgresql) -> None:
        make_shared_log(server.url).close()

        def damage() -> None:
            for _ in range(3):
                server.kill()
                server.start()
                time.sleep(0.1)

        assert_all_there_once(server.url, write_through(server.url, 60, damage))

    def test_a_slow_disk_costs_time_and_nothing_else(self, server: Postgresql) -> None:
        make_shared_log(server.url).close()
        # Each commit waits so many microseconds before it brings its pages to the disk.
        for setting in ("commit_delay = 100000", "commit_siblings = 0"):
            server.execute(f"ALTER SYSTEM SET {setting}")
        server.execute("SELECT pg_reload_conf()")
        assert_all_there_once(server.url, write_through(server.url, 6, lambda: None))

    @pytest.mark.usefixtures("hasty")
    def test_a_stopped_database_leaves_the_outcome_open_and_a_repeated_call_settles_it(
        self, server: Postgresql
    ) -> None:
        ada = Writer("ada")
        with contextlib.closing(make_shared_log(server.url)) as log:
            last = log.append(ada.block(), last=0)
            block = ada.block()
            server.signal(signal.SIGSTOP)
            with pytest.raises(RemoteUnavailableError) as trouble:
                log.append(block, last=last)
            assert trouble.value.sent
            server.signal(signal.SIGCONT)
            place = append(log, block, last)
            assert append(log, block, last) == place
            assert len(everything(log)) == 2

    @pytest.mark.usefixtures("hasty")
    def test_a_promoted_standby_has_all_that_was_acknowledged(self) -> None:
        with running_postgresql() as primary, running_standby(primary) as standby:
            assert_standby_takes_over(primary, standby)


def assert_standby_takes_over(primary: Postgresql, standby: Postgresql) -> None:
    """Nothing is acknowledged that the standby lacks, and it goes on where the primary died."""
    both = f"postgresql://owner@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    ada, ben = Writer("ada"), Writer("ben")
    with contextlib.closing(make_shared_log(both)) as log:
        assert log.state().risks == []
        assert [node.role for node in log.state().nodes] == ["primary", "sync"]
        blocks = [ada.block(), ada.block(), ada.block()]
        last = log.append(blocks[0], last=0)
        last = log.append(blocks[1], last=last)
        assert log.end() == last
        standby.signal(signal.SIGSTOP)
        with pytest.raises(RemoteUnavailableError) as trouble:  # no standby has it
            log.append(blocks[2], last=last)
        assert trouble.value.sent
        with pytest.raises(RemoteUnavailableError):  # nor can anybody be told the end
            log.end()
        primary.kill()
        standby.signal(signal.SIGCONT)
        standby.promote()
        last = append(log, blocks[2], last)
        append(log, ben.block(), 0)
        assert bytes_of(everything(log))[:3] == [block.data for block in blocks]
        assert log.end() == last + 1
