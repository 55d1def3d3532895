"""The text interface while it is left: threads and widgets still have messages on their way."""

import asyncio

from eventtrack.cli.top.application import Top
from eventtrack.cli.top.folder import FolderSource
from eventtrack.cli.top.reading import Answered, News, Refused
from eventtrack.cli.top.sources import Change
from eventtrack.errors import NotFoundError
from tests.cli.harness import Sample


def test_messages_that_come_while_it_is_left_are_let_go(sample: Sample) -> None:
    async def show() -> None:
        app = Top(FolderSource(sample.store))
        async with app.run_test():
            pass
        app.on_answered(Answered("names", lambda _: app.query_one("#runs").scroll_home(), None))
        app.on_refused(Refused("names", NotFoundError("there is no such run")))
        app.on_news(News(Change(frozenset())))
        app.on_run_table_moved()
        app.on_run_table_wanted()

    asyncio.run(show())
