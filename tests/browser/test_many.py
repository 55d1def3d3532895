"""Pages of many metrics and many curves: what is out of sight is not there, and nothing hangs."""

import math
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric
from tests.browser.visit import Visit
from tests.server.running import running

METRICS = 300
RUNS = 60
DRAWN = """(curves) =>
  performance.getEntriesByName("curves-drawn").some((one) => one.detail === curves)"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Where the pages are, a run of many metrics in groups, and an experiment of many curves."""
    store = tmp_path_factory.mktemp("many") / "store"
    client = MlflowClient(str(store))
    wide = client.create_run("0").info.run_id
    keys = [f"block-{at // 100}/layer-{at:03}" for at in range(METRICS)]
    client.log_batch(wide, [Metric(key, math.sin(at), 0, 0) for at, key in enumerate(keys)])
    sweep = client.create_experiment("sweep")
    odd = {5: math.nan, 6: math.inf, 7: -math.inf}
    for _ in range(RUNS):
        run_id = client.create_run(sweep).info.run_id
        client.log_batch(
            run_id, [Metric("loss", odd.get(step, step / 7), step, step) for step in range(2000)]
        )
    with running(store) as server:
        yield f"{server.url}/#/", f"runs/{wide}", f"experiments/{sweep}"


def test_only_charts_in_sight_are_there(pages: tuple[str, str, str], visit: Visit) -> None:
    base, run, _ = pages
    visit.open(f"{base}{run}?tab=charts")
    page = visit.page
    page.wait_for_function(DRAWN, arg=1)
    charts = page.locator("section.chart")
    assert charts.count() < 60
    expect(page.get_by_label("block-0/layer-000", exact=True)).to_be_visible()
    page.mouse.move(800, 600)
    page.mouse.wheel(0, 100_000)
    expect(page.get_by_label(f"block-2/layer-{METRICS - 1}", exact=True)).to_be_visible()
    assert charts.count() < 60
    page.mouse.wheel(0, -100_000)
    page.get_by_role("button", name="▾ block-0").click()
    expect(page.get_by_label("block-1/layer-100", exact=True)).to_be_visible()
    expect(page.get_by_label("block-0/layer-000", exact=True)).to_have_count(0)
    page.get_by_label("Find metrics", exact=True).fill("layer-250")
    expect(charts).to_have_count(1)


def test_a_long_list_of_metrics_is_shown_in_parts(
    pages: tuple[str, str, str], visit: Visit
) -> None:
    base, run, _ = pages
    visit.open(base + run)
    links = visit.page.get_by_role("link", name="block-")
    expect(links).to_have_count(100)
    visit.page.get_by_role("button", name="Show more metrics").click()
    expect(links).to_have_count(METRICS)
    visit.page.get_by_label("Find metrics of the run").fill("layer-123")
    expect(links).to_have_count(1)


def test_as_many_curves_are_drawn_as_are_asked_for(
    pages: tuple[str, str, str], visit: Visit
) -> None:
    base, _, experiment = pages
    visit.open(base + experiment)
    visit.page.wait_for_function(DRAWN, arg=10)
    visit.page.get_by_label("How many runs are drawn").select_option("100")
    visit.page.wait_for_function(DRAWN, arg=RUNS)
    assert "draw=100" in visit.page.url
    chart = visit.page.locator(".chart .area")
    chart.hover(position={"x": 100, "y": 80})
    expect(visit.page.locator(".tip")).to_contain_text("at step")
    visit.page.mouse.down()
    visit.page.mouse.move(600 + 500, 400, steps=3)
    visit.page.mouse.up()
    visit.page.get_by_role("button", name="Reset zoom").click()
    expect(visit.page.get_by_role("button", name="Reset zoom")).to_have_count(0)


def test_a_table_is_where_it_was_after_a_look_at_a_run(
    pages: tuple[str, str, str], visit: Visit
) -> None:
    base, _, experiment = pages
    page = visit.page
    visit.open(base + experiment)
    grid = page.get_by_role("table", name="Runs")
    expect(grid.get_by_role("link").first).to_be_visible()
    grid.evaluate("grid => (grid.scrollTop = 640)")
    page.wait_for_function("() => history.state?.runs === 640")
    grid.locator("[data-at='25'] a").click()
    expect(page.get_by_text("Run id")).to_be_visible()
    page.go_back()
    expect(grid).to_have_js_property("scrollTop", 640)


def test_a_chart_says_that_it_has_no_points_where_others_are_zoomed(
    pages: tuple[str, str, str], visit: Visit
) -> None:
    base, _, experiment = pages
    page = visit.page
    visit.open(f"{base}{experiment}?zoom=5000,6000")
    # Once it turned into bars of the nearest points.
    expect(page.get_by_text("No points here.").first).to_be_visible()
    page.get_by_role("button", name="Reset zoom").click()
    expect(page.get_by_text("No points here.")).to_have_count(0)
