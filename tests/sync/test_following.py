"""In step with others, for as long as one likes: `sync --follow` and `server --sync`."""

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError, RemoteUnavailableError
from eventtrack.store import Store, open_store
from eventtrack.sync import (
    Mended,
    News,
    Remotes,
    SyncReport,
    Trouble,
    all_statuses,
    follow,
    synchronize,
)
from tests.cli.harness import CommandLine
from tests.server.running import Running, running
from tests.sync.machines import PULL, machine, record_run, sync


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def holds(server: Running, run_id: str) -> bool:
    return server.client.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}").is_success


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@contextlib.contextmanager
def following(store: Store, remote: str, ways: Any = None) -> Iterator[list[News]]:
    """What is said while a thread follows a remote."""
    stop, said = threading.Event(), list[News]()
    rest = () if ways is None else (ways,)

    def run() -> None:
        for news in follow(store, remote, *rest, stop=stop):
            said.append(news)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join()


def kinds(said: list[News]) -> list[type]:
    return [type(news) for news in said]


class TestFollowing:
    """The loop, whoever runs it."""

    def test_trouble_is_told_once_when_it_begins_and_once_when_it_ends(
        self, one: Store, tmp_path: Path
    ) -> None:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with following(one, url) as said:
            # The server is not there yet, is there, is killed, and comes back.
            wait_for(lambda: all_statuses(Remotes(one.replication)))
            wait_for(lambda: status(one).failures >= 2)
            assert kinds(said) == [Trouble]
            assert status(one).next_ms is not None
            with running(tmp_path / "served", "--port", port) as server:
                wait_for(lambda: kinds(said) == [Trouble, Mended, SyncReport])
                assert (status(one).error, status(one).failures) == ("", 0)
                server.kill()
                here = record_run(one)
                wait_for(lambda: Trouble in kinds(said)[3:])
                assert status(one).failing_since_ms is not None
            with running(tmp_path / "served", "--port", port) as server:
                wait_for(lambda: holds(server, here) and SyncReport in kinds(said)[5:])
                told = kinds(said)[3:]
        assert [kind for kind in told if kind is not SyncReport] == [Trouble, Mended]
        [trouble, *_] = [news for news in said if isinstance(news, Trouble)]
        assert isinstance(trouble.error, RemoteUnavailableError)
        assert url in trouble.error.message

    def test_tries_grow_rare_while_it_fails(self, one: Store, tmp_path: Path) -> None:
        began = time.monotonic()
        with following(one, str(tmp_path / "mount" / "stick"), PULL) as said:
            time.sleep(2.0)
        # Pauses of at least 0.5, 1, 2, ... s follow the tries, however busy the machine is.
        elapsed, possible, pause = time.monotonic() - began, 1, 0.5
        while elapsed > pause:
            elapsed, possible, pause = elapsed - pause, possible + 1, pause * 2
        assert 1 <= status(one).failures <= possible
        assert kinds(said) == [Trouble]

    def test_a_stop_within_a_pause_or_a_round_ends_it(self, one: Store, tmp_path: Path) -> None:
        with following(one, str(tmp_path / "mount" / "stick"), PULL) as said:
            wait_for(lambda: said)
        stop = threading.Event()
        record_run(one)
        for news in follow(one, str(tmp_path / "stick"), stop=stop):
            assert isinstance(news, SyncReport)
            stop.set()

    def test_a_name_that_nobody_knows_and_a_way_that_is_none_are_refused(self, one: Store) -> None:
        stop = threading.Event()
        with pytest.raises(NotFoundError):
            next(follow(one, "nobody", stop=stop))
        with pytest.raises(InvalidValueError):
            next(follow(one, "gopher://host/runs", stop=stop))

    def test_what_is_damaged_over_there_does_not_keep_ours_from_getting_there(
        self, one: Store, two: Store, stick: Path
    ) -> None:
        record_run(two)
        sync(two, stick)
        [segment] = (stick / "feeds" / two.replication.log.replica.hex()).iterdir()
        segment.chmod(0o644)
        segment.write_bytes(segment.read_bytes()[:-1] + b"\0")
        run_id = record_run(one)
        with following(one, str(stick)) as said:
            wait_for(lambda: said)
        [trouble] = said
        assert isinstance(trouble, Trouble)
        assert "damaged" in trouble.error.message
        sync(two, stick)
        assert two.runs.get(run_id).info.run_name == "run"


