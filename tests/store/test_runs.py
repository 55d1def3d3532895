"""Runs: born, resumed, named, deleted, restored, and what they refuse."""

import pytest

from eventtrack import limits
from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.views.queries import run_trees
from eventtrack.views.records import Metric, Param, RunStatus, RunTag
from tests.store.machines import refused, types_of

UNKNOWN = "f" * 32


def test_a_new_run_is_running_from_now_with_its_name_as_a_tag(
    store: Store, clock: ManualClock
) -> None:
    run = store.runs.create("0", user_id="ada", run_name="one", tags={"a": 1})
    assert run.info.status == "RUNNING"
    assert (run.info.start_time, run.info.end_time) == (clock.now_ms(), None)
    assert (run.info.run_name, run.info.user_id) == ("one", "ada")
    assert run.data.tags == {"a": "1", "mlflow.runName": "one"}
    assert len(run.info.run_id) == 32


def test_a_run_without_a_name_gets_one_of_at_most_twenty_characters(store: Store) -> None:
    run = store.runs.create("0")
    assert 5 <= len(run.info.run_name) <= 20
    assert run.data.tags["mlflow.runName"] == run.info.run_name


def test_a_name_may_come_as_a_tag(store: Store) -> None:
    run = store.runs.create("0", tags={"mlflow.runName": "tagged"})
    assert run.info.run_name == "tagged"


@pytest.mark.parametrize("name", ["same", "x" * 8001])
def test_a_name_may_come_twice_if_it_is_the_same(store: Store, name: str) -> None:
    run = store.runs.create("0", run_name=name, tags={"mlflow.runName": name})
    assert run.info.run_name == run.data.tags["mlflow.runName"] == name[:8000]


def test_two_different_names_are_refused(store: Store) -> None:
    with refused(store, InvalidValueError, "Both 'run_name' argument and 'mlflow.runName' tag"):
        store.runs.create("0", run_name="a", tags={"mlflow.runName": "b"})


def test_the_user_is_that_of_the_tag_where_none_is_given(store: Store) -> None:
    assert store.runs.create("0", tags={"mlflow.user": "ada"}).info.user_id == "ada"


def test_files_of_a_run_lie_below_its_own_folder(store: Store, run_id: str) -> None:
    uri = store.runs.get(run_id).info.artifact_uri
    assert uri.startswith("eventtrack://")
    assert uri.endswith(f"/{run_id}/artifacts")


def test_a_run_of_an_unknown_experiment_is_refused(store: Store) -> None:
    with refused(store, NotFoundError, "No Experiment with id=99 exists"):
        store.runs.create("99")


def test_a_run_in_a_deleted_experiment_is_refused(store: Store) -> None:
    experiment_id = store.experiments.create("gone")
    store.experiments.delete(experiment_id)
    with refused(store, InvalidValueError, "must be in the 'active' state"):
        store.runs.create(experiment_id)


def test_a_given_id_is_kept(store: Store) -> None:
    assert store.runs.create("0", run_id=UNKNOWN).info.run_id == UNKNOWN
    with refused(store, InvalidValueError, "exists already"):
        store.runs.create("0", run_id=UNKNOWN)


def test_an_unknown_run_is_not_found(store: Store) -> None:
    with refused(store, NotFoundError, f"Run with id={UNKNOWN} not found"):
        store.runs.get(UNKNOWN)


@pytest.mark.parametrize("status", RunStatus.ALL)
@pytest.mark.parametrize("before", ["FINISHED", "RUNNING"])
def test_any_status_follows_any_other(store: Store, run_id: str, before: str, status: str) -> None:
    store.runs.update(run_id, status=before)
    assert store.runs.update(run_id, status=status).status == status


def test_a_resumed_run_keeps_its_old_end_time(store: Store, run_id: str) -> None:
    store.runs.update(run_id, status="FINISHED", end_time=7)
    info = store.runs.update(run_id, status="RUNNING")
    assert (info.status, info.end_time) == ("RUNNING", 7)


