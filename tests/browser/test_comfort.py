"""What once got in the way: keys that went astray, things out of sight, errors that stayed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from eventtrack.entities import Param
from tests.browser.visit import Visit
from tests.server.running import Running, running

RUNS = 450


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store with an experiment of many runs."""
    with running(tmp_path_factory.mktemp("comfort") / "store") as found:
        client = MlflowClient(str(found.store))
        many = client.create_experiment("many")
        for place in range(RUNS):
            run = client.create_run(many, run_name=f"run {place}")
            client.log_batch(run.info.run_id, params=[Param("optimizer", "adam")])
        yield found


def new_run(server: Running, name: str) -> tuple[MlflowClient, str]:
    """A run of its own, and what changes it."""
    client = MlflowClient(str(server.store))
    run_id: str = client.create_run("0", run_name=name).info.run_id
    return client, run_id


def test_models_that_a_run_made_are_shown(server: Running, visit: Visit) -> None:
    """Once this was an error on every run with a model."""
    run_id = server.new_run(run_name="with a model")["run_id"]
    body = {"experiment_id": "0", "name": "forest", "source_run_id": run_id}
    made = server.client.post("/api/2.0/mlflow/logged-models", json=body).json()
    model_id = made["model"]["info"]["model_id"]
    server.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 0}])
    visit.open(f"{server.url}/#/runs/{run_id}")
    expect(visit.page.get_by_role("cell", name="forest")).to_be_visible()


def test_a_chosen_file_is_in_sight(server: Running, visit: Visit, tmp_path: Path) -> None:
    """Once its preview stood at the top of a long list."""
    client, run_id = new_run(server, "files")
    for place in range(80):
        (tmp_path / f"file-{place:02}.txt").write_text(f"text of {place}")
    client.log_artifacts(run_id, str(tmp_path))
    for width in (1280, 390):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.open(f"{server.url}/#/runs/{run_id}?tab=files")
        visit.page.get_by_role("button", name="file-79.txt").click()
        expect(visit.page.get_by_text("text of 79")).to_be_in_viewport()


def test_a_note_may_be_typed_at_once(server: Running, visit: Visit) -> None:
    """Once its letters were taken for shortcuts, and led away."""
    page = visit.page
    client, run_id = new_run(server, "noted")
    visit.open(f"{server.url}/#/runs/{run_id}")
    page.get_by_role("button", name="Write a note").click()
    expect(page.get_by_label("Note, in Markdown")).to_be_focused()
    page.keyboard.type("Best one so far")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".note")).to_have_text("Best one so far")
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "Best one so far"


def test_all_runs_are_all_that_match(server: Running, visit: Visit) -> None:
    """Once only those were selected that had been in sight."""
    page, client = visit.page, MlflowClient(str(server.store))
    many = client.get_experiment_by_name("many")
    assert many is not None
    visit.open(f"{server.url}/#/experiments/{many.experiment_id}?tree=0")
    page.get_by_label("Select all runs").check()
    expect(page.get_by_text(f"all {RUNS} selected")).to_be_visible()
    page.get_by_role("checkbox", name="Select run 440").uncheck()
    expect(page.get_by_text(f"{RUNS - 1} selected")).to_be_visible()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("textbox", name="Tag").fill("kept")
    page.get_by_role("textbox", name="Value").fill("yes")
    page.get_by_role("button", name=f"Tag {RUNS - 1} runs").click()
    tagged = "tags.kept = 'yes'"
    search = page.get_by_label("Filter in MLflow's language")
    expect(page.get_by_text("Tagging")).to_have_count(0)
    search.fill(tagged)
    search.press("Enter")
    expect(page.locator(".total")).to_have_text(f"{RUNS - 1} runs")  # and none is selected
    names = {run.info.run_name for run in client.search_runs([many.experiment_id], tagged)}
    assert len(names) == RUNS - 1
    assert "run 440" not in names


def test_a_name_is_chosen_by_typing(server: Running, visit: Visit) -> None:
    """Once Enter and arrows did nothing."""
    page, client = visit.page, MlflowClient(str(server.store))
    many = client.get_experiment_by_name("many")
    assert many is not None
    visit.open(f"{server.url}/#/experiments/{many.experiment_id}")
    page.get_by_role("button", name="Group by nothing").click()
    page.keyboard.type("optim")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Group by optimizer").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    chosen = page.get_by_role("button", name="Group by Status")
    expect(chosen).to_be_visible()
    expect(chosen).to_be_focused()
    # An empty box has no words to complete: the key leads on.
    page.get_by_label("Filter in MLflow's language").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_focused()


