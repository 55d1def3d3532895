"""The pages are told of envelopes without an effect, and of machines whose clocks are wrong."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.projections import fold
from eventtrack.store import Store
from eventtrack.web import answers, past, replicas
from tests.sync.machines import machine, record_run
from tests.web.troubled import AHEAD_MS, STRANGER, Troubled, troubled


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Troubled:
    """One for all tests, for none of them writes."""
    return troubled(tmp_path_factory.mktemp("troubled") / "store")


@pytest.fixture
def store(sample: Troubled) -> Iterator[Store]:
    with closing(Store(sample.store)) as found:
        yield found


def test_what_is_skipped_is_listed_with_its_reason_and_what_to_do(
    store: Store, sample: Troubled
) -> None:
    assert answers.about(store)["skipped"] == {"malformed": 1, "damaged": 1}
    skipped = replicas.sync(store)["skipped"]
    assert skipped["total"] == 2
    malformed, damaged = skipped["envelopes"]
    assert (malformed["position"], malformed["kind"]) == (sample.malformed, "malformed")
    assert (damaged["position"], damaged["kind"]) == (sample.damaged, "damaged")
    for envelope in (malformed, damaged):
        assert envelope["feed"] == store.feeds.own
        assert envelope["stream"] == f"run/{sample.run_id}"
        assert envelope["what"]
        assert "eventtrack redact" in skipped["hints"][envelope["kind"]]


def test_a_feed_that_is_ahead_says_how_far(store: Store) -> None:
    ahead = {one["replica"]: one["ahead_ms"] for one in replicas.sync(store)["replicas"]}
    assert ahead.pop(STRANGER.hex()) == pytest.approx(AHEAD_MS, abs=600_000)
    assert set(ahead.values()) == {None}


def test_the_log_and_a_history_mark_what_has_no_effect_or_counts_later(
    store: Store, sample: Troubled
) -> None:
    log = past.log(store, None, 200, None, None)["events"]
    history = past.history(store, f"run/{sample.run_id}", 200)["entries"]
    for events in (log, history):
        found = {int(event["address"].partition(".")[0]): event for event in events}
        assert {
            position: event["skipped"]["kind"]
            for position, event in found.items()
            if event["skipped"] is not None
        } == {sample.malformed: "malformed", sample.damaged: "damaged"}
        later = {position for position, event in found.items() if event["effective_ms"]}
        assert later == {sample.after}
        assert found[sample.after]["effective_ms"] >= found[sample.ahead]["recorded_ms"]
        unknown = [position for position, event in found.items() if not event["known"]]
        assert unknown == [sample.unknown]


def test_an_event_that_this_version_breaks_down_over_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with closing(machine(tmp_path / "store")) as store:
        run_id = record_run(store)
        monkeypatch.setitem(fold._FOLDS, "run.tags_set", fails)
        store.maintenance.rebuild()
        marked = [
            (event["type"], event["skipped"]["kind"])
            for event in past.history(store, f"run/{run_id}", 200)["entries"]
            if event["skipped"] is not None
        ]
        assert marked == [("run.tags_set", "not folded")]
        skipped = replicas.sync(store)["skipped"]
        assert "Upgrade eventtrack" in skipped["hints"]["not folded"]


def test_nothing_is_said_where_all_is_well(tmp_path: Path) -> None:
    with closing(machine(tmp_path / "well")) as store:
        run_id = record_run(store)
        assert answers.about(store)["skipped"] == {}
        found = replicas.sync(store)
        assert found["skipped"] == {"total": 0, "envelopes": [], "hints": {}}
        assert [one["ahead_ms"] for one in found["replicas"]] == [None]
        for event in past.history(store, f"run/{run_id}", 200)["entries"]:
            assert (event["skipped"], event["known"], event["effective_ms"]) == (None, True, None)
