"""Saved views of an experiment: kept, merged, undone, redacted, and there at each moment."""

import json
from functools import partial
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack import limits
from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.envelope import Draft
from eventtrack.events.types import ExperimentViewSaved
from eventtrack.ids import SeededIds
from eventtrack.projections.digest import digest
from eventtrack.projections.tables import Reader
from eventtrack.store import Store
from tests.server.running import running
from tests.store.machines import refused, send

MACHINES = 3
API = "/api/eventtrack/1/experiments/"


def test_a_view_is_saved_replaced_and_deleted(store: Store) -> None:
    store.experiments.save_view("0", " best ", {"order": "metrics.loss ASC", "cols": "a\nb"})
    store.experiments.save_view("0", "default", {})
    assert store.experiments.views("0") == {
        "best": {"cols": "a\nb", "order": "metrics.loss ASC"},
        "default": {},
    }
    changed = store.experiments.get("0").last_update_time
    head = store.events.head()
    store.experiments.save_view("0", "default", {})
    assert store.events.head() == head
    store.experiments.delete_view("0", "best")
    assert list(store.experiments.views("0")) == ["default"]
    assert store.experiments.get("0").last_update_time == changed
    with refused(store, NotFoundError, "No saved view 'best'"):
        store.experiments.delete_view("0", "best")


def test_names_and_views_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    long_name = "n" * (limits.VIEW_NAME_LENGTH_MAX + 1)
    long_view = {"q": "x" * limits.VIEW_LENGTH_MAX}
    for name, view in (("", {}), ("  ", {}), (long_name, {}), ("v", long_view), ("v", {"a": 1})):
        with refused(store, InvalidValueError):
            store.experiments.save_view("0", name, view)
    with refused(store, NotFoundError):
        store.experiments.save_view("77", "v", {})
    monkeypatch.setattr(limits, "VIEWS_MAX", 1)
    store.experiments.save_view("0", "first", {})
    with refused(store, InvalidValueError, "1 saved views"):
        store.experiments.save_view("0", "second", {})
    store.experiments.save_view("0", "first", {"q": "x"})


def test_blame_undo_and_moments_know_views(store: Store) -> None:
    store.experiments.save_view("0", "best", {"x": "step"})
    before = store.events.head()
    store.experiments.save_view("0", "best", {"x": "time"})
    (second,) = [
        event for event in store.events.read(stream="experiment/0") if event.position > before
    ]
    with store.at(str(before)) as then:
        assert then.experiments.views("0") == {"best": {"x": "step"}}
    lines = [line for line in store.history.blame("experiment/0") if line.fact == "view.best"]
    (last,) = [line for line in lines if line.event.address == second.address]
    assert (last.before, last.after) == ('{"x":"step"}', '{"x":"time"}')
    store.history.undo(second.address)
    assert store.experiments.views("0") == {"best": {"x": "step"}}
    store.redaction.redact_envelopes(store.feeds.of_stream("experiment/0")[1:], "a test")
    assert store.experiments.views("0") == {}


def test_a_view_of_another_form_is_left_out(store: Store) -> None:
    for number, text in enumerate(("{", "[]", '{"x": 1}', '{"x": "y"}')):
        draft = Draft.of("experiment/0", ExperimentViewSaved(f"v{number}", text))
        decided: tuple[None, list[Draft]] = (None, [draft])
        store._engine.execute(partial(_decided, decided))
    assert store.experiments.views("0") == {"v3": {"x": "y"}}


def _decided(decided: tuple[None, list[Draft]], _: Reader) -> tuple[None, list[Draft]]:
    return decided


STEPS = st.lists(
    st.tuples(st.integers(0, MACHINES - 1), st.integers(0, 5), st.integers(0, 2)), max_size=20
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_the_last_save_or_deletion_holds_on_every_machine(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("machines"), ManualClock()
    stores = [Store(folder / str(n), clock=clock, ids=SeededIds(str(n))) for n in range(MACHINES)]
    last: dict[str, dict[str, str] | None] = {}
    for count, (machine, deed, number) in enumerate(steps):
        store, name = stores[machine], f"v{number}"
        clock.advance(1)
        if deed < 3:
            last[name] = {"x": str(count)}
            store.experiments.save_view("0", name, last[name] or {})
        elif deed == 3 and name in store.experiments.views("0"):
            last[name] = None
            store.experiments.delete_view("0", name)
        elif deed > 3:
            send(store, stores[(machine + 1) % MACHINES])
    for source in stores * 2:
        for target in stores:
            send(source, target)
    expected = {name: view for name, view in sorted(last.items()) if view is not None}
    digests = set()
    for store in stores:
        assert store.experiments.views("0") == expected
        with store._engine.read() as reader:
            digests.add(digest(reader))
        store.close()
    assert len(digests) == 1


def test_pages_save_list_and_delete_over_http(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        client: httpx.Client = server.client
        for view in ({"cols": "metrics.loss"}, {"cols": "metrics.acc"}):
            body = {"experiment_id": "0", "name": "best", "view": json.dumps(view)}
            assert client.post(API + "save-view", json=body).json() == {}
        position = client.get("/api/eventtrack/1/about").json()["position"]
        listed = client.get(API + "views", params={"experiment_id": "0"}).json()
        assert listed == {"views": [{"name": "best", "view": {"cols": "metrics.acc"}}]}
        asked = {"experiment_id": "0", "at": str(position - 1)}
        then = client.get(API + "views", params=asked).json()
        assert then == {"views": [{"name": "best", "view": {"cols": "metrics.loss"}}]}
        for wrong in ("{", "[1]", '{"a": 1}', "[" * 100_000):
            body = {"experiment_id": "0", "name": "best", "view": wrong}
            answer = client.post(API + "save-view", json=body)
            assert (answer.status_code, bool(answer.json()["hint"])) == (400, True)
        gone = {"experiment_id": "0", "name": "best"}
        assert client.post(API + "delete-view", json=gone).json() == {}
        assert client.post(API + "delete-view", json=gone).status_code == 404
