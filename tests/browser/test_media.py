"""Media in the pages: galleries, differences, tables over runs, clouds of points, a console."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from tests.browser.test_items import png
from tests.browser.visit import Visit
from tests.server.running import Running, running

IMAGES = 500
BAR = "train: {0}%|{1}| {0}/100 [00:01<00:10, 9.{0}it/s]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("media") / "store") as served:
        yield served


def test_a_gallery_holds_only_the_images_in_sight(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0").info.run_id
    for step in range(IMAGES):
        client.log_media(run_id, "samples", png(), step, media_type="image/png")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=series")
    page.get_by_role("button", name="All", exact=True).click()
    gallery = page.get_by_role("region", name="samples: 500 images")
    images = gallery.get_by_role("img")
    expect(gallery.get_by_role("img", name="samples, step 0", exact=True)).to_be_visible()
    assert images.count() < 150
    gallery.evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(gallery.get_by_role("img", name="samples, step 499")).to_be_visible()
    assert images.count() < 150
    gallery.get_by_role("button", name="step 498").click()
    expect(page.get_by_role("slider", name="Step of samples")).to_have_value("498")
    page.get_by_role("combobox", name="Difference of samples to").select_option("before")
    black = page.locator(".compared-image")
    expect(black.locator("img")).to_have_count(2)
    assert (
        page.get_by_role("img", name="samples, step 498").evaluate(
            "image => image.decode().then(() => getComputedStyle(image).imageRendering)"
        )
        == "pixelated"
    )


def test_files_of_images_and_tables_are_panels_and_tables_join_runs(
    server: Running, visit: Visit, tmp_path: Path
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    runs = []
    for name in ("left", "right"):
        run_id = client.create_run("0", run_name=name).info.run_id
        for step in (5, 25):
            file = tmp_path / f"a~b+step+{step}+timestamp+1700000000000+9e80-{name}{step}.png"
            file.write_bytes(png())
            client.log_artifact(run_id, str(file), "images")
        client.set_tag(run_id, "mlflow.loggedImages", "True")
        client.log_table(run_id, {"q": ["<b>x", name], "n": [10, 9]}, "eval.json")
        runs.append(run_id)
    visit.open(f"{server.url}/#/compare?runs={','.join(runs)}")
    page.get_by_role("slider", name="Step of a/b").fill("0")
    image = page.get_by_role("img", name="a/b, step 5").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    rows = page.get_by_role("region", name="eval.json").locator("tbody tr")
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="n", exact=True).click()
    assert rows.all_inner_texts()[0].split("\t")[1:] == ["left", "9"]
    page.get_by_role("searchbox", name="Filter rows of eval.json").fill("<B> right")
    expect(rows).to_have_count(1)


def test_a_console_has_colours_folds_bars_and_is_searched(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0").info.run_id
    client.log_text_line(run_id, "\x1b[31mred\x1b[0m <i>plain</i>\x1b[2K", step=0)
    for step in range(30):
        client.log_text_line(run_id, f"old\r{BAR.format(step, '█' * (step // 10))}", step=step)
    visit.open(f"{server.url}/#/runs/{run_id}?tab=series")
    lines = page.get_by_role("region", name="log")
    expect(lines.locator(".fore-red")).to_have_text("red")
    expect(lines).to_contain_text("red <i>plain</i>")
    expect(lines).not_to_contain_text("train: 3%")
    lines.get_by_role("button", name="29 earlier").click()
    expect(lines).to_contain_text("train: 3%")
    page.get_by_role("searchbox", name="Search log").fill("PLAIN")
    expect(page.get_by_text("1 line", exact=True)).to_be_visible()
    expect(lines.locator("mark")).to_have_text("plain")


def test_all_lines_of_a_long_console_are_read_and_searched(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0").info.run_id
    for number in range(2500):
        client.log_text_line(run_id, f"line {number}.", step=0)
    visit.open(f"{server.url}/#/runs/{run_id}?tab=series")
    lines = page.get_by_role("region", name="log")
    expect(page.get_by_text("Lines 2 301 to 2 500 of 2 500")).to_be_visible()
    page.get_by_role("button", name="Earlier lines").click()
    expect(lines).to_contain_text("line 1300.")
    client.log_text_line(run_id, "line 2500.", step=0)
    expect(lines).to_contain_text("line 2500.")
    page.get_by_role("searchbox", name="Search log").fill("LINE 12.")
    expect(lines.locator("mark")).to_have_text("line 12.")
    page.get_by_role("searchbox", name="Search log").fill("")
    expect(lines).to_contain_text("line 0.")


def test_a_cloud_of_points_is_drawn_and_turned_with_arrows(
    server: Running, visit: Visit, tmp_path: Path
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0").info.run_id
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 3\n"
    fields = "".join(f"property float {axis}\n" for axis in "xyz")
    body = struct.pack("<9f", 0, 0, 0, 1, 2, 3, -3, 1, 2)
    (tmp_path / "cloud.ply").write_bytes(f"{head}{fields}end_header\n".encode() + body)
    client.log_media(run_id, "cloud", tmp_path / "cloud.ply")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=series")
    cloud = page.get_by_role("img", name="cloud, step 0: 3 points")
    drawn = """canvas => [...canvas.getContext("2d")
        .getImageData(0, 0, canvas.width, canvas.height).data.entries()]
        .filter(([at, part]) => at % 4 === 3 && part).map(([at]) => at).join()"""
    expect(page.get_by_text("Drag to turn.")).to_be_visible()
    page.wait_for_timeout(100)
    before = cloud.evaluate(drawn)
    cloud.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(100)
    assert before
    assert cloud.evaluate(drawn) != before
