"""The history of a run as its page shows it: every change, and points by the stretch."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store, open_store
from eventtrack.views.history.events import POINTS
from eventtrack.views.records import Metric
from eventtrack.web import past


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store")) as found:
        yield found


def logged(store: Store) -> str:
    """A run with points of all kinds between other changes."""
    run_id = store.runs.create("0").info.run_id
    sink = store.metrics.sink(run_id)
    for step in range(30):
        sink.log("loss", 1 / (step + 1), step)
        sink.log_many({"loss": 2.0, "accuracy": 0.5}, step)
    store.runs.log_params(run_id, {"lr": "0.1"})
    batch = [Metric(key=f"m{at % 3}", value=at, timestamp=at, step=at) for at in range(100)]
    store.runs.log_batch(run_id, batch)
    store.runs.set_tags(run_id, {"t": "1"})
    store.runs.set_tags(run_id, {"t": "2"})
    return run_id


def test_points_are_counted_as_if_each_had_been_read(store: Store) -> None:
    run_id = logged(store)
    each: Counter[str] = Counter()
    for event in store.history.timeline(run_id):
        if event.type in POINTS:
            each.update(event.body["keys"] if "keys" in event.body else [event.body["key"]])
    counted: Counter[str] = Counter()
    for event in store.history.timeline(run_id, counted=True):
        if event.type in POINTS:
            counted.update(event.body["points"])
    assert counted == each == Counter(loss=60, accuracy=30, m0=34, m1=33, m2=33)


def test_other_events_are_where_they_were(store: Store) -> None:
    run_id = logged(store)
    whole = [one for one in store.history.timeline(run_id) if one.type not in POINTS]
    some = [one for one in store.history.timeline(run_id, counted=True) if one.type not in POINTS]
    assert [one.to_dictionary() for one in some] == [one.to_dictionary() for one in whole]
    addresses = {one.address for one in store.history.timeline(run_id)}
    assert {one.address for one in store.history.timeline(run_id, counted=True)} <= addresses


def test_the_newest_changes_come_first_and_the_rest_is_counted(store: Store) -> None:
    run_id = logged(store)
    whole = past.history(store, run_id, 1000)
    assert [one["type"] for one in whole["entries"]] == [
        "run.tags_set",
        "run.tags_set",
        "run.metrics_logged",
        "run.params_logged",
        "run.metrics_logged",
        "run.started",
    ]
    assert whole["entries"][0]["facts"] == [{"fact": "tag.t", "before": "1", "after": "2"}]
    assert whole["entries"][2]["points"] == {"keys": {"m0": 34, "m1": 33, "m2": 33}}
    assert whole["total"] == 6
    few = past.history(store, run_id, 2)
    assert few == {"entries": whole["entries"][:2], "total": 6}


def test_what_was_undone_says_so(store: Store) -> None:
    """An undone undo counts no more."""
    run_id = store.runs.create("0").info.run_id
    store.runs.set_tags(run_id, {"stage": "candidate"})
    store.runs.set_tags(run_id, {"stage": "prod"})

    def entries() -> list[tuple[str, str | None, str | None]]:
        found = past.history(store, f"run/{run_id}", 10)["entries"]
        return [(entry["address"], entry["undoes"], entry["undone_by"]) for entry in found]

    [(tagged, _, _), *_] = entries()
    store.history.undo(tagged)
    [(undo, undoes, _), (address, _, undone_by), *_] = entries()
    assert (undoes, address, undone_by) == (tagged, tagged, undo)
    store.history.undo(undo)
    [(again, undoes, _), (_, _, undone), (_, _, undone_by), *_] = entries()
    assert (undoes, undone, undone_by) == (undo, again, None)


def test_a_written_moment_is_one_of_the_address(store: Store) -> None:
    assert past.moment("now", "") == {"at": ""}
    assert past.moment(" 12 ", "") == {"at": "12"}
    assert past.moment("2026-05-03 14:00", "Europe/Berlin") == {"at": "2026-05-03T12:00:00.000Z"}
    for text, zone in (
        ("soon", ""),
        ("7d", "Nowhere"),
        ("7d", "../../etc/passwd"),
        ("7d", "Europe"),
    ):
        with pytest.raises(InvalidValueError):
            past.moment(text, zone)
