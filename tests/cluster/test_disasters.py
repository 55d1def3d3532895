"""What befalls machines: a failover, a partition, a full disk, a clone. Servers and log go on."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventtrack.cluster.cache import Cache
from eventtrack.outbox import publishing
from eventtrack.sharedlog.checking import LogCheck
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from eventtrack.store import Store
from eventtrack.sync.status import all_conflicts
from tests.cluster.processes import cluster_of
from tests.contracts.shared_log import Writer, everything
from tests.server.running import API, Running
from tests.sharedlog.engines import (
    Nats,
    NatsNode,
    Postgresql,
    log_name,
    running_postgresql,
    running_standby,
    scratch,
    until,
)
from tests.sync.machines import record_run, restore, snapshot_of

pytestmark = pytest.mark.slow


def insist(server: Running, path: str, **body: Any) -> dict[str, Any]:
    """The answer to a request that is sent again and again until it is answered."""
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(httpx.HTTPError):
            answer = server.client.post(API + path, json=body, timeout=60)
            if answer.status_code == 200:
                document: dict[str, Any] = answer.json()
                return document
            assert answer.status_code == 503, answer.text
        assert time.monotonic() < deadline
        time.sleep(0.2)


class Climbers:
    """Two clients that log the steps of a run each, at two servers, until they are stopped."""

    def __init__(self, servers: Sequence[Running]) -> None:
        self.runs = [server.new_run()["run_id"] for server in servers]
        self.steps = [0] * len(self.runs)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._climb, args=(number, server))
            for number, server in enumerate(servers)
        ]
        for thread in self._threads:
            thread.start()

    def climb(self, count: int) -> None:
        """Return when each of them got so many steps further."""
        goal = [step + count for step in self.steps]
        until(lambda: all(step >= end for step, end in zip(self.steps, goal, strict=True)), 120)

    def check(self, servers: Sequence[Running]) -> None:
        """Stop, and see that every server has every step once."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for server in servers:
            for run_id, count in zip(self.runs, self.steps, strict=True):
                points = server.get("metrics/get-history", run_id=run_id, metric_key="loss")
                assert [point["step"] for point in points["metrics"]] == list(range(count))

    def _climb(self, number: int, server: Running) -> None:
        while not self._ended.is_set():
            step = self.steps[number]
            point = {"key": "loss", "value": 0.5, "timestamp": step, "step": step}
            insist(server, "runs/log-batch", run_id=self.runs[number], metrics=[point])
            self.steps[number] = step + 1


def test_servers_go_on_with_a_standby_that_was_promoted(tmp_path: Path) -> None:
    with running_postgresql() as primary, running_standby(primary) as standby:
        url = both(primary, standby)
        make_shared_log(url).close()
        with cluster_of(tmp_path, url, "ada", "ben") as servers:
            climbers = Climbers(servers)
            climbers.climb(10)
            primary.kill()
            standby.promote()
            climbers.climb(10)
            climbers.check(servers)


def both(primary: Postgresql, standby: Postgresql) -> str:
    """The address of a database that two servers carry in turn."""
    return f"postgresql://owner@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"


