"""Signing in with a token, as a person would: wrong ones, roles, authors, the way out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from eventtrack.client import MlflowClient
from eventtrack.tokens import Tokens
from tests.browser.visit import Visit
from tests.server.running import Running, running


@dataclass
class Guarded:
    """A server with tokens, a run in its store, and a token of each kind."""

    server: Running
    tokens: Tokens
    run_id: str
    reader: str
    writer: str

    def url(self, route: str = "") -> str:
        """Where a page is."""
        return f"{self.server.url}/#/{route}"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A store with one run, behind a server that asks for tokens."""
    store = tmp_path_factory.mktemp("guarded") / "store"
    client = MlflowClient(str(store))
    run_id = client.create_run(client.create_experiment("digits"), run_name="slow").info.run_id
    client.log_metric(run_id, "loss", 1.0)
    tokens = Tokens(store)
    made = tokens.create("only-looks", "read"), tokens.create("alice-laptop", "write")
    with running(store) as server:
        yield Guarded(server, tokens, run_id, *made)


def sign_in(page: Page, token: str) -> None:
    """Paste a token and send it."""
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_wrong_token_is_told_and_a_right_one_leads_to_the_page_asked_for(
    guarded: Guarded, visit: Visit
) -> None:
    visit.expected.append("^401 POST /api/eventtrack/1/sign-in$")
    page = visit.page
    visit.open(guarded.url(f"runs/{guarded.run_id}"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Token")).to_have_attribute("type", "password")
    expect(page.get_by_label("Token")).to_be_focused()
    sign_in(page, "eventtrack_wrong")
    expect(page.get_by_role("alert")).to_contain_text("not known to the server")
    sign_in(page, guarded.writer)
    expect(page.get_by_role("heading", level=1)).to_contain_text("slow")
    expect(page.get_by_role("banner")).to_contain_text("alice-laptop")
    # No script can read it, so none can pass it on.
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("slow")
    expect(page.get_by_text("live", exact=True)).to_be_visible()


def test_changes_stand_in_the_history_under_the_name_of_the_token(
    guarded: Guarded, visit: Visit
) -> None:
    page = visit.page
    visit.open(guarded.url(f"runs/{guarded.run_id}"))
    sign_in(page, guarded.writer)
    page.get_by_label("Name of a tag").fill("kept")
    page.get_by_label("Value of the tag").fill("yes")
    page.get_by_role("button", name="Set tag").click()
    expect(page.get_by_role("cell", name="kept", exact=True)).to_be_visible()
    page.get_by_label("Parts of the run").get_by_role("link", name="History").click()
    change = page.locator(".change").filter(has_text="tag.kept")
    expect(change.first).to_contain_text("alice-laptop@")


def test_who_may_only_look_is_offered_no_changes(guarded: Guarded, visit: Visit) -> None:
    page = visit.page
    visit.open(guarded.url(f"runs/{guarded.run_id}"))
    sign_in(page, guarded.reader)
    expect(page.get_by_role("heading", level=1)).to_contain_text("slow")
    expect(page.get_by_role("banner")).to_contain_text("only-looks reads")
    for name in ("Rename", "Delete …", "Set tag", re.compile("note")):
        expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_signing_out_forgets_and_remembering_outlives_the_browser(
    guarded: Guarded, visit: Visit
) -> None:
    page = visit.page
    visit.open(guarded.url())
    page.get_by_label("Remember on this computer").check()
    sign_in(page, guarded.writer)
    expect(page.get_by_role("link", name="digits").first).to_be_visible()
    [cookie] = page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["expires"] > 0
    held = visit.hold("**/sign-out")
    with page.expect_request("**/sign-out"):
        page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="digits")).to_have_count(0)  # nothing asks meanwhile
    held[0].continue_()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []
    sign_in(page, guarded.writer)
    expect(page.get_by_role("link", name="digits").first).to_be_visible()
    [cookie] = page.context.cookies()
    assert cookie["expires"] == -1


def test_a_token_revoked_under_an_open_page_leads_back_to_signing_in(
    guarded: Guarded, visit: Visit
) -> None:
    visit.expected.append("^401 ")
    page = visit.page
    visit.open(guarded.url())
    sign_in(page, guarded.tokens.create("brief", "write"))
    expect(page.get_by_role("link", name="digits").first).to_be_visible()
    guarded.tokens.revoke("brief")
    page.get_by_role("link", name="Log").click()
    expect(page.get_by_role("alert")).to_contain_text("revoked")
    sign_in(page, guarded.reader)
    expect(page.get_by_role("heading", name="Log")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1020, 640, 390])
def test_the_page_fits(guarded: Guarded, visit: Visit, scheme: str, width: int) -> None:
    page = visit.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})
    visit.open(guarded.url())
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    sign_in(page, guarded.writer)
    expect(page.get_by_role("link", name="digits").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
