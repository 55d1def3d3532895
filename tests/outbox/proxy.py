"""A way to a server that can be made bad: cut, stalled, slow, closed; on a port that stays."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes between clients and a server, as well as its settings allow.

    `cut_answers`: how many of the next answers are cut off before their first byte, when the server
    has done what it was asked. `stalled`: nothing goes to the server any more. `delay_s`: how long
    each piece of an answer takes. `seen`: how many pieces went to the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 80)
        self.cut_answers = 0
        self.delay_s = 0.0
        self.stalled = threading.Event()
        self.seen = 0
        self._open: list[socket.socket] = []
        self._port = 0
        self._listener: socket.socket | None = None
        self.open()

    @property
    def url(self) -> str:
        """The server's URL, by way of this."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listen, again on the same port."""
        listener = self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and break those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                while self.stalled.is_set():
                    time.sleep(0.01)
                self.seen += 1
                server.sendall(data)
        _end(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                time.sleep(self.delay_s)
                if self.cut_answers > 0:
                    self.cut_answers -= 1
                    break
                client.sendall(data)
        _end(client)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy for a block."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
