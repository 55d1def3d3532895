"""Logged models: what is recorded of them, what is refused, and that a rebuild shows the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store."""
    store = open_store(tmp_path / "store")
    yield store
    store.close()


def test_a_model_is_pending_until_it_is_finalized(store: Store) -> None:
    made = store.models.create("0", name="net", params={"depth": 3}, tags={"kind": "small"})
    assert (made.status, made.params, made.tags) == ("PENDING", {"depth": "3"}, {"kind": "small"})
    assert made.model_id.startswith("m-")
    assert made.artifact_location == f"eventtrack://{store.path}/models/{made.model_id}/artifacts"
    assert store.models.finalize(made.model_id, "READY").status == "READY"


def test_params_do_not_change_and_tags_do(store: Store) -> None:
    model_id = store.models.create("0", params={"depth": 3}, tags={"a": 1, "b": 2}).model_id
    store.models.log_params(model_id, {"depth": 3, "width": 8})
    store.models.set_tags(model_id, {"a": 5})
    store.models.delete_tag(model_id, "b")
    with pytest.raises(InvalidValueError, match="Changing param values is not allowed"):
        store.models.log_params(model_id, {"depth": 4})
    with pytest.raises(NotFoundError, match="No tag with key 'b'"):
        store.models.delete_tag(model_id, "b")
    known = store.models.get(model_id)
    assert (known.params, known.tags) == ({"depth": "3", "width": "8"}, {"a": "5"})


def test_files_of_a_model_are_blobs_that_a_check_looks_at(store: Store) -> None:
    model_id = store.models.create("0").model_id
    store.models.artifacts.log_bytes(model_id, b"weights", "data/net.bin")
    [file] = store.models.artifacts.entries(model_id)
    with store.models.artifacts.open(model_id, file.path) as opened:
        assert opened.read() == b"weights"
    assert store.maintenance.check().ok
    next(store.path.glob("blobs/*/*")).unlink()
    [problem] = store.maintenance.check().problems
    assert "data/net.bin" in problem.what


def test_files_lie_beside_those_of_runs_where_the_experiment_has_a_place(
    store: Store, tmp_path: Path
) -> None:
    experiment_id = store.experiments.create("elsewhere", str(tmp_path / "files"))
    model_id = store.models.create(experiment_id).model_id
    store.models.artifacts.log_bytes(model_id, b"x", "net.bin")
    assert (tmp_path / "files" / "models" / model_id / "artifacts" / "net.bin").read_bytes() == b"x"


def test_a_deleted_model_is_kept_but_takes_no_more_files(store: Store) -> None:
    model_id = store.models.create("0").model_id
    store.models.delete(model_id)
    store.models.delete(model_id)
    assert store.models.get(model_id).lifecycle_stage == "deleted"
    with pytest.raises(InvalidValueError, match="must be in the 'active' state"):
        store.models.artifacts.log_bytes(model_id, b"x", "late.bin")


def test_models_are_listed_by_experiment(store: Store) -> None:
    other = store.experiments.create("other")
    ids = {store.models.create(one).model_id: one for one in ("0", other, other)}
    assert {one.model_id for one in store.models.list()} == set(ids)
    assert {one.experiment_id for one in store.models.list([other])} == {other}


@pytest.mark.parametrize("name", ["a/b", "a:b", "50%", "it's"])
def test_names_that_no_uri_can_hold_are_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidValueError, match="Invalid model name"):
        store.models.create("0", name=name)


def test_what_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="Logged model with ID 'm-0' not found"):
        store.models.get("m-0")
    with pytest.raises(NotFoundError, match="No Experiment"):
        store.models.create("17")
    store.experiments.delete("0")
    with pytest.raises(InvalidValueError, match="must be in the 'active' state"):
        store.models.create("0")


def test_a_rebuild_and_the_past_show_the_same_models(store: Store) -> None:
    model_id = store.models.create("0", tags={"a": 1}).model_id
    store.models.artifacts.log_bytes(model_id, b"x", "net.bin")
    before = store.events.head()
    known = store.models.get(model_id)
    store.models.set_tags(model_id, {"a": 2})
    store.models.artifacts.delete(model_id, "net.bin")
    store.models.delete(model_id)
    same, live, rebuilt = store.maintenance.verify()
    assert same, (live, rebuilt)
    with store.at(str(before)) as past:
        assert past.models.get(model_id) == known
        assert [file.path for file in past.models.artifacts.list(model_id)] == ["net.bin"]
