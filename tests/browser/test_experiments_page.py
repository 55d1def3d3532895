"""The list of experiments, and runs compared, used as a person would."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric, Param
from tests.browser.test_pages import HOSTILE
from tests.browser.visit import Visit
from tests.server.running import Running, running

DAY_MS = 86_400_000


@dataclass
class Filled:
    """A server, and what its store holds."""

    server: Running
    compared: list[str]
    hostile: list[str]

    def url(self, route: str = "") -> str:
        """Where a page is."""
        return f"{self.server.url}/#/{route}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """An experiment of two weeks, one with runs to compare, and one with names that attack."""
    store = tmp_path_factory.mktemp("experiments") / "store"
    client = MlflowClient(str(store))
    now_ms = int(time.time() * 1000)
    busy = client.create_experiment("busy", tags={"team": "vision"})
    for age in (0, 3, 3, 13):
        client.create_run(busy, start_time=now_ms - age * DAY_MS)
    pair = client.create_experiment("pair")
    compared = []
    for name, loss, rate in (("first", 0.5, "0.1"), ("second", 0.4, "0.2"), ("third", 0.5, "0.1")):
        run_id = client.create_run(pair, start_time=now_ms, run_name=name).info.run_id
        points = [Metric("loss", loss + 1 / (1 + step), now_ms, step) for step in range(60)]
        points[30] = Metric("loss", 900.0, now_ms, 30)
        points.append(Metric("final", loss, now_ms, 0))
        client.log_batch(run_id, points, [Param("lr", rate), Param("same", "yes")])
        client.set_terminated(run_id)
        compared.append(run_id)
    attacking = client.create_experiment("attacking", tags={"mlflow.note.content": HOSTILE[0]})
    hostile = []
    for text in HOSTILE:
        hostile.append(client.create_run(attacking, run_name=text, tags={"t": text}).info.run_id)
        client.log_param(hostile[-1], "text", text)
    with running(store) as server:
        yield Filled(server, compared, hostile)


def row(page: Page, name: str) -> Locator:
    """The line of an experiment."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_experiments_show_what_they_are_about_and_when_runs_began(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("experiments"))
    busy = row(page, "busy")
    expect(busy).to_contain_text("team: vision")
    bars = busy.get_by_role("img", name="4 runs begun over the last month")
    expect(bars.locator("rect")).to_have_count(3)
    expect(row(page, "attacking")).to_contain_text(HOSTILE[0])
    page.get_by_label("Find experiments by name, note or tag").fill("vision")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(busy).to_be_visible()
    page.get_by_label("Find experiments by name, note or tag").fill("")
    page.get_by_role("button", name="Name", exact=True).click()
    names = page.locator("td.name > a")
    # Not the one that another test makes.
    names = names.filter(has_not_text=re.compile("draft|final"))
    expect(names).to_have_text(["attacking", "busy", "Default", "pair"])
    page.go_back()
    expect(page.get_by_role("columnheader", name="Last activity")).to_have_attribute(
        "aria-sort", "descending"
    )


def test_an_experiment_is_made_renamed_noted_deleted_and_restored(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("experiments"))
    page.get_by_role("button", name="New experiment").click()
    page.get_by_label("Name", exact=True).fill("draft")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    page.go_back()
    row(page, "draft").get_by_role("button", name="Change draft").click()
    page.get_by_label("Name", exact=True).fill("final")
    page.get_by_role("button", name="Rename").click()
    row(page, "final").get_by_role("button", name="Change final").click()
    page.get_by_label("Note, in Markdown").fill("# About *trees*\nand woods")
    page.get_by_role("button", name="Save the note").click()
    expect(row(page, "final")).to_contain_text("About trees")
    row(page, "final").get_by_role("button", name="Change final").click()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(row(page, "final")).to_have_count(0)
    page.get_by_label("deleted (1)").check()
    page.get_by_role("button", name="Restore final").click()
    page.get_by_label("deleted (0)").click()
    expect(row(page, "final")).to_be_visible()


def test_a_name_that_is_taken_is_refused_where_it_was_written(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.expected.append("^400 POST /api/2.0/mlflow/experiments/create$")
    visit.open(filled.url("experiments"))
    page.get_by_role("button", name="New experiment").click()
    page.get_by_label("Name", exact=True).fill("busy")
    page.get_by_label("Name", exact=True).press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("already exists")


def test_runs_are_measured_against_a_baseline(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(f"compare?runs={','.join(filled.compared)}"))
    header = page.get_by_role("rowheader")
    expect(header.filter(has_text=re.compile("^(lr|same|final|loss)$"))).to_have_text(
        ["loss", "final", "lr"]
    )
    page.get_by_label("differences only").uncheck()
    expect(page.get_by_role("rowheader", name="same", exact=True)).to_be_visible()
    page.get_by_label("first as baseline").click()
    final = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="final"))
    expect(final.get_by_role("cell").nth(0)).to_have_text("0.5")
    expect(final.get_by_role("cell").nth(1)).to_contain_text("▼ \u22120.1 (\u221220 %)")
    expect(final.get_by_role("cell").nth(2)).to_have_text("0.5")
    rate = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="lr"))
    expect(rate.get_by_role("cell").nth(1)).to_contain_text("▲ +0.1 (+100 %)")
    # Less loss is better; whether a higher rate is, nobody knows.
    losses = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="loss"))
    expect(losses.locator(".best")).to_have_count(1)
    expect(losses.locator("[data-way=better], [data-way=worse]").first).to_be_visible()
    expect(rate.locator("[data-way], .best")).to_have_count(0)
    page.reload()
    expect(rate.get_by_role("cell").nth(1)).to_contain_text("▲ +0.1 (+100 %)")
    page.go_back()
    expect(rate.get_by_role("cell").nth(1)).to_have_text("0.2")


def test_curves_are_smoothed_bounded_and_saved(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(f"compare?runs={','.join(filled.compared)}&find=loss&smooth=0.6"))
    chart = page.get_by_role("region", name="loss")
    expect(chart.get_by_text("180 points")).to_be_visible()
    pictures = set()
    scales = page.get_by_role("button", name="Scales")
    for kind in ("exponential", "exponential over x", "Gaussian", "running mean"):
        scales.click()
        page.get_by_label("Kind of smoothing").select_option(label=kind)
        page.keyboard.press("Escape")
        visit.settle()
        pictures.add(chart.get_by_role("img").screenshot())
    scales.click()
    page.get_by_label("ignore outliers").click()
    page.keyboard.press("Escape")
    visit.settle()
    pictures.add(chart.get_by_role("img").screenshot())
    # The exponential means are the same where steps are as far from each other as everywhere.
    assert len(pictures) == 4
    assert {"tight=1", "kind=mean"} <= set(page.url.split("?")[1].split("&"))
    page.get_by_role("button", name="Menu of loss").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save loss as PNG").click()
    assert waiting.value.suggested_filename == "loss.png"
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_past_has_no_buttons_for_changes(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments?at=100000000000"))
    expect(page.get_by_role("link", name="busy", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^(New|Change)"))).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_lists_and_comparisons_fit_and_execute_nothing(
    filled: Filled, visit: Visit, page: Page, scheme: str, width: int
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    base = filled.hostile[0]
    for route in ("", "experiments", f"compare?runs={','.join(filled.hostile)}&all=1&base={base}"):
        visit.open(filled.url(route))
        expect(page.get_by_text(HOSTILE[0]).last).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, route
        assert page.locator("iframe, main script, main img, a[href^=javascript]").count() == 0
