"""The server of `eventtrack server --cluster`, and what it says on standard error."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import click

from eventtrack.cli import text
from eventtrack.cluster.cache import Cache
from eventtrack.errors import EventtrackError
from eventtrack.server import Clustered
from eventtrack.sharedlog.artifacts import open_artifacts
from eventtrack.sharedlog.making import open_shared_log
from eventtrack.store import Store

# The pause between two lines about a cache that fills.
_PROGRESS_S = 1.0


@contextlib.contextmanager
def joined(url: str, folder: Path, stale_reads: bool) -> Iterator[tuple[Store, Clustered]]:
    """The store in a folder as a cache of the shared log at a URL, while the block lasts."""
    log = open_shared_log(url)
    with contextlib.closing(log):
        blobs = open_artifacts(url, log.description.artifacts)
        cache = Cache(log, folder, source="server", blobs=blobs)
        with contextlib.closing(cache):
            says = _Says(log.url)
            yield (
                cache.store,
                Clustered(
                    cache.member,
                    cache.store,
                    stale_reads=stale_reads,
                    progress=says.progress,
                    tell=says.trouble,
                ),
            )


class _Says:
    """The lines about one shared log."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._said_at = 0.0

    def progress(self, place: int, end: int) -> None:
        """Say how far the cache is filled, now and then."""
        if place >= end:
            _say(f"the cache is full, up to place {end} of {self._url}")
        elif time.monotonic() - self._said_at > _PROGRESS_S:
            self._said_at = time.monotonic()
            _say(f"filling the cache from {self._url}: {place} of {end}")

    def trouble(self, error: EventtrackError | None) -> None:
        """Say that a trouble began, or that it is over."""
        if error is None:
            _say(f"{self._url} answers again")
        else:
            _say(f"{error.message}{f' (hint: {error.hint})' if error.hint else ''}")


def _say(sentence: str) -> None:
    click.echo(f"{text.local_time(text.now_ms())}  {text.clean(sentence)}", err=True)
