"""Text, histograms and media in the pages: a panel for each series, with a slider for steps."""

import re
import zlib
from collections.abc import Iterator
from struct import pack

import httpx
import pytest
from playwright.sync_api import expect

from eventtrack.client import MlflowClient
from tests.browser.visit import Visit
from tests.server.running import Running, running

# Whatever runs in the page would show in its title.
HTML = "<p>a page</p><script>parent.document.title = 'broken in'</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The pages of a store."""
    with running(tmp_path_factory.mktemp("items") / "store") as found:
        yield found


def png() -> bytes:
    """A red image of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    header = pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def filled(client: MlflowClient, name: str) -> str:
    run_id: str = client.create_run("0", run_name=name).info.run_id
    for step in range(3):
        client.log_text_line(run_id, f"{name} <b>{step}</b>", step=step)
        client.log_histogram(run_id, "weights", edges=[0, 1, 2], counts=[step, 5], step=step)
        client.log_media(run_id, "samples", png(), step, f"{name} {step}", media_type="image/png")
    client.log_html(run_id, "report", HTML)
    return run_id


def test_each_series_has_a_panel_and_a_slider_over_its_steps(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = filled(client, "one")
    for layer in ("layer 10", "layer 2"):
        client.log_histogram(run_id, layer, edges=[0, 1], counts=[1])
    visit.open(f"{server.url}/#/runs/{run_id}?tab=series")
    names = page.locator(".items h2 bdi")
    expect(names).to_contain_text(["report", "samples", "layer 2", "layer 10", "weights", ""])
    expect(page.locator(".lines")).to_have_text("one <b>0</b>\none <b>1</b>\none <b>2</b>\n")
    expect(page.get_by_role("img", name="weights, step 2")).to_be_visible()
    image = page.get_by_role("img", name="one 2")
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    page.get_by_role("slider", name="Step of samples").fill("0")
    expect(page.get_by_role("img", name="one 0")).to_be_visible()
    page.reload()  # the address has what was chosen
    expect(page.get_by_role("img", name="one 0")).to_be_visible()
    expect(page.frame_locator("iframe").locator("p")).to_have_text("a page")
    assert "broken" not in page.title()
    visit.expected.append("sandboxed")  # the browser says that it ran no script there
    client.log_text_line(run_id, "live")
    expect(page.locator(".lines")).to_contain_text("live")


def test_runs_are_compared_side_by_side(server: Running, visit: Visit) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    runs = [filled(client, name) for name in ("left", "right")]
    visit.open(f"{server.url}/#/compare?runs={','.join(runs)}")
    page.get_by_role("slider", name="Step of samples").fill("1")
    for name in ("left 1", "right 1"):
        expect(page.get_by_role("img", name=name)).to_be_visible()
    visit.expected.append("sandboxed")


def test_bytes_of_media_come_closed_and_only_to_runs_that_name_them(server: Running) -> None:
    client = MlflowClient(str(server.store))
    run_id, other_id = filled(client, "media"), client.create_run("0").info.run_id
    [page] = client.get_series(run_id, "report")
    image = client.get_series(run_id, "samples")[0]

    def ask(run: str, sha256: str) -> tuple[int, httpx.Headers]:
        asked = {"run_id": run, "sha256": sha256}
        answer = httpx.get(f"{server.url}/api/eventtrack/1/media", params=asked)
        return answer.status_code, answer.headers

    status, headers = ask(run_id, image.sha256)
    assert (status, headers["content-type"]) == (200, "image/png")
    status, headers = ask(run_id, page.sha256)
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert ask(other_id, image.sha256)[0] == 404
    assert ask(run_id, "../" * 20 + "x")[0] == 400


def test_a_chart_is_drawn_over_another_metric_which_its_address_names(
    server: Running, visit: Visit
) -> None:
    client, page = MlflowClient(str(server.store)), visit.page
    run_id = client.create_run("0").info.run_id
    for step in range(5):
        client.log_metric(run_id, "loss", 1 / (step + 1), step=step)
        client.log_metric(run_id, "tokens", 1000.0 * step, step=step)
    visit.open(f"{server.url}/#/runs/{run_id}?tab=charts")
    page.get_by_role("combobox", name="x axis").select_option("tokens")
    expect(page).to_have_url(re.compile("x=metrics.tokens"))
    chart = page.get_by_role("region", name="loss")
    expect(chart.get_by_text("5 points")).to_be_visible()
    visit.settle()
    chart.locator(".plot").hover()
    expect(chart.locator(".tip")).to_contain_text(re.compile(r"at tokens \d"))
