"""Which store the fluent calls talk to."""

import os
from pathlib import Path

import pytest

import eventtrack as mlflow
from eventtrack.errors import InvalidValueError


def test_the_default_is_a_folder_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not mlflow.is_tracking_uri_set()
    assert mlflow.get_tracking_uri() == f"eventtrack:{tmp_path / '.eventtrack'}"
    with mlflow.start_run():
        pass
    assert (tmp_path / ".eventtrack").is_dir()


@pytest.mark.parametrize("form", ["{}", "eventtrack:{}", "file://{}"])
def test_a_store_is_named_by_path_or_uri(tmp_path: Path, form: str) -> None:
    uri = form.format(tmp_path / "store")
    mlflow.set_tracking_uri(uri)
    assert mlflow.get_tracking_uri() == uri
    assert mlflow.is_tracking_uri_set()
    with mlflow.start_run():
        pass
    assert (tmp_path / "store").is_dir()


def test_a_relative_path_stays_where_it_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with mlflow.start_run():
        pass
    assert (tmp_path / "store").is_dir()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("variable", ["EVENTTRACK_URI", "MLFLOW_TRACKING_URI"])
def test_the_environment_names_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "store"))
    assert mlflow.is_tracking_uri_set()
    assert mlflow.get_tracking_uri() == str(tmp_path / "store")
    with mlflow.start_run():
        pass
    assert (tmp_path / "store").is_dir()


def test_the_choice_is_there_for_processes_started_later_until_it_is_forgotten(
    tmp_path: Path,
) -> None:
    mlflow.set_tracking_uri(tmp_path / "store")
    assert os.environ["EVENTTRACK_URI"] == str(tmp_path / "store")
    mlflow.set_tracking_uri(None)
    assert "EVENTTRACK_URI" not in os.environ
    assert not mlflow.is_tracking_uri_set()


@pytest.mark.parametrize("uri", ["ftp://localhost", "http:5000", "https://", "sqlite:///a.db"])
def test_what_is_neither_a_folder_nor_a_server_is_refused_at_once(uri: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        mlflow.set_tracking_uri(uri)
    assert caught.value.hint
    assert not mlflow.is_tracking_uri_set()


@pytest.mark.parametrize("name", ["50%", "%41", "#1", "what?", "a b", "runs;x", "é"])
def test_a_folder_may_have_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    run_ids = set()
    for uri in (None, mlflow.get_tracking_uri(), str(tmp_path / name / ".eventtrack")):
        mlflow.set_tracking_uri(uri)
        with mlflow.start_run() as run:
            mlflow.log_text("yes", f"{name.replace('?', '')}/file.txt")
            artifact_uri = mlflow.get_artifact_uri(f"{name.replace('?', '')}/file.txt")
        assert mlflow.artifacts.load_text(artifact_uri) == "yes"
        client = mlflow.MlflowClient()
        again = mlflow.MlflowClient(mlflow.MlflowClient(store=client.store).tracking_uri)
        run_ids.add(run.info.run_id)
        assert {one.info.run_id for one in again.search_runs(["0"])} == run_ids
    assert [entry.name for entry in (tmp_path / name).iterdir()] == [".eventtrack"]
