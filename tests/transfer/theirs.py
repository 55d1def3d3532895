"""Histories made by MLflow itself, and what an import of them has to show."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_database import SqlStore
from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import Source
from eventtrack.views.records import ViewType

START_MS = 1_700_000_000_000
ORIGIN_TAGS = {"eventtrack.import.source", "eventtrack.import.id"}
EVERYTHING = 50_000


def mlflow_client(uri: str) -> Any:
    """MLflow's own client of a store."""
    return importlib.import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)


def fill(client: Any, folder: Path) -> None:
    """Write a little of everything that MLflow can record."""
    entities = importlib.import_module("mlflow.entities")
    first = client.create_experiment("flowers: ü", tags={"team": "a"})
    client.create_experiment("empty")
    gone = client.create_experiment("gone")
    parent = client.create_run(first, start_time=START_MS, run_name="par: ent").info.run_id
    for number in range(3):
        tags = {"mlflow.parentRunId": parent, "k/z": f"v{number}", "mlflow.user": "ada"}
        run = client.create_run(
            first, start_time=START_MS + number, tags=tags, run_name=f"child-{number}"
        )
        run_id = run.info.run_id
        client.log_param(run_id, "a/lr", f"0.{number}")
        client.log_param(run_id, "text", "two\nlines, ü" * 10)
        points = [
            entities.Metric("loss/train", 1 / (step + 1), START_MS + 10 * step, step)
            for step in range(100)
        ]
        odd = (float("nan"), float("inf"), -0.0, 5e-324)
        points += [entities.Metric("odd", value, START_MS, -1) for value in odd]
        points += [
            entities.Metric("back", float(n % 7), START_MS + n % 5, n % 3) for n in range(20)
        ]
        client.log_batch(run_id, metrics=points)
        (folder / "weights.bin").write_bytes(bytes(range(256)) * (number + 1))
        client.log_artifact(run_id, str(folder / "weights.bin"), "model/deep")
        client.log_text(run_id, "same everywhere", "notes.txt")
        client.set_terminated(run_id, ("FINISHED", "FAILED", "KILLED")[number], START_MS + 5000)
    dataset = entities.Dataset("iris", "abc123", "local", '{"uri": "x"}', "{}", None)
    used = entities.DatasetInput(dataset, [entities.InputTag("mlflow.data.context", "training")])
    model = client.create_logged_model(first, "net", parent, {"stage": "b"}, {"depth": "3"})
    client.finalize_logged_model(model.model_id, "READY")
    client.log_inputs(parent, datasets=[used])
    # At step 0: MLflow's file store shows no other step of a point on a dataset, whatever it wrote.
    measured = entities.Metric("accuracy", 0.5, START_MS, 0, model.model_id, "iris", "abc123")
    client.log_batch(parent, metrics=[measured])
    client.log_outputs(parent, [entities.LoggedModelOutput(model.model_id, 3)])
    client.delete_run(run_id)
    lost = client.create_run(gone, start_time=START_MS).info.run_id
    client.log_metric(lost, "x", 1.0, timestamp=START_MS)
    client.delete_experiment(gone)


def source_of(uri: str) -> Source:
    """What reads the store at a URI of MLflow's."""
    return FileStore(Path(uri[5:])) if uri.startswith("file:") else SqlStore(uri)


def take(store: Store, uri: str) -> Report:
    """Import a store of MLflow's."""
    return import_histories(store, source_of(uri), lambda done, total: None)


def all_runs(client: Any) -> list[Any]:
    """Every run that MLflow shows, deleted ones too."""
    everything = 3  # ViewType.ALL
    ids = [one.experiment_id for one in client.search_experiments(view_type=everything)]
    return list(client.search_runs(ids, run_view_type=everything, max_results=EVERYTHING))


def assert_same(client: Any, store: Store, tmp_path: Path) -> None:
    """Demand that our store shows all that MLflow shows."""
    names = {}
    for one in client.search_experiments(view_type=3):
        ours = store.experiments.get_by_name(one.name)
        assert ours is not None, one
        names[one.experiment_id] = ours.experiment_id
        assert dict(one.tags).items() <= ours.tags.items()
        assert one.lifecycle_stage == ours.lifecycle_stage
        if one.name != "Default":
            assert (one.creation_time, one.last_update_time) == (
                ours.creation_time,
                ours.last_update_time,
            )
    found = all_runs(client)
    assert {run.info.run_id for run in found} == {run.info.run_id for run in runs_of(store)}
    for run in found:
        _assert_same_run(client, store, run, names, tmp_path)


