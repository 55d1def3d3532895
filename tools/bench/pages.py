"""The web pages in a browser: paint, curves, hover, scroll, and from the log to the screen."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from _browser import (
    chromium,
    first_paint_ms,
    heap_mb,
    hover_p95_ms,
    scroll_p95_ms,
    settled_ms,
    tab,
    until_ms,
)
from _harness import Report, Samples, environment
from _load import peak_mb
from _peers import HERE, Peers
from _work import (
    store_of_charts,
    store_of_curves,
    store_of_images,
    store_of_keys,
    store_of_runs,
)
from playwright.sync_api import Browser, Page
from server import ending, mlflow_server, server

from eventtrack.store import Store

RUNS = 10_000
CHARTS = 50
IMAGES = 500
UPDATES = 400
MANY_RUNS = 100_000
CURVES = (1000, 10_000)
PEER_CURVES = (100, 2000)
KEYS = 10_000
PAINT_MS = 500.0
DRAWN_MS = 1500.0
FRAME_MS = 34.0
_TABLE = ".grid .row[data-at]"
_CHART = ".chart .plot"
_MARK = "curves-drawn"
_START_S = 60
Visit = Callable[[Page], dict[str, float]]


def visits(report: Report, browser: Browser, url: str, visit: Visit) -> dict[str, Samples]:
    """What several visits found; a first, in which the server reads from the disk, is left out."""
    found: dict[str, list[float]] = {}
    for place in range(report.rounds + 1):
        with tab(browser, url) as page:
            one = visit(page)
        for name, value in one.items() if place else ():
            found.setdefault(name, []).append(value)
    return {name: Samples(values) for name, values in found.items()}


def table(report: Report, browser: Browser, folder: Path, runs: int) -> None:
    """A table of many runs."""
    store, experiment_id = store_of_runs(folder, runs, "runs")
    store.close()

    def visit(page: Page) -> dict[str, float]:
        shown = until_ms(page, selector=_TABLE)
        page.wait_for_timeout(500)
        found = {"paint": first_paint_ms(page), "shown": shown}
        found["scroll"] = scroll_p95_ms(page, ".grid")
        began = time.perf_counter()
        page.evaluate("() => document.querySelector('.grid').scrollTo(0, 1e9)")
        until_ms(page, selector=f"{_TABLE}[data-at='{runs - 1}']")
        return found | {"end": (time.perf_counter() - began) * 1e3, "heap": heap_mb(page)}

    with server(folder, "runs") as (port, process):
        url = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}"
        found = visits(report, browser, url, visit)
        memory = peak_mb(process)
    name = f"{runs:,} runs"
    report.figure(f"{name}: first paint", found["paint"], "ms", goal=PAINT_MS)
    report.figure(f"{name}: the table is on the screen", found["shown"], "ms")
    report.figure(f"{name}: scroll, p95 of frames", found["scroll"], "ms", goal=FRAME_MS)
    report.figure(f"{name}: from the first row to the last", found["end"], "ms")
    report.figure(f"{name}: memory of the page's scripts", found["heap"], "MB")
    report.figure(f"{name}: memory of the server", Samples([memory]), "MB")


def curves(report: Report, browser: Browser, folder: Path, runs: int, points: int) -> None:
    """One chart of many long curves."""
    store, experiment_id = store_of_curves(folder, runs, points)
    store.close()
    with server(folder, "curves") as (port, process):
        url = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}?draw={runs}"
        found = visits(report, browser, url, _draw_hover_zoom)
        memory = peak_mb(process)
    name = f"{runs:,} runs x {points:,} points"
    report.figure(f"{name}: first paint", found["paint"], "ms", goal=PAINT_MS)
    report.figure(f"{name}: all curves are drawn", found["drawn"], "ms", goal=DRAWN_MS)
    report.figure(f"{name}: hover, p95 of frames", found["hover"], "ms", goal=FRAME_MS)
    report.figure(f"{name}: scroll, p95 of frames", found["scroll"], "ms", goal=FRAME_MS)
    report.figure(f"{name}: zoom until finer curves are drawn", found["zoom"], "ms")
    report.figure(f"{name}: memory of the page's scripts", found["heap"], "MB")
    report.figure(f"{name}: memory of the server", Samples([memory]), "MB")


def _draw_hover_zoom(page: Page) -> dict[str, float]:
    drawn = until_ms(page, mark=_MARK)
    page.wait_for_timeout(500)
    found = {"paint": first_paint_ms(page), "drawn": drawn}
    found["hover"] = hover_p95_ms(page, f"{_CHART} .area")
    found["scroll"] = scroll_p95_ms(page, ".grid")
    box = page.locator(f"{_CHART} .area").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=4)
    began = time.time() * 1e3
    page.mouse.up()
    # Those that are there are drawn at once, larger; what counts is the finer ones.
    page.wait_for_load_state("networkidle")
    until_ms(page, mark=_MARK, after=began)
    marked = page.evaluate(
        f"() => performance.timeOrigin + performance.getEntriesByName('{_MARK}').at(-1).startTime"
    )
    return found | {"zoom": marked - began, "heap": heap_mb(page)}


def keys(report: Report, browser: Browser, folder: Path, count: int) -> None:
    """A page of many charts."""
    store, experiment_id = store_of_keys(folder, count)
    store.close()

    def visit(page: Page) -> dict[str, float]:
        drawn = until_ms(page, mark=_MARK)
        page.wait_for_timeout(500)
        return {"drawn": drawn, "scroll": scroll_p95_ms(page, ".charts"), "heap": heap_mb(page)}

    with server(folder, "keys") as (port, _):
        url = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}"
        found = visits(report, browser, url, visit)
    name = f"{count:,} metrics"
    report.figure(f"{name}: the first chart is drawn", found["drawn"], "ms", goal=DRAWN_MS)
    report.figure(
        f"{name}: scroll past charts, p95 of frames", found["scroll"], "ms", goal=FRAME_MS
    )
    report.figure(f"{name}: memory of the page's scripts", found["heap"], "MB")


def wall(report: Report, browser: Browser, folder: Path, count: int) -> None:
    """Many charts at once on a high screen, of ten runs: until the last of them is drawn."""
    store, experiment_id = store_of_charts(folder, count)
    store.close()

    def visit(page: Page) -> dict[str, float]:
        page.set_viewport_size({"width": 2560, "height": 2400})
        until_ms(page, mark=_MARK)
        settled_ms(page)
        charts = page.locator(_CHART).count()
        assert charts >= count, f"{charts} charts of {count} are there"
        drawn = page.evaluate(f"() => performance.getEntriesByName('{_MARK}').at(-1).startTime")
        return {"drawn": drawn, "hover": hover_p95_ms(page, f"{_CHART} .area")}

    with server(folder, "charts") as (port, _):
        url = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}"
        samples = visits(report, browser, url, visit)
    name = f"{count} charts of 10 runs"
    report.figure(f"{name}: the last is drawn", samples["drawn"], "ms", goal=1000)
    report.figure(f"{name}: hover, p95 of frames", samples["hover"], "ms", goal=FRAME_MS)


def images(report: Report, browser: Browser, folder: Path, count: int) -> None:
    """A panel of the images of many steps."""
    run_id = store_of_images(folder, count)

    def visit(page: Page) -> dict[str, float]:
        shown = until_ms(page, selector=".gallery img")
        page.wait_for_timeout(500)
        return {"shown": shown, "scroll": scroll_p95_ms(page, ".gallery")}

    with server(folder, "images") as (port, _):
        panel = quote(json.dumps({"media samples": {"mode": "all"}}))
        url = f"http://127.0.0.1:{port}/#/runs/{run_id}?tab=series&panels={panel}"
        samples = visits(report, browser, url, visit)
    report.figure(f"{count} images: the first are on the screen", samples["shown"], "ms")
    report.figure(f"{count} images: scroll, p95 of frames", samples["scroll"], "ms", goal=FRAME_MS)


def memory(report: Report, browser: Browser, folder: Path, updates: int) -> None:
    """What a live page holds after a hundred updates of its chart, and after many."""
    store, _ = store_of_curves(folder, 1, 100, "memory")
    run_id = store.runs.create("0").info.run_id
    log = store.metrics.sink(run_id).log
    log("loss", 1.0, 0)
    store.flush()
    held = []
    with (
        server(folder, "memory") as (port, _),
        tab(browser, f"http://127.0.0.1:{port}/#/runs/{run_id}?tab=charts") as page,
    ):
        until_ms(page, mark=_MARK)
        for step in range(1, updates + 1):
            log("loss", 1 / step, step)
            store.flush()
            page.wait_for_timeout(150)
            if step in (100, updates):
                held.append(heap_mb(page))
    store.close()
    report.figure(f"heap after 100 live updates of {updates}", Samples(held[:1]), "MB")
    report.figure(f"heap after {updates} live updates", Samples(held[1:]), "MB", goal=held[0] * 1.2)


def events(report: Report, browser: Browser, folder: Path) -> None:
    """From `log_metric` in another process than the server's to the screen."""
    store, _ = store_of_curves(folder, 1, 100, "events")
    run_id = store.runs.create("0").info.run_id
    taken = []
    with server(folder, "events") as (port, _):
        log = store.metrics.sink(run_id).log
        log("loss", 1.0, 0)
        store.flush()
        with tab(browser, f"http://127.0.0.1:{port}/#/runs/{run_id}?tab=charts") as page:
            until_ms(page, mark=_MARK)
            for step in range(1, 3 * report.rounds):
                page.wait_for_timeout(700)
                taken.append(_on_screen_ms(page, store, partial(log, "loss", 1 / step, step)))
    store.close()
    report.figure("log_metric elsewhere until it is drawn", Samples(taken), "ms", goal=200)


