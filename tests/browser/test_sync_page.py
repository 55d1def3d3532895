"""Who is in step with whom, as the pages show it; and the log verified from there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from tests.browser.test_axe import AXE, judge
from tests.browser.visit import Visit
from tests.server.running import ROOT, Running, running


@dataclass
class Synced:
    """A server, and a run whose param two machines gave different values."""

    server: Running
    run_id: str


def exchange(folder: Path) -> None:
    """Both stores sync with a folder between them, until both have all."""
    for name in ("here", "there", "here"):
        command = [sys.executable, "-m", "eventtrack", "--store", str(folder / name)]
        subprocess.run(
            [*command, "sync", str(folder / "shared")], cwd=ROOT, capture_output=True, check=True
        )


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """Two stores that exchanged through a folder."""
    folder = tmp_path_factory.mktemp("synced")
    here, there = folder / "here", folder / "there"
    run_id = MlflowClient(str(here)).create_run("0", run_name="shared").info.run_id
    Store(there).close()
    exchange(folder)
    MlflowClient(str(here)).log_param(run_id, "lr", "0.1")
    MlflowClient(str(there)).log_param(run_id, "lr", "0.2")
    exchange(folder)
    command = [sys.executable, "-m", "eventtrack", "--store", str(here), "audit", "seal"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    with running(here) as server:
        yield Synced(server, run_id)


def test_remotes_replicas_and_conflicts_are_shown(synced: Synced, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{synced.server.url}/#/")
    page.get_by_role("link", name="Sync").click()
    remotes = page.get_by_role("region", name="Remotes")
    expect(remotes.get_by_role("row").nth(1)).to_contain_text("shared")
    expect(remotes).to_contain_text("in step")
    replicas = page.get_by_role("region", name="Replicas")
    expect(replicas.get_by_role("row")).to_have_count(3)
    own = replicas.get_by_role("row").filter(has_text="this store")
    expect(own).to_contain_text("verified up to")
    conflict = page.get_by_role("region", name="Conflicts").get_by_role("row").nth(1)
    expect(conflict).to_contain_text("param.lr")
    expect(conflict).to_contain_text("the earliest value is kept")
    conflict.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"runs/{synced.run_id}"))


def test_nothing_counts_as_verified_before_it_was(synced: Synced, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{synced.server.url}/#/sync")
    part = page.get_by_role("region", name="Verification")
    expect(part).to_contain_text("Not verified since this server started.")
    part.get_by_role("button", name="Verify now").click()
    expect(part.get_by_text("verified up to position")).to_be_visible()


def test_a_store_that_syncs_with_no_other_says_how_to(
    visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("alone") / "store") as server:
        visit.open(f"{server.url}/#/sync")
        expect(visit.page.get_by_text("This store syncs with no other.")).to_be_visible()
        expect(visit.page.get_by_text("None: no two machines")).to_be_visible()


def test_writers_of_a_cluster_are_shown_with_what_they_have_yet_to_publish(
    synced: Synced, visit: Visit
) -> None:
    """The answer is that of a server of a cluster; tests of clusters ask a real one."""
    page = visit.page
    feed, now = "ab" * 16, 1_800_000_000_000
    writer = {"name": "vm:/runs/trainer", "feed": feed, "unpublished": 1, "at_ms": now - 60_000}
    told = {
        "url": "postgresql://host/log",
        "servers": [{"name": "vm:/srv", "place": 7, "behind": 1200, "at_ms": now, "own": True}],
        "writers": [writer, {**writer, "name": "vm:/runs/done", "unpublished": 0}],
        "now_ms": now,
    }
    page.add_init_script(AXE)
    page.route("**/api/eventtrack/1/cluster*", lambda route: route.fulfill(json=told))
    page.set_viewport_size({"width": 390, "height": 844})
    visit.open(f"{synced.server.url}/#/sync")
    part = page.get_by_role("region", name="Servers")
    expect(part.get_by_role("row", name="this server")).to_contain_text("1\u202f200 blocks")
    expect(part.get_by_role("row", name="trainer")).to_contain_text("1 envelope")
    expect(part.get_by_role("row", name="trainer")).to_contain_text("1 min ago")
    expect(part.get_by_role("row", name="done")).to_contain_text("nothing")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert judge(page, "phone") == []