def runs_of(store: Store) -> list[Any]:
    """Every run of ours, deleted ones too."""
    ids = [one.experiment_id for one in store.experiments.search(view_type=ViewType.ALL)]
    return list(store.runs.search(ids, view_type=ViewType.ALL, max_results=EVERYTHING))


def _assert_same_run(
    client: Any, store: Store, theirs: Any, names: dict[str, str], tmp_path: Path
) -> None:
    run_id = theirs.info.run_id
    ours = store.runs.get(run_id)
    for field in ("run_name", "user_id", "status", "start_time", "end_time", "lifecycle_stage"):
        assert getattr(ours.info, field) == getattr(theirs.info, field), field
    assert ours.info.experiment_id == names[theirs.info.experiment_id]
    assert ours.data.params == theirs.data.params
    tags = {key: text for key, text in ours.data.tags.items() if key not in ORIGIN_TAGS}
    assert tags == theirs.data.tags
    assert set(ours.data.tags) >= ORIGIN_TAGS
    for key in theirs.data.metrics:
        assert points_of(store.metrics.history(run_id, key)) == points_of(
            client.get_metric_history(run_id, key)
        )
    assert [_dataset(one) for one in ours.inputs.dataset_inputs] == [
        _dataset(one) for one in theirs.inputs.dataset_inputs
    ]
    if theirs.outputs is not None:
        assert [(one.model_id, one.step) for one in ours.outputs.model_outputs] == [
            (one.model_id, one.step) for one in theirs.outputs.model_outputs
        ]
        for one in theirs.outputs.model_outputs:
            _assert_same_model(client, store, one.model_id)
    here = store.artifacts.download(run_id, "", tmp_path / "ours" / run_id)
    there = tmp_path / "theirs" / run_id
    there.mkdir(parents=True)
    if client.list_artifacts(run_id):
        client.download_artifacts(run_id, "", str(there))
    assert contents(here) == contents(there)


def _assert_same_model(client: Any, store: Store, model_id: str) -> None:
    theirs, ours = client.get_logged_model(model_id), store.models.get(model_id)
    assert ours.status == theirs.status.value
    assert [_measured(one) for one in ours.metrics] == [_measured(one) for one in theirs.metrics]
    assert ours.metrics
    for field in ("name", "source_run_id", "model_type", "tags", "params", "creation_timestamp"):
        assert getattr(ours, field) == getattr(theirs, field), field


def points_of(points: Iterable[Any]) -> list[tuple[int, int, str]]:
    """Points in an order of their own; NaN equals itself as a text."""
    return sorted((one.timestamp, one.step, repr(one.value)) for one in points)


def _measured(one: Any) -> tuple[Any, ...]:
    point = (one.key, one.value, one.timestamp, one.step, one.run_id)
    return (*point, one.dataset_name, one.dataset_digest)


def _dataset(used: Any) -> tuple[Any, ...]:
    one = used.dataset
    fixed = (one.name, one.digest, one.source_type, one.source, one.schema, one.profile)
    return (*fixed, sorted((tag.key, tag.value) for tag in used.tags))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def state(store: Store) -> dict[str, Any]:
    """All that a store shows but for when it was recorded, so that two stores can be compared."""
    found: dict[str, Any] = {}
    for run in runs_of(store):
        run_id = run.info.run_id
        histories = {
            key: [(one.timestamp, one.step, str(one.value)) for one in points]
            for key in store.metrics.keys(run_id)
            for points in [store.metrics.history(run_id, key)]
        }
        facts = run.to_dictionary()
        del facts["info"]["artifact_uri"]
        facts["data"]["metrics"] = {k: str(v) for k, v in facts["data"]["metrics"].items()}
        files = [one.to_dictionary() for one in store.artifacts.entries(run_id)]
        found[run_id] = (facts, histories, files)
    return found
