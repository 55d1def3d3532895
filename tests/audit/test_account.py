"""The account of a run for an auditor: whole, honest about what is not proved, and inert."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eventtrack.audit import account as accounts
from eventtrack.audit.account import Account, account_of
from eventtrack.audit.account_page import account_page
from eventtrack.audit.auditor import Auditor
from eventtrack.store import Store
from eventtrack.store.reasons import reason
from eventtrack.store.session import current_user
from eventtrack.views.records import Metric
from tests.store.machines import dataset, exchange

SERIES = "samples of text"
NOW_MS = 1_790_000_000_000
EVIL = "<script>alert(1)</script>\"'&\u202egnorw\x1b[31m"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run with a history: corrected, moved, signed twice, changed in between."""
    archive = store.experiments.create("archive")
    run_id = store.runs.create("0", run_name="audited", user_id="ada").info.run_id
    store.runs.log_params(run_id, {"lr": "0.1"})
    points = [Metric(key="loss", value=1 / (1 + n), timestamp=n, step=n) for n in range(300)]
    store.runs.log_batch(run_id, [*points, Metric(key="bad", value=float("nan"), timestamp=1)])
    store.runs.log_inputs(run_id, [dataset("iris", "d1f2")])
    store.artifacts.log_bytes(run_id, b"weights", "model.bin")
    store.signatures.sign(run_id, "reviewed", "curves checked")
    store.corrections.correct_param(run_id, "lr", "0.01", "the old default")
    store.corrections.move([run_id], archive, reason="the project ended")
    store.signatures.sign(run_id, "approved", "as planned")
    return run_id


def made(store: Store, run_id: str) -> Account:
    return account_of(store, run_id, NOW_MS)


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_it_says_who_changed_what_when_and_why(store: Store, run_id: str) -> None:
    account = made(store, run_id)
    by_type = {entry.type: entry for entry in account.entries}
    corrected = by_type["run.params_corrected"]
    assert corrected.reason == "the old default"
    assert [(one.fact, one.before, one.after) for one in corrected.facts] == [
        ("param.lr", "0.1", "0.01")
    ]
    [moved] = by_type["run.moved"].facts
    assert (moved.before, (moved.after or "").partition(" ")[0]) == ("Default (0)", "archive")
    assert [entry.points for entry in account.entries if entry.points] == [{"loss": 300, "bad": 1}]
    assert {author.user for author in account.authors} == {current_user()}
    assert all(entry.session == account.authors[0].session_id for entry in account.entries)
    states = {state.signature.meaning: state for state in account.signatures}
    assert (states["reviewed"].signature.holds, states["approved"].signature.holds) == (False, True)
    assert set(states["reviewed"].changed) == {"experiment", "param.lr"}
    assert account.digest == states["approved"].signature.digest


def test_what_an_experiment_did_to_the_run_is_in_it(store: Store, run_id: str) -> None:
    home = store.runs.get(run_id).info.experiment_id
    store.experiments.rename(home, "no matter of the run's")
    with reason("by mistake"):
        store.experiments.delete(home)
    store.experiments.restore(home)
    last = made(store, run_id).entries[-2:]
    assert [(entry.type, entry.reason) for entry in last] == [
        ("experiment.deleted", "by mistake"),
        ("experiment.restored", None),
    ]
    assert [entry.facts[0].after for entry in last] == ["deleted", "active"]


def test_all_envelopes_are_proved_under_a_signed_head(store: Store, run_id: str) -> None:
    [feed] = made(store, run_id).feeds
    assert (feed.proved, feed.problem) == (feed.envelopes, "")
    assert feed.envelopes == len(list(store.feeds.of_stream(f"run/{run_id}")))
    assert feed.keys == [str(key) for key in Auditor(store).keys(store.feeds.own)]
    assert "proved" in Page(account_page(made(store, run_id))).text


