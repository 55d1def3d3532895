"""Servers of a cluster as their users run them: processes over a real engine."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.server.running import Running, running


class Lab(NamedTuple):
    """Two servers over the log at a URL, and the name of the engine that carries it."""

    engine: str
    url: str
    ada: Running
    ben: Running


@contextlib.contextmanager
def cluster_of(
    folder: Path, url: str, *names: str, arguments: tuple[str, ...] = ()
) -> Iterator[list[Running]]:
    """Servers that are ready, with their caches in a folder."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(
                running(folder / name, "--cluster", url, *arguments, log=folder / f"{name}.log")
            )
            for name in names
        ]
        for server in servers:
            wait_ready(server)
        yield servers


def wait_ready(server: Running, within_s: float = 60) -> None:
    """Return once a server says that it is ready."""
    deadline = time.monotonic() + within_s
    while server.client.get("/health").status_code != 200:
        assert time.monotonic() < deadline, server.client.get("/health").text
        time.sleep(0.02)
