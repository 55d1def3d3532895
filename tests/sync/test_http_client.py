"""A client of a server that breaks off, or that is something else."""

import http.server
import os
import threading

import pytest

from eventtrack.errors import RemoteError, RemoteUnavailableError
from eventtrack.rest.address import address_of
from eventtrack.rest.connection import Connection
from eventtrack.store import Store
from eventtrack.sync import synchronize
from eventtrack.sync.http import HttpRemote


def test_a_connection_that_breaks_within_an_artifact_is_gone_on_with(one: Store) -> None:
    data = os.urandom(5_000_000)
    asked: list[str | None] = []

    class Breaking(http.server.BaseHTTPRequestHandler):
        """Sends a piece and hangs up; at last nothing at all."""

        def do_GET(self) -> None:
            asked.append(self.headers.get("range"))
            start = int((asked[-1] or "bytes=0-")[6:-1])
            self.send_response(206 if start else 200)
            self.send_header("content-type", "application/x-eventtrack-sync")
            self.send_header("content-length", str(len(data) - start))
            self.end_headers()
            if len(asked) < 6:
                self.wfile.write(data[start : start + 2**21])

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as breaking:
        threading.Thread(target=breaking.serve_forever).start()
        remote = HttpRemote(Connection(address_of(f"http://127.0.0.1:{breaking.server_port}")))
        assert b"".join(remote.get_blob(b"d" * 32)) == data
        assert len(asked) > 1
        asked += [None] * 6
        with pytest.raises(RemoteUnavailableError):
            list(remote.get_blob(b"d" * 32))
        remote.close()
        breaking.shutdown()


def test_what_is_no_eventtrack_is_told(one: Store) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        """MLflow's server has no such endpoint; a proxy shows a page."""

        status = 404

        def do_GET(self) -> None:
            self.send_response(self.status)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever).start()
        for Other.status in (404, 200):
            with pytest.raises(RemoteError, match="no eventtrack server"):
                synchronize(one, f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
