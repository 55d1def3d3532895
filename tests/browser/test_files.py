"""Files of runs as their kinds are read: pages, notebooks, code, tables, logs that grow."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

PAGE = """<style>h1 { color: rgb(220, 20, 60) }</style><h1>Report</h1><p id="said">no script</p>
<script>document.getElementById("said").textContent = "a script"; parent.attacked()</script>"""
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "<b>bold</b>"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": ["import os  # why\n"],
            "outputs": [{"output_type": "stream", "text": ["printed\n"]}],
        },
    ]
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("files") / "store") as found:
        yield found


def new_run(server: Running) -> tuple[MlflowClient, str]:
    """A run of its own, and what logs to it."""
    client = MlflowClient(str(server.store))
    run_id: str = client.create_run("0").info.run_id
    return client, run_id


def test_each_kind_is_shown_as_it_is_read(server: Running, visit: Visit) -> None:
    client, run_id = new_run(server)
    page = visit.page
    visit.expected.append("Blocked script execution")
    client.log_text(run_id, PAGE, "report.html")
    client.log_text(run_id, json.dumps(NOTEBOOK), "study.ipynb")
    client.log_text(run_id, "| name | value |\n|---|--:|\n| <i>x</i> | **1** |\n", "notes.md")
    client.log_text(run_id, 'def f():\n    return "x"  # <b>\n', "train.py")
    table = {"columns": ["q", "a"], "data": [["why", {"b": 1}]]}
    client.log_text(run_id, json.dumps(table), "table.json")
    files = f"{server.url}/#/runs/{run_id}?tab=files&file="

    visit.open(f"{files}report.html")
    frame = page.frame_locator("iframe[title='report.html']")
    expect(frame.get_by_role("heading")).to_have_css("color", "rgb(220, 20, 60)")
    expect(frame.locator("#said")).to_have_text("no script")
    page.get_by_role("button", name="Source").click()
    expect(page.locator(".preview pre")).to_contain_text("<h1>Report</h1>")

    visit.open(f"{files}study.ipynb")
    expect(page.get_by_role("heading", name="Title")).to_be_visible()
    expect(page.get_by_text("<b>bold</b>")).to_be_visible()
    expect(page.locator(".notebook .code-word")).to_have_text("import")
    expect(page.locator(".notebook .printed")).to_have_text("printed")

    visit.open(f"{files}notes.md")
    expect(page.get_by_role("columnheader")).to_have_text(["name", "value"])
    expect(page.get_by_role("cell")).to_have_text(["<i>x</i>", "1"])

    visit.open(f"{files}train.py")
    expect(page.locator(".preview .code-word")).to_have_text(["def", "return"])
    expect(page.locator(".preview .code-comment")).to_have_text("# <b>")
    expect(page.locator(".preview pre")).to_have_text('def f():\n    return "x"  # <b>')

    visit.open(f"{files}table.json")
    expect(page.get_by_role("cell")).to_have_text(["why", '{"b":1}'])


def test_a_long_log_shows_its_end_and_follows_it(server: Running, visit: Visit) -> None:
    client, run_id = new_run(server)
    page = visit.page
    lines = [f"line {number} of a training that logs a lot" for number in range(20_000)]
    client.log_text(run_id, "\n".join(lines), "console.log")
    visit.open(f"{server.url}/#/runs/{run_id}?tab=files&file=console.log")
    shown = page.locator(".preview pre")
    expect(page.get_by_text("The last 262 kB of")).to_be_visible()
    expect(shown).to_contain_text("line 19999 of")
    expect(shown).not_to_contain_text("line 10 of")
    assert shown.evaluate("pre => pre.scrollTop + pre.clientHeight > pre.scrollHeight - 8")
    client.log_text(run_id, "\n".join([*lines, "the newest line"]), "console.log")
    expect(shown).to_contain_text("the newest line")
    assert shown.evaluate("pre => pre.scrollTop + pre.clientHeight > pre.scrollHeight - 8")
    page.get_by_role("button", name="Show the beginning").click()
    expect(shown).to_contain_text("line 10 of")


def test_files_of_the_past_are_shown_and_folders_are_saved(server: Running, visit: Visit) -> None:
    client, run_id = new_run(server)
    page = visit.page
    client.log_text(run_id, "as it was", "notes/a.txt")
    early = server.client.get("/api/eventtrack/1/about").json()["position"]
    client.log_text(run_id, "as it is", "notes/a.txt")
    client.log_text(run_id, "new", "later.txt")
    route = f"{server.url}/#/runs/{run_id}?tab=files&file=notes/a.txt"
    visit.open(f"{route}&at={early}")
    expect(page.locator(".preview pre")).to_have_text("as it was")
    expect(page.get_by_text("later.txt")).to_have_count(0)
    visit.open(route.partition("&")[0])
    folder = page.get_by_role("button", name="notes/")
    expect(folder).to_have_attribute("aria-expanded", "false")
    page.goto(route)  # by a link, the page stays
    expect(folder).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".preview pre")).to_have_text("as it is")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download notes as ZIP").click()
    assert download.value.suggested_filename == "notes.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.read("notes/a.txt") == b"as it is"


def test_arrays_are_shown_and_texts_with_images_among_the_files_of_their_run(
    server: Running, visit: Visit, tmp_path: Path
) -> None:
    client, run_id = new_run(server)
    page = visit.page
    arrays = {
        "<f4": [[1.5, 2.0], [float("nan"), -3.0]],
        ">i8": [[2**60, -1]],
        "<f2": [[0.5, float("inf")]],
        "|b1": [[True, False]],
    }
    for number, (kind, rows) in enumerate(arrays.items()):
        saved = tmp_path / f"{number}.npy"
        np.save(saved, np.asfortranarray(np.array(rows, dtype=kind)))
        client.log_artifact(run_id, str(saved))
    client.log_image(run_id, np.zeros((2, 3, 3), dtype=np.uint8), "shown/black.png")
    text = "before ![black](../shown/black.png) ![out](https://example.org/a.png) ![no](x.txt)"
    client.log_text(run_id, text, "notes/with.md")
    files = f"{server.url}/#/runs/{run_id}?tab=files&file="
    cells = page.get_by_role("region", name="The array as a table").get_by_role("cell")
    for number, wanted in enumerate(
        (["1.5", "2", "NaN", "-3"], [str(2**60), "-1"], ["0.5", "Infinity"], ["true", "false"])
    ):
        visit.open(f"{files}{number}.npy")
        expect(cells).to_have_text(wanted)
    expect(page.get_by_text("b1, shape (1, 2)")).to_be_visible()
    visit.open(f"{files}notes/with.md")
    image = page.get_by_role("img", name="black")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 3
    expect(page.get_by_role("link", name="out")).to_have_attribute(
        "href", "https://example.org/a.png"
    )
    expect(page.locator(".note img")).to_have_count(1)
    expect(page.locator(".note")).to_contain_text("![no](x.txt)")


def test_an_image_that_the_browser_does_not_know_is_offered_for_download(
    server: Running, visit: Visit
) -> None:
    """Chromium shows no TIFF."""
    client, run_id = new_run(server)
    page, tiff = visit.page, b"II*\x00\x08\x00\x00\x00"
    client.log_media(run_id, "scan", tiff, 0, media_type="image/tiff")
    (server.store.parent / "scan.tif").write_bytes(tiff)
    client.log_artifact(run_id, str(server.store.parent / "scan.tif"))
    for tab in ("series", "files&file=scan.tif"):
        visit.open(f"{server.url}/#/runs/{run_id}?tab={tab}")
        expect(page.get_by_text("This browser cannot show this image")).to_be_visible()
        expect(page.get_by_role("link", name="Download", exact=True)).to_be_visible()
