"""A server as a source: the requests of the pages, and their stream of news."""

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from eventtrack.cli.top.sources import Change, Curve, Json, unpacked
from eventtrack.errors import EventtrackError, RemoteError
from eventtrack.rest.address import address_of
from eventtrack.rest.connection import ANSWER_BYTES_MAX, Connection, read_whole
from eventtrack.store.items import CONSOLE

if TYPE_CHECKING:
    import urllib3

_BELOW = "/api/eventtrack/1/"
# Seconds before a server that did not answer is asked for news again.
_AGAIN_S = 1.0
# A line of news names at most 4,096 streams; what is longer is no news.
_LINE_BYTES_MAX = 2**20


class ServerSource:
    """A server of eventtrack.

    Args:
        uri: Its URL; credentials come from there or from the environment.

    Raises:
        InvalidValueError: The URL names no server.
    """

    local = False

    def __init__(self, uri: str) -> None:
        address = address_of(uri)
        self.name = address.url
        self._connection = Connection(address)

    def experiments(self) -> list[Json]:
        """All experiments, by latest activity first."""
        entries: list[Json] = self._connection.get(f"{_BELOW}experiments")["experiments"]
        return entries

    def columns(self, experiment_ids: Sequence[str]) -> dict[str, list[str]]:
        """The names of metrics, params and tags of the runs of experiments."""
        return self._connection.get(f"{_BELOW}columns", {"experiment_ids": list(experiment_ids)})

    def table(self, experiment_ids: Sequence[str], names: Sequence[str], **asked: Any) -> Json:
        """Rows of the table of runs."""
        body = {"experiment_ids": list(experiment_ids), "columns": list(names), **asked}
        return self._connection.post(f"{_BELOW}runs", body)

    def run(self, run_id: str) -> Json:
        """A run without its points and files."""
        return self._connection.get(f"{_BELOW}run", {"run_id": run_id})

    def series(self, asked: Json) -> list[Curve]:
        """Curves, thinned out."""
        body = msgspec.json.encode(asked)
        headers = {"content-type": "application/json"}
        with self._connection.opened("POST", f"{_BELOW}series", body, headers) as answer:
            data = read_whole(answer, ANSWER_BYTES_MAX)
        if data is None:
            raise RemoteError(f"{self.name} answers with more curves than any page asks for")
        return unpacked(data)

    def lines(self, run_id: str, start: int, limit: int) -> Json:
        """Lines of a run's console."""
        query = {"run_id": run_id, "kind": "text", "key": CONSOLE, "start": start, "limit": limit}
        return self._connection.get(f"{_BELOW}items", query)

    def changes(self, stop: threading.Event) -> Iterator[Change]:
        """The server's news; says so while it does not answer, and goes on behind the last."""
        position = ""
        while not stop.is_set():
            heard = False
            try:
                path = f"{_BELOW}live" + (f"?after={position}" if position else "")
                with self._connection.opened("GET", path) as answer:
                    for name, value in _fields(answer, stop):
                        if not heard:
                            heard = True
                            yield Change(None if position == "" else frozenset())
                        if name == "id":
                            position = value
                        elif name == "data":
                            yield _change(value)
            except EventtrackError as error:
                # A stream of news ends after a minute of silence, by the client's own limit.
                if not heard:
                    yield Change(frozenset(), error.message)
                    stop.wait(_AGAIN_S)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()


def _fields(answer: "urllib3.BaseHTTPResponse", stop: threading.Event) -> Iterator[tuple[str, str]]:
    """The fields of server-sent events as they come; a comment has an empty name."""
    kept = b""
    while not stop.is_set():
        part = answer.read1(65536)
        if not part:
            return
        *lines, kept = (kept + part).split(b"\n")
        if len(kept) > _LINE_BYTES_MAX:
            raise RemoteError("the server's stream of news has no lines")
        for line in lines:
            name, _, value = line.decode(errors="replace").partition(":")
            yield name, value.strip()


def _change(data: str) -> Change:
    try:
        what = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return Change(None)
    streams = what.get("streams") if isinstance(what, dict) else None
    return Change(frozenset(map(str, streams)) if isinstance(streams, list) else None)
