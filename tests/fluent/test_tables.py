"""Tables that grow by rows."""

import json
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from eventtrack.errors import InvalidValueError, NotFoundError

FIRST = {"question": ["a", "b"], "score": [0.5, 1.0]}
SECOND = {"question": ["c"], "score": [0.25]}


@pytest.mark.parametrize("name", ["eval.json", "deep/eval.parquet"])
def test_a_table_grows_with_each_call(mlflow: ModuleType, name: str) -> None:
    with mlflow.start_run():
        mlflow.log_table(FIRST, name)
        mlflow.log_table(pd.DataFrame(SECOND), name)
    table = mlflow.load_table(name)
    assert table["question"].tolist() == ["a", "b", "c"]
    assert table["score"].tolist() == [0.5, 1.0, 0.25]


def test_columns_of_single_values_are_one_row(mlflow: ModuleType) -> None:
    with mlflow.start_run():
        mlflow.log_table({"question": "a", "score": 1}, "eval.json")
    assert mlflow.load_table("eval.json").to_dict("records") == [{"question": "a", "score": 1}]


def test_the_run_notes_each_table_once(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        for name in ("a.json", "b.json", "a.json"):
            mlflow.log_table(FIRST, name)
    noted = json.loads(mlflow.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"])
    assert noted == [{"path": name, "type": "table"} for name in ("a.json", "b.json")]


def test_tables_of_several_runs_are_joined_with_what_is_known_of_the_run(
    mlflow: ModuleType,
) -> None:
    runs = []
    for number, rows in enumerate((FIRST, SECOND)):
        with mlflow.start_run() as run:
            mlflow.log_param("number", number)
            mlflow.log_table(rows, "eval.json")
            runs.append(run.info.run_id)
    with mlflow.start_run():
        pass
    table = mlflow.load_table("eval.json", extra_columns=["run_id", "params.number"])
    assert sorted(zip(table["question"], table["run_id"], table["params.number"], strict=True)) == [
        ("a", runs[0], "0"),
        ("b", runs[0], "0"),
        ("c", runs[1], "1"),
    ]
    only = mlflow.load_table("eval.json", run_ids=[runs[1]])
    assert only["question"].tolist() == ["c"]


def test_images_in_a_table_become_files(mlflow: ModuleType) -> None:
    images = [mlflow.Image(np.zeros((4, 4), np.uint8)) for _ in range(2)]
    with mlflow.start_run() as run:
        mlflow.log_table({"image": images, "label": ["x", "y"]}, "eval.json")
    cells = mlflow.load_table("eval.json")["image"]
    assert [cell["type"] for cell in cells] == ["image", "image"]
    loaded = mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/{cells[0]['filepath']}")
    assert loaded.size == (4, 4)


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (FIRST, "eval.csv", "Invalid artifact file path"),
        (FIRST, "ev:al.json", "forbidden character"),
        ([1, 2], "eval.json", "must be a pandas.DataFrame or a dictionary"),
    ],
)
def test_a_bad_table_is_refused(mlflow: ModuleType, data: object, name: str, message: str) -> None:
    with mlflow.start_run() as run, pytest.raises(InvalidValueError, match=message):
        mlflow.log_table(data, name)
    assert mlflow.MlflowClient().list_artifacts(run.info.run_id) == []


def test_images_and_others_do_not_mix(mlflow: ModuleType) -> None:
    data = {"image": [mlflow.Image([[0]]), "text"]}
    with mlflow.start_run(), pytest.raises(InvalidValueError, match="a mix of images"):
        mlflow.log_table(data, "eval.json")


def test_a_table_that_is_not_there_is_an_error(mlflow: ModuleType) -> None:
    with mlflow.start_run():
        mlflow.log_table(FIRST, "eval.json")
    with pytest.raises(NotFoundError, match="No runs found"):
        mlflow.load_table("other.json")
    with pytest.raises(InvalidValueError, match="no column"):
        mlflow.load_table("eval.json", extra_columns=["colour"])
