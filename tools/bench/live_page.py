"""A live page that stays open: what its scripts, its elements and its listeners come to.

Ten runs log twelve metrics each, twice a second, and the page of their experiment shows the charts.
A pointer wanders over them now and then, as somebody's would. What is held is counted after a
collection of garbage, every fifteen seconds.
"""

import math
import threading
import time
from pathlib import Path
from typing import Any

from _browser import chromium, tab, until_ms
from _harness import Report, Samples
from _work import new_store
from playwright.sync_api import CDPSession, Page
from server import server

from eventtrack.store import Store

RUNS = 10
METRICS = 12
PAUSE_S = 0.5
SAMPLE_S = 15.0
# The page draws its first charts, and Chromium compiles its scripts: this much is no growth.
WARM_S = 30.0
# Of the greatest of the last third over that of the first one after the warm-up.
GROWTH_MAX = 1.1
_AREA = ".chart .plot .area"


def log(store: Store, experiment_id: str, stop: threading.Event) -> None:
    """Log to all runs until `stop`."""
    names = [f"metric-{place}" for place in range(METRICS)]
    runs = [store.runs.create(experiment_id, run_name=f"run-{place}") for place in range(RUNS)]
    sinks = [store.metrics.sink(run.info.run_id) for run in runs]
    step = 0
    while not stop.wait(PAUSE_S):
        for place, sink in enumerate(sinks):
            values = (math.sin(step / 50 + at + place) for at in range(METRICS))
            sink.log_many(dict(zip(names, values, strict=True)), step)
        store.flush()
        step += 1


def held(session: CDPSession) -> dict[str, float]:
    """What the page holds, after a collection."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    counters = session.send("Memory.getDOMCounters")
    return {
        "scripts": session.send("Runtime.getHeapUsage")["usedSize"] / 1e6,
        "nodes": counters["nodes"],
        "listeners": counters["jsEventListeners"],
    }


def wander(page: Page, turn: int) -> None:
    """Move over some chart, and away."""
    area = page.locator(_AREA).nth(turn % METRICS)
    box = area.bounding_box()
    if box is None:
        return
    for place in range(10):
        page.mouse.move(box["x"] + (0.1 + place / 12) * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_timeout(30)
    page.mouse.move(5, 5)


def watch(report: Report, folder: Path, minutes: float) -> None:
    """Leave the page open, and count."""
    store = new_store(folder, "soak")
    experiment_id = store.experiments.create("soak")
    stop = threading.Event()
    logging = threading.Thread(target=log, args=(store, experiment_id, stop))
    logging.start()
    found: dict[str, list[float]] = {}
    try:
        with (
            server(folder, "soak") as (port, _),
            chromium() as browser,
            tab(browser, f"http://127.0.0.1:{port}/#/experiments/{experiment_id}") as page,
        ):
            until_ms(page, mark="curves-drawn")
            session = page.context.new_cdp_session(page)
            page.wait_for_timeout(WARM_S * 1000)
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                wander(page, len(found.get("nodes", [])))
                page.wait_for_timeout(SAMPLE_S * 1000)
                for name, value in held(session).items():
                    found.setdefault(name, []).append(value)
                print("  ", {name: values[-1] for name, values in found.items()}, flush=True)
    finally:
        stop.set()
        logging.join()
        store.close()
    for name, unit in (("scripts", "MB"), ("nodes", ""), ("listeners", "")):
        values = found[name]
        third = max(len(values) // 3, 1)
        report.figure(f"{name}: at first", Samples(values[:third]), unit)
        goal = GROWTH_MAX * max(values[:third])
        report.figure(f"{name}: at last", Samples(values[-third:]), unit, goal=goal)


def main() -> None:
    """Watch for as long as asked."""
    numbers = {"--minutes": (1.0, "how long the page stays open behind its warm-up")}
    report = Report(__doc__.splitlines()[0], numbers=numbers)
    options: Any = report.options
    with report.folder() as folder:
        watch(report, folder, options.minutes)
    report.note(f"{RUNS} runs of {METRICS} metrics, {1 / PAUSE_S:g} steps a second.")
    report.finish()


if __name__ == "__main__":
    main()
