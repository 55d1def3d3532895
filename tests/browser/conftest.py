"""A real browser for pages of a real server: Debian's Chromium, driven by Playwright.

A test asks for `visit`: a tab with an empty profile that notes everything that goes wrong in it.
Module fixtures of its own give it a server (`tests.server.running.running`).
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.visit import PATIENCE_MS, Visit

# As the package of a distribution calls it; one of Playwright's own is never fetched.
NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as slow."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module's tests. Without Chromium they are skipped, in CI they fail."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "no chromium on this machine: `apt-get install chromium` brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A tab of one's own. What went wrong in it and was not expected fails the test at its end.

    A string that was logged and is executed (it calls `attacked()`) went wrong too.
    """
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    found = Visit(context.new_page())
    found.page.expose_function("attacked", lambda: found.note("a logged string was executed"))
    yield found
    context.close()
    assert found.problems() == []


@pytest.fixture
def page(visit: Visit) -> Page:
    """The tab of `visit`."""
    return visit.page
