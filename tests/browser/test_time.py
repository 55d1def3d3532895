"""Walking through time: the slider of every page, the past that cannot be edited, the diff."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

API = "/api/eventtrack/1/"


@dataclass
class Filled:
    """A server, and what its store holds: `before` and `after` are positions around the change."""

    server: Running
    experiment_id: str
    run_id: str
    before: int
    head: int

    def url(self, route: str = "") -> str:
        """Where a page is."""
        return f"{self.server.url}/#/{route}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A run that was first blue and short, then red and long; and an experiment later."""
    store = tmp_path_factory.mktemp("past") / "store"
    with running(store) as server:
        client = MlflowClient(str(store))

        def head() -> int:
            found: int = server.client.get(f"{API}about").json()["position"]
            return found

        experiment_id = client.create_experiment("digits")
        run_id = client.create_run(experiment_id, run_name="slow").info.run_id
        client.set_tag(run_id, "team", "blue")
        for step in range(5):
            client.log_metric(run_id, "loss", 1 / (1 + step), step=step, synchronous=True)
        client.set_tag(run_id, "stage", "one")
        before = head()
        client.set_tag(run_id, "team", "red")
        client.log_param(run_id, "lr", "0.1")
        for step in range(5, 20):
            client.log_metric(run_id, "loss", 1 / (1 + step), step=step)
        client.set_terminated(run_id)
        client.create_experiment("later")
        yield Filled(server, experiment_id, run_id, before, head())


def slider(page: Page) -> Locator:
    """The slider of the header."""
    return page.get_by_role("slider", name="Moment shown")


def banner(page: Page) -> Locator:
    """What says that the page shows the past."""
    return page.get_by_role("status").filter(has_text="You see the store as it was at")


def test_every_page_is_as_it_was_and_nothing_can_be_changed(filled: Filled, visit: Visit) -> None:
    page, at = visit.page, filled.before
    visit.open(filled.url(f"experiments?at={at}"))
    expect(banner(page)).to_contain_text("You see the store as it was at")
    expect(banner(page)).to_contain_text(f"position {at}")
    expect(page.get_by_text("paused", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="digits")).to_be_visible()
    expect(page.get_by_role("link", name="later")).to_have_count(0)
    page.get_by_role("link", name="digits").click()
    page.get_by_role("table", name="Runs").get_by_role("link", name="slow").click()
    assert f"at={at}" in page.url
    expect(page.get_by_role("cell", name="blue", exact=True)).to_be_visible()
    expect(page.get_by_text("running", exact=True)).to_be_visible()
    for name in ("Rename", "Delete …", "Set tag", re.compile("note")):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.get_by_role("link", name="Charts").click()
    expect(page.get_by_text("5 points", exact=True)).to_be_visible()
    page.get_by_label("Parts of the run").get_by_role("link", name="History").click()
    expect(page.locator("main")).to_contain_text("tag.team")
    expect(page.locator("main")).not_to_contain_text("red")
    page.get_by_role("link", name="Log").click()
    expect(page.locator("main tbody tr").first).to_contain_text(f"{at}.0")
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator("main tbody tr").first).to_contain_text("experiment.created")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.go_back()
    expect(banner(page)).to_contain_text(f"position {at}")


def test_the_slider_steps_with_the_keyboard_and_the_browser_goes_back(
    filled: Filled, visit: Visit
) -> None:
    page = visit.page
    visit.open(filled.url(f"runs/{filled.run_id}"))
    expect(page.get_by_role("cell", name="red", exact=True)).to_be_visible()
    slider(page).focus()
    slider(page).press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"at={filled.head - 1}$"))
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile(f"{filled.head - 1}$"))
    slider(page).press("ArrowRight")
    expect(page).not_to_have_url(re.compile("at="))
    slider(page).press("Home")
    expect(page).to_have_url(re.compile("at=0$"))
    expect(page.get_by_text("This was not there yet.")).to_be_visible()
    visit.expected.append("^404 GET /api/eventtrack/1/(run|origin)$")
    page.keyboard.press("n")
    expect(page.get_by_role("cell", name="red", exact=True)).to_be_visible()
    page.locator("main").click()
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile(rf"at={filled.head - 1}$"))
    page.go_back()
    expect(page).not_to_have_url(re.compile("at="))


def test_while_it_is_dragged_only_the_newest_moment_counts(filled: Filled, visit: Visit) -> None:
    page = visit.page
    visit.open(filled.url(f"runs/{filled.run_id}"))
    expect(slider(page)).to_be_enabled()
    visit.settle()
    visit.requests.clear()
    places = [*range(filled.head - 1, filled.before - 1, -1)] * 5
    assert places[-1] == filled.before
    page.evaluate(
        """(places) => {
            const slider = document.querySelector(".timebar input");
            for (const place of places) {
                slider.value = place;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
            }
        }""",
        places,
    )
    expect(page).to_have_url(re.compile(rf"at={filled.before}$"))
    expect(page.get_by_role("cell", name="blue", exact=True)).to_be_visible()
    visit.settle()
    assert visit.requests[f"GET {API}run"] <= 3
    expect(page.get_by_role("cell", name="blue", exact=True)).to_be_visible()


