"""Parallel coordinates, the scatter plot and downloads of an experiment's runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sweep import Filled, downloaded, fill, shows, table
from tests.browser.test_pages import HOSTILE
from tests.browser.visit import Visit
from tests.server.running import running


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A server of a sweep."""
    store = tmp_path_factory.mktemp("runs") / "store"
    found = fill(store)
    with running(store) as server:
        yield Filled(server, *found)


def test_ranges_of_parallel_coordinates_filter(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(filled.sweep))
    page.get_by_role("button", name="Parallel").click()
    plot = page.get_by_role("img", name="Parallel coordinates of 6 runs over lr, optimizer, loss")
    box = plot.bounding_box()
    assert box is not None
    # Along the last axis, loss: from its middle to beyond its lower end.
    x = box["x"] + box["width"] - 46
    page.mouse.move(x, box["y"] + 165)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 260)
    page.mouse.move(x, box["y"] + 325)
    page.mouse.up()
    expect(page.get_by_text("3 of 6 runs within the ranges")).to_be_visible()
    shows(page, "s2", "s1", "a2")
    page.get_by_role("button", name="Axes").click()
    page.get_by_label("params.optimizer from").select_option("sgd")
    shows(page, "s2", "s1")
    page.get_by_label("Scale of params.lr").select_option("category")
    page.get_by_label("Move metrics.loss left").click()
    page.keyboard.press("Escape")
    named = page.get_by_role("img", name="Parallel coordinates of 6 runs over lr, loss, optimizer")
    expect(named).to_be_visible()
    page.reload()
    expect(named).to_be_visible()
    shows(page, "s2", "s1")
    page.get_by_role("button", name="Clear ranges").click()
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")
    page.go_back()
    shows(page, "s2", "s1")


def test_a_point_of_the_scatter_plot_names_and_opens_its_run(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.sweep, show="scatter"))
    plot = page.get_by_role("img", name="loss over lr of 6 runs")
    expect(page.get_by_text("1 of 6 runs have no lr or no loss")).to_be_visible()
    page.get_by_role("button", name="Logarithmic x").click()
    page.get_by_role("button", name="Colour none").click()
    page.get_by_role("dialog").get_by_role("option", name="optimizer").click()
    expect(page.get_by_text("adam", exact=True).last).to_be_visible()
    assert {"sx=linear+params.lr", "colour=params.optimizer"} <= set(
        page.url.split("?")[1].split("&")
    )
    box = plot.bounding_box()
    assert box is not None
    # The greatest rate is at the right end, in the middle of the losses.
    page.mouse.move(
        box["x"] + box["width"] - 18 - 0.03 * (box["width"] - 92), box["y"] + 14 + 0.4 * 362
    )
    expect(plot.get_by_text("a3")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("heading", level=1)).to_contain_text("a3")


def test_the_table_is_downloaded_as_filtered(
    filled: Filled, visit: Visit, page: Page, tmp_path: Path
) -> None:
    visit.open(filled.url(filled.sweep, q="metrics.loss < 0.55", order="metrics.loss ASC"))
    shows(page, "s2", "a2", "s1")
    rows = downloaded(page, tmp_path)
    assert [row["run_name"] for row in rows] == ["s2", "a2", "s1"]
    assert rows[0]["metrics.loss"] == "0.1"
    assert rows[0]["params.optimizer"] == "sgd"
    assert rows[0]["start_time"] == "1970-01-01T00:00:01.004Z"


def test_charts_are_downloaded_as_pictures(filled: Filled, visit: Visit, page: Page) -> None:
    for show in ("parallel", "scatter"):
        visit.open(filled.url(filled.sweep, show=show))
        with page.expect_download() as waiting:
            page.get_by_role("button", name="PNG").click()
        file = waiting.value.path().read_bytes()
        assert file.startswith(b"\x89PNG")
        assert len(file) > 5000


def test_hostile_names_are_but_text(
    filled: Filled, visit: Visit, page: Page, tmp_path: Path
) -> None:
    visit.open(
        filled.url(filled.hostile, group="params.text", cols="params.text\nparams.for: mula")
    )
    groups = page.get_by_role("rowheader")
    expect(groups).to_have_count(len(HOSTILE))
    assert {one.strip("▸ \n") for one in groups.all_inner_texts()} >= {HOSTILE[0], HOSTILE[1]}
    rows = downloaded(page, tmp_path)
    # What a spreadsheet would take for a formula begins with a quote.
    assert {row["params.for: mula"][:2] for row in rows} == {"'="}
    assert {row["params.text"] for row in rows} == set(HOSTILE)
    brush = json.dumps([["params.text", HOSTILE[0], HOSTILE[0]]])
    views = {
        "parallel": {
            "axes": "params.text\nparams.for: mula",
            "brush": brush,
            "colour": "params.text",
        },
        "scatter": {"sx": "params.text", "sy": "params.for: mula", "colour": "tags.t"},
    }
    for show, query in views.items():
        visit.open(filled.url(filled.hostile, show=show, **query))
        visit.settle()
        plot = page.get_by_role("img")
        expect(plot).to_be_visible()
        box = plot.bounding_box()
        assert box is not None
        for share in range(1, 10):
            page.mouse.move(box["x"] + box["width"] * share / 10, box["y"] + box["height"] / 2)
        assert page.locator("iframe, main script, main img, a[href^=javascript]").count() == 0
    shows(page, *list(reversed(HOSTILE)))


def test_an_address_written_by_hand_breaks_nothing(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(
        filled.url(
            filled.sweep,
            show="parallel",
            axes="nonsense\nlog metrics.none",
            brush="[[1,2],",
            sel=",",
        )
    )
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")
    expect(page.get_by_role("img", name="Parallel coordinates of 6 runs over none")).to_be_visible()


def test_every_view_fits_a_phone(filled: Filled, visit: Visit, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for show in ("curves", "parallel", "scatter", "table"):
        for experiment_id in (filled.sweep, filled.hostile):
            visit.open(filled.url(experiment_id, show=show, group="params.optimizer"))
            expect(table(page)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, show
        # Controls leave half of the screen to the table.
        box = page.get_by_role("button", name="Columns").bounding_box()
        assert box is not None
        assert box["y"] < 400, show
