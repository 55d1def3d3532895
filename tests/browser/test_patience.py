"""Pages come up, whatever is late, lost or taken: a module, an answer, a connection."""

import contextlib
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

# A browser has no more connections to one server.
CONNECTIONS = 6
# Tells a page that nobody looks at it, as a browser tells those behind another tab.
BEHIND = """Object.defineProperty(document, "hidden", { configurable: true, get: () => true })"""
IN_FRONT = """() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store with an experiment."""
    with running(tmp_path_factory.mktemp("patience") / "store") as found:
        MlflowClient(str(found.store)).create_experiment("first")
        yield found


def test_pages_whose_module_did_not_arrive_are_loaded_again(server: Running, visit: Visit) -> None:
    """Once they stayed empty, without a word."""
    visit.expected += ["lib/format.js"]
    page = visit.page
    page.route("**/lib/format.js", lambda route: route.abort("connectionreset"), times=2)
    visit.open(f"{server.url}/#/experiments")
    expect(page.get_by_role("status")).to_contain_text("A part of the pages did not arrive.")
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()


def test_changes_that_are_faster_than_answers_leave_no_page_empty(
    server: Running, visit: Visit
) -> None:
    """Once each change stopped the request that was under way."""
    page, client = visit.page, MlflowClient(str(server.store))
    visit.open(f"{server.url}/#/help")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 1500, "downloadThroughput": -1, "uploadThroughput": -1},
    )
    page.evaluate("location.hash = '#/experiments'")
    row = page.get_by_role("link", name="first", exact=True)
    begun = time.monotonic()
    while not row.is_visible():
        assert time.monotonic() - begun < 30
        client.set_experiment_tag("0", "changed", str(time.monotonic()))
        page.wait_for_timeout(200)
    expect(
        page.get_by_text(f"changed: {client.get_experiment('0').tags['changed']}")
    ).to_be_visible()


def test_tabs_that_nobody_looks_at_leave_the_connections_to_the_others(
    server: Running, visit: Visit
) -> None:
    """Once the seventh tab stayed empty, for each kept a stream of changes open."""
    client, context = MlflowClient(str(server.store)), visit.page.context
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            page = context.new_page()
            stack.callback(page.close)
            page.add_init_script(BEHIND)
            page.goto(f"{server.url}/#/experiments")
            expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()
        visit.open(f"{server.url}/#/experiments")
        expect(visit.page.get_by_text("live", exact=True)).to_be_visible()
        late = client.create_experiment("late")
        expect(visit.page.get_by_role("link", name="late")).to_be_visible()
        expect(page.get_by_role("link", name="late")).to_have_count(0)
        page.evaluate(IN_FRONT)
        expect(page.get_by_role("link", name="late")).to_be_visible()
        client.rename_experiment(late, "later")
        expect(page.get_by_role("link", name="later")).to_be_visible()


def test_an_answer_that_stays_away_can_be_asked_for_again(server: Running, visit: Visit) -> None:
    """As where a laptop slept, and its connection broke without a word."""
    page = visit.page
    page.clock.install()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/1/experiments\?$"), hold, times=1)
    visit.open(f"{server.url}/#/experiments")
    waiting = page.get_by_role("status").filter(has_text="Counting runs")
    expect(waiting).to_be_visible()
    expect(waiting.get_by_role("button")).to_have_count(0)
    page.clock.fast_forward(11_000)
    waiting.get_by_role("button", name="Ask again").click()
    expect(page.get_by_role("link", name="first", exact=True)).to_be_visible()
    assert len(held) == 1


def test_pages_say_that_views_are_older_and_ask_again_when_the_newer_are_there(
    server: Running, visit: Visit
) -> None:
    """After an upgrade the server may answer from the views of the version before."""
    page = visit.page
    building = {"shown": 812_400, "folded": 306_000, "head": 900_000}

    def about(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), "building": building})

    page.route("**/api/eventtrack/1/about*", about)
    visit.open(f"{server.url}/#/experiments")
    note = page.get_by_text("older views, 34 % rebuilt")
    expect(note).to_be_visible()
    expect(note).to_have_attribute("title", re.compile("812.400 of 900.000 events"))
    page.unroute("**/api/eventtrack/1/about*")
    with page.expect_request("**/api/eventtrack/1/experiments*", timeout=30_000):
        expect(note).to_have_count(0, timeout=30_000)
