"""The page of a run: files of many kinds, what is taken back, and a training that died."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

TRAINING = """
import os, sys, time
import eventtrack
eventtrack.set_tracking_uri(sys.argv[1])
with eventtrack.start_run(run_name="to be killed") as run:
    eventtrack.log_metric("loss", 1.0)
    eventtrack.flush()
    print(run.info.run_id, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("run-page") / "store") as found:
        yield found


def new_run(client: MlflowClient, name: str) -> str:
    """A run that a test may change."""
    run_id: str = client.create_run("0", run_name=name).info.run_id
    return run_id


def test_what_was_done_is_undone_from_the_history(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = new_run(client, "undone")
    client.set_tag(run_id, "stage", "draft")
    client.set_tag(run_id, "stage", "final")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=history")
    expect(page.locator(".change ins").first).to_have_text("final")
    # What a later event has overtaken stays, and the page says why. MLflow has 500 for such states.
    visit.expected.append("^500 POST /api/eventtrack/1/undo$")
    page.get_by_role("button", name="Undo tags set").last.click()
    expect(page.get_by_role("alert")).to_contain_text("cannot undo")
    page.get_by_role("textbox", name="Reason for the change").fill("größer <b>& besser</b>")
    page.get_by_role("button", name="Undo tags set").first.click()
    expect(page.locator(".change ins").first).to_have_text("draft")
    expect(page.locator(".because")).to_have_text("because: größer <b>& besser</b>")
    assert client.get_run(run_id).data.tags["stage"] == "draft"
    newest, undone = page.locator(".change").nth(0), page.locator(".change").nth(1)
    expect(newest).to_contain_text("undoes tags set")
    expect(undone).to_contain_text("undone by")
    expect(undone.get_by_role("button", name="Undo")).to_have_count(0)
    page.get_by_role("combobox", name="show").select_option("started")
    expect(page.locator(".change")).to_have_count(1)


def test_points_and_files_do_not_bury_the_edits(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = new_run(client, "busy")
    client.log_metric(run_id, "loss", 1.0)
    client.set_tag(run_id, "stage", "draft")
    client.log_text(run_id, "x", "a.txt")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=history")
    expect(page.locator(".change", has_text="tags set")).to_be_visible()
    expect(page.locator(".change", has_text="points logged")).to_have_count(0)
    expect(page.locator(".change", has_text="artifacts logged")).to_have_count(0)
    page.get_by_role("button", name="Show everything").click()
    expect(page.locator(".change", has_text="points logged")).to_be_visible()
    expect(page.locator(".change", has_text="artifacts logged")).to_be_visible()


def test_tables_notes_and_sound_are_shown(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = new_run(client, "files")
    client.log_text(run_id, 'name,said\nada,"x, ""y"""\n\nbob,\n', "table.csv")
    client.log_text(run_id, "# Title\n\n- <b>item</b>", "note.md")
    client.log_text(run_id, "RIFF", "sound.wav")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=files&file=table.csv")
    expect(page.get_by_role("cell", name='x, "y"')).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(3)
    visit.open(f"{server.url}/#/runs/{run_id}?tab=files&file=note.md")
    expect(page.get_by_role("heading", name="Title")).to_be_visible()
    expect(page.get_by_text("<b>item</b>")).to_be_visible()
    visit.open(f"{server.url}/#/runs/{run_id}?tab=files&file=sound.wav")
    expect(page.locator("audio")).to_be_visible()


def test_a_training_that_was_killed_is_shown_as_lost(server: Running, visit: Visit) -> None:
    """On a page that stays open, too: that a process died is no event, so the page looks again."""
    page = visit.page
    page.clock.install()
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(server.store)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        visit.open(f"{server.url}/#/runs/{run_id}")
        expect(page.locator(".status")).to_have_text("running")
        os.kill(process.pid, signal.SIGKILL)
    # A moment ago it logged: for 15 seconds that counts as a sign of life.
    time.sleep(15)
    page.clock.fast_forward(20_000)
    expect(page.locator(".status")).to_have_text("lost")
    expect(page.get_by_text(f"process {process.pid} on")).to_be_visible()
    visit.open(f"{server.url}/#/experiments")
    expect(page.locator("main").get_by_text("1 lost")).to_be_visible()
    visit.open(f"{server.url}/#/runs/{run_id}")
    page.get_by_role("button", name="Mark as killed").click()
    expect(page.locator(".status")).to_have_text("killed")


def test_after_a_lost_connection_all_points_are_there(server: Running, visit: Visit) -> None:
    """Those that were logged while the page could not hear the server, each once."""
    client, page = MlflowClient(str(server.store)), visit.page
    visit.expected += ["ERR_", "^console: "]
    run_id = new_run(client, "cut")
    client.log_metric(run_id, "loss", 1.0, step=0)

    visit.open(f"{server.url}/#/runs/{run_id}?tab=charts")
    expect(page.get_by_text("1 point", exact=True)).to_be_visible()
    page.context.set_offline(True)
    for step in range(1, 20):
        client.log_metric(run_id, "loss", 1.0 / step, step=step)
    client.set_terminated(run_id)
    page.context.set_offline(False)
    expect(page.get_by_text("20 points", exact=True)).to_be_visible()


def test_after_a_server_that_was_killed_all_points_are_there(tmp_path: Path, visit: Visit) -> None:
    client, page = MlflowClient(str(tmp_path / "store")), visit.page
    visit.expected += ["ERR_", "^console: "]
    run_id = new_run(client, "restarted")
    client.log_metric(run_id, "loss", 1.0, step=0)
    with running(tmp_path / "store") as server:
        port = server.url.rpartition(":")[2]
        visit.open(f"{server.url}/#/runs/{run_id}?tab=charts")
        expect(page.get_by_text("1 point", exact=True)).to_be_visible()
        server.kill()
        for step in range(1, 20):
            client.log_metric(run_id, "loss", 1.0 / step, step=step)
        client.set_terminated(run_id)
    with running(tmp_path / "store", "--port", port):
        expect(page.get_by_text("20 points", exact=True)).to_be_visible()


def test_a_run_is_moved_and_a_param_corrected(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    target = client.create_experiment("archive <i>")
    run_id = new_run(client, "misplaced")
    client.log_param(run_id, "lr", "0.1")
    visit.open(f"{server.url}/#/runs/{run_id}")
    page.get_by_role("button", name="Correct the param lr").click()
    page.get_by_role("textbox", name="The right value of lr").fill("0.01")
    expect(page.get_by_role("button", name="Correct", exact=True)).to_be_disabled()
    page.get_by_role("textbox", name="Reason for the change").first.fill("the old default")
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.get_by_role("cell", name="0.01", exact=True)).to_be_visible()
    page.get_by_role("button", name="Move …").click()
    page.get_by_role("combobox", name="To").select_option("archive <i>")
    page.get_by_role("dialog").get_by_role("textbox").fill("it was misplaced")
    page.get_by_role("button", name="Move this run").click()
    expect(page.locator(".crumbs")).to_contain_text("archive <i>")
    run = client.get_run(run_id)
    assert (run.info.experiment_id, run.data.params) == (target, {"lr": "0.01"})
    page.get_by_label("Parts of the run").get_by_role("link", name="History").click()
    expect(page.locator(".because").first).to_have_text("because: it was misplaced")
    page.get_by_role("button", name="Undo moved").click()
    expect(page.locator(".crumbs")).to_contain_text("Default")


def test_selected_runs_are_moved_together(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    source, target = client.create_experiment("source"), client.create_experiment("target")
    runs = {client.create_run(source, run_name=name).info.run_id for name in ("one", "two")}
    visit.open(f"{server.url}/#/experiments/{source}?sel={','.join(runs)}")
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("combobox", name="To").select_option("target")
    page.get_by_role("button", name="Move 2 runs").click()
    expect(page.get_by_text("0 runs", exact=True)).to_be_visible()
    assert {run.info.run_id for run in client.search_runs([target])} == runs


def test_a_run_is_signed_and_says_when_it_changed_since(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = new_run(client, "signed")
    visit.open(f"{server.url}/#/runs/{run_id}")
    expect(page.get_by_text("Nobody has signed this run.")).to_be_visible()
    page.get_by_role("button", name="Sign …").click()
    page.get_by_placeholder("why you sign").fill("curves <checked>")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator(".holds")).to_have_text("holds")
    expect(page.get_by_text("curves <checked>")).to_be_visible()
    [signature] = client.get_signatures(run_id)
    assert (signature.meaning, signature.reason) == ("reviewed", "curves <checked>")
    client.set_tag(run_id, "stage", "draft")
    expect(page.locator(".changed")).to_have_text("changed since")


def test_the_metrics_of_a_run_show_their_extremes_and_their_course(
    server: Running, visit: Visit
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = new_run(client, "measured")
    for step, value in enumerate((2.0, 0.5, 0.75)):
        client.log_metric(run_id, "val/loss", value, step=step)
    visit.open(f"{server.url}/#/runs/{run_id}")
    row = page.get_by_role("row", name="val/loss")
    expect(row.get_by_role("cell")).to_have_text(["val/loss", "", "0.75", "best 0.5", "2", "2"])
    expect(row.get_by_title("0.5 at step 1")).to_be_visible()
    expect(row.locator("polyline")).to_have_count(1)
