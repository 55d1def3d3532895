"""Pages of a search: each begins behind the last run of the page before."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidValueError
from eventtrack.ids import SeededIds
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store import Store
from eventtrack.views.filters.trees import like_matcher
from eventtrack.views.search import runs
from eventtrack.views.search.sets import RunSets


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("pages"))
    for place in range(6):
        run = store.runs.create("0", start_time=1000 + place, run_name=f"run-{place}")
        store.metrics.log(run.info.run_id, "m", float(place % 2))
    return store


def names(store: Store, token: str | None = None, order: str = "start_time ASC") -> list[str]:
    page = store.runs.search(["0"], max_results=2, order_by=[order], page_token=token)
    return [run.info.run_name for run in page]


def test_a_token_that_only_counts_results_is_still_understood(store: Store) -> None:
    token = base64.b64encode(json.dumps({"offset": 2}).encode()).decode()
    assert names(store, token) == ["run-2", "run-3"]
    assert names(store, token, "metrics.m DESC") == ["run-1", "run-4"]


def test_a_page_begins_behind_the_last_run_of_the_page_before(store: Store) -> None:
    token = store.runs.search(["0"], max_results=2, order_by=["start_time ASC"]).token
    store.runs.create("0", start_time=1, run_name="came before")
    assert names(store, token) == ["run-2", "run-3"]


def test_the_run_that_a_token_names_may_be_gone(store: Store) -> None:
    page = store.runs.search(["0"], max_results=2, order_by=["start_time ASC"])
    store.runs.delete(page[1].info.run_id)
    assert names(store, page.token) == ["run-2", "run-3"]


@pytest.mark.parametrize(
    "after",
    [[[], "x"], [[[3, ""]], "x"], [[[0, "AA=="]], "x"], [[[2, "AA=="]], "x"], [[[1, ""]], "x"]],
)
def test_a_token_with_an_impossible_place_is_refused(store: Store, after: object) -> None:
    token = base64.b64encode(json.dumps({"offset": 2, "after": after}).encode()).decode()
    with pytest.raises(InvalidValueError, match="Invalid page token"):
        names(store, token)


def test_a_text_too_long_for_a_token_is_counted(store: Store) -> None:
    for run in store.runs.search(["0"]):
        store.runs.set_tags(run.info.run_id, {"t": "x" * 2000 + run.info.run_name})
    page = store.runs.search(["0"], max_results=2, order_by=["tags.t ASC"])
    assert page.token is not None
    assert len(page.token) < 200
    assert names(store, page.token, "tags.t ASC") == ["run-2", "run-3"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("ab\0é_%", max_size=5), max_size=8), st.text("ab\0é_%", max_size=4))
def test_like_finds_what_looking_at_every_text_finds(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], pattern: str
) -> None:

    folder = tmp_path_factory.mktemp("like")
    store = Store(folder / "store", clock=ManualClock(), ids=SeededIds("like"))
    texts = [*texts, *("b" * 70 + text for text in texts)]
    for text in texts:
        store.runs.create("0", tags={"t": text})
    matches = like_matcher(pattern, case_sensitive=True)
    found = store.runs.search(["0"], f"tags.t LIKE '{pattern}'")
    wanted = [text for text in texts if matches(text)]
    assert sorted(run.data.tags["t"] for run in found) == sorted(wanted)
    store.close()


def test_a_page_decodes_the_runs_that_it_shows_and_none_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = store.runs.search(["0"], max_results=2, order_by=["metrics.m DESC"])
    decoded: list[int] = []
    decode = Reader.run_by_number

    def counted(reader: Reader, number: int) -> RunState | None:
        decoded.append(number)
        return decode(reader, number)

    monkeypatch.setattr(Reader, "run_by_number", counted)
    assert names(store, page.token, "metrics.m DESC") == ["run-1", "run-4"]
    # The place of the page before, the page, and a run more, which says that there is another page.
    assert len(decoded) <= 4


def test_a_page_does_not_read_all_deleted_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in store.runs.search(["0"], "attributes.run_name IN ('run-1', 'run-2', 'run-5')"):
        store.runs.delete(run.info.run_id)
    monkeypatch.setattr(runs, "DELETED_READ_MAX", 2)
    monkeypatch.setattr(RunSets, "deleted", lambda _: pytest.fail("it read all deleted runs"))
    token = store.runs.search(["0"], max_results=1, order_by=["start_time ASC"]).token
    assert names(store, token) == ["run-3", "run-4"]
    assert names(store, None, "metrics.m DESC") == ["run-3", "run-4"]
    assert [run.info.run_name for run in store.runs.search(["0"], "metrics.m > 0.5")] == ["run-3"]
