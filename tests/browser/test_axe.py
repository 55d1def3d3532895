"""WCAG 2.2 AA by axe-core: every page and state, light, dark and on a phone, none too wide.

One server serves all of them. Nearly all of the time goes into axe: so of long tables it gets the
first rows, of the dark theme it judges the colours, and on a phone what depends on the width.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.visit import PATIENCE_MS
from tests.server.running import Running, running
from tools.screenshots import Sample, fill, pages

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast"]
SIZES = ["target-size", "scrollable-region-focusable"]
PARTS = 3
# One row is like the next, and axe takes a minute for a page of thousands of elements.
FEWER = """() => {
  const sheet = new CSSStyleSheet();
  const rest =
    "tbody tr:nth-child(n+7), .grid .row:nth-child(n+9), section > .change:nth-of-type(n+4)";
  sheet.replaceSync(`:is(${rest}) { display: none !important }`);
  document.adoptedStyleSheets = [sheet];
}"""
ASK = """async (options) => {
  const how = { ...options, resultTypes: ["violations"], iframes: false };
  const { violations } = await axe.run(document, how);
  const why = ({ failureSummary }) => failureSummary.split("\\n")[1];
  const told = (node) => `${node.target.join(" ")}: ${why(node)}`;
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${told(node)}`));
}"""
Act = Callable[[Page], None]


@pytest.fixture(scope="module")
def sample() -> dict[str, Sample]:
    """Filled by the server's fixture."""
    return {}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, sample: dict[str, Sample]
) -> Iterator[Running]:
    """The pages of the store that their pictures show."""
    store = tmp_path_factory.mktemp("axe") / "store"
    sample["it"] = fill(store)
    with running(store) as served:
        yield served


@pytest.fixture
def page(browser: Browser, server: Running) -> Iterator[Page]:
    """A tab that has axe in it."""
    context = browser.new_context(
        viewport={"width": 1600, "height": 1000}, reduced_motion="reduce", color_scheme="light"
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(AXE)
    context.add_init_script(f"({FEWER})()")
    yield context.new_page()
    context.close()


def button(name: str) -> Act:
    """Presses the first button of a name."""
    return lambda page: page.get_by_role("button", name=name).first.click()


def find(page: Page) -> None:
    """Looks for something everywhere."""
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").fill("sgd")


def states(sample: Sample) -> dict[str, tuple[str, Act]]:
    """Pages as they look after something was chosen or pressed, or where something is missing."""
    runs, run = f"experiments/{sample.experiment_id}", f"runs/{sample.best}"
    bars = json.dumps({"set": {"loss": {"bars": "max", "size": "L", "pinned": True}}})

    def nothing(_: Page) -> None: ...

    return {
        "parallel": (f"{runs}?show=parallel", nothing),
        "scatter": (f"{runs}?show=scatter", nothing),
        "groups": (f"{runs}?group=params.optimizer&opened=1", nothing),
        "bars": (f"{runs}?charts={bars}", nothing),
        "selected": (f"{runs}?show=table&sel=*", nothing),
        "deleted": (f"{runs}?view=DELETED_ONLY", nothing),
        "a filter that cannot be read": (f"{runs}?q=metrics.loss <", nothing),
        "the past": (f"{run}?at=1", nothing),
        "a baseline": (f"compare?runs={','.join(sample.runs[:3])}&base={sample.runs[0]}", nothing),
        "JSON": (f"{run}?tab=files&file=config/model.json", nothing),
        "no run": (f"runs/{'0' * 32}", nothing),
        "no page": ("nowhere", nothing),
        "the menu of a chart": (run + "?tab=charts", button("Menu of loss")),
        "scales": (run + "?tab=charts&", button("Scales")),
        "full screen": (run + "?tab=charts&full=loss", nothing),
        "columns": (runs, button("Columns")),
        "views": (f"{runs}?", button("View none")),
        "the search": (run, find),
    }


def judge(page: Page, within: str) -> list[str]:
    """What axe finds: everything, or, in the dark and on a phone, what may differ there."""
    kind, values = {"dark": ("rule", COLOURS), "phone": ("rule", SIZES)}.get(
        within, ("tag", LEVELS)
    )
    found: list[str] = page.evaluate(ASK, {"runOnly": {"type": kind, "values": values}})
    return [f"{within}: {one}" for one in found + wider(page)]


def wider(page: Page) -> list[str]:
    """Whether the page has to be moved sideways."""
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"wider than the window by {width} pixels"] if width > 0 else []


def show(page: Page, url: str) -> None:
    """Open a page and wait until it shows what it has."""
    page.goto("about:blank")
    page.goto(url)
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("p.state[role=status]")).to_have_count(0)
    page.wait_for_timeout(200)


@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_page(
    server: Running, sample: dict[str, Sample], page: Page, part: int
) -> None:
    plain: dict[str, tuple[str, Act]] = {
        name: (route, lambda _: None) for name, route in pages(sample["it"]).items()
    }
    problems = []
    for name, (route, act) in list((plain | states(sample["it"])).items())[part::PARTS]:
        show(page, f"{server.url}/#/{route}")
        act(page)
        page.wait_for_timeout(100)
        problems += [f"{name}, {one}" for one in judge(page, "light")]
        page.emulate_media(color_scheme="dark")
        problems += [f"{name}, {one}" for one in judge(page, "dark")]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 390, "height": 844})
        problems += [f"{name}, {one}" for one in judge(page, "phone")]
        # As a window of 1280 pixels that is magnified to 200 %.
        page.set_viewport_size({"width": 640, "height": 410})
        problems += [f"{name}, magnified: {one}" for one in wider(page)]
        page.set_viewport_size({"width": 1600, "height": 1000})
    assert problems == []


def test_axe_finds_nothing_where_one_signs_in(page: Page, server: Running) -> None:
    stranger = {"required": True, "name": None, "role": None, "problem": None}
    page.route("**/api/eventtrack/1/me*", lambda route: route.fulfill(json=stranger))
    show(page, f"{server.url}/#/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert judge(page, "light") + judge(page, "phone") == []


def test_axe_is_asked(page: Page, server: Running) -> None:
    show(page, f"{server.url}/#/help")
    page.locator("main").evaluate("main => main.append(document.createElement('button'))")
    assert any(one.startswith("light: button-name") for one in judge(page, "light"))