def test_what_opens_has_the_focus_before_the_next_key(server: Running, visit: Visit) -> None:
    """Once a key that came at once was lost, and arrows marked the name above."""
    page, client = visit.page, MlflowClient(str(server.store))
    many = client.get_experiment_by_name("many")
    assert many is not None
    visit.open(f"{server.url}/#/experiments/{many.experiment_id}")
    for name, field in [
        ("Group by nothing", "Find a name"),
        ("Search Ctrl K", "Search everything"),
    ]:
        button = page.get_by_role("button", name=name)
        label = button.evaluate(
            """async (button) => {
                button.click();
                // Nothing is drawn in between, and no key can come.
                for (let i = 0; i < 10; i += 1) await Promise.resolve();
                return document.activeElement.getAttribute("aria-label");
            }"""
        )
        assert label == field
        page.keyboard.press("Escape")


def test_an_outage_leaves_no_trace_on_the_page(tmp_path: Path, visit: Visit) -> None:
    """Once the red box stayed until somebody clicked."""
    visit.expected += ["ERR_", "^console: "]
    page = visit.page
    with running(tmp_path / "store") as server:
        port = server.url.rpartition(":")[2]
        visit.open(server.url)
        expect(page.get_by_role("link", name="Default").first).to_be_visible()
        server.kill()
        page.get_by_role("link", name="Default").first.click()
        expect(page.get_by_role("alert").first).to_contain_text("The server does not answer.")
        expect(page.get_by_role("alert").first.locator("code").first).to_have_text("eventtrack ui")
    with running(tmp_path / "store", "--port", port):
        expect(page.get_by_role("heading", name="Default")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_each_tab_says_what_it_shows(server: Running, visit: Visit) -> None:
    _, run_id = new_run(server, "one \u202eof ten")
    for route, title in (
        ("", "Home"),
        ("experiments", "Experiments"),
        ("experiments/0", "Default"),
        (f"runs/{run_id}", "one of ten · Default"),
        (f"runs/{run_id}?tab=files", "one of ten · Files · Default"),
        (f"compare?runs={run_id}", "Compare 1 run"),
        ("log", "Log"),
        ("nonsense", "No such page"),
    ):
        visit.open(f"{server.url}/#/{route}")
        expect(visit.page).to_have_title(f"{title} · eventtrack")


def test_a_name_turns_no_other_text_round(server: Running, visit: Visit) -> None:
    """Of what stands behind a name with U+202E, in one line with it."""
    _, run_id = new_run(server, "a\u202eb")
    visit.open(f"{server.url}/#/runs/{run_id}")
    heading = visit.page.get_by_role("heading", level=1)
    name, button = heading.locator("bdi"), heading.get_by_role("button", name="Rename")
    expect(button).to_be_visible()
    first, second = name.bounding_box(), button.bounding_box()
    assert first is not None
    assert second is not None
    assert first["x"] < second["x"]


def test_many_params_come_by_the_hundred(server: Running, visit: Visit) -> None:
    client, run_id = new_run(server, "params")
    for start in range(0, 1000, 100):
        names = range(start, start + 100)
        client.log_batch(run_id, params=[Param(f"p{place:04}", str(place)) for place in names])
    page = visit.page
    visit.open(f"{server.url}/#/runs/{run_id}")
    expect(page.get_by_role("cell", name="p0099", exact=True)).to_be_visible()
    expect(page.get_by_role("cell", name="p0100", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Show more params").click()
    expect(page.get_by_role("cell", name="p0100", exact=True)).to_be_visible()
    page.get_by_placeholder("Find params").fill("p0999")
    expect(page.get_by_role("cell", name="p0999", exact=True)).to_be_visible()


def test_the_time_since_the_start_is_whole(server: Running, visit: Visit) -> None:
    """Once it ended in an ellipsis."""
    client = MlflowClient(str(server.store))
    started = client.create_experiment("started")
    now = int(time.time() * 1000)
    client.create_run(started, start_time=now - 26 * 60_000 - 30_000)
    visit.open(f"{server.url}/#/experiments/{started}")
    cell = visit.page.locator(".cell.when", has_text="26 min ago")
    expect(cell).to_be_visible()
    assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_plain_words_find_runs_by_name_and_numbers_are_numbers(
    server: Running, visit: Visit
) -> None:
    page, client = visit.page, MlflowClient(str(server.store))
    sweep = client.create_experiment("sweep")
    for rate in ("0.001", "1e-05", "10", "9"):
        run = client.create_run(sweep, run_name=f"Rate {rate}")
        client.log_param(run.info.run_id, "lr", rate)
    visit.open(f"{server.url}/#/experiments/{sweep}")
    names = page.locator(".grid .row:not(.head) .title a")
    page.get_by_role("columnheader", name="lr").get_by_role("button").click()
    expect(names).to_have_text(["Rate 10", "Rate 9", "Rate 0.001", "Rate 1e-05"])
    search = page.get_by_label("Filter in MLflow's language")
    search.fill("rate 1")
    search.press("Enter")
    expect(names).to_have_text(["Rate 10", "Rate 1e-05"])
    search.fill("params.lr < 1")
    search.press("Enter")
    expect(names).to_have_text(["Rate 0.001", "Rate 1e-05"])


def test_marks_of_an_axis_can_be_told_apart(server: Running, visit: Visit) -> None:
    visit.open(f"{server.url}/#/help")
    axes = [
        (1e6, 1e6 + 5e-6, False),
        (-1e300, 1e300, False),
        (0, 1_600_000, False),
        (0.1, 0.10000001, False),
        (1e-9, 1e9, True),
        (3, 4, True),
    ]
    for low, high, log in axes:
        marks = visit.page.evaluate(
            """async ([low, high, log]) => {
                const app = document.querySelector("script[type=module][src]").src;
                const { ticksOf } = await import(new URL("lib/ticks.js", app));
                return ticksOf(low, high, { log }).map((mark) => [mark.place, mark.text]);
            }""",
            [low, high, log],
        )
        assert 2 <= len(marks) <= 12
        places, texts = zip(*marks, strict=True)
        assert list(places) == sorted(set(places))
        assert len(set(texts)) == len(texts)
        assert max(map(len, texts)) <= 12


def test_numbers_are_written_in_one_way(server: Running, visit: Visit) -> None:
    """Once with thousands apart on an axis and in one piece in a table."""
    visit.open(f"{server.url}/#/help")
    written = visit.page.evaluate(
        """async (values) => {
            const app = document.querySelector("script[type=module][src]").src;
            const { number } = await import(new URL("lib/format.js", app));
            return values.map(number);
        }""",
        [1000000, 1000000.000001, 1234.5, -1500, 0.1 + 0.2, 2e300, 0],
    )
    thin = "\u202f"
    assert written == [
        f"1{thin}000{thin}000",
        f"1{thin}000{thin}000",
        "1234.5",
        f"-1{thin}500",
        "0.3",
        "2.000e300",
        "0",
    ]


def test_marks_of_times_are_round_and_name_each_day_once(server: Running, visit: Visit) -> None:
    visit.open(f"{server.url}/#/help")
    hour = 3_600_000
    noon = 1_700_000_000_000 // hour * hour
    for length in (50, 5000, 90_000, hour, 30 * hour, 900 * hour, 90_000 * hour):
        marks = visit.page.evaluate(
            """async ([low, high]) => {
                const app = document.querySelector("script[type=module][src]").src;
                const { timeTicksOf } = await import(new URL("lib/ticks.js", app));
                return timeTicksOf(low, high, 6).map((mark) => [mark.place, mark.text, mark.under]);
            }""",
            [noon + 1, noon + 1 + length],
        )
        places = [place for place, _, _ in marks]
        assert 1 < len(marks) <= 7, length
        assert places == sorted(places)
        assert 0 <= places[0] < places[-1] <= 1
        days = [under for _, _, under in marks if under]
        assert marks[0][2]
        assert len(days) == len(set(days))
        assert len({(text, day) for _, text, day in marks}) > len(marks) // 2


def test_on_paper_pages_are_light_and_have_nothing_to_press(server: Running, visit: Visit) -> None:
    page, client = visit.page, MlflowClient(str(server.store))
    run = client.create_run(client.create_experiment("printed"), run_name="on paper")
    client.log_metric(run.info.run_id, "loss", 0.5)
    page.emulate_media(color_scheme="dark")
    visit.open(f"{server.url}/#/runs/{run.info.run_id}")
    expect(page.get_by_role("link", name="loss")).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.get_by_role("button")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
