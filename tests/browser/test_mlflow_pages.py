"""MLflow's own pages, drawn by a browser from our server: what they show, ask for and change."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from eventtrack.client import MlflowClient
from eventtrack.store import open_store
from eventtrack.tokens import Tokens
from tests.browser.sample import Filled, fill, log_as_mlflow
from tests.browser.visit import Visit
from tests.server.running import running

# MLflow without accounts has no users either, and its assistant runs programs: not ours to serve.
NOT_SERVED = (
    r"^404 GET /ajax-api/2.0/mlflow/users/current$",
    r"^404 GET /ajax-api/3.0/mlflow/assistant/(config|providers)$",
)
# Chromium's remark about a layout that took two rounds, the bundle's way to say that something is
# not there, and its drawing of a metric that is NaN.
REMARKS = (r"ResizeObserver loop", r"^script: i$", r'attribute \w+: Expected length, "NaN"')


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """The pages of a store that all tests of this module share: each changes runs of its own."""
    store = tmp_path_factory.mktemp("mlflow-pages") / "store"
    experiment_id, run_ids = fill(MlflowClient(str(store)))
    with running(store, "--ui", "mlflow") as server:
        model_id = log_as_mlflow(server.url, experiment_id)
        yield Filled(server, experiment_id, run_ids, model_id)


@pytest.fixture
def page(visit: Visit) -> Page:
    """A tab for MLflow's pages."""
    visit.expected += [*NOT_SERVED, *REMARKS]
    return visit.page


def recorded(filled: Filled, stream: str) -> list[tuple[str, dict[str, Any]]]:
    """Type and body of every event of a stream, oldest first."""
    store = open_store(filled.server.store)
    try:
        return [(event.type, event.body) for event in store.events.read(stream=stream)]
    finally:
        store.close()


def new_run(filled: Filled, name: str, **tags: str) -> str:
    """A run that a test may change."""
    tagged = [{"key": key, "value": value} for key, value in tags.items()]
    body = {"experiment_id": filled.experiment_id, "run_name": name, "tags": tagged}
    found: str = filled.server.post("runs/create", **body)["run"]["info"]["run_id"]
    return found


