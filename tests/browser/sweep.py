"""A sweep as the tables and plots of runs are shown of, and what a test reads off them."""

import csv
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Metric, Param, RunTag
from tests.browser.test_pages import HOSTILE
from tests.server.running import Running

# Rate, optimizer, loss, and how it ended, of each run; the last was started last.
RUNS = {
    "a1": ("0.0001", "adam", 0.9, "FINISHED"),
    "a2": ("0.001", "adam", 0.3, "FINISHED"),
    "a3": ("0.1", "adam", 0.6, "FAILED"),
    "s1": ("0.001", "sgd", 0.5, "FINISHED"),
    "s2": ("0.01", "sgd", 0.1, "FINISHED"),
    "bare": (None, None, None, "FINISHED"),
}


@dataclass
class Filled:
    """A server, and the experiments of its store."""

    server: Running
    sweep: str
    changed: str
    hostile: str
    many: str

    def url(self, experiment_id: str, **query: str) -> str:
        """Where the runs of an experiment are."""
        asked = "&".join(f"{key}={quote(value)}" for key, value in query.items())
        return f"{self.server.url}/#/experiments/{experiment_id}?{asked}"


def fill(store: Path) -> tuple[str, str, str, str]:
    """A sweep, runs for a test that changes them, runs with names that attack, and a dozen."""
    client = MlflowClient(str(store))
    sweep = client.create_experiment("sweep")
    for place, (name, (rate, optimizer, loss, status)) in enumerate(RUNS.items()):
        run_id = client.create_run(sweep, start_time=1000 + place, run_name=name).info.run_id
        if rate is not None and optimizer is not None and loss is not None:
            params = [Param("lr", rate), Param("optimizer", optimizer)]
            client.log_batch(run_id, [Metric("loss", loss, 2000, 0)], params)
        client.set_terminated(run_id, status, end_time=61_000 + place)
    changed = client.create_experiment("changed")
    for name in ("one", "two", "three"):
        client.set_terminated(client.create_run(changed, run_name=name).info.run_id)
    hostile = client.create_experiment("hostile")
    for place, text in enumerate(HOSTILE):
        run_id = client.create_run(hostile, run_name=text).info.run_id
        params = [Param("text", text), Param("for: mula", f"=cmd|'/c calc'!A{place}")]
        client.log_batch(
            run_id, [Metric("-a/b c", -1.5 - place, 1, 0)], params, [RunTag("t", text)]
        )
        client.set_terminated(run_id)
    many = client.create_experiment("many")
    for place in range(12):
        run_id = client.create_run(many, run_name=f"run-{place}").info.run_id
        client.log_metric(run_id, "loss", place)
        client.set_terminated(run_id)
    return sweep, changed, hostile, many


def table(page: Page) -> Locator:
    """The table of runs."""
    return page.get_by_role("table", name="Runs")


def shows(page: Page, *names: str) -> None:
    """Expect the table to hold these runs, in this order."""
    expect(table(page).get_by_role("link")).to_have_text(list(names))


def downloaded(page: Page, tmp_path: Path) -> list[dict[str, str]]:
    """The lines of the file behind the button CSV."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    with file.open(encoding="utf-8", newline="") as opened:
        text = opened.read()
        assert text.endswith("\r\n")
        return list(csv.DictReader(text.splitlines(keepends=True), strict=True))
