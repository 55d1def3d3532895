"""Our own pages, used as a person would: what they show, keep in the address and change."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

# Each would call `attacked` if it were ever taken for a part of the page.
HOSTILE = (
    '<img src=x onerror="attacked()">',
    "<script>attacked()</script>",
    "[click](javascript:attacked())",
    '"><svg onload=attacked()>',
    "</title><iframe srcdoc='<script>parent.attacked()</script>'>",
    "${attacked()} {{attacked()}} `${attacked()}`",
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="attacked()"><script>attacked()</script></svg>'
)


@dataclass
class Filled:
    """A server, and what its store holds."""

    server: Running
    experiment_id: str
    parent: str
    runs: list[str]

    @property
    def client(self) -> MlflowClient:
        """Logs to the folder itself, as a training beside the server does."""
        return MlflowClient(str(self.server.store))

    def url(self, route: str = "") -> str:
        """Where a page is."""
        return f"{self.server.url}/#/{route}"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A store of an experiment with two curves and a run above them."""
    store = tmp_path_factory.mktemp("pages") / "store"
    client = MlflowClient(str(store))
    experiment_id = client.create_experiment("digits")
    parent = client.create_run(experiment_id, run_name="sweep").info.run_id
    runs = []
    for name, rate in (("slow", 0.01), ("fast", 0.1)):
        tags = {"mlflow.parentRunId": parent, "team": "blue"}
        run = client.create_run(experiment_id, run_name=name, tags=tags)
        runs.append(run.info.run_id)
        client.log_param(runs[-1], "lr", rate)
        for step in range(50):
            client.log_metric(runs[-1], "loss", 1 / (1 + rate * step), step=step)
        client.log_text(runs[-1], "two lines\nof text", "notes/read.txt")
        client.set_terminated(runs[-1])
    with running(store) as server:
        yield Filled(server, experiment_id, parent, runs)


def test_from_the_experiments_to_a_run_and_back(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments"))
    row = page.get_by_role("row").filter(has_text="digits")
    expect(row).to_contain_text("3")
    row.get_by_role("link", name="digits").click()
    table = page.get_by_role("table", name="Runs")
    expect(table.get_by_role("link")).to_have_text(["sweep", "fast", "slow"])
    expect(page.get_by_role("img", name=re.compile("^loss of"))).to_be_visible()
    table.get_by_role("button", name="Runs nested in sweep").click()
    expect(table.get_by_role("link")).to_have_text(["sweep"])
    table.get_by_role("button", name="Runs nested in sweep").click()

    search = page.get_by_label("Filter in MLflow's language")
    search.fill("params.lr = '0.1'")
    search.press("Enter")
    expect(table.get_by_role("link")).to_have_text(["fast"])
    assert "q=params.lr" in page.url
    table.get_by_role("link", name="fast").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("fast")
    page.go_back()
    expect(table.get_by_role("link")).to_have_text(["fast"])
    page.go_back()
    expect(table.get_by_role("link")).to_have_text(["sweep", "fast", "slow"])


def test_a_filter_that_cannot_be_read_says_why(filled: Filled, visit: Visit, page: Page) -> None:
    visit.expected.append("^400 POST /api/eventtrack/1/runs$")
    visit.open(filled.url(f"experiments/{filled.experiment_id}?q=metrics.loss+%3C"))
    expect(page.get_by_role("alert")).to_be_visible()


def test_runs_are_compared_by_what_differs(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url(f"experiments/{filled.experiment_id}"))
    page.get_by_label("Select slow").check()
    page.get_by_label("Select fast").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("rowheader", name="lr", exact=True)).to_be_visible()
    expect(page.get_by_role("rowheader", name="team")).to_have_count(0)
    page.get_by_label("differences only").uncheck()
    expect(page.get_by_role("rowheader", name="team")).to_be_visible()