def test_an_update_leaves_what_is_none_or_an_empty_name(store: Store, run_id: str) -> None:
    store.runs.update(run_id, status="FAILED", end_time=7, name="n")
    head = store.events.head()
    info = store.runs.update(run_id, name="")
    assert (info.status, info.end_time, info.run_name) == ("FAILED", 7, "n")
    assert store.events.head() == head


def test_an_update_to_what_holds_already_is_no_event(store: Store, run_id: str) -> None:
    store.runs.update(run_id, status="FINISHED", end_time=7, name="n")
    head = store.events.head()
    store.runs.update(run_id, status="FINISHED", end_time=7, name="n")
    assert store.events.head() == head


def test_a_new_name_is_a_new_tag(store: Store, run_id: str) -> None:
    store.runs.update(run_id, name="renamed")
    assert store.runs.get(run_id).data.tags["mlflow.runName"] == "renamed"


def test_a_new_name_tag_is_a_new_name(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"mlflow.runName": "renamed"})
    assert store.runs.get(run_id).info.run_name == "renamed"


def test_a_name_outlives_its_tag(store: Store, run_id: str) -> None:
    store.runs.delete_tag(run_id, "mlflow.runName")
    assert store.runs.get(run_id).info.run_name == "first"


@pytest.mark.parametrize("status", ["DONE", "running", "", 3])
def test_an_unknown_status_is_refused(store: Store, run_id: str, status: object) -> None:
    with refused(store, InvalidValueError, "Invalid run status"):
        store.runs.update(run_id, status=status)  # type: ignore[arg-type]


def test_deleting_twice_is_deleting_once(store: Store, run_id: str) -> None:
    store.runs.delete(run_id)
    head = store.events.head()
    store.runs.delete(run_id)
    assert store.events.head() == head
    assert store.runs.get(run_id).info.lifecycle_stage == "deleted"


