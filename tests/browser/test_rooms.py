"""The pages of traces, models, data and media: width, titles, and the past."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from tests.browser.test_accessibility import shown
from tests.browser.visit import Visit
from tests.server.running import Running, running
from tools import sample_rooms


class Filled(NamedTuple):
    """A server, and the addresses of its pages."""

    server: Running
    routes: list[str]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The pages of a store that `tools/screenshots.py` takes pictures of."""
    store = tmp_path_factory.mktemp("rooms") / "store"
    client = MlflowClient(str(store))
    run_id = client.create_run("0", run_name="good").info.run_id
    routes = list(sample_rooms.fill(client, "0", run_id).values())
    assert isinstance(client.store, Store)
    client.store.close()
    with running(store) as server:
        yield Filled(server, routes)


def test_each_page_has_a_title(filled: Filled, visit: Visit) -> None:
    page, titles = visit.page, set()
    for route in filled.routes:
        shown(page, visit, filled.server, route)
        titles.add(page.title())
    assert "eventtrack" not in titles
    assert len(titles) >= 8


def test_before_its_first_event_a_thing_was_not_there_yet(filled: Filled, visit: Visit) -> None:
    page = visit.page
    visit.expected.append("^404 GET /api/eventtrack/1/")
    for route in filled.routes:
        if route.partition("?")[0].count("/") == 1 and "tab" not in route:
            visit.open(f"{filled.server.url}/#/{route}{'&' if '?' in route else '?'}at=1")
            expect(page.get_by_text("This was not there yet.")).to_be_visible()
