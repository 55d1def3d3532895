"""Every page by the keyboard alone; test_axe.py judges colours, names and widths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

SCRIPT = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")
NOTE = "# Note\n\n> quoted\n\n`code` and [a link](https://example.org)"
# Each breaks a rule: text that is hardly there, a control without a name, one without an outline.
BROKEN = """<!doctype html>
<style>:focus { outline: none } #page { background: #fff; color: #888 }</style>
<body><main id="page">grey <button></button><input><button tabindex="-1">no</button>
<button onfocus="this.blur()">never</button></main></body>"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store with a little of everything."""
    store = tmp_path_factory.mktemp("accessible") / "store"
    client = MlflowClient(str(store))
    parent = client.create_run("0", run_name="sweep").info.run_id
    for name, status in (("good", "FINISHED"), ("bad", "FAILED"), ("going", "")):
        run_id = client.create_run(
            "0", run_name=name, tags={"mlflow.parentRunId": parent, "team": "blue"}
        ).info.run_id
        client.log_param(run_id, "lr", name)
        for step in range(20):
            client.log_metric(run_id, "loss", len(name) / (1 + step), step=step)
            client.log_metric(run_id, "system/cpu", step, step=step)
        client.log_text(run_id, "a,b\n1,2\n", "table.csv")
        client.set_tag(
            run_id,
            "mlflow.note.content",
            "# Note\n\n> quoted\n\n`code` and [a link](https://example.org)",
        )
        client.set_tag(run_id, "team", "red")
        if status:
            client.set_terminated(run_id, status)
    with running(store) as found:
        yield found


@pytest.fixture
def routes(server: Running) -> list[str]:
    """Every page, and every part of a run's."""
    client = MlflowClient(str(server.store))
    runs = client.search_runs(["0"], "attributes.run_name != 'sweep'")
    first, second = (run.info.run_id for run in runs[:2])
    return [
        *(
            "",
            "?q=good",
            "experiments",
            "experiments/0",
            "experiments/0?view=DELETED_ONLY",
            f"runs/{'0' * 32}",
        ),
        *(f"runs/{first}{tab}" for tab in ("", "?tab=charts", "?tab=history")),
        *(f"runs/{first}?tab=files&file=table.csv", f"compare?runs={first},{second}", "compare"),
        *(f"experiments/0?show={show}" for show in ("parallel", "scatter", "table")),
        'experiments/0?charts={"set":{"loss":{"bars":"max","size":"L","pinned":true}}}',
        *("experiments/0?group=attributes.status", f"compare?runs={first},{second}&base={first}"),
        *("time", "sync", "log", "help", "nowhere"),
    ]


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    server: Running, visit: Visit, routes: list[str]
) -> None:
    page = visit.page
    visit.expected.append("^404 GET /api/eventtrack/1/")
    problems = []
    for route in routes:
        shown(page, visit, server, route)
        page.evaluate("document.activeElement.blur()")
        for _ in range(400):
            page.keyboard.press("Tab")
            at = ask(page, "focused")
            if at is None:
                break
            if not at["shown"]:
                problems.append(f"/{route} shows no focus {at['what']}")
        problems += [f"/{route} not reached {one}" for one in ask(page, "unreached")]
    assert problems == []


def test_what_is_broken_is_found(visit: Visit) -> None:
    page = visit.page
    page.set_content(BROKEN)
    assert ask(page, "contrast") == ["3.54: MAIN. grey"]
    assert len(ask(page, "nameless")) == 2
    page.keyboard.press("Tab")
    assert ask(page, "focused")["shown"] is False
    assert any("never" in one for one in ask(page, "unreached"))


def ask(page: Page, question: str) -> Any:
    """What the script finds."""
    return page.evaluate(f"({SCRIPT.split('*/', 1)[1].strip()}).{question}()")


def shown(page: Page, visit: Visit, server: Running, route: str) -> None:
    """Open a page and wait until it shows what it has."""
    visit.open(f"{server.url}/#/{route}")
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("p.state[role=status]")).to_have_count(0)
    page.wait_for_timeout(250)
