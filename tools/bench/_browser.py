"""A page as somebody meets it: Debian's Chromium, headless, driven by Playwright.

Times are the page's own, from the start of the navigation, and frames are what lies between two
calls of `requestAnimationFrame` while real mouse events arrive: 16.7 ms where nothing is late.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 120_000
QUIET_MS = 1500
_SIZE = {"width": 1600, "height": 1000}
# Runs before a page's own scripts: when it last did something, and when it first showed something.
_WATCH = """
window.bench = { last: 0, shown: {}, frames: null };
const note = () => { window.bench.last = performance.now(); };
new PerformanceObserver(note).observe({ entryTypes: ["resource", "longtask"] });
addEventListener("DOMContentLoaded", () =>
  new MutationObserver(note).observe(
    document, { childList: true, subtree: true, attributes: true }));
"""
_FRAMES = """() => {
  const frames = (window.bench.frames = []);
  let before = null;
  const next = (now) => {
    if (window.bench.frames !== frames) return;
    if (before !== null) frames.push(now - before);
    before = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
# Answers in the frame after the one in which it came true, when it is on the screen.
_UNTIL = """(wanted) => new Promise((resolve) => {
  const since = (wanted.after || 0) - performance.timeOrigin;
  const isSo = () => wanted.mark === undefined
    ? document.querySelector(wanted.selector) !== null
    : performance.getEntriesByName(wanted.mark).some((one) => one.startTime > since);
  const answer = () => resolve(performance.now());
  const look = () => requestAnimationFrame(isSo() ? answer : look);
  look();
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser.

    Raises:
        FileNotFoundError: There is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise FileNotFoundError("no chromium on this machine: `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, url: str) -> Iterator[Page]:
    """A tab with an empty profile, on its way to a page."""
    # The evaluated texts of this module are no part of the page, so its policy does not count.
    context = browser.new_context(viewport=_SIZE, bypass_csp=True)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(url, wait_until="commit")
    try:
        yield page
    finally:
        context.close()


def first_paint_ms(page: Page) -> float:
    """When the page first showed something."""
    found: float = page.evaluate(
        """() => new Promise((resolve) => new PerformanceObserver((list) =>
          resolve(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true }))"""
    )
    return found


def until_ms(page: Page, **wanted: Any) -> float:
    """When something is on the screen: a `selector`, or a `mark` that the page sets, `after` ms."""
    found: float = page.evaluate(_UNTIL, wanted)
    return found


def settled_ms(page: Page) -> float:
    """When the page last did something before it was quiet for `QUIET_MS`."""
    script = f"() => performance.now() - window.bench.last > {QUIET_MS} && window.bench.last"
    found: float = page.wait_for_function(script, polling=100).json_value()
    return found


def frames_p95_ms(page: Page, move: Callable[[int], None], moves: int = 90) -> float:
    """The time between frames that only one in twenty exceeds, while something moves."""
    page.evaluate(_FRAMES)
    for place in range(moves):
        move(place)
        time.sleep(0.012)
    frames = sorted(
        page.evaluate("() => { const f = window.bench.frames; bench.frames = null; return f; }")
    )
    return float(frames[int(0.95 * (len(frames) - 1))])


def hover_p95_ms(page: Page, selector: str) -> float:
    """Frames while the pointer wanders over something."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector

    def move(place: int) -> None:
        across, down = (place * 0.013) % 0.8 + 0.1, 0.5 + 0.3 * ((place % 20) / 20 - 0.5)
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])

    return frames_p95_ms(page, move)


def scroll_p95_ms(page: Page, selector: str, step: int = 240) -> float:
    """Frames while the wheel turns over something."""
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 300))
    return frames_p95_ms(page, lambda place: page.mouse.wheel(0, step if place < 60 else -step))


def heap_mb(page: Page) -> float:
    """What the page's scripts hold, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return float(usage["usedSize"]) / 1e6
