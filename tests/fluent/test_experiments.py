"""Experiments, and which of them a run goes to."""

import os
from types import ModuleType

import pytest

from eventtrack.errors import AlreadyExistsError, InvalidValueError, NotFoundError


def test_without_a_choice_runs_go_to_the_default_experiment(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        assert run.info.experiment_id == "0"
    assert mlflow.get_experiment("0").name == "Default"


def test_setting_an_experiment_creates_it_once(mlflow: ModuleType) -> None:
    first = mlflow.set_experiment("mnist")
    assert first.name == "mnist"
    assert mlflow.set_experiment("mnist").experiment_id == first.experiment_id
    with mlflow.start_run() as run:
        assert run.info.experiment_id == first.experiment_id


def test_an_experiment_can_be_set_by_its_id(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment("by id")
    assert mlflow.set_experiment(experiment_id=experiment_id).name == "by id"


@pytest.mark.parametrize("arguments", [{}, {"experiment_name": "a", "experiment_id": "0"}])
def test_setting_takes_either_a_name_or_an_id(
    mlflow: ModuleType, arguments: dict[str, str]
) -> None:
    with pytest.raises(InvalidValueError, match="Must specify exactly one of"):
        mlflow.set_experiment(**arguments)


def test_an_unknown_id_cannot_be_set(mlflow: ModuleType) -> None:
    with pytest.raises(NotFoundError):
        mlflow.set_experiment(experiment_id="999")


def test_a_deleted_experiment_cannot_be_set_until_it_is_restored(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment("gone")
    mlflow.delete_experiment(experiment_id)
    assert mlflow.get_experiment(experiment_id).lifecycle_stage == "deleted"
    with pytest.raises(InvalidValueError, match="Cannot set a deleted experiment 'gone'"):
        mlflow.set_experiment("gone")
    mlflow.restore_experiment(experiment_id)
    assert mlflow.set_experiment("gone").experiment_id == experiment_id


def test_a_name_is_taken_once(mlflow: ModuleType) -> None:
    mlflow.create_experiment("mnist")
    with pytest.raises(AlreadyExistsError, match="already exists"):
        mlflow.create_experiment("mnist")


def test_an_experiment_keeps_its_tags(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment("tagged", tags={"team": "vision", "year": 2024})
    experiment = mlflow.get_experiment(experiment_id)
    assert experiment.tags == {"team": "vision", "year": "2024"}
    assert experiment.lifecycle_stage == "active"


def test_an_unknown_name_is_none(mlflow: ModuleType) -> None:
    assert mlflow.get_experiment_by_name("nobody") is None


def test_tags_go_to_the_current_experiment(mlflow: ModuleType) -> None:
    experiment = mlflow.set_experiment("tagged")
    mlflow.set_experiment_tag("team", "vision")
    mlflow.set_experiment_tags({"year": 2024, "stage": "draft"})
    mlflow.delete_experiment_tag("stage")
    tags = mlflow.get_experiment(experiment.experiment_id).tags
    assert tags == {"team": "vision", "year": "2024"}


def test_search_finds_by_name_and_view(mlflow: ModuleType) -> None:
    for name in ("a", "ab", "c"):
        mlflow.create_experiment(name)
    mlflow.delete_experiment(mlflow.get_experiment_by_name("c").experiment_id)
    found = mlflow.search_experiments(filter_string="name LIKE 'a%'", order_by=["name DESC"])
    assert [experiment.name for experiment in found] == ["ab", "a"]
    deleted = mlflow.search_experiments(view_type=mlflow.entities.ViewType.DELETED_ONLY)
    assert [experiment.name for experiment in deleted] == ["c"]
    assert len(mlflow.search_experiments(max_results=2)) == 2


def test_the_environment_names_an_experiment(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from environment")
    with mlflow.start_run() as run:
        pass
    assert mlflow.get_experiment(run.info.experiment_id).name == "from environment"


def test_the_environment_gives_an_experiments_id(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment_id = mlflow.create_experiment("by variable")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
    with mlflow.start_run() as run:
        assert run.info.experiment_id == experiment_id


def test_an_id_in_the_environment_must_exist(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "999")
    with pytest.raises(InvalidValueError, match="does not exist in the tracking server"):
        mlflow.start_run()


def test_name_and_id_in_the_environment_must_agree(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow.create_experiment("one")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "one")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    with pytest.raises(InvalidValueError, match="does not match the experiment id"):
        mlflow.start_run()


def test_the_program_wins_over_the_environment(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from environment")
    chosen = mlflow.set_experiment("from program")
    with mlflow.start_run() as run:
        assert run.info.experiment_id == chosen.experiment_id
    # For processes started from here.
    assert os.environ["MLFLOW_EXPERIMENT_ID"] == chosen.experiment_id
    assert "MLFLOW_EXPERIMENT_NAME" not in os.environ


@pytest.mark.parametrize("name", ["", None, 3, "x" * 501])
def test_a_bad_name_is_refused(mlflow: ModuleType, name: object) -> None:
    with pytest.raises(mlflow.MlflowException):
        mlflow.create_experiment(name)
    assert [found.name for found in mlflow.search_experiments()] == ["Default"]
