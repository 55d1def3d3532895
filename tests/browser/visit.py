"""A tab, and what went wrong in it."""

import re
from collections import Counter

from playwright.sync_api import ConsoleMessage, Page, Request, Response, Route

# A machine with two cores may have a whole test suite to run beside a browser.
PATIENCE_MS = 90_000
# Pages ask for more once they have drawn what they got; that takes them less than this.
_QUIET_MS = 1_000
# Playwright's own wait for it ("networkidle") waits for workers' scripts, which never end.
_QUIET = """(quiet) => {
    const count = performance.getEntriesByType("resource").length;
    if (window.countSeen !== count) {
        window.countSeen = count;
        window.countSeenAt = performance.now();
    }
    return count > 0 && performance.now() - window.countSeenAt > quiet;
}"""


class Visit:
    """A tab that remembers each request, each refusal and each error of a script.

    Attributes:
        page: Playwright's page.
        requests: How often each method and path was asked for, files of the pages left out.
        expected: Patterns of problems that are none.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: Counter[str] = Counter()
        self.expected: list[str] = []
        self._problems: list[str] = []
        # A worker's own script never counts as finished.
        self._under_way: set[Request] = set()
        page.on("request", self._note_request)
        page.on("requestfinished", self._note_end)
        page.on("requestfailed", self._note_end)
        page.on("response", self._note_response)
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self._problems.append(f"script: {error}"))

    def open(self, url: str) -> None:
        """Load a page anew, also when only what follows its `#` is new."""
        self.page.goto("about:blank")
        self.page.goto(url)

    def hold(self, pattern: str) -> list[Route]:
        """Answer no request for an address like `pattern` before the test lets it go on."""
        held: list[Route] = []
        self.page.route(pattern, lambda route: held.append(route))  # noqa: PLW0108 - no method fits
        return held

    def settle(self) -> None:
        """Wait until all is asked and answered: no request for a while, and none under way."""
        while True:
            self.page.wait_for_function(_QUIET, arg=_QUIET_MS)
            if not self._under_way:
                return

    def problems(self) -> list[str]:
        """What went wrong and was not expected."""
        return [
            problem
            for problem in self._problems
            if not any(re.search(pattern, problem) for pattern in self.expected)
        ]

    def note(self, problem: str) -> None:
        """Something else went wrong."""
        self._problems.append(problem)

    def _note_request(self, request: Request) -> None:
        path = _path(request.url)
        # A stream of events never ends; files of the pages do not count.
        ours = not path.startswith(("/static", "/api/eventtrack/1/live"))
        if ours and request.url.startswith("http"):
            self.requests[f"{request.method} {path}"] += 1
            self._under_way.add(request)

    def _note_end(self, request: Request) -> None:
        self._under_way.discard(request)

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            self._problems.append(f"{response.status} {request.method} {_path(request.url)}")

    def _note_console(self, message: ConsoleMessage) -> None:
        # A refused request is told of above, with its path.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self._problems.append(f"console: {message.text}")


def _path(url: str) -> str:
    return "/" + url.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0].split("/", 3)[-1]
