"""The first page, and the search over everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

HOSTILE = "<img src=x onerror=document.title='broken'>"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """The pages of an empty store."""
    with running(tmp_path / "store") as served:
        yield served


def test_home_shows_the_runs_of_all_experiments_that_run_and_died(
    server: Running, visit: Visit
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    visit.open(server.url)
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    first, second = client.create_experiment("first"), client.create_experiment(HOSTILE)
    client.create_run(first, run_name="going")
    before = server.client.get(f"{server.url}/api/eventtrack/1/about").json()["position"]
    client.set_terminated(client.create_run(second, run_name="broke").info.run_id, "FAILED")
    client.set_terminated(client.create_run(second, run_name="good").info.run_id)

    def runs(heading: str) -> list[str]:
        section = page.locator("section", has=page.get_by_role("heading", name=heading))
        return section.locator("tbody tr td:first-child").all_inner_texts()

    expect(page.get_by_role("link", name="good")).to_be_visible()
    assert (runs("Running now"), runs("Died lately")) == (["going"], ["broke"])
    assert runs("Ended lately") == ["good", "broke"]
    expect(page.get_by_role("link", name=HOSTILE).first).to_be_visible()
    assert "broken" not in page.title()
    visit.open(f"{server.url}/#/?at={before}")
    expect(page.get_by_text("No run failed, was killed or lost.")).to_be_visible()
    assert runs("Running then") == ["going"]


def test_a_time_that_no_calendar_has_and_values_without_a_difference_break_no_page(
    server: Running, visit: Visit
) -> None:
    page = visit.page
    run_id = server.new_run(run_name="far", start_time=2**62)["run_id"]
    for key, values in {"largest": (-1.7e308, 1.7e308), "least": (0.0, 5e-324)}.items():
        for step, value in enumerate(values):
            body = {"run_id": run_id, "key": key, "value": value, "timestamp": 1, "step": step}
            server.post("runs/log-metric", **body)
    for place in ("", "/#/experiments/0", f"/#/runs/{run_id}"):
        visit.open(f"{server.url}{place}")
        expect(page.get_by_text("far").first).to_be_visible()
    courses = page.locator("svg.spark polyline")
    expect(courses).to_have_count(2)
    assert "NaN" not in "".join(course.get_attribute("points") or "" for course in courses.all())


def test_the_search_has_one_key_and_holds_everything_that_has_a_name(
    server: Running, visit: Visit
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0", run_name="needle in the name").info.run_id
    client.log_param(run_id, "optimizer", "needle-w")
    client.log_text(run_id, "x", "config/needle.yaml")
    client.set_tag(run_id, "mlflow.note.content", "x" * 300 + " a needle far behind")
    server.post("registered-models/create", name="needle-model")
    visit.open(f"{server.url}/#/log")
    page.get_by_role("heading", name="Log").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("NEEDLE")
    dialog = page.get_by_role("dialog")
    hits = dialog.get_by_role("option")
    expect(hits).to_have_count(5)
    for group in ("Registered models", "Runs", "Notes", "Params", "Files"):
        expect(page.get_by_role("group", name=group)).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(dialog.get_by_role("option", selected=True)).to_contain_text("needle in the name")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/runs/{run_id}$"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.keyboard.type("needle-w")
    dialog.get_by_role("option", name="optimizer = needle-w").click()
    filtered = page.get_by_label("Filter in MLflow's language")
    expect(filtered).to_have_value("params.`optimizer` = 'needle-w'")
    page.keyboard.press("Control+k")
    page.keyboard.type("nobody has this")
    expect(page.get_by_text("Nothing holds this text.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