def _on_screen_ms(page: Page, store: Store, log: Callable[[], None]) -> float:
    began = time.time() * 1e3
    log()
    until_ms(page, mark=_MARK, after=began)
    return time.time() * 1e3 - began


def peers_too(report: Report, browser: Browser, folder: Path) -> None:
    """Fewer and shorter curves, which the peers' pages bear, until the page is quiet."""
    runs, points = PEER_CURVES
    store, experiment_id = store_of_curves(folder, runs, points, "few")
    store.close()
    with server(folder, "few") as (port, _):
        url = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}?draw={runs}"
        own = visits(report, browser, url, partial(_quiet, chart=f"{_CHART} .area"))
    others: dict[str, dict[str, float]] = {}
    peers = Peers(report, ("mlflow", "tensorboard"))
    for name, serve in (("mlflow", _mlflow), ("tensorboard", _tensorboard)):
        python = peers.python(name)
        if python is None:
            report.note(f"{name}: not installed")
            continue
        try:
            with serve(python, folder, runs, points) as (url, chart):
                found = visits(report, browser, url, partial(_quiet, chart=chart))
        except (OSError, subprocess.SubprocessError, AssertionError) as error:
            report.note(f"{name} failed: {error}")
            continue
        for figure, samples in found.items():
            others.setdefault(figure, {})[name] = samples.median
    title = f"{runs:,} runs x {points:,} points"
    for figure, text in (
        ("paint", "first paint"),
        ("quiet", "the page is quiet"),
        ("hover", "hover, p95 of frames"),
        ("heap", "memory of the page's scripts"),
    ):
        unit = "MB" if figure == "heap" else "ms"
        report.figure(f"{title}: {text}", own[figure], unit, peers=others.get(figure, {}))


