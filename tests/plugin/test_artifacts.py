"""Files through MLflow's artifact repositories, inside the store and through MLflow's proxy."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("mlflow")

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from eventtrack.plugin import StoreArtifactRepository, TrackingStore
from eventtrack.store import open_store


@pytest.fixture
def run(client: Any) -> Any:
    """A run of the new store."""
    return client.create_run("0")


def test_a_folder_is_logged_in_one_event(client: Any, run: Any, uri: str, tmp_path: Path) -> None:
    for name in ("a.txt", "deep/b.txt"):
        file = tmp_path / "files" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    client.log_artifacts(run.info.run_id, str(tmp_path / "files"), "data")
    assert [(one.path, one.is_dir) for one in client.list_artifacts(run.info.run_id, "data")] == [
        ("data/a.txt", False),
        ("data/deep", True),
    ]
    target = Path(client.download_artifacts(run.info.run_id, "data", str(tmp_path)))
    assert (target / "deep" / "b.txt").read_text() == "deep/b.txt"
    events = open_store(uri).history.timeline(run.info.run_id)
    assert [one.type for one in events].count("run.artifacts_logged") == 1


@pytest.mark.parametrize("path", ["/etc", "..", "a/../../b"])
def test_a_path_out_of_the_run_is_refused_as_by_mlflow(
    client: Any, run: Any, tmp_path: Path, path: str
) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(MlflowException, match="Invalid artifact path"):
        client.log_artifact(run.info.run_id, str(tmp_path / "f"), path)
    with pytest.raises(MlflowException, match="Invalid artifact path"):
        client.log_artifacts(run.info.run_id, str(tmp_path), path)
    assert client.list_artifacts(run.info.run_id) == []


def test_a_repository_may_begin_below_a_run(client: Any, run: Any, tmp_path: Path) -> None:
    client.log_text(run.info.run_id, "x", "model/data/x.txt")
    repository = get_artifact_repository(f"{run.info.artifact_uri}/model")
    assert isinstance(repository, StoreArtifactRepository)
    assert [one.path for one in repository.list_artifacts()] == ["data"]
    assert [one.path for one in repository.list_artifacts("data")] == ["data/x.txt"]
    found = repository.download_artifacts("data/x.txt", str(tmp_path))
    assert Path(found).read_text() == "x"


def test_the_proxy_names_files_from_the_store_down(client: Any, run: Any, uri: str) -> None:
    client.log_text(run.info.run_id, "x", "a/x.txt")
    repository = get_artifact_repository(uri)
    inside = f"runs/{run.info.run_id}/artifacts"
    assert [one.path for one in repository.list_artifacts(inside)] == [f"{inside}/a"]
    assert [one.path for one in repository.list_artifacts(f"{inside}/a")] == [f"{inside}/a/x.txt"]
    assert repository.list_artifacts() == []
    with pytest.raises(MlflowException, match="No file can be at"):
        repository.log_artifact(__file__, "runs")


def test_deleted_files_are_off_the_list(client: Any, run: Any) -> None:
    client.log_text(run.info.run_id, "x", "a/x.txt")
    client.log_text(run.info.run_id, "y", "y.txt")
    repository = get_artifact_repository(run.info.artifact_uri)
    repository.delete_artifacts("a")
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["y.txt"]
    repository.delete_artifacts("a")
    repository.delete_artifacts()
    assert client.list_artifacts(run.info.run_id) == []


def test_what_is_missing_or_outside_is_refused(client: Any, run: Any, tmp_path: Path) -> None:
    with pytest.raises(MlflowException, match="absent"):
        client.download_artifacts(run.info.run_id, "absent.txt", str(tmp_path))
    with pytest.raises(MlflowException, match="path"):
        client.log_text(run.info.run_id, "x", "../../../x.txt")


@pytest.mark.parametrize("name", ["my runs", "50%41", "#1", "what?", "Größe"])
def test_the_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    client = mlflow.MlflowClient(f"eventtrack:{quote(str(tmp_path / name))}")
    run = client.create_run("0")
    client.log_text(run.info.run_id, "x", "a/x.txt")
    assert [one.path for one in client.list_artifacts(run.info.run_id, "a")] == ["a/x.txt"]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a/x.txt") == "x"
    assert (tmp_path / name / "blobs").is_dir()


def test_an_experiment_may_keep_its_files_elsewhere(client: Any, tmp_path: Path) -> None:
    place = (tmp_path / "files").as_uri()
    run = client.create_run(client.create_experiment("elsewhere", place))
    client.log_text(run.info.run_id, "x", "x.txt")
    file = tmp_path / "files" / run.info.run_id / "artifacts" / "x.txt"
    assert run.info.artifact_uri == file.parent.as_uri()
    assert file.read_text() == "x"


class TestInAServer:
    """What MLflow's server shows its clients, by the artifact root it was started with."""

    def test_the_proxy_stands_for_the_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uri = f"eventtrack:{tmp_path}/store"
        store = TrackingStore(uri, "mlflow-artifacts:/")
        run_id = store.create_run("0", "me", 1, [], "r").info.run_id
        proxied = f"mlflow-artifacts:/runs/{run_id}/artifacts"
        assert store.get_run(run_id).info.artifact_uri == proxied
        assert store.get_experiment("0").artifact_location == "mlflow-artifacts:/experiments/0"
        open_store(uri).artifacts.log_bytes(run_id, b"x", "x.txt")
        # The proxy keeps its files elsewhere: these are shown where they are.
        assert store.get_run(run_id).info.artifact_uri.startswith("eventtrack://")
        monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", uri)
        assert store.get_run(run_id).info.artifact_uri == proxied

    def test_another_root_gets_a_folder_for_each_new_experiment(self, tmp_path: Path) -> None:
        store = TrackingStore(f"eventtrack:{tmp_path}/store", "s3://bucket/root")
        one, two = (store.create_experiment(name) for name in ("one", "two"))
        places = [store.get_experiment(each).artifact_location for each in (one, two)]
        assert all(place.startswith("s3://bucket/root/") for place in places)
        assert len(set(places)) == 2
        assert store.get_experiment("0").artifact_location.startswith("eventtrack://")

    @pytest.mark.parametrize("root", [None, "./mlruns", "eventtrack:elsewhere"])
    def test_without_a_root_the_store_keeps_them(self, tmp_path: Path, root: str | None) -> None:
        store = TrackingStore(f"eventtrack:{tmp_path}/store", root)
        known = store.get_experiment(store.create_experiment("one"))
        assert known.artifact_location.startswith(f"eventtrack://{tmp_path}/store/experiments/")


def test_a_figure_and_a_table_come_back(uri: str) -> None:
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1, 2]}, "table.json")
        mlflow.log_table({"a": [3]}, "table.json")
    assert uri
    table = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert list(table["a"]) == [1, 2, 3]


@pytest.mark.parametrize("inside", ["", "runs/abc/artifacts"])
def test_a_location_that_is_no_store_becomes_none(tmp_path: Path, inside: str) -> None:
    """Whoever names it: an event of another machine may."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "x.txt").write_text("x")
    repository = StoreArtifactRepository(f"eventtrack:{elsewhere}/{inside}")
    with pytest.raises(MlflowException):
        repository.log_artifact(str(tmp_path / "x.txt"), None if inside else "runs/abc/artifacts")
    assert list(elsewhere.iterdir()) == []
