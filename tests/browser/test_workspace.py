"""The charts of an experiment: several metrics in each, arranged by hand."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import Locator, Page, expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric, Param
from tests.browser.visit import Visit
from tests.server.running import Running, running

STEPS = 50


@dataclass
class Filled:
    """A server, and an experiment of its store."""

    server: Running
    experiment_id: str

    def url(self, query: str = "") -> str:
        """Where the runs are."""
        return f"{self.server.url}/#/experiments/{self.experiment_id}{query}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Three trainings, with losses of both kinds, a rate, a counter and the load of a machine."""
    store = tmp_path_factory.mktemp("workspace") / "store"
    client = MlflowClient(str(store))
    experiment_id = client.create_experiment("trainings")
    for place, name in enumerate(("low", "middle", "high")):
        run_id = client.create_run(experiment_id, run_name=name).info.run_id
        points = [
            Metric(key, value, 1000 * step + 1, step)
            for step in range(STEPS)
            for key, value in values(place, step).items()
        ]
        params = [Param("pair", "ab"[place // 2]), Param("same", "yes")]
        client.log_batch(run_id, points, params)
        client.set_terminated(run_id)
    with running(store) as server:
        yield Filled(server, experiment_id)


def values(place: int, step: int) -> dict[str, float]:
    """What a training logs at a step."""
    loss = 1 + place + 1 / (1 + step)
    of_training = {"train/loss": loss, "val/loss": loss + 0.4, "lr": 0.1, "negative": -1.0 - step}
    return {"epoch": step // 10, **of_training, "system/cpu": 50.0}


def chart(page: Page, title: str) -> Locator:
    """The chart with this title."""
    return page.get_by_role("region", name=title, exact=True)


# What is drawn of the chart of "lr".
PICTURE = """() => document.querySelector("[aria-label=lr] canvas").toDataURL()"""


def titles(page: Page) -> list[str]:
    """The titles of all charts, in their order."""
    return page.locator(".chart h3 > span").all_inner_texts()


def menu(page: Page, title: str) -> Locator:
    """Open the menu of a chart."""
    page.get_by_role("button", name=f"Menu of {title}", exact=True).click()
    return page.get_by_role("dialog", name=f"Menu of {title}", exact=True)


def changes(page: Page) -> dict[str, dict[str, object]]:
    """What the address says of the charts."""
    asked = dict(part.split("=", 1) for part in page.url.split("?", 1)[1].split("&"))
    read: dict[str, dict[str, object]] = json.loads(unquote_plus(asked["charts"]))
    return read


def test_training_and_validation_share_a_chart_and_losses_come_first(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url())
    expect(chart(page, "loss").get_by_role("img", name="loss of")).to_have_attribute(
        "aria-label", re.compile(r"high · val/loss.*high · train/loss")
    )
    expect(chart(page, "epoch")).to_be_visible()
    assert titles(page) == ["loss", "negative", "lr", "epoch", "system/cpu"]
    # Plots begin with the param that differs, and the loss.
    page.get_by_role("button", name="Scatter").click()
    expect(page.get_by_role("img", name="val/loss over pair of 3 runs")).to_be_visible()
    page.get_by_role("button", name="Parallel").click()
    plot = "Parallel coordinates of 3 runs over pair, val/loss, train/loss"
    expect(page.get_by_role("img", name=plot)).to_be_visible()
    # Metrics of a run have the same order. A tab that is none is the first one.
    page.get_by_role("link", name="high", exact=True).click()
    listed = page.locator("section", has=page.get_by_role("heading", name="Metrics"))
    order = ["val/loss", "train/loss", "negative", "lr", "epoch", "system/cpu"]
    expect(listed.locator("tbody td:first-child")).to_have_text(order)
    visit.open(page.url + "?tab=none")
    expect(listed).to_be_visible()
    visit.open(filled.url("?cols=metrics.lr%0Aparams.lr%0Aparams.pair"))
    for name in ("metrics.lr", "params.lr", "pair"):
        expect(page.get_by_role("columnheader", name=name, exact=True)).to_be_visible()


def test_a_tooltip_has_every_run_sorted_and_all_charts_show_the_place(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("?find=n"))
    page.get_by_label("Find metrics").fill("")
    visit.settle()
    plain = page.evaluate(PICTURE)
    area = chart(page, "loss").locator(".area")
    box = area.bounding_box()
    assert box is not None
    area.hover(position={"x": box["width"] / 2, "y": box["height"] - 4})
    tip = chart(page, "loss").locator(".tip")
    expect(tip).to_contain_text(re.compile(r"at step 2[345]"))
    labels = tip.locator(".label").all_inner_texts()
    names = [label.split(" ")[0] for label in labels]
    assert names == ["high"] * 2 + ["middle"] * 2 + ["low"] * 2
    values = [float(text) for text in tip.locator(".num").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    expect(tip.locator(".nearest")).to_contain_text("low · train/loss")
    # The row of the run, and the same step in the other charts.
    expect(page.locator(".grid [data-pointed]")).to_contain_text("low")
    page.wait_for_function(f"plain => ({PICTURE})() !== plain", arg=plain)
    page.mouse.move(5, 5)
    expect(tip).to_have_count(0)
    page.wait_for_function(f"plain => ({PICTURE})() === plain", arg=plain)
    # And from the table to the curves.
    page.locator(".grid").get_by_role("link", name="middle").hover()
    page.wait_for_function(f"plain => ({PICTURE})() !== plain", arg=plain)


def test_the_keyboard_walks_zooms_and_pans(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("?find=loss"))
    plot = chart(page, "loss").get_by_role("img")
    expect(plot).to_be_visible()
    visit.settle()
    plot.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(chart(page, "loss").get_by_role("status")).to_contain_text("at step 1")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("zoom=9.8%2C39.2"))
    page.keyboard.press("Shift+ArrowRight")
    expect(page).to_have_url(re.compile("zoom=15.68%2C45.08"))
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("zoom"))


def test_a_stretch_of_y_is_of_its_chart_and_reset_with_the_rest(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("?find=loss"))
    area = chart(page, "loss").locator(".area")
    expect(area).to_be_visible()
    visit.settle()
    picture = chart(page, "loss").get_by_role("img").screenshot()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 52, box["y"] + 80, steps=4)
    page.mouse.up()
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_visible()
    assert "zoom=" not in page.url
    page.mouse.move(5, 5)
    visit.settle()
    assert chart(page, "loss").get_by_role("img").screenshot() != picture
    reset.click()
    expect(reset).to_have_count(0)
    visit.settle()
    page.mouse.move(5, 5)
    assert chart(page, "loss").get_by_role("img").screenshot() == picture


def test_charts_are_added_named_filled_moved_pinned_and_hidden(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url())
    expect(chart(page, "loss")).to_be_visible()
    page.get_by_role("button", name="Charts", exact=True).click()
    page.get_by_role("button", name="Add a chart").click()
    # Its menu is open already, and what is typed now is its title.
    mine = page.get_by_role("dialog", name="Menu of val/loss")
    expect(mine.get_by_label("Title")).to_be_focused()
    mine.get_by_label("Title").fill("Rate and loss")
    # The charts are drawn anew meanwhile, as of a live run.
    before = page.locator(".chart").first.evaluate("chart => chart.clientWidth")
    page.set_viewport_size({"width": 1500, "height": 1000})
    expect(page.locator(".chart").first).not_to_have_js_property("clientWidth", before)
    mine.get_by_label("Title").press("Enter")
    mine = page.get_by_role("dialog", name="Menu of Rate and loss")
    expect(mine.get_by_label("val/loss", exact=True)).to_be_checked()
    mine.get_by_label("lr", exact=True).check()
    mine.get_by_role("button", name="L", exact=True).click()
    mine.get_by_label("Kind").select_option("max")
    page.keyboard.press("Escape")
    bars = page.get_by_role("list", name="max of Rate and loss")
    expect(bars.get_by_role("listitem").first).to_contain_text("high · val/loss")
    expect(bars.get_by_role("listitem").first).to_contain_text("4.4")
    own = {"title": "Rate and loss", "keys": ["val/loss", "lr"], "size": "L", "bars": "max"}
    assert changes(page)["set"] == {"+1": own}

    menu(page, "negative").get_by_role("button", name="Move on").click()
    expect(page.locator(".chart h3 > span").nth(2)).to_have_text("lr")
    assert titles(page)[:4] == ["Rate and loss", "loss", "lr", "negative"]
    page.keyboard.press("Escape")
    chart(page, "epoch").locator("h3").drag_to(chart(page, "loss"))
    expect(page.locator(".chart h3 > span").nth(1)).to_have_text("epoch")
    menu(page, "system/cpu").get_by_role("button", name="Pin").click()
    expect(page.locator(".chart h3 > span").first).to_have_text("system/cpu")
    page.keyboard.press("Escape")
    menu(page, "loss").get_by_role("button", name="Hide").click()
    expect(chart(page, "loss")).to_have_count(0)
    page.reload()
    expect(page.locator(".chart h3 > span").first).to_have_text("system/cpu")
    assert titles(page) == ["system/cpu", "Rate and loss", "epoch", "lr", "negative"]
    page.get_by_role("button", name="Charts", exact=True).click()
    page.get_by_role("button", name="Show loss").click()
    expect(chart(page, "loss")).to_be_visible()
    page.get_by_role("button", name="Reset all charts").click()
    expect(chart(page, "Rate and loss")).to_have_count(0)


def test_a_chart_fills_the_screen_with_axes_of_its_own(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url())
    expect(chart(page, "loss")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 600})
    mine = menu(page, "loss")
    box = mine.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 600  # all of it can be scrolled to
    mine.get_by_label("x axis").select_option("metrics.epoch")
    mine.get_by_label("Scale of x").select_option("1")
    page.keyboard.press("Escape")
    assert changes(page)["set"] == {"loss": {"x": "metrics.epoch", "logX": "1"}}
    page.get_by_role("button", name="Show loss full screen").click()
    full = page.get_by_role("dialog", name="loss", exact=True)
    expect(full.get_by_role("img", name="loss of")).to_be_visible()
    expect(full.locator(".legend")).to_contain_text("low · val/loss")
    full.locator(".area").hover()
    expect(full.locator(".tip")).to_contain_text(re.compile(r"at epoch \d"))
    page.keyboard.press("Escape")
    expect(full).to_have_count(0)
    expect(page).not_to_have_url(re.compile("full="))


def test_sections_collapse_alone_and_together(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url())
    expect(chart(page, "system/cpu")).to_be_visible()
    page.get_by_role("button", name="▾ system").click()
    expect(chart(page, "system/cpu")).to_have_count(0)
    page.get_by_role("button", name="Charts", exact=True).click()
    page.get_by_role("button", name="Collapse all sections").click()
    expect(page.locator(".chart")).to_have_count(0)
    page.get_by_role("button", name="Charts", exact=True).click()
    page.get_by_role("button", name="Open all sections").click()
    expect(chart(page, "system/cpu")).to_be_visible()


def test_a_logarithmic_axis_says_why_it_is_empty(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("?log=1&find=negative"))
    expect(chart(page, "negative")).to_contain_text("No value is above 0")


@pytest.mark.parametrize(
    "charts", ["{", "[]", "null", '{"set":{"loss":7,"+1":{"keys":"x","size":"XL"}},"order":[1]}']
)
def test_an_address_that_makes_no_sense_changes_nothing(
    filled: Filled, visit: Visit, page: Page, charts: str
) -> None:
    visit.open(filled.url(f"?charts={charts}"))
    expect(chart(page, "loss")).to_be_visible()


def test_colours_depend_on_the_shown_runs_alone(filled: Filled, visit: Visit, page: Page) -> None:
    strokes = """() => [...document.querySelectorAll(".grid .swatch line")].map(
        (line) => [line.getAttribute("stroke"), line.getAttribute("stroke-dasharray")])"""
    visit.open(filled.url())
    expect(page.locator(".grid .swatch")).to_have_count(3)
    before = page.evaluate(strokes)
    assert len({colour for colour, _ in before}) == 3
    assert [dash for _, dash in before] == [None, None, None]
    # Runs of another experiment take no colour away.
    visit.page.evaluate("location.hash = '#/experiments/0'")
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    page.go_back()
    expect(page.locator(".grid .swatch")).to_have_count(3)
    assert page.evaluate(strokes) == before
    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    expect(page.locator(".grid").get_by_role("link").first).to_have_text("middle")
    assert sorted(page.evaluate(strokes)) == sorted(before)


def test_columns_are_those_that_differ_losses_first(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url())
    heads = page.get_by_role("table", name="Runs").get_by_role("columnheader")
    named = ["", "Name", "Status", "val/loss", "pair", "train/loss"]
    expect(heads).to_have_text([*named, "Started", "Duration"])


def test_a_first_visit_shows_four_charts_and_eight_rows(
    filled: Filled, visit: Visit, page: Page
) -> None:
    page.set_viewport_size({"width": 1280, "height": 820})
    visit.open(filled.url())
    expect(chart(page, "epoch")).to_be_visible()
    boxes = [box.bounding_box() for box in page.locator(".chart").all()]
    seen = [box for box in boxes if box and box["y"] + box["height"] <= 820]
    assert len(seen) >= 4
    table = page.locator(".grid").bounding_box()
    assert table is not None
    assert (820 - table["y"]) // 32 >= 9


def test_groups_are_drawn_as_means_with_bands_of_all_their_runs(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("?group=params.pair&find=loss"))
    area = chart(page, "loss").locator(".area")
    expect(area).to_be_visible()
    visit.settle()
    box = area.bounding_box()
    assert box is not None
    area.hover(position={"x": 1, "y": box["height"] - 4})
    tip = chart(page, "loss").locator(".tip")
    expect(tip).to_contain_text("at step 0")
    # At step 0 the losses are 2, 3 and 4; the first two are one group.
    row = tip.get_by_role("row").filter(has_text="a · train/loss (2)")
    expect(row).to_contain_text("2.5 2 to 3")
    expect(page.locator(".grid [data-pointed]")).to_contain_text("a")
    page.mouse.move(5, 5)
    page.get_by_role("button", name="Scales").click()
    page.get_by_label("Band of a group").select_option("std")
    page.keyboard.press("Escape")
    visit.settle()
    area.hover(position={"x": 1, "y": box["height"] - 4})
    expect(row).to_contain_text("2.5 2 to 3")
    assert "spread=std" in page.url


def test_groups_have_boxes_of_their_runs_values(filled: Filled, visit: Visit, page: Page) -> None:
    of_loss = json.dumps({"set": {"loss": {"bars": "min", "keys": ["train/loss"]}}})
    visit.open(filled.url(f"?group=params.pair&find=loss&charts={of_loss}"))
    bars = page.get_by_role("list", name="min of loss")
    # The least losses are 1.02, 2.02 and 3.02; the first two are one group.
    expect(bars.get_by_role("listitem")).to_have_text(
        [re.compile("b.*3.02"), re.compile("a.*1.52")]
    )
    said = re.compile("min 1.02, middle half 1.27 to 1.77, median 1.52, max 2.02")
    expect(bars.get_by_role("img", name=said)).to_be_visible()


def test_runs_of_several_experiments_share_a_table_and_charts(filled: Filled, visit: Visit) -> None:
    client, page = MlflowClient(str(filled.server.store)), visit.page
    other = client.create_experiment("elsewhere")
    run_id = client.create_run(other, run_name="stranger").info.run_id
    client.log_metric(run_id, "only/there", 1.0)
    visit.open(filled.url())
    page.get_by_role("button", name="Add experiments").click()
    page.get_by_role("checkbox", name="elsewhere").check()
    table = page.get_by_role("table", name="Runs")
    expect(table.get_by_role("link")).to_have_count(4)
    expect(table.get_by_role("row", name="stranger")).to_contain_text("elsewhere")
    expect(table.get_by_role("row", name="middle")).to_contain_text("trainings")
    expect(chart(page, "only/there")).to_be_attached()
    visit.open(filled.url(f"?also={other},nowhere&group=attributes.experiment"))
    expect(table.get_by_role("rowheader")).to_have_text(["▸elsewhere", "▸trainings"])


def test_a_formula_is_a_curve_and_one_that_cannot_be_read_says_where(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.expected.append("^400 POST /api/eventtrack/1/series$")
    visit.open(filled.url("?find=loss"))
    opened = menu(page, "loss")
    opened.get_by_label("Formula").fill("`val/loss` - `train/loss`")
    opened.get_by_role("button", name="Add the formula").click()
    opened.locator("summary").click()
    row = opened.get_by_role("row", name="low · = `val/loss`")
    expect(row.get_by_role("cell")).to_contain_text(["low", "0.4", "0.4", "0.4"])
    opened.get_by_label("Formula").fill("`val/loss` -")
    opened.get_by_role("button", name="Add the formula").click()
    expect(chart(page, "loss")).to_contain_text("found its end")
