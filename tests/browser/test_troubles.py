"""What has no effect and whose clock is wrong is seen, with what to do, and only where it is so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import shown
from tests.browser.test_axe import AXE, judge
from tests.browser.visit import Visit
from tests.server.running import Running, running
from tests.web.troubled import STRANGER, Troubled, troubled


@dataclass
class Served:
    """A server, and what is the matter with its store."""

    server: Running
    sample: Troubled

    @property
    def routes(self) -> list[str]:
        """The pages that show it."""
        return ["", "sync", "log", f"runs/{self.sample.run_id}?tab=history"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a store with a malformed, a damaged and a future-stamped envelope."""
    sample = troubled(tmp_path_factory.mktemp("troubled") / "store")
    with running(sample.store) as server:
        yield Served(server, sample)


def test_damage_is_noticed_on_every_page_and_leads_to_what_to_do(
    served: Served, visit: Visit
) -> None:
    page = visit.page
    visit.open(f"{served.server.url}/#/")
    page.get_by_role("link", name="1 envelope damaged").click()
    skipped = page.get_by_role("region", name="Skipped")
    expect(skipped).to_contain_text("2 envelopes are kept, and have no effect.")
    rows = skipped.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("malformed: not well-formed, has no effect")
    expect(rows.nth(2)).to_contain_text("damaged: the disk lost what it said, has no effect")
    expect(skipped).to_contain_text("eventtrack redact POSITION --reason")
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("not well-formed")


def test_a_wrong_clock_is_named_with_how_far_it_is_off(served: Served, visit: Visit) -> None:
    page = visit.page
    visit.open(f"{served.server.url}/#/sync")
    clocks = page.get_by_role("region", name="Wrong clocks")
    expect(clocks.get_by_role("listitem")).to_have_count(1)
    feed = STRANGER.hex()[:12]
    expect(clocks).to_contain_text(f"(feed {feed}) is 365 days ahead of this machine's clock")
    expect(clocks).to_contain_text("Set the clock that is wrong")


def test_the_log_says_what_has_no_effect_and_what_counts_later(
    served: Served, visit: Visit
) -> None:
    page, sample = visit.page, served.sample
    visit.open(f"{served.server.url}/#/log")
    malformed = page.get_by_role("row").filter(has_text=f"{sample.malformed}.0")
    expect(malformed).to_contain_text("not well-formed, has no effect")
    expect(page.get_by_role("row").filter(has_text="the disk lost what it said")).to_have_count(1)
    unknown = page.get_by_role("row").filter(has_text=f"{sample.unknown}.0")
    expect(unknown).to_contain_text("of a newer eventtrack, has no effect here")
    later = page.get_by_role("row").filter(has_text=re.compile("counts as of"))
    expect(later).to_have_count(1)
    expect(later).to_contain_text(f"{sample.after}.0")
    malformed.get_by_role("button").click()
    expect(page.get_by_text("cannot be read")).to_be_visible()
    page.get_by_role("link", name="What to do").click()
    expect(page.get_by_role("region", name="Skipped")).to_be_visible()
    visit.open(f"{served.server.url}/#/log?type=damaged")
    expect(page.get_by_role("row")).to_have_count(2)


def test_a_run_s_history_marks_them_and_offers_no_undo(served: Served, visit: Visit) -> None:
    page, sample = visit.page, served.sample
    visit.open(f"{served.server.url}/#/runs/{sample.run_id}?tab=history")
    for position, reason in (
        (sample.malformed, "not well-formed, has no effect"),
        (sample.damaged, "the disk lost what it said, has no effect"),
    ):
        entry = page.locator(".change").filter(has=page.get_by_text(f"{position}.0", exact=True))
        expect(entry).to_contain_text(reason)
        expect(entry.get_by_role("button")).to_have_count(0)
    later = page.locator(".change").filter(has_text="counts as of")
    expect(later).to_have_count(1)
    expect(later.get_by_role("button", name="Undo")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_can_be_read_and_fits_a_phone(served: Served, visit: Visit, scheme: str) -> None:
    page = visit.page
    page.add_init_script(AXE)
    page.emulate_media(
        color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
    )
    page.set_viewport_size({"width": 390, "height": 800})
    problems = []
    for route in served.routes:
        shown(page, visit, served.server, route)
        expect(page.locator("header .notice")).to_be_visible()
        problems += [f"{route}, {problem}" for problem in judge(page, scheme)]
    assert problems == []


def test_a_store_without_trouble_says_nothing(
    visit: Visit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = visit.page
    with running(tmp_path_factory.mktemp("well") / "store") as server:
        server.new_run()
        shown(page, visit, server, "sync")
        expect(page.get_by_role("region", name="Replicas")).to_be_visible()
        expect(page.get_by_role("region", name="Skipped")).to_have_count(0)
        expect(page.get_by_role("region", name="Wrong clocks")).to_have_count(0)
        expect(page.locator("header .notice")).to_have_count(0)