def test_experiments_are_listed(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments"))
    expect(page.get_by_role("link", name="digits")).to_be_visible()
    expect(page.get_by_role("link", name="Default")).to_be_visible()


def test_runs_are_listed_with_their_children_and_values(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("experiments/{e}/runs"))
    expect(page.get_by_role("link", name="slow")).to_be_visible()
    expect(page.get_by_role("link", name="fast")).to_be_visible()
    page.locator(".ag-row").filter(has_text="slow").get_by_role("button").first.click()
    expect(page.get_by_role("link", name="fold-1")).to_be_visible()


def test_charts_are_drawn(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments/{e}/runs?compareRunsMode=CHART"))
    expect(page.locator(".scatterlayer .trace path.js-line").first).to_be_visible()
    visit.open(filled.url("experiments/{e}/runs/{a}/model-metrics"))
    expect(page.locator(".scatterlayer .trace path.js-line").first).to_be_visible()
    visit.open(filled.url("experiments/{e}/runs/{a}/system-metrics"))
    expect(page.get_by_text("cpu_utilization_percentage").first).to_be_visible()
    expect(page.locator(".scatterlayer .trace path.js-line").first).to_be_visible()


def test_a_run_is_shown(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments/{e}/runs/{a}"))
    for text in ("slow", filled.run_ids[0], "Finished", "fold-1", "Remarkable"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    for text in ("Metrics (3)", "Parameters (2)", "optimizer", "0.01", "eval/f1"):
        expect(page.get_by_text(text, exact=True).first).to_be_attached()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("notes.txt", "two lines"),
        ("config/model.json", '"depth": 18'),
        ("answers.json", "because"),
    ],
)
def test_texts_and_tables_are_shown(
    filled: Filled, visit: Visit, page: Page, path: str, shown: str
) -> None:
    visit.open(filled.url(f"experiments/{{e}}/runs/{{a}}/artifacts/{path}"))
    expect(
        page.get_by_text(re.compile(re.escape(shown).replace(r"\n", r"\s+"))).first
    ).to_be_visible()


def test_images_are_shown(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments/{e}/runs/{a}/artifacts/grey.png"))
    image = page.locator("img[src^='blob:'], img[src*='get-artifact']").first
    expect(image).to_be_visible()
    page.wait_for_function("() => [...document.images].some(one => one.naturalWidth === 60)")


def test_pages_that_were_logged_run_their_script_in_a_box(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.open(filled.url("experiments/{e}/runs/{a}/artifacts/page.html"))
    box = page.locator("iframe.mlflow-html-iframe")
    expect(box).to_have_attribute("sandbox", "allow-scripts")
    expect(box.content_frame.locator("#said")).to_have_text("by a script of the page")


def test_runs_are_compared(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url('compare-runs?runs=["{a}","{b}"]&experiments=["{e}"]'))
    expect(page.get_by_text("Comparing 2 Runs from 1 Experiment").first).to_be_visible()
    expect(page.get_by_role("link", name=filled.run_ids[1])).to_be_visible()


def test_traces_are_listed_and_counted(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments/{e}/traces"))
    expect(page.get_by_text("6 of 6").first).to_be_visible()
    for tab, shown in (
        ("usage", "Token Usage"),
        ("quality", "relevance"),
        ("tool-calls", "look up"),
    ):
        visit.open(filled.url(f"experiments/{{e}}/overview/{tab}"))
        expect(page.get_by_text(shown).first).to_be_visible()
        expect(page.locator(".recharts-surface path").first).to_be_visible()
        visit.settle()
        expect(page.get_by_text("Failed to load chart data")).to_have_count(0)
        assert visit.requests["POST /ajax-api/3.0/mlflow/traces/metrics"] > 0


def test_models_are_shown(filled: Filled, visit: Visit, page: Page) -> None:
    visit.open(filled.url("experiments/{e}/models"))
    expect(page.get_by_role("link", name="forest").first).to_be_visible()
    visit.open(filled.url("experiments/{e}/models/{m}"))
    expect(page.get_by_text("accuracy").first).to_be_visible()
    visit.open(filled.url("models"))
    expect(page.get_by_role("link", name="woods").first).to_be_visible()
    visit.open(filled.url("models/woods"))
    expect(page.get_by_text("of trees").first).to_be_visible()
    visit.open(filled.url("models/woods/versions/1"))
    expect(page.get_by_text("best").first).to_be_visible()


TOUR = """
    experiments
    experiments/{e}
    experiments/{e}/runs
    experiments/{e}/models
    experiments/{e}/models/{m}
    experiments/{e}/overview
    experiments/{e}/traces
    experiments/{e}/chat-sessions
    experiments/{e}/datasets
    experiments/{e}/evaluation-runs
    experiments/{e}/judges
    experiments/{e}/runs/{a}
    experiments/{e}/runs/{a}/model-metrics
    experiments/{e}/runs/{a}/system-metrics
    experiments/{e}/runs/{a}/artifacts
    experiments/{e}/runs/{a}/traces
    models
    models/woods
    models/woods/versions/1
    prompts
    settings
"""


def test_no_page_asks_for_what_is_refused_nor_again_and_again(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.expected.append("Content Security Policy")  # its pages show films of its makers' site
    for route in TOUR.split():
        visit.requests.clear()
        page.goto(filled.url(route))
        visit.settle()
        expect(page.locator("#root").get_by_role("heading").first).to_be_visible()
        assert visit.problems() == [], route
        assert max(visit.requests.values(), default=0) <= 20, (route, visit.requests)
        errors = page.get_by_role("alert").filter(has_text=re.compile("error", re.IGNORECASE))
        expect(errors).to_have_count(0)


def test_a_runs_name_is_changed(filled: Filled, visit: Visit, page: Page) -> None:
    run_id = new_run(filled, "before")
    visit.open(filled.url(f"experiments/{{e}}/runs/{run_id}"))
    page.get_by_test_id("overflow-menu-trigger").first.click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_test_id("rename-modal-input").fill("after")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="after")).to_be_visible()
    kind, body = recorded(filled, f"run/{run_id}")[-1]
    assert (kind, body["name"]) == ("run.updated", "after")


def test_a_runs_tags_are_set_and_deleted(filled: Filled, visit: Visit, page: Page) -> None:
    run_id = new_run(filled, "tagged", old="tag")
    visit.open(filled.url(f"experiments/{{e}}/runs/{run_id}"))
    page.get_by_role("button", name="Edit tags").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").first.fill("stage")
    page.keyboard.press("Enter")
    dialog.get_by_placeholder("Type a value").fill("final")
    dialog.get_by_role("button", name="Add tag").click()
    dialog.get_by_role("status").filter(has_text="old").get_by_role("button").click()
    dialog.get_by_role("button", name="Save tags").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("final")).to_be_visible()
    expect(page.get_by_text("old")).to_have_count(0)
    changes = recorded(filled, f"run/{run_id}")
    assert ("run.tags_set", {"tags": {"stage": "final"}}) in changes
    assert ("run.tag_deleted", {"key": "old"}) in changes


def test_a_runs_note_is_written(filled: Filled, visit: Visit, page: Page) -> None:
    run_id = new_run(filled, "noted")
    visit.open(filled.url(f"experiments/{{e}}/runs/{run_id}"))
    page.get_by_role("button", name="Edit description").first.click()
    page.get_by_test_id("text-area").fill("**Best** of all")
    page.get_by_test_id("editable-note-save-button").click()
    expect(page.locator("strong", has_text="Best")).to_be_visible()
    tags = {"mlflow.note.content": "**Best** of all"}
    assert recorded(filled, f"run/{run_id}")[-1] == ("run.tags_set", {"tags": tags})


def test_runs_are_deleted_and_restored(filled: Filled, visit: Visit, page: Page) -> None:
    run_id = new_run(filled, "doomed")
    row = page.locator(".ag-row").filter(has_text="doomed")
    visit.open(filled.url("experiments/{e}/runs"))
    row.locator(".ag-selection-checkbox").click()
    page.get_by_test_id("runs-delete-button").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert recorded(filled, f"run/{run_id}")[-1][0] == "run.deleted"
    visit.open(filled.url("experiments/{e}/runs?lifecycleFilter=Deleted"))
    row.locator(".ag-selection-checkbox").click()
    page.get_by_test_id("runs-restore-button").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(row).to_have_count(0)
    assert recorded(filled, f"run/{run_id}")[-1][0] == "run.restored"


def test_an_experiment_is_made_renamed_and_deleted(
    filled: Filled, visit: Visit, page: Page
) -> None:
    visit.expected.append("^404 GET .*/experiments/get-by-name$")  # is the new name free?
    visit.open(filled.url("experiments"))
    page.get_by_test_id("create-experiment-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("Input an experiment name").fill("letters")
    dialog.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"#/experiments/\d+"))
    made = re.search(r"#/experiments/(\d+)", page.url)
    assert made is not None
    stream = f"experiment/{made[1]}"
    assert recorded(filled, stream)[0][0] == "experiment.created"

    page.get_by_test_id("overflow-menu-trigger").first.click()
    page.get_by_role("menuitem", name="Edit experiment").click()
    dialog.get_by_placeholder("Enter experiment name").fill("words")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("words").first).to_be_visible()
    kind, body = recorded(filled, stream)[-1]
    assert (kind, body["name"]) == ("experiment.renamed", "words")

    visit.open(filled.url("experiments"))
    row = page.get_by_role("row").filter(has_text="words")
    row.get_by_role("checkbox").check()
    page.get_by_test_id("delete-experiments-button").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert recorded(filled, stream)[-1][0] == "experiment.deleted"


def test_the_pages_are_there_for_whoever_has_a_token(browser: Browser, tmp_path: Path) -> None:
    store = tmp_path / "store"
    experiment_id = MlflowClient(str(store)).create_experiment("secret")
    token = Tokens(store).create("ada", "write")
    with running(store, "--ui", "mlflow") as server:
        assert server.client.get("/").status_code == 401
        context = browser.new_context(http_credentials={"username": "ada", "password": token})
        visit = Visit(context.new_page())
        visit.expected += [*NOT_SERVED, *REMARKS]
        visit.open(f"{server.url}/#/experiments/{experiment_id}/runs")
        expect(visit.page.get_by_text("secret").first).to_be_visible()
        visit.settle()
        context.close()
        assert visit.problems() == []
