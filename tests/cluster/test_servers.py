"""Servers say how far they are, beside the log; commands and pages show their lag."""

import asyncio
from pathlib import Path

import pytest

from eventtrack.cluster.servers import servers_of
from eventtrack.server import clustered
from eventtrack.sharedlog.making import make_shared_log
from eventtrack.sharedlog.memory import MemorySharedLog
from tests.cli.harness import CommandLine
from tests.cluster.processes import cluster_of
from tests.cluster.servers import Server, new_shelf
from tests.cluster.serving import serving


def test_a_server_that_stands_still_is_shown_with_its_lag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustered, "ANNOUNCE_S", 0.0)
    monkeypatch.setattr(clustered, "_LOOK_S", 0.05)
    shelf = new_shelf()
    other = Server(tmp_path / "other", shelf)
    log = MemorySharedLog(shelf)

    async def work() -> None:
        async with serving(tmp_path / "ada", shelf) as ada:
            await ada.ready()
            while not (servers := servers_of(log)) or servers[0].behind:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert servers[0].name.endswith(f":{tmp_path / 'ada'}")

    asyncio.run(asyncio.wait_for(work(), 30))
    for number in range(5):
        other.store.experiments.create(f"n{number}")
    [server] = servers_of(log)
    assert (server.behind, server.place + 5) == (5, log.end())
    other.cache.close()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgresql", "nats"])
def test_the_command_and_the_page_show_the_servers(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    make_shared_log(url).close()
    call = CommandLine(tmp_path / "none")
    with cluster_of(tmp_path, url, "ada", "ben") as servers:
        servers[0].new_run()
        shown = call("cluster", "status", url, "--json").json
        rows = shown["servers"]
        assert [row["name"].rpartition("/")[2] for row in rows] == ["ada", "ben"]
        assert all(row["behind"] <= 3 for row in rows)
        assert "read up to" in call("cluster", "status", url).stdout
        page = servers[1].client.get("/api/eventtrack/1/cluster").json()
        assert page["url"] == shown["url"]
        assert [row["own"] for row in page["servers"]] == [False, True]
