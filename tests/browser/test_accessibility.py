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
# One shows no outline, one cannot be reached, one loses the focus at once.
BROKEN = """<!doctype html>
<style>:focus { outline: none }</style>
<body><main id="page"><button>quiet</button><button tabindex="-1">no</button>
<button>behind</button><button onfocus="this.blur()">never</button></main></body>"""
# Presses of Tab after which the page is asked whether a round has ended.
PRESSES, ROUND = 10, 400


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
        problems += [f"/{route}: {one}" for one in walk(page)]
    assert problems == []


def test_what_is_broken_is_found(visit: Visit) -> None:
    visit.page.set_content(BROKEN)
    found = "\n".join(walk(visit.page))
    assert 'shows no focus <button data-was-focused="yes">quiet<' in found
    assert "not reached <button onfocus" in found


def walk(page: Page) -> list[str]:
    """Press Tab until a round has ended: what showed no focus, and what never had it."""
    ask(page, "watch")
    for _ in range(ROUND // PRESSES):
        for _ in range(PRESSES):
            page.keyboard.press("Tab")
        if ask(page, "round")["ended"]:
            break
    hidden = [f"shows no focus {one}" for one in ask(page, "round")["hidden"]]
    return hidden + [f"not reached {one}" for one in ask(page, "unreached")]


def ask(page: Page, question: str) -> Any:
    """What the script finds."""
    return page.evaluate(f"({SCRIPT.split('*/', 1)[1].strip()}).{question}()")


def shown(page: Page, visit: Visit, server: Running, route: str) -> None:
    """Open a page and wait until it shows what it has."""
    visit.open(f"{server.url}/#/{route}")
    expect(page.locator("main")).to_be_visible()
    expect(page.locator("p.state[role=status]")).to_have_count(0)
    page.wait_for_timeout(250)