def _quiet(page: Page, chart: str) -> dict[str, float]:
    page.locator(chart).first.wait_for()
    found = {"paint": first_paint_ms(page), "quiet": settled_ms(page)}
    return found | {"hover": hover_p95_ms(page, chart), "heap": heap_mb(page)}


def _fill(python: Path, name: str, folder: Path, runs: int, points: int) -> str:
    script = [str(python), str(HERE / "_peer_pages.py"), name, str(folder), str(runs), str(points)]
    done = subprocess.run(
        script, env=environment(HOME=str(folder)), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@contextlib.contextmanager
def _mlflow(python: Path, folder: Path, runs: int, points: int) -> Iterator[tuple[str, str]]:
    """MLflow's page of the charts of an experiment, which draws the first ten of its runs."""
    experiment_id = _fill(python, "mlflow", folder, runs, points).split()[-1]
    with mlflow_server(python, folder) as (port, _):
        place = f"experiments/{experiment_id}/runs?compareRunsMode=CHART"
        yield f"http://127.0.0.1:{port}/#/{place}", ".js-plotly-plot .nsewdrag"


@contextlib.contextmanager
def _tensorboard(python: Path, folder: Path, runs: int, points: int) -> Iterator[tuple[str, str]]:
    """TensorBoard's page of scalars, which samples 1,000 points of each run."""
    _fill(python, "tensorboard", folder, runs, points)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "tensorboard.main", "--logdir", str(folder / "events")]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(HOME=str(folder)),
    )
    with ending(process):
        give_up = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < give_up, "it does not answer"
                time.sleep(0.1)
        time.sleep(10)  # it reads its files in the background, and a page shows what it has
        yield f"http://127.0.0.1:{port}/#timeseries", "line-chart"


def main() -> None:
    """All of it."""
    flags = {
        "--small": "a tenth of everything",
        "--many": f"a table of {MANY_RUNS:,} runs too: takes a minute to make",
    }
    report = Report(__doc__.splitlines()[0], flags)
    options: Any = report.options
    report.rounds = min(report.rounds, 5)
    share = 10 if options.small else 1
    with report.folder() as folder, chromium() as browser:
        table(report, browser, folder / "table", RUNS // share)
        curves(report, browser, folder, CURVES[0] // share, CURVES[1] // share)
        keys(report, browser, folder, KEYS // share)
        wall(report, browser, folder, CHARTS)
        images(report, browser, folder, IMAGES)
        memory(report, browser, folder, UPDATES)
        events(report, browser, folder)
        if options.many:
            table(report, browser, folder / "many", MANY_RUNS // share)
        peers_too(report, browser, folder)
    report.note(
        "Visits with an empty cache, after one that does not count; Chromium without a GPU."
    )
    report.finish()


if __name__ == "__main__":
    main()
