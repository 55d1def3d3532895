"""Files of a run."""

import io
from pathlib import Path
from types import ModuleType

import pytest

from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError, UsageError


def names(mlflow: ModuleType, run_id: str, path: str | None = None) -> list[str]:
    """Paths directly below `path`."""
    return sorted(entry.path for entry in mlflow.MlflowClient().list_artifacts(run_id, path))


def test_a_file_can_be_logged_and_read_back(mlflow: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("weights")
    with mlflow.start_run() as run:
        mlflow.log_artifact(tmp_path / "model.txt")
        mlflow.log_artifact(str(tmp_path / "model.txt"), artifact_path="deep/er")
    run_id = run.info.run_id
    assert names(mlflow, run_id) == ["deep", "model.txt"]
    assert names(mlflow, run_id, "deep/er") == ["deep/er/model.txt"]
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/deep/er/model.txt") == "weights"


def test_a_folder_is_logged_with_what_is_in_it(mlflow: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "a.txt").write_text("a")
    (tmp_path / "out" / "sub" / "b.txt").write_text("b")
    with mlflow.start_run() as run:
        mlflow.log_artifacts(tmp_path / "out")
        mlflow.log_artifacts(tmp_path / "out", artifact_path="copy")
        mlflow.log_artifact(tmp_path / "out", artifact_path="kept")
    run_id = run.info.run_id
    assert names(mlflow, run_id) == ["a.txt", "copy", "kept", "sub"]
    assert names(mlflow, run_id, "copy/sub") == ["copy/sub/b.txt"]
    assert names(mlflow, run_id, "kept/out") == ["kept/out/a.txt", "kept/out/sub"]


def test_a_file_that_is_not_there_is_an_error(mlflow: ModuleType, tmp_path: Path) -> None:
    with mlflow.start_run() as run, pytest.raises(EventtrackError):
        mlflow.log_artifact(tmp_path / "nothing.txt")
    assert names(mlflow, run.info.run_id) == []


def test_texts_and_dictionaries_become_files(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("häßlich", "notes/a.txt")
        mlflow.log_dict({"lr": 0.1, "layers": [1, 2]}, "config.json")
        mlflow.log_dict([1, 2], "list")
        mlflow.log_stream(io.BytesIO(b"bytes"), "raw.bin")
    root = f"runs:/{run.info.run_id}"
    assert mlflow.artifacts.load_text(f"{root}/notes/a.txt") == "häßlich"
    assert mlflow.artifacts.load_dict(f"{root}/config.json") == {"lr": 0.1, "layers": [1, 2]}
    assert mlflow.artifacts.load_dict(f"{root}/list") == [1, 2]
    assert mlflow.artifacts.load_text(f"{root}/raw.bin") == "bytes"


def test_a_run_may_be_named(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        pass
    mlflow.log_text("later", "a.txt", run_id=run.info.run_id)
    mlflow.log_dict({}, "b.json", run_id=run.info.run_id)
    assert mlflow.active_run() is None
    assert names(mlflow, run.info.run_id) == ["a.txt", "b.json"]


@pytest.mark.parametrize("text", [b"bytes", None, 3])
def test_a_text_is_a_string(mlflow: ModuleType, text: object) -> None:
    with mlflow.start_run(), pytest.raises(InvalidValueError, match="expected a string"):
        mlflow.log_text(text, "a.txt")


def test_a_text_that_is_no_unicode_is_named(mlflow: ModuleType) -> None:
    with mlflow.start_run(), pytest.raises(InvalidValueError, match=r"a\.txt holds characters"):
        mlflow.log_text("\ud800", "a.txt")


@pytest.mark.parametrize("name", ["../up.txt", "/top.txt", "a/../../b.txt", ""])
def test_a_file_stays_within_its_run(mlflow: ModuleType, name: str) -> None:
    with mlflow.start_run() as run, pytest.raises(EventtrackError):
        mlflow.log_text("text", name)
    assert names(mlflow, run.info.run_id) == []


def test_yaml_needs_its_package(mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with mlflow.start_run(), pytest.raises(UsageError, match="`yaml` is not installed"):
        mlflow.log_dict({}, "a.yaml")


def test_the_uri_of_an_artifact_can_be_read(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("text", "deep/a.txt")
        assert mlflow.get_artifact_uri() == run.info.artifact_uri
        uri = mlflow.get_artifact_uri("deep/a.txt")
    assert uri == f"{run.info.artifact_uri}/deep/a.txt"
    assert mlflow.artifacts.load_text(uri) == "text"
    assert [entry.path for entry in mlflow.artifacts.list_artifacts(run.info.artifact_uri)] == [
        "deep"
    ]


def test_artifacts_are_downloaded_to_a_folder(mlflow: ModuleType, tmp_path: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("a", "deep/a.txt")
        mlflow.log_text("b", "deep/b.txt")
    run_id = run.info.run_id
    target = tmp_path / "down" / "here"
    file = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path="deep/a.txt", dst_path=str(target)
    )
    assert Path(file).read_text() == "a"
    assert Path(file).is_relative_to(target)
    folder = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/deep", dst_path=str(target))
    assert sorted(path.name for path in Path(folder).iterdir()) == ["a.txt", "b.txt"]


def test_a_download_without_a_folder_goes_to_a_temporary_one(
    mlflow: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with mlflow.start_run() as run:
        mlflow.log_text("a", "a.txt")
    file = mlflow.MlflowClient().download_artifacts(run.info.run_id, "a.txt")
    assert Path(file).read_text() == "a"
    assert Path(file).is_relative_to(tmp_path)


def test_listing_tells_files_from_folders(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("abc", "a.txt")
        mlflow.log_text("b", "deep/b.txt")
    listed = mlflow.artifacts.list_artifacts(run_id=run.info.run_id)
    assert {(entry.path, entry.is_dir, entry.file_size) for entry in listed} == {
        ("a.txt", False, 3),
        ("deep", True, None),
    }
    below = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="deep")
    assert [entry.path for entry in below] == ["deep/b.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"artifact_uri": "runs:/a/b", "run_id": "a"},
        {"artifact_uri": "runs:/a", "artifact_path": "b"},
    ],
)
def test_an_artifact_is_named_in_one_way(mlflow: ModuleType, arguments: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError, match="artifact_uri"):
        mlflow.artifacts.download_artifacts(**arguments)


@pytest.mark.parametrize("uri", ["nowhere", "s3://bucket/key", "runs:/" + "0" * 32 + "/a.txt"])
def test_what_is_not_there_cannot_be_read(mlflow: ModuleType, uri: str) -> None:
    with pytest.raises(NotFoundError):
        mlflow.artifacts.load_text(uri)


def test_a_uri_of_another_store_is_not_taken_for_ours(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("a", "a.txt")
    uri = f"s3://bucket/{run.info.experiment_id}/{run.info.run_id}/artifacts/a.txt"
    with pytest.raises(NotFoundError, match="No such artifact"):
        mlflow.artifacts.load_text(uri)


def test_what_is_not_text_or_json_is_said_to_be_so(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_stream(io.BytesIO(b"\xff\xfe"), "raw.bin")
        mlflow.log_text("{", "half.json")
    root = f"runs:/{run.info.run_id}"
    with pytest.raises(UsageError, match="not valid UTF-8"):
        mlflow.artifacts.load_text(f"{root}/raw.bin")
    with pytest.raises(UsageError, match="Unable to form a JSON object"):
        mlflow.artifacts.load_dict(f"{root}/half.json")
