"""Saved views of an experiment: arranged, named, and shared by link."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from eventtrack.client import MlflowClient
from eventtrack.store import open_store
from tests.browser.visit import Visit
from tests.server.running import Running, running


@dataclass
class Filled:
    """A server, and where the runs of its experiment are."""

    server: Running
    url: str


@pytest.fixture
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Two runs with two metrics."""
    store = tmp_path_factory.mktemp("views") / "store"
    client = MlflowClient(str(store))
    for name in ("slow", "fast"):
        run_id = client.create_run("0", run_name=name).info.run_id
        for step in range(3):
            client.log_metric(run_id, "loss", len(name) / (1 + step), step=step)
            client.log_metric(run_id, "acc", step / len(name + "x" * (name == "fast")), step=step)
        client.set_terminated(run_id)
    with running(store) as server:
        yield Filled(server, f"{server.url}/#/experiments/0")


def arrange(page: Page) -> None:
    """Sort by name, and hide the chart of the loss."""
    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    page.get_by_role("button", name="Menu of loss").click()
    page.get_by_role("button", name="Hide").click()
    expect_arranged(page)


def expect_arranged(page: Page) -> None:
    """The page is as `arrange` left it."""
    expect(page.get_by_role("table", name="Runs").get_by_role("link")).to_have_text(
        ["slow", "fast"]
    )
    expect(page.get_by_role("region", name="acc")).to_be_visible()
    expect(page.get_by_role("region", name="loss")).to_have_count(0)


def test_an_arrangement_without_a_name_survives_leaving_the_page(
    filled: Filled, visit: Visit
) -> None:
    page = visit.page
    visit.open(filled.url)
    arrange(page)
    page.get_by_role("table", name="Runs").get_by_role("link", name="slow").click()
    page.get_by_role("link", name="Default").click()
    expect_arranged(page)
    page.goto("about:blank")
    visit.open(filled.url)
    expect_arranged(page)
    page.get_by_role("button", name="View none").click()
    page.get_by_role("button", name="Reset the page").click()
    expect(page.get_by_role("region", name="loss")).to_be_visible()
    visit.open(filled.url)
    expect(page.get_by_role("region", name="loss")).to_be_visible()


def test_a_view_is_saved_for_everybody_and_the_default_opens_by_itself(
    filled: Filled, visit: Visit
) -> None:
    page = visit.page
    visit.open(filled.url)
    arrange(page)
    page.get_by_role("button", name="View none").click()
    page.get_by_label("Save columns, filter and charts as").fill("no <b>loss</b>")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("button", name="View no <b>loss</b>")).to_be_visible()
    with closing(open_store(filled.server.store)) as store:
        (name,) = store.experiments.views("0")
        assert name == "no <b>loss</b>"
        store.experiments.save_view("0", "default", {"show": "table"})

    other = visit.page.context.browser.new_context()  # type: ignore[union-attr]
    colleague = other.new_page()
    colleague.goto(f"{filled.url}?saved=no+%3Cb%3Eloss%3C%2Fb%3E")
    expect_arranged(colleague)
    colleague.goto("about:blank")
    colleague.goto(filled.url)
    expect(colleague.get_by_role("button", name="View default")).to_be_visible()
    expect(colleague.get_by_role("button", name="Table only")).to_have_attribute(
        "aria-pressed", "true"
    )
    colleague.get_by_role("button", name="View default").click()
    # Not what deletes it: a view is opened with Enter.
    expect(colleague.get_by_role("dialog").get_by_role("link").first).to_be_focused()
    colleague.get_by_role("link", name="no <b>loss</b>").click()
    expect_arranged(colleague)
    colleague.get_by_role("button", name="Tree").click()
    expect(colleague.get_by_role("button", name="View no <b>loss</b>*")).to_be_visible()
    colleague.get_by_role("button", name="View no <b>loss</b>*").click()
    colleague.get_by_role("button", name="Delete the view default").click()
    expect(colleague.get_by_role("link", name="default")).to_have_count(0)
    other.close()
    with closing(open_store(filled.server.store)) as store:
        assert list(store.experiments.views("0")) == ["no <b>loss</b>"]