def test_restoring_an_active_run_changes_nothing(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.restore(run_id)
    assert store.events.head() == head


def test_a_restored_run_holds_what_it_held(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    before = store.runs.get(run_id)
    store.runs.delete(run_id)
    store.runs.restore(run_id)
    assert store.runs.get(run_id) == before


def test_an_unknown_run_cannot_be_deleted_nor_restored(store: Store) -> None:
    with refused(store, NotFoundError):
        store.runs.delete(UNKNOWN)
    with refused(store, NotFoundError):
        store.runs.restore(UNKNOWN)


def test_a_deleted_run_takes_nothing(store: Store, run_id: str) -> None:
    store.runs.delete(run_id)
    words = f"The run {run_id} must be in the 'active' state. Current state is deleted."
    point = Metric(key="m", value=1.0, timestamp=0)
    for write in (
        lambda: store.runs.update(run_id, status="FAILED"),
        lambda: store.runs.log_params(run_id, {"p": 1}),
        lambda: store.runs.set_tags(run_id, {"t": 1}),
        lambda: store.runs.delete_tag(run_id, "mlflow.runName"),
        lambda: store.runs.log_batch(run_id, [point]),
        lambda: store.runs.log_batch(run_id),
        lambda: store.runs.log_inputs(run_id),
        lambda: store.runs.log_outputs(run_id, []),
        lambda: store.metrics.log(run_id, "m", 1.0),
        lambda: store.artifacts.log_bytes(run_id, b"", "file"),
    ):
        with refused(store, InvalidValueError, words):
            write()


def test_params_are_texts(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"number": 1.5, "none": None, "empty": "", "list": [1]})
    assert store.runs.get(run_id).data.params == {
        "empty": "",
        "list": "[1]",
        "none": "None",
        "number": "1.5",
    }


def test_the_same_param_again_is_no_event(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    head = store.events.head()
    store.runs.log_params(run_id, {"p": "1"})
    store.runs.log_batch(run_id, params=[Param(key="p", value="1")])
    assert store.events.head() == head


def test_a_param_does_not_change(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    with refused(store, InvalidValueError, "Changing param values is not allowed"):
        store.runs.log_params(run_id, {"p": 2, "q": 3})
    assert store.runs.get(run_id).data.params == {"p": "1"}


def test_only_new_params_are_recorded(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    store.runs.log_params(run_id, {"p": 1, "q": 2})
    assert store.history.timeline(run_id)[-1].body == {"params": {"q": "2"}}


def test_a_tag_changes_and_goes(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"t": "a"})
    store.runs.set_tags(run_id, {"t": "b"})
    assert store.runs.get(run_id).data.tags["t"] == "b"
    store.runs.delete_tag(run_id, "t")
    assert "t" not in store.runs.get(run_id).data.tags
    with refused(store, NotFoundError, "No tag with name: t in run with id"):
        store.runs.delete_tag(run_id, "t")


def test_a_tag_set_to_what_it_is_is_no_event(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"t": "a"})
    head = store.events.head()
    store.runs.set_tags(run_id, {"t": "a"})
    store.runs.set_tags(run_id, {})
    assert store.events.head() == head


def test_a_batch_is_one_envelope(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.log_batch(
        run_id,
        [Metric(key="m", value=1.0, timestamp=5, step=2), Metric(key="n", value=2, timestamp=6)],
        [Param(key="p", value="1")],
        [RunTag(key="t", value="a")],
    )
    assert store.events.head() == head + 1
    run = store.runs.get(run_id)
    assert run.data.metrics == {"m": 1.0, "n": 2.0}
    assert run.data.params == {"p": "1"}
    assert run.data.tags["t"] == "a"


BAD_BATCHES = {
    "a param that changes": ([], [Param(key="old", value="2")], []),
    "a param twice": ([], [Param(key="p", value="1"), Param(key="p", value="1")], []),
    "an empty name": ([], [Param(key="", value="1")], []),
    "a name of no text": ([], [Param(key=["p"], value="1")], []),  # type: ignore[arg-type]
    "a long name": ([], [], [RunTag(key="x" * 251, value="1")]),
    "a metric without a time": ([Metric(key="m", value=1, timestamp=None)], [], []),  # type: ignore[arg-type]
    "a metric of text": ([Metric(key="m", value="x", timestamp=0)], [], []),  # type: ignore[arg-type]
    "a metric before 1970": ([Metric(key="m", value=1, timestamp=-1)], [], []),
    "a metric at half a step": ([Metric(key="m", value=1, timestamp=0, step=0.5)], [], []),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD_BATCHES)
def test_a_batch_with_one_mistake_is_refused_whole(store: Store, run_id: str, name: str) -> None:
    store.runs.log_params(run_id, {"old": 1})
    metrics, params, tags = BAD_BATCHES[name]
    good = Metric(key="good", value=1.0, timestamp=0)
    with refused(store, InvalidValueError):
        store.runs.log_batch(
            run_id,
            [good, *metrics],
            [Param(key="good", value="1"), *params],
            [RunTag(key="good", value="1"), *tags],
        )
    run = store.runs.get(run_id)
    assert (run.data.metrics, run.data.params) == ({}, {"old": "1"})
    assert "good" not in run.data.tags


def test_duplicate_params_are_named_in_the_refusal(store: Store, run_id: str) -> None:
    twice = [Param(key="p", value="1"), Param(key="q", value="1"), Param(key="p", value="2")]
    with refused(store, InvalidValueError, "Duplicate parameter keys have been submitted: ['p']"):
        store.runs.log_batch(run_id, params=twice)


def test_an_empty_batch_is_no_event(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.log_batch(run_id)
    assert store.events.head() == head


def test_of_equal_tags_in_a_batch_the_last_counts(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id, tags=[RunTag(key="t", value="a"), RunTag(key="t", value="b")])
    assert store.runs.get(run_id).data.tags["t"] == "b"


GOOD_KEYS = ["a", "a/b", "a.b", "a-b c:d", "日本", "0", "mlflow.user", "a" * 250]
BAD_KEYS = [
    "",
    ".",
    "..",
    "../a",
    "/a",
    "a/",
    "a//b",
    "./a",
    "a/../b",
    "a#b",
    "a\tb",
    None,
    3,
    b"k",
]


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_a_key_as_mlflow_allows_it_is_taken(store: Store, run_id: str, key: str) -> None:
    store.runs.log_params(run_id, {key: 1})
    store.runs.set_tags(run_id, {key: 1})
    store.metrics.log(run_id, key, 1.0)
    data = store.runs.get(run_id).data
    assert (data.params[key], data.tags[key], data.metrics[key]) == ("1", "1", 1.0)


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_as_mlflow_refuses_it_is_refused(store: Store, run_id: str, key: str) -> None:
    with refused(store, InvalidValueError):
        store.runs.log_params(run_id, {key: 1})
    with refused(store, InvalidValueError):
        store.runs.set_tags(run_id, {key: 1})
    with refused(store, InvalidValueError):
        store.metrics.log(run_id, key, 1.0)


def test_children_are_the_active_runs_below_a_run_oldest_first(
    store: Store, run_id: str, clock: ManualClock
) -> None:
    ids = []
    for name in "abc":
        clock.advance(1)
        child = store.runs.create("0", run_name=name, tags={"mlflow.parentRunId": run_id})
        ids.append(child.info.run_id)
    store.runs.delete(ids[1])
    assert [run.info.run_name for run in store.runs.children(run_id)] == ["a", "c"]


def nest(store: Store, name: str, parent: str = "") -> str:
    tags = {"mlflow.parentRunId": parent} if parent else {}
    return store.runs.create("0", run_name=name, tags=tags, run_id=name * 32).info.run_id


def test_a_tree_shows_roots_newest_first_and_their_children_oldest_first(
    store: Store, clock: ManualClock
) -> None:
    for name, parent in [("a", ""), ("b", "a"), ("c", "a"), ("d", "b"), ("e", ""), ("0", "f")]:
        clock.advance(1)
        nest(store, name, parent * 32)
    tree = [(run.info.run_name, depth) for run, depth in store.runs.tree("0")]
    assert tree == [("0", 0), ("e", 0), ("a", 0), ("b", 1), ("d", 2), ("c", 1)]


def test_runs_that_are_their_own_ancestors_are_shown_once(store: Store, clock: ManualClock) -> None:
    for name, parent in [("a", "b"), ("b", "a"), ("c", "b"), ("d", "d"), ("e", "")]:
        clock.advance(1)
        nest(store, name, parent * 32)
    tree = [(run.info.run_name, depth) for run, depth in store.runs.tree("0")]
    assert tree == [("e", 0), ("d", 0), ("c", 0), ("b", 0), ("a", 1)]


def test_a_tree_of_many_pages_can_be_walked_twice(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended behind 50,000 runs, without a word."""
    monkeypatch.setattr(run_trees, "_PAGE", 2)
    monkeypatch.setattr(limits, "SEARCH_RESULTS_MAX", 3)
    for name, parent in [("a", ""), ("b", "a"), ("c", "a"), ("d", "b"), ("e", "")]:
        clock.advance(1)
        nest(store, name, parent * 32)
    tree = store.runs.tree("0")
    for _ in range(2):
        shown = [(run.info.run_name, depth) for run, depth in tree]
        assert shown == [("e", 0), ("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert (len(tree), list(tree.depths)) == (5, [0, 0, 1, 2, 1])
    assert len(store.runs.tree("404")) == 0


def test_the_ids_that_begin_with_a_text_are_found(store: Store) -> None:
    for name in "abc":
        store.runs.create("0", run_id="12" + name * 30)
    assert store.runs.ids_starting_with("12a") == ["12" + "a" * 30]
    assert store.runs.ids_starting_with("12", limit=2) == ["12" + "a" * 30, "12" + "b" * 30]
    assert store.runs.ids_starting_with("13") == []


def test_one_event_says_that_a_run_began(store: Store, run_id: str) -> None:
    assert types_of(store, run_id) == ["run.started"]


def test_no_run_loses_its_name_to_an_empty_one(store: Store) -> None:
    run_id = store.runs.create("0", run_name="kept").info.run_id
    store.runs.set_tags(run_id, {"mlflow.runName": "", "other": "set"})
    store.runs.log_batch(run_id, tags=[RunTag(key="mlflow.runName", value="")])
    run = store.runs.get(run_id)
    assert run.info.run_name == "kept"
    assert run.data.tags == {"mlflow.runName": "kept", "other": "set"}
