"""The table of an experiment's runs, used as a person would."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.sweep import Filled, fill, shows, table
from tests.browser.visit import Visit
from tests.server.running import running

# The run that is pointed at.
POINTED = """async (app) =>
    (await import(new URL("lib/pointer.js", app))).pointedRun.value"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A server of a sweep."""
    store = tmp_path_factory.mktemp("runs") / "store"
    found = fill(store)
    with running(store) as server:
        yield Filled(server, *found)


def test_back_and_forward_go_through_every_filter(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(filled.sweep))
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")
    search = page.get_by_label("Filter in MLflow's language")
    for text in ("params.lr = '0.1'", "metrics.loss < 0.4", "params.lr = '0.001'"):
        search.fill(text)
        search.press("Enter")
        search.press("Enter")  # again: no step of its own
    shows(page, "s1", "a2")
    page.go_back()
    shows(page, "s2", "a2")
    page.go_back()
    shows(page, "a3")
    page.go_back()
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")


def test_a_filter_taken_back_at_once_leaves_no_rows_behind(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.sweep, tree="0"))
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")
    # Before any answer, and between what is drawn and what is then asked for.
    for wait in (-1, 0, 1, 2, 4, 8, 12, 16, 24, 32):
        page.evaluate(
            """async (wait) => {
                const all = location.hash;
                const pause = () => new Promise((go) =>
                    wait < 0 ? requestAnimationFrame(go) : setTimeout(go, wait));
                for (const text of ["metrics.loss < 0.4", "params.lr = '0.1'"]) {
                    location.hash = `${all}&q=${encodeURIComponent(text)}`;
                    await pause();
                }
                location.hash = all;
                await pause();
            }""",
            wait,
        )
        expect(page.locator(".split")).to_have_attribute("aria-busy", "false")
        shows(page, "bare", "s2", "s1", "a3", "a2", "a1")


ROWS = "**/api/eventtrack/1/runs"


def test_a_filter_is_completed_and_its_fault_stands_at_the_box(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.expected.append("^400 POST /api/eventtrack/1/runs$")
    held = visit.hold(ROWS)
    visit.open(filled.url(filled.sweep))
    search = page.get_by_label("Filter in MLflow's language")
    search.press_sequentially("par")
    offered = page.get_by_role("listbox", name="What may stand here").get_by_role("option")
    expect(offered.first).to_have_text("params.")
    search.press("Tab")
    expect(offered).to_have_text(["params.lr", "params.optimizer"])
    search.press("ArrowDown")
    search.press("ArrowDown")
    search.press("Enter")
    expect(search).to_have_value("params.optimizer ")
    expect(offered.first).to_have_text("=")
    search.press("Tab")
    search.press_sequentially("'s")
    expect(offered).to_have_count(0)
    for route in held:
        route.continue_()
    page.unroute(ROWS)
    expect(offered).to_have_text(["sgd' "])  # values are known now
    search.press("Tab")
    search.press("Escape")
    search.press("Enter")
    expect(search).to_have_value("params.optimizer = 'sgd'")
    shows(page, "s2", "s1")
    search.fill("metrics.loss <")
    search.press("Enter")
    fault = page.get_by_role("alert")
    expect(fault).to_contain_text("Expected numeric value")
    expect(search).to_have_attribute("aria-invalid", "true")
    shows(page, "s2", "s1")
    search.fill("")
    search.press("Enter")
    expect(fault).to_have_count(0)
    shows(page, "bare", "s2", "s1", "a3", "a2", "a1")


def test_several_columns_sort(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(filled.sweep))
    head = table(page).get_by_role("columnheader")
    head.get_by_role("button", name="lr").click()
    # The best first: the smallest loss.
    head.get_by_role("button", name="loss").click(modifiers=["Shift"])
    shows(page, "a3", "s2", "a2", "s1", "a1", "bare")
    expect(head.filter(has_text="loss")).to_have_attribute("aria-sort", "ascending")
    head.get_by_role("button", name="loss").click(modifiers=["Shift"])
    shows(page, "a3", "s2", "s1", "a2", "a1", "bare")
    page.reload()
    shows(page, "a3", "s2", "s1", "a2", "a1", "bare")


def test_groups_have_counts_and_figures_and_fold(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(filled.sweep, order="metrics.loss ASC"))
    page.get_by_role("button", name="Group by nothing").click()
    page.get_by_role("dialog").get_by_role("option", name="optimizer").click()
    groups = table(page).get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(groups).to_have_count(3)
    expect(groups.nth(0)).to_contain_text(re.compile("sgd.*2 runs.*0.3.*± 0.2"))
    expect(groups.nth(1)).to_contain_text(re.compile("adam.*3 runs.*0.6.*± 0.24"))
    expect(groups.nth(2)).to_contain_text(re.compile("not set.*1 run"))
    shows(page)
    page.get_by_role("button", name="Open groups").click()
    shows(page, "s2", "s1", "a2", "a3", "a1", "bare")
    page.get_by_label("Figure of a group").select_option("min")
    expect(groups.nth(1)).to_contain_text("0.3")
    page.get_by_role("button", name="Runs of the group adam").click()
    shows(page, "s2", "s1", "bare")
    assert "group=params.optimizer" in page.url
    page.go_back()
    expect(groups.nth(1)).to_contain_text("0.6")
    page.go_back()
    shows(page, "a2", "a3", "a1")
    page.go_back()
    expect(groups).to_have_count(0)


def test_counts_means_and_rows_of_groups_are_of_all_runs(
    filled: Filled, visit: Visit, page: Page
) -> None:
    """Also where the page holds but a part. The limit of the page is lowered for the test."""

    def lowered(route: Route) -> None:
        answer = route.fetch()
        text = answer.text().replace("10_000", "4").replace("PAGE_MAX = 1000", "PAGE_MAX = 4")
        route.fulfill(response=answer, body=text)

    page.route("**/lib/rows.js", lowered)
    visit.open(filled.url(filled.sweep, group="params.optimizer", order="metrics.loss ASC"))
    expect(page.get_by_text("curves are of the first 4 of the 6 runs")).to_be_visible()
    groups = table(page).get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(groups).to_have_count(3)
    expect(groups.filter(has_text="sgd")).to_contain_text(re.compile("2 runs.*0.3.*± 0.2"))
    expect(groups.filter(has_text="adam")).to_contain_text(re.compile("3 runs.*0.6.*± 0.24"))
    expect(groups.filter(has_text="not set")).to_contain_text(re.compile("1 run"))
    for name in ("adam", "not set"):  # two of these runs are not among the first four
        page.get_by_role("button", name=f"Runs of the group {name}").click()
    shows(page, "a2", "a3", "a1", "bare")
    expect(table(page)).to_have_attribute("aria-rowcount", "8")
    expect(page.get_by_role("checkbox", name="Select the group adam")).to_be_disabled()
    page.get_by_role("checkbox", name="Select a1").check()
    expect(page.get_by_text("1 selected")).to_be_visible()
    # There is no such answer for this field: then the counts say that they are of a part.
    visit.expected.append("400 POST /api/eventtrack/1/groups")
    visit.open(filled.url(filled.sweep, group="attributes.start_time"))
    expect(page.get_by_text("are of the first 4 of the 6 runs that match")).to_be_visible()
    expect(groups.first).to_contain_text("≥")


def test_columns_are_chosen_found_ordered_and_pinned(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.sweep))
    heads = table(page).get_by_role("columnheader")
    first, last = ["", "Name", "Status"], ["Started", "Duration"]
    # Only what differs, and params beside metrics.
    expect(heads).to_have_text([*first, "loss", "lr", "optimizer", *last])
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Leave out metrics.loss").click()
    page.get_by_label("Move params.optimizer up").click()
    expect(heads).to_have_text([*first, "optimizer", "lr", *last])
    page.get_by_label("Pin params.lr").click()
    expect(heads).to_have_text([*first, "lr", "optimizer", *last])
    page.get_by_label("Find columns").fill("lo")
    page.get_by_role("checkbox", name="loss").check()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    expect(heads).to_have_text([*first, "lr", "optimizer", "loss", *last])