def test_the_course_of_the_least_and_the_largest_numbers_is_drawn(store: Store) -> None:
    run_id = store.runs.create("0").info.run_id
    for key, values in {"least": (0.0, 5e-324), "largest": (-1e308, 1.7e308)}.items():
        points = [Metric(key, value, 1, step) for step, value in enumerate(values)]
        store.runs.log_batch(run_id, points)
    page = account_page(made(store, run_id))
    assert page.count("<polyline") == 2
    assert "nan" not in page


def test_what_is_not_proved_says_why(store: Store, run_id: str, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    exchange(store, other)
    other.runs.set_tags(run_id, {"from": "elsewhere"})
    exchange(store, other)
    feeds = {feed.own: feed for feed in made(store, run_id).feeds}
    assert feeds[True].problem == ""
    assert "under no signed head" in feeds[False].problem
    assert (feeds[False].proved, feeds[False].envelopes) == (0, 1)
    page = Page(account_page(made(store, run_id))).text
    assert "not proved" in page
    assert "under no signed head" in page
    other.close()


def test_erased_contents_are_counted_and_the_rest_is_told(store: Store, run_id: str) -> None:
    [params] = store.events.read(types=["run.params_corrected"])
    chosen = [
        envelope
        for envelope in store.feeds.of_stream(f"run/{run_id}")
        if envelope.position == params.position
    ]
    store.redaction.redact_envelopes(chosen, "a secret was in it")
    account = made(store, run_id)
    assert account.feeds[0].erased == 1
    assert account.feeds[0].proved == account.feeds[0].envelopes
    assert [state.signature.holds for state in account.signatures] == [False, False]
    [redacted] = [entry for entry in account.entries if entry.type == "payloads.redacted"]
    assert redacted.reason == "a secret was in it"


def test_the_page_shows_the_account_and_runs_nothing(store: Store, run_id: str) -> None:
    evil = store.runs.create(
        store.experiments.create(EVIL.replace("\x1b", "")), run_name=EVIL, user_id=EVIL
    ).info.run_id
    store.runs.set_tags(evil, {"note": EVIL})
    store.signatures.sign(evil, EVIL, EVIL)
    for name in (run_id, evil):
        source = account_page(made(store, name))
        page = Page(source)
        assert not page.tags & {"script", "link", "img", "iframe", "object", "form", "a"}
        assert not any(attribute.startswith("on") for attribute in page.attributes)
        assert not page.attributes & {"src", "href", "style"}
        assert re.search(r"url\(|@import|https?://", source) is None
        assert "\u202e" not in source
        assert "\x1b" not in source
    assert "<script>alert(1)</script>" in page.text
    text = Page(account_page(made(store, run_id))).text
    for said in ("the old default", "changed since", "holds", "approved", "model.bin", "0.01"):
        assert said in text


def test_a_long_history_is_cut_and_says_so(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(store, run_id)
    monkeypatch.setattr(accounts, "CHANGES_MAX", 3)
    account = made(store, run_id)
    assert account.entries == whole.entries[-3:]
    assert account.left_out == len(whole.entries) - 3
    assert f"first {account.left_out} events are left out" in Page(account_page(account)).text


def test_the_account_is_plain_values_too(store: Store, run_id: str) -> None:
    account = made(store, run_id).to_dictionary()
    assert json.loads(json.dumps(account))["digest"] == store.runs.digest(run_id)


def test_other_series_and_the_runs_that_count_are_named(store: Store, run_id: str) -> None:
    store.items.sink(run_id).texts(SERIES, ["a", "b"], [3, 7], 1)
    other = store.runs.create("0").info.run_id
    store.forks.merge(run_id, other)
    fork = store.forks.fork(run_id, 5)
    shown = Page(account_page(made(store, run_id))).text
    assert "Text, histograms and media" in shown
    assert re.search(rf"{SERIES}\s*text\s*2\s*7", shown), shown
    assert re.search(rf"Merged in\s*{other}", shown)
    forked = Page(account_page(made(store, fork))).text
    assert re.search(rf"Forked from\s*{run_id}\s*at step 5", forked)
