"""`eventtrack top` on a screen of a test's own: what it shows, and keys for it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from textual.pilot import Pilot

from eventtrack.cli.top.application import Top
from eventtrack.cli.top.folder import FolderSource
from eventtrack.cli.top.server import ServerSource
from eventtrack.cli.top.sources import Source
from eventtrack.store import Store
from tests.server.running import running

PATIENCE_S = 30.0
FOLDER, SERVER = "folder", "server"


class Screen:
    """The interface as a person sees and uses it."""

    def __init__(self, app: Top, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def lines(self) -> list[str]:
        """All lines of the screen."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return [strip.text for strip in strips]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    async def until(self, *words: str, without: str = "\0") -> None:
        """Wait until the screen shows all words, and not the other."""
        end = time.monotonic() + PATIENCE_S
        while not all(word in self.text for word in words) or without in self.text:
            assert time.monotonic() < end, (words, without, self.text)
            await self.pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def type(self, key: str, words: str) -> None:
        """Open the line to type in by its key, type, and press Enter."""
        await self.press(key)
        await self.press(*keys(words), "enter")


def keys(words: str) -> list[str]:
    """The keys that type some words."""
    return [_KEYS.get(letter, letter) for letter in words]


_KEYS = {
    " ": "space",
    "<": "less_than_sign",
    ".": "full_stop",
    "=": "equals_sign",
    "'": "apostrophe",
}


@contextlib.asynccontextmanager
async def shown(
    source: Source, *typed: str, size: tuple[int, int] = (100, 30), **options: Any
) -> AsyncIterator[Screen]:
    """The interface on a source, with a screen of some columns and lines."""
    app = Top(source, typed, **options)
    async with app.run_test(size=size) as pilot:
        yield Screen(app, pilot)
        # As a person leaves it: then no message comes while its widgets are taken away.
        app.exit()
        while app.is_running:  # noqa: ASYNC110 - no event says that it ended
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def source_of(kind: str, store: Store) -> Iterator[Source]:
    """A store as a folder, or behind a server."""
    if kind == FOLDER:
        yield FolderSource(store)
        return
    with running(store.path) as server:
        source = ServerSource(server.url)
        yield source
        source.close()


def on(source: Source, use: Callable[[Screen], Awaitable[None]], **options: Any) -> None:
    """Use the interface on a source."""

    async def show() -> None:
        async with shown(source, **options) as screen:
            await use(screen)

    asyncio.run(show())
