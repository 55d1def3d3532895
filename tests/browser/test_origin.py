"""The pages of runs that `eventtrack run` recorded: the end, the origin, and what differs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from eventtrack.store import Store, open_store
from tests.browser.visit import Visit
from tests.running.test_showing import record
from tests.server.running import Running, running

TAGS = {
    "eventtrack.end": "exit code 1",
    "eventtrack.traceback": "Traceback (most recent call last)\nValueError: <b>too large</b>",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("origin") / "store") as server:
        yield server


def test_pages_show_end_and_origin_and_what_differs(server: Running, visit: Visit) -> None:
    store: Store = open_store(server.store)
    page = visit.page
    first = record(store, lr="1", commit="a" * 40, requirements=b"numpy==1.0\nsame==2\n")
    second = record(store, lr="2", commit="b" * 40, requirements=b"numpy==2.0\nsame==2\n")
    store.runs.set_tags(first, TAGS)
    store.items.sink(second).texts("console", ["step 1", "step <i>2</i>"], source="stdout")
    store.flush()
    visit.open(f"{server.url}/#/runs/{first}")
    expect(page.locator("pre.output")).to_contain_text("ValueError: <b>too large</b>")
    expect(page.locator("dl.facts")).to_contain_text("exit code 1")
    expect(page.get_by_text("python train.py --lr 1")).to_be_visible()
    visit.open(f"{server.url}/#/runs/{second}")
    expect(page.locator("pre.output")).to_have_text("step 1\nstep <i>2</i>")
    visit.open(f"{server.url}/#/compare?runs={first},{second}")
    table = page.locator("table.compared")
    expect(table).to_contain_text("python train.py --lr 2")
    expect(table.get_by_role("row", name="numpy")).to_contain_text("2.0")
    expect(table.get_by_role("row", name="same")).to_have_count(0)
    expect(table.get_by_role("row", name="commit")).to_contain_text("b" * 40)
    store.close()