def test_it_plays_to_the_present_and_stops(filled: Filled, visit: Visit) -> None:
    page = visit.page
    visit.open(filled.url(f"runs/{filled.run_id}?tab=charts&at={filled.before}"))
    expect(page.get_by_text("5 points", exact=True)).to_be_visible()
    page.get_by_label("Speed").select_option("10")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("20 points", exact=True)).to_be_visible()
    expect(page).not_to_have_url(re.compile("at="))
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_an_experiment_that_was_not_there_yet_is_told_of(filled: Filled, visit: Visit) -> None:
    visit.expected.append(f"^404 GET {API}columns$")
    visit.open(filled.url(f"experiments/{filled.experiment_id}?at=0"))
    expect(visit.page.get_by_text("This was not there yet.")).to_be_visible()


def test_by_the_clock_moments_are_times(filled: Filled, visit: Visit) -> None:
    page = visit.page
    visit.open(filled.url())
    page.get_by_label("Move along").select_option("time")
    expect(slider(page)).to_have_attribute("max", re.compile(r"^\d{13}$"))
    expect(slider(page)).to_be_enabled()
    slider(page).press("PageDown")
    expect(page).to_have_url(re.compile(r"at=\d{4}-\d\d-\d\dT"))
    expect(banner(page)).to_contain_text("as it was at")
    page.get_by_role("button", name="Back to now").click()
    expect(page.get_by_role("link", name="later")).to_be_visible()


def test_two_moments_are_compared_and_lead_to_what_changed(filled: Filled, visit: Visit) -> None:
    page = visit.page
    visit.open(filled.url(f"time?a={filled.before}"))
    runs = page.get_by_role("region", name="Runs")
    row = runs.get_by_role("row").filter(has_text="tag.team")
    expect(row).to_contain_text("blue → red")
    expect(row).to_contain_text("@")
    expect(runs).to_contain_text("param.lr")
    expect(runs.get_by_role("link", name="slow", exact=True)).to_be_visible()
    expect(runs.get_by_text("new", exact=True)).to_have_count(0)
    expect(page.get_by_role("region", name="Experiments")).to_contain_text("later")
    page.get_by_label("Moment B", exact=True).focus()
    page.get_by_label("Moment B", exact=True).press("Home")
    page.get_by_label("Moment B, written").fill(str(filled.before + 1))
    page.get_by_label("Moment B, written").press("Enter")
    expect(page.get_by_text("1 change", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"b={filled.before + 1}"))
    row.get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"runs/{filled.run_id}\?at={filled.before + 1}$"))
    expect(page.get_by_role("cell", name="red", exact=True)).to_be_visible()
    page.go_back()
    page.get_by_label("Moment A, written").fill("nonsense")
    page.get_by_label("Moment A, written").press("Enter")
    visit.expected.append(f"^400 GET {API}moment$")
    expect(page.get_by_role("alert")).to_contain_text("is no moment")


def test_the_leaderboard_of_a_moment_is_two_clicks_away(filled: Filled, visit: Visit) -> None:
    """By words, by one of the usual moments, and by the calendar; a slip is told of."""
    page = visit.page
    visit.open(filled.url(f"experiments/{filled.experiment_id}"))
    history = page.get_by_role("region", name="History")
    expect(page.get_by_role("link", name="slow")).to_be_visible()
    history.get_by_role("button", name="now").click()
    page.get_by_role("button", name="1 hour ago").click()
    expect(page.get_by_text("This was not there yet.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"at=\d{4}-\d\d-\d\dT"))
    history.locator(".popup > button").click()
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    visit.expected.append(f"^400 GET {API}moment$")
    expect(page.get_by_role("alert")).to_contain_text("'soon' is no moment")
    page.get_by_role("textbox", name="Show everything as it was").fill(str(filled.before))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="slow")).to_be_visible()
    expect(page.locator(".past")).to_contain_text("You see the store as it was at")
    history.locator(".popup > button").click()
    page.get_by_label("Date and time").fill("2001-01-01T12:00")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_text("This was not there yet.")).to_be_visible()


def test_a_store_without_events_says_so(
    visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("empty") / "store") as server:
        visit.open(f"{server.url}/#/time")
        expect(visit.page.get_by_role("heading", name="History")).to_be_visible()
        expect(visit.page.locator("main .state, main .strip").first).to_be_visible()


def test_the_past_fits_a_phone(filled: Filled, visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 800})
    routes = ("", f"experiments/{filled.experiment_id}", f"runs/{filled.run_id}", "log", "sync")
    for route in (*routes, "time", "help"):
        visit.open(filled.url(f"{route}?at={filled.before}"))
        visit.settle()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, route