def status(store: Store) -> Any:
    [(_, found)] = all_statuses(Remotes(store.replication))
    return found


class TestServer:
    """`eventtrack server --sync`."""

    def test_two_servers_show_what_is_logged_to_either_also_after_one_was_away(
        self, tmp_path: Path
    ) -> None:
        port, log = free_port(), tmp_path / "standard-error"
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(running(tmp_path / "first", "--port", port))
            words = ("--sync", first.url)
            second = stack.enter_context(running(tmp_path / "second", *words, log=log))
            there, here = first.new_run()["run_id"], second.new_run()["run_id"]
            wait_for(lambda: holds(second, there) and holds(first, here))
            first.kill()
            lonely = second.new_run()["run_id"]
            wait_for(lambda: "cannot sync for now" in log.read_text())
            again = stack.enter_context(running(tmp_path / "first", "--port", port))
            wait_for(lambda: holds(again, lonely))
            wait_for(lambda: "in step again" in log.read_text())
            [remote] = second.client.get("/api/eventtrack/1/sync").json()["remotes"]
            assert (remote["url"], remote["status"]["error"]) == (first.url, "")
            assert remote["status"]["next_ms"] is not None
            second.process.send_signal(signal.SIGINT)
            assert second.process.wait(20) == 0
        assert log.read_text().count("cannot sync") == log.read_text().count("in step") == 1
        stores = [open_store(tmp_path / name) for name in ("first", "second")]
        synchronize(stores[0], str(tmp_path / "stick"))
        synchronize(stores[1], str(tmp_path / "stick"))
        synchronize(stores[0], str(tmp_path / "stick"))
        assert len({store.maintenance.digest() for store in stores}) == 1
        assert all(store.maintenance.check().ok for store in stores)
        for store in stores:
            store.close()

    def test_pages_are_told_of_what_comes_by_sync_and_several_remotes_are_followed(
        self, one: Store, two: Store, tmp_path: Path
    ) -> None:
        served = machine(tmp_path / "served")
        for name in ("a", "b"):
            Remotes(served.replication).add(name, str(tmp_path / name))
        served.close()
        words = ("--sync", "a", "--sync", "b")
        with (
            running(tmp_path / "served", *words) as server,
            server.client.stream("GET", "/api/eventtrack/1/live") as live,
        ):
            lines = live.iter_lines()
            assert any(line.startswith("id:") for line in lines)
            expected = {
                f"run/{record_run(store, points=0)}": sync(store, tmp_path / name)
                for name, store in (("a", one), ("b", two))
            }
            told: set[str] = set()
            while not told >= expected.keys():
                line = next(lines)
                if line.startswith("data:"):
                    told |= set(json.loads(line[5:]).get("streams", ()))

    def test_a_remote_that_hangs_does_not_keep_the_server_from_ending(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with running(tmp_path / "served", "--sync", url) as server:
                connection, _ = silent.accept()
                assert connection.recv(10)
                assert server.new_run()["run_id"]
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(20) == 0
                connection.close()
        store = open_store(tmp_path / "served")
        assert store.maintenance.check().ok
        store.close()

    def test_a_remote_that_nobody_knows_is_refused_before_anybody_is_served(
        self, tmp_path: Path
    ) -> None:
        refused = CommandLine(tmp_path / "served")("server", "--sync", "nobody", code=3)
        assert "remote add nobody" in refused.stderr