def test_what_another_process_logs_appears_by_itself(
    filled: Filled, visit: Visit, page: Page
) -> None:
    # Not among the runs of the others: tests come in any order.
    elsewhere = filled.client.create_experiment("of live")
    run_id = filled.client.create_run(elsewhere, run_name="live").info.run_id
    filled.client.log_metric(run_id, "loss", 1.0)
    visit.open(filled.url(f"runs/{run_id}?tab=charts"))
    expect(page.get_by_text("1 point", exact=True)).to_be_visible()
    for step in range(1, 8):
        filled.client.log_metric(run_id, "loss", 1.0 / step, step=step)
    expect(page.get_by_text("8 points", exact=True)).to_be_visible()
    filled.client.set_terminated(run_id)


def test_changes_are_made_and_stand_in_the_history(
    filled: Filled, visit: Visit, page: Page
) -> None:
    # Not among the runs of the others: tests come in any order.
    elsewhere = filled.client.create_experiment("of draft")
    run_id = filled.client.create_run(elsewhere, run_name="draft").info.run_id
    visit.open(filled.url(f"runs/{run_id}"))
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the run").fill("final")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("final")
    page.get_by_label("Name of a tag").fill("kept")
    page.get_by_label("Value of the tag").fill("yes")
    page.get_by_role("button", name="Set tag").click()
    expect(page.get_by_role("cell", name="kept", exact=True)).to_be_visible()
    page.get_by_role("button", name="Write a note").click()
    page.get_by_label("Note, in Markdown").fill("# Remarkable\nand **bold**")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Remarkable")).to_be_visible()
    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Delete …")).to_be_visible()
    page.get_by_label("Parts of the run").get_by_role("link", name="History").click()
    for said in ("draft", "final", "tag.kept", "deleted", "restored", "by server"):
        expect(page.locator("main")).to_contain_text(said)


def test_what_was_logged_is_never_executed(filled: Filled, visit: Visit, page: Page) -> None:
    visit.expected.append(
        "^console: Blocked (script execution|a frame)|violates the following Content"
    )
    note = "\n\n".join(HOSTILE)
    tags = {f"tag {place}": text for place, text in enumerate(HOSTILE)}
    experiment_id = filled.client.create_experiment(HOSTILE[0].replace("/", ""))
    run = filled.client.create_run(
        experiment_id, run_name=HOSTILE[0], tags={**tags, "mlflow.note.content": note}
    )
    run_id = run.info.run_id
    for text in HOSTILE:
        filled.client.log_param(run_id, f"p{HOSTILE.index(text)}", text)
    filled.client.log_text(run_id, SVG, "picture.svg")
    filled.client.log_text(run_id, "".join(HOSTILE), "page.html")
    filled.client.log_text(run_id, json.dumps(HOSTILE), "list.json")
    places = ["", f"experiments/{experiment_id}", f"runs/{run_id}", f"runs/{run_id}?tab=history"]
    files = [f"runs/{run_id}?tab=files&file={name}" for name in ("picture.svg", "page.html")]
    for place in (*places, *files, f"compare?runs={run_id},{filled.parent}", "log"):
        visit.open(filled.url(place))
        visit.settle()
        expect(page.locator("main")).to_be_visible()
        unsafe = "iframe:not([sandbox='']), main script, a[href^=javascript]"
        assert page.locator(unsafe).count() == 0
    expect(page.get_by_role("cell", name="run.params_logged").first).to_be_visible()


def test_pages_follow_the_theme(filled: Filled, visit: Visit, page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for route in ("", f"runs/{filled.runs[0]}"):
            visit.open(filled.url(route))
            visit.settle()
            assert page.evaluate("document.documentElement.dataset.theme") == scheme


def test_the_keyboard_leads_everywhere(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments"))
    expect(page.get_by_role("link", name="digits")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("digits")
    assert "q=digits" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Log")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    before = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") != before


def test_no_script_but_ours_may_run_and_no_page_may_frame_ours(filled: Filled) -> None:
    answer = filled.server.client.get("/", headers={"accept-encoding": "gzip"})
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    [script] = re.findall(r'src="(/static/[^"]+app.js)"', answer.text)
    file = filled.server.client.get(script)
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-encoding"] == "gzip"
    assert filled.server.client.get("/static/nothing/app.js").status_code == 404