def test_runs_are_selected_by_range_and_by_keyboard(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.sweep))
    selected = page.get_by_text(re.compile(r"^\d selected$"))
    page.get_by_label("Select s2").click()
    page.get_by_label("Select a2").click(modifiers=["Shift"])
    expect(selected).to_have_text("4 selected")
    page.get_by_role("button", name="Clear", exact=True).click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")  # to the table, and from run to run
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "s1"
    page.keyboard.press("x")
    expect(selected).to_have_text("1 selected")
    page.keyboard.press("j")
    page.keyboard.press("Shift+ArrowDown")
    expect(selected).to_have_text("3 selected")
    assert page.evaluate("document.activeElement.textContent") == "a2"
    page.get_by_label("Select all runs").click()
    expect(page.get_by_text("all 6 selected")).to_be_visible()
    page.get_by_label("Select all runs").click()
    expect(selected).to_have_count(0)
    page.get_by_role("link", name="s1", exact=True).click()
    expect(page.get_by_role("heading", name="Params")).to_be_visible()
    app = page.locator("script[type=module]").get_attribute("src")
    assert page.evaluate(POINTED, f"{filled.server.url}{app}") is None  # its row is left


def test_selected_runs_are_tagged_deleted_and_restored(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.changed))
    page.get_by_label("Select one").check()
    page.get_by_label("Select two").check()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Tag", exact=True).fill("kept")
    page.get_by_label("Value", exact=True).fill("yes")
    page.get_by_role("button", name="Tag 2 runs").click()
    expect(page.get_by_text("2 runs tagged.")).to_be_visible()
    search = page.get_by_label("Filter in MLflow's language")
    search.fill("tags.kept = 'yes'")
    search.press("Enter")
    shows(page, "two", "one")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete 2 runs").click()
    expect(page.get_by_text("No run matches.")).to_be_visible()
    done = page.get_by_role("status").filter(has_text="2 runs deleted.")
    done.get_by_role("button", name="Undo").click()
    shows(page, "two", "one")
    expect(done).to_have_count(0)
    page.get_by_label("Select all runs").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete 2 runs").click()
    page.get_by_label("Which runs").select_option("DELETED_ONLY")
    shows(page, "two", "one")
    page.get_by_label("Select all runs").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("No run matches.")).to_be_visible()
    page.get_by_label("Which runs").select_option("")
    shows(page, "two", "one")


def test_the_past_can_be_seen_and_not_changed(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(filled.sweep, at="100000000000", sel="x"))
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Tag", exact=True)).to_have_count(0)


def test_more_curves_are_drawn_where_there_are_more_runs(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url(filled.many))
    many = page.get_by_label("How many runs are drawn")
    expect(page.get_by_role("list", name="last of loss")).to_be_visible()
    many.select_option("100")
    expect(page.get_by_text("12 points")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("10 points")).to_be_visible()
