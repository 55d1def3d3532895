"""The stream of changes: nothing is missed, whoever dies, and nobody waits for anybody."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from eventtrack.client import MlflowClient
from tests.server.running import Running, running

LIVE = "/api/eventtrack/1/live"


class Stream:
    """A page's stream of changes, and the id that it saw last."""

    def __init__(self, answer: httpx.Response) -> None:
        self.last = ""
        self._lines = answer.iter_lines()

    def next(self) -> dict[str, Any]:
        """The next event; its `event` beside its data."""
        found: dict[str, Any] = {}
        for line in self._lines:
            if not line and found:
                return found
            name, _, value = line.partition(": ")
            if name == "id":
                self.last = value
            elif name == "event":
                found["event"] = value
            elif name == "data":
                found.update(msgspec.json.decode(value))
        raise EOFError

    def until(self, stream: str) -> list[dict[str, Any]]:
        """All events up to the one that tells of a stream."""
        events = []
        while True:
            events.append(self.next())
            if stream in events[-1].get("streams", ()):
                return events


@contextlib.contextmanager
def following(server: Running, last: str | None = None) -> Iterator[Stream]:
    """A stream, from its beginning or from the last event seen."""
    headers = {"last-event-id": last} if last is not None else {}
    with httpx.stream("GET", server.url + LIVE, headers=headers, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer)
        assert stream.next() == {"event": "hello"}
        yield stream


def new_run(client: MlflowClient) -> str:
    """The stream of a run that was created just now."""
    return f"run/{client.create_run('0').info.run_id}"


def test_changes_of_other_processes_are_told_with_their_streams(server: Running) -> None:
    client = MlflowClient(str(server.store))
    with following(server) as stream:
        run = new_run(client)
        [*_, told] = stream.until(run)
        assert told["event"] == "changes"
        assert stream.last == str(told["position"])


def test_points_that_wait_in_a_journal_are_told_without_an_id(server: Running) -> None:
    """They are not in the log yet, and a page that comes back misses nothing all the same."""
    client = MlflowClient(str(server.store))
    with following(server) as stream:
        run = new_run(client)
        stream.until(run)
        for step in range(3):
            client.log_metric(run.partition("/")[2], "loss", 1.0, step=step)
            [*_, told] = stream.until(run)
            assert told["event"] == "changes"
        last = stream.last
    with following(server, last) as stream:
        other = new_run(client)
        assert {run, other} >= {name for told in stream.until(other) for name in told["streams"]}


def test_who_comes_back_with_the_last_id_misses_nothing(tmp_path: Path) -> None:
    """Over a connection that was cut, and over a server that was killed and started anew."""
    store = tmp_path / "store"
    client = MlflowClient(str(store))
    new_run(client)
    with running(store) as server:
        with following(server) as stream:
            stream.until(new_run(client))
            last = stream.last
        missed = [new_run(client) for _ in range(3)]
        with following(server, last) as stream:
            told = {name for event in stream.until(missed[-1]) for name in event["streams"]}
            assert told >= set(missed)
            last = stream.last
        with following(server, last):
            server.kill()
    missed = [new_run(client) for _ in range(3)]
    with running(store) as server, following(server, last) as stream:
        events = stream.until(missed[-1])
        assert [name for event in events for name in event["streams"]].count(missed[0]) == 1
        assert {name for event in events for name in event["streams"]} >= set(missed)


def test_an_id_of_another_log_means_that_all_may_differ(server: Running) -> None:
    with following(server, "9" * 18) as stream:
        assert stream.next()["all"]
    for nonsense in ("-1", "x", "9" * 40, "²"):
        url = f"{server.url}{LIVE}"
        with httpx.stream("GET", url, params={"after": nonsense}, timeout=60) as answer:
            assert Stream(answer).next() == {"event": "hello"}


def test_more_than_can_be_named_is_all(server: Running) -> None:
    client = MlflowClient(str(server.store))
    with following(server) as stream:
        first = stream.last
        stream.until(new_run(client))
    run_id = client.create_run("0").info.run_id
    for number in range(4100):
        client.set_tag(run_id, "n", number, synchronous=True)
    with following(server, first) as stream:
        assert stream.next()["all"]


def test_many_pages_and_one_that_does_not_read(server: Running) -> None:
    """Each of 50 hears of each change; one that takes nothing holds up none of them."""
    client = MlflowClient(str(server.store))
    host, port = server.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_connection((host, int(port))))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET {LIVE}?after=0 HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        streams = [stack.enter_context(following(server)) for _ in range(50)]
        for _ in range(3):
            run = new_run(client)
            for stream in streams:
                stream.until(run)


def test_streams_leave_half_of_the_connections_to_programs_that_log(tmp_path: Path) -> None:
    with (
        running(tmp_path / "store", bounds={"CONNECTIONS_MAX": 8}) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):
            stack.enter_context(following(server))
        for _ in range(20):
            with server.client.stream("GET", LIVE) as refused:
                assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        assert server.new_run()["status"] == "RUNNING"
        stack.close()
        with following(server):
            pass


def test_streams_are_ended_with_the_server(tmp_path: Path) -> None:
    """Ended, not cut off: the last chunk comes, so that nothing waits until patience is over."""
    with running(tmp_path / "store") as server:
        answers = [httpx.stream("GET", server.url + LIVE, timeout=60) for _ in range(3)]
        with contextlib.ExitStack() as stack:
            chunks = [stack.enter_context(answer).iter_text() for answer in answers]
            assert all("hello" in next(one) for one in chunks)
            server.process.send_signal(signal.SIGTERM)
            assert ["".join(one) for one in chunks] == ["", "", ""]
        assert server.process.wait(30) == 0
