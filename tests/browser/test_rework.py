"""Rewinds, withdrawals, forks and merges from the pages, of one run and of several."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from tests.browser.visit import Visit
from tests.server.running import Running, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("rework") / "store") as found:
        yield found


def trained(client: MlflowClient, name: str, steps: range) -> str:
    run_id: str = client.create_run("0", run_name=name).info.run_id
    for step in steps:
        client.log_metric(run_id, "loss", step, step=step)
        client.log_text_line(run_id, f"epoch {step}", step=step)
    client.store.flush()
    return run_id


def steps(client: MlflowClient, run_id: str) -> list[int]:
    lines = [item.step for item in client.get_series(run_id, "log")]
    assert [point.step for point in client.get_metric_history(run_id, "loss")] == lines
    return lines


def opened(visit: Visit, label: str) -> Locator:
    visit.page.get_by_role("button", name=label, exact=True).click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Reason for the change").fill("a loose cable")
    return dialog


def test_a_run_is_rewound_withdrawn_forked_and_merged(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = trained(client, "reworked", range(6))
    other = trained(client, "the rest", range(10, 12))
    visit.open(f"{server.url}/#/runs/{run_id}")
    dialog = opened(visit, "Rewind …")
    dialog.get_by_role("textbox", name="To step").fill("4")
    dialog.get_by_role("button", name="Rewind").click()
    expect(dialog).to_be_hidden()
    assert steps(client, run_id) == [0, 1, 2, 3, 4]

    dialog = opened(visit, "Withdraw …")
    dialog.get_by_role("combobox").select_option("loss")
    dialog.get_by_role("textbox", name="From step").fill("2")
    dialog.get_by_role("textbox", name="To step").fill("2")
    dialog.get_by_role("button", name="Withdraw").click()
    expect(dialog).to_be_hidden()
    assert len(client.get_metric_history(run_id, "loss")) == 4
    assert isinstance(client.store, Store)
    [withdrawn, *_] = client.store.history.timeline(run_id)[::-1]
    assert (withdrawn.type, withdrawn.reason) == ("run.points_withdrawn", "a loose cable")

    dialog = opened(visit, "Merge …")
    dialog.get_by_role("textbox", name="Run id").fill("0" * 32)
    visit.expected.append("^404 POST /api/eventtrack/1/runs/merge$")
    dialog.get_by_role("button", name="Merge").click()
    expect(dialog.get_by_role("alert")).to_contain_text("not found")
    dialog.get_by_role("textbox", name="Run id").fill(other)
    dialog.get_by_role("button", name="Merge").click()
    expect(page.get_by_role("term").filter(has_text="Merged in")).to_be_visible()

    dialog = opened(visit, "Fork …")
    dialog.get_by_role("textbox", name="At step").fill("10")
    dialog.get_by_role("textbox", name="Name").fill("branch")
    dialog.get_by_role("button", name="Fork").click()
    expect(page.get_by_role("heading", name="branch")).to_be_visible()
    expect(page.get_by_text("at step 10")).to_be_visible()
    fork = page.url.rpartition("/")[2]
    assert [item.step for item in client.get_series(fork, "log")] == [0, 1, 2, 3, 4, 10]


def test_selected_runs_are_rewound_and_merged(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    experiment = client.create_experiment("many")
    runs = [trained(client, f"part {number}", range(3)) for number in range(2)]
    client.move_run(runs[0], experiment)
    client.move_run(runs[1], experiment)
    visit.open(f"{server.url}/#/experiments/{experiment}")
    for number in range(2):
        page.get_by_role("checkbox", name=f"part {number}").check()
    dialog = opened(visit, "Points")
    dialog.get_by_role("textbox", name="To step").fill("1")
    dialog.get_by_role("button", name="Rewind 2 runs").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text="Rewinding")).to_be_hidden()
    assert [steps(client, run_id) for run_id in runs] == [[0, 1], [0, 1]]
    dialog = opened(visit, "Points")
    dialog.get_by_role("radio", name="Merge").check()
    dialog.get_by_role("button", name="Merge 2 runs").click()
    expect(dialog).to_be_hidden()
    assert isinstance(client.store, Store)
    assert client.store.runs.merged_of(runs[0]) == [runs[1]]


# The columns of a chart that are coloured, as the grey frame is not, over a third of its height.
UPRIGHT = """chart => {
  const canvas = chart.querySelector("canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const isColour = (x, y) => {
    const channels = data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3);
    return Math.max(...channels) - Math.min(...channels) > 60;
  };
  const inked = (x) => [...Array(height).keys()].filter((y) => isColour(x, y)).length;
  return [...Array(width).keys()].filter((x) => inked(x) > height / 3).map((x) => x / width);
}"""
IS_MARKED = f"""() => {{
  const chart = document.querySelector(".plot[role=img]");
  return chart && ({UPRIGHT})(chart).length > 0;
}}"""


def test_a_fork_has_a_mark_in_tables_and_a_line_in_charts(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    experiment = client.create_experiment("forks")
    run_id = trained(client, "trunk", range(9))
    client.move_run(run_id, experiment)
    fork = client.fork_run(run_id, 4, run_name="limb").info.run_id
    for step in range(5, 9):
        client.log_metric(fork, "loss", step, step=step)
    client.store.flush()
    visit.open(f"{server.url}/#/experiments/{experiment}")
    mark = page.get_by_role("img", name=f"Forked from {run_id[:8]} at step 4")
    expect(mark).to_have_count(1)
    expect(page.locator("[data-run]", has=mark)).to_contain_text("limb")

    visit.open(f"{server.url}/#/runs/{fork}?tab=charts")
    chart = page.get_by_role("img", name="loss of limb (forked at step 4)")
    expect(chart.locator("canvas").last).to_be_visible()
    page.wait_for_function(IS_MARKED)
    [*columns] = chart.evaluate(UPRIGHT)
    assert 0.4 < min(columns) <= max(columns) < 0.6
    visit.open(f"{server.url}/#/runs/{fork}?tab=charts&x=relative")
    expect(chart).to_be_visible()
    page.wait_for_function(IS_MARKED)
    visit.open(f"{server.url}/#/runs/{run_id}?tab=charts")
    chart = page.get_by_role("img", name="loss of trunk", exact=True)
    expect(chart).to_be_visible()
    assert chart.evaluate(UPRIGHT) == []