@contextlib.contextmanager
def networks(count: int) -> Iterator[list[tuple[str, str]]]:
    """Networks of their own on one bridge, as pairs of a name and an address.

    Skips the test where this user may not make networks.
    """
    tag, block = f"et{os.getpid() % 10_000}", os.getpid() % 250
    made: list[list[str]] = []

    def ip(*words: str, undo: Sequence[str] = ()) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot make networks here: {done.stderr.strip()}")
        if undo:
            made.append(["ip", *undo])

    if shutil.which("ip") is None:
        pytest.skip("cannot make networks here: there is no program `ip`")
    try:
        ip("link", "add", tag, "type", "bridge", undo=["link", "del", tag])
        ip("addr", "add", f"10.213.{block}.1/24", "dev", tag)
        ip("link", "set", tag, "up")
        places = []
        for number in range(count):
            name, host = f"{tag}n{number}", f"10.213.{block}.{number + 2}"
            ip("netns", "add", name, undo=["netns", "del", name])
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "master", tag, "up")
            ip("-n", name, "addr", "add", f"{host}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
            places.append((name, host))
        yield places
    finally:
        for words in reversed(made):
            subprocess.run(words, check=False, capture_output=True)


def test_servers_go_on_while_the_leader_is_cut_off(tmp_path: Path) -> None:
    folder = scratch("nats-")
    with networks(3) as places:
        nodes = [
            NatsNode(f"n{number}", folder / f"n{number}", host, ["ip", "netns", "exec", name])
            for number, (name, host) in enumerate(places)
        ]
        nats = Nats(nodes)
        try:
            nats.start()
            url = nats.url("lab")
            make_shared_log(url).close()
            with cluster_of(tmp_path, url, "ada", "ben") as servers:
                climbers = Climbers(servers)
                climbers.climb(10)
                link(leader_of(url, nodes, places), "down")
                climbers.climb(10)
                for name, _ in places:
                    link(name, "up")
                until(lambda: nats.is_settled(log_name(url)), 120)
                climbers.climb(10)
                climbers.check(servers)
            with closing(open_shared_log(url)) as log:
                assert LogCheck(log).run() == []
        finally:
            for node in nodes:
                node.kill()
            shutil.rmtree(folder, ignore_errors=True)


def leader_of(url: str, nodes: Sequence[NatsNode], places: Sequence[tuple[str, str]]) -> str:
    """The network of the node that leads a log."""
    with closing(open_shared_log(url)) as log:
        [leader] = [node.name for node in log.state().nodes if node.role == "leader"]
    return places[[node.name for node in nodes].index(leader)][0]


def link(name: str, state: str) -> None:
    """Plug a network in, or pull it out."""
    subprocess.run(["ip", "link", "set", name, state], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of that size at a folder. Skips the test where this user may not mount."""
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("cannot mount a disk here: there is no program `mount`")
    if done.returncode:
        pytest.skip(f"cannot mount a disk here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_node_whose_disk_is_full_stops_and_loses_nothing() -> None:
    folder = scratch("nats-")
    nodes = [NatsNode(f"n{number}", folder / f"n{number}") for number in range(3)]
    with small_disk(nodes[0].folder, 6):
        nats = Nats(nodes)
        try:
            nats.start()
            url = nats.url("lab")
            writer, last, blocks = Writer("ada"), 0, []
            with closing(make_shared_log(url)) as log:
                for number in range(40):
                    block = writer.block(text=os.urandom(100_000).hex() + str(number))
                    last = log.append(block, last=last)
                    blocks.append(block.data)
                assert sum(map(len, blocks)) > 7 * 2**20
                until(lambda: [each.data for each in everything(log)] == blocks, 120)
                assert LogCheck(log).run() == []
                # Once there is room, the node catches up.
                nodes[0].kill()
                grown = ["mount", "-o", "remount,size=200m", str(nodes[0].folder)]
                subprocess.run(grown, check=True)
                nodes[0].start()
                until(lambda: nats.is_settled("lab"), 120)
                last = log.append(writer.block(), last=last)
                assert LogCheck(log).run() == []
        finally:
            for node in nodes:
                node.kill()
            shutil.rmtree(folder, ignore_errors=True)


def test_machines_that_were_cloned_or_restored_double_and_lose_nothing(
    tmp_path: Path, postgresql_url: str
) -> None:
    def log(machine: str, name: str, *, hears: bool = True) -> bytes:
        """What a program on a machine does; returns the machine's replica.

        `hears` says whether the log answers when the program starts.
        """
        store = Store(tmp_path / machine)
        if hears:
            publishing.take_facts(store, postgresql_url)
        record_run(store, name, points=20)
        publishing.publish(store, postgresql_url)
        replica = store.replication.log.replica
        store.close()
        return replica

    make_shared_log(postgresql_url).close()
    first = log("ada", "first")
    parted = cloned(tmp_path / "ada", tmp_path / "clone")  # notices nothing: a machine's image
    shutil.copytree(tmp_path / "ada", tmp_path / "backup")
    assert log("ada", "of ada") == first
    log("clone", "of the clone", hears=False)
    log("ada", "of ada again")
    restore(tmp_path / "backup", tmp_path / "ada")
    log("ada", "restored")
    names = ["first", "of ada", "of ada again", "of the clone", "restored"]
    with closing(open_shared_log(postgresql_url)) as shared:
        assert LogCheck(shared).run() == []
        with closing(Cache(shared, tmp_path / "server", source="server")) as cache:
            cache.member.catch_up()
            runs = cache.store.runs.search(["0"])
            assert sorted(run.info.run_name for run in runs) == names
            for run in runs:
                points = cache.store.metrics.history(run.info.run_id, "loss")
                assert [point.step for point in points] == list(range(20))
            told = [
                conflict for conflict in all_conflicts(cache.store) if "feed/" in conflict.subject
            ]
            assert [(each.subject, each.fact) for each in told] == [
                (f"feed/{first.hex()}", f"history.{parted}")
            ]


def cloned(folder: Path, copy: Path) -> int:
    """A copy that does not notice that it is one; returns the size of the machine's feed."""
    store = Store(folder)
    size = store.replication.heads()[store.replication.log.replica].size
    snapshot_of(store, copy)
    store.close()
    return size
