"""Servers say how far they are, beside the log; commands and pages show their lag."""

import asyncio
from pathlib import Path

import pytest

from eventtrack.cluster import servers
from eventtrack.cluster.servers import Announcer, lags_of
from eventtrack.errors import RemoteUnavailableError
from eventtrack.log.blocks import read_header
from eventtrack.server import clustered
from eventtrack.sharedlog.artifacts import SpaceBlobs
from eventtrack.sharedlog.memory import MemorySharedLog
from eventtrack.spaces.folder import FolderSpace
from eventtrack.sync.own_feed import OwnFeed
from tests.cli.harness import CommandLine
from tests.cluster.processes import Lab
from tests.cluster.servers import FaultyLog, Server, down, new_shelf, nothing
from tests.cluster.serving import serving
from tests.sharedlog.engines import until
from tests.sync.machines import machine, record_run


def test_a_server_that_stands_still_is_shown_with_its_lag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "ANNOUNCE_S", 0.0)
    monkeypatch.setattr(clustered, "_LOOK_S", 0.05)
    shelf = new_shelf()
    other = Server(tmp_path / "other", shelf)
    log = MemorySharedLog(shelf)

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf) as ada:
            await ada.ready()
            while not (found := lags_of(log).servers) or found[0].behind:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert found[0].name.endswith(f":{tmp_path / 'ada'}")

    asyncio.run(asyncio.wait_for(work(), 30))
    for number in range(5):
        other.store.experiments.create(f"n{number}")
    [server] = lags_of(log).servers
    assert (server.behind, server.place + 5) == (5, log.end())
    other.cache.close()


def test_a_writer_is_shown_with_what_it_has_yet_to_publish(tmp_path: Path) -> None:
    log = FaultyLog(new_shelf())
    log.block_bytes_max = 2048
    store = machine(tmp_path / "ada")
    for number in range(20):
        record_run(store, f"run {number}")
    feed = store.replication.log.replica
    size = store.replication.heads()[feed].size
    log.before_append = lambda: down() if log.appends == 2 else None
    say = Announcer(log, store.path).say
    own = OwnFeed(store.replication, log, SpaceBlobs(lambda: FolderSpace(tmp_path / "artifacts")))
    with pytest.raises(RemoteUnavailableError):
        own.publish(say)
    [writer] = lags_of(log).writers
    tail = log.tail(feed)
    assert tail is not None
    published = read_header(tail.data)[0].stop
    assert (writer.feed, writer.name.rpartition("/")[2]) == (feed.hex(), "ada")
    assert size > writer.unpublished >= size - published > 0
    log.before_append = nothing
    own.publish(say)
    assert [writer.unpublished for writer in lags_of(log).writers] == [0]
    assert lags_of(log).servers == []


@pytest.mark.slow
def test_the_command_and_the_page_show_the_servers(tmp_path: Path, lab: Lab) -> None:
    call = CommandLine(tmp_path / "none")
    lab.ada.new_run()

    def rows() -> list[dict[str, object]]:
        shown: list[dict[str, object]] = call("cluster", "status", lab.url, "--json").json[
            "servers"
        ]
        return shown

    names = [str(row["name"]).rpartition("/")[2] for row in rows()]
    assert {"ada", "ben"} <= set(names)
    until(lambda: not any(row["behind"] for row in rows() if not str(row["name"]).endswith("new")))
    assert "read up to" in call("cluster", "status", lab.url).stdout
    page = lab.ben.client.get("/api/eventtrack/1/cluster").json()
    assert page["url"] == lab.url.partition("?monitor")[0] or page["url"] == lab.url
    assert [row["name"].rpartition("/")[2] for row in page["servers"] if row["own"]] == ["ben"]
