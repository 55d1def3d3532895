"""Datasets and models that a run reads."""

import json
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eventtrack.entities import LoggedModelInput
from eventtrack.errors import InvalidValueError

FRAME = pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5], "label": ["a", "b"]})


def dataset_inputs(mlflow: ModuleType, run_id: str) -> list[Any]:
    """What the run says it read."""
    inputs = mlflow.get_run(run_id).inputs.dataset_inputs
    assert isinstance(inputs, list)
    return inputs


def test_a_run_records_what_it_read(mlflow: ModuleType) -> None:
    dataset = mlflow.data.from_pandas(
        FRAME, source="https://example.org/data.csv", targets="label", name="iris"
    )
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"fold": "1"})
    [entry] = dataset_inputs(mlflow, run.info.run_id)
    assert entry.dataset.name == "iris"
    assert entry.dataset.digest == dataset.digest
    assert entry.dataset.source_type == "http"
    assert json.loads(entry.dataset.source) == {"url": "https://example.org/data.csv"}
    assert json.loads(entry.dataset.profile) == {"num_rows": 2, "num_elements": 6}
    assert {tag.key: tag.value for tag in entry.tags} == {
        "mlflow.data.context": "training",
        "fold": "1",
    }
    assert mlflow.data.get_source(entry).uri == "https://example.org/data.csv"


def test_several_inputs_at_once(mlflow: ModuleType) -> None:
    train = mlflow.data.from_dict({"x": [1]}, name="train")
    test = mlflow.data.from_dict({"x": [2]}, name="test")
    with mlflow.start_run() as run:
        mlflow.log_inputs([train, test], ["training", "testing"], [None, {"a": "b"}])
    inputs = dataset_inputs(mlflow, run.info.run_id)
    assert sorted(entry.dataset.name for entry in inputs) == ["test", "train"]


def test_the_sequences_of_inputs_belong_together(mlflow: ModuleType) -> None:
    dataset = mlflow.data.from_dict({"x": [1]})
    with pytest.raises(InvalidValueError, match="same length"):
        mlflow.log_inputs([dataset], [], [])
    assert mlflow.active_run() is None


def test_a_context_needs_a_dataset(mlflow: ModuleType) -> None:
    with pytest.raises(InvalidValueError, match="`dataset` must be specified"):
        mlflow.log_input(context="training")


def test_a_model_is_an_input_too(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_input(model=LoggedModelInput("m-1"))
    assert [entry.model_id for entry in mlflow.get_run(run.info.run_id).inputs.model_inputs] == [
        "m-1"
    ]


@pytest.mark.parametrize("dataset", ["data.csv", 3, {"x": [1]}, FRAME], ids=["s", "i", "d", "f"])
def test_what_is_no_dataset_is_refused(mlflow: ModuleType, dataset: object) -> None:
    with mlflow.start_run(), pytest.raises(InvalidValueError, match="Unrecognized dataset type"):
        mlflow.log_input(dataset)


# The digests, schemas and profiles below are those that mlflow 3.17.2 gives for the same data.


def test_a_frame_has_mlflows_digest_and_schema(mlflow: ModuleType) -> None:
    dataset = mlflow.data.from_pandas(FRAME, source="data.csv")
    assert dataset.name == "dataset"
    assert dataset.digest == "4678d61c"
    assert dataset.schema == {
        "mlflow_colspec": [
            {"type": "long", "name": "x", "required": True},
            {"type": "double", "name": "y", "required": True},
            {"type": "string", "name": "label", "required": True},
        ]
    }
    assert dataset.to_dict()["source_type"] == "local"


def test_a_column_of_mixed_objects_has_no_schema(mlflow: ModuleType) -> None:
    frame = pd.DataFrame({"x": pd.Series([1, "a"], dtype=object)})
    assert mlflow.data.from_pandas(frame).schema is None


def test_arrays_have_mlflows_digest_and_schema(mlflow: ModuleType) -> None:
    features = np.arange(6, dtype=float).reshape(2, 3)
    dataset = mlflow.data.from_numpy(features, targets=np.array([0, 1]))
    assert dataset.digest == "b45bdc02"
    spec = dataset.schema["mlflow_tensorspec"]
    assert json.loads(spec["features"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}
    ]
    assert json.loads(spec["targets"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}
    ]
    assert dataset.profile == {
        "features_shape": (2, 3),
        "features_size": 6,
        "features_nbytes": 48,
        "targets_shape": (2,),
        "targets_size": 2,
        "targets_nbytes": 16,
    }
    assert dataset.source.source_type == "code"


def test_arrays_by_name(mlflow: ModuleType) -> None:
    arrays = {"b": np.array([1, 2], np.int32), "a": np.array([[True], [False]])}
    dataset = mlflow.data.from_numpy(arrays)
    assert dataset.digest == "79d9073b"
    assert json.loads(dataset.schema["mlflow_tensorspec"]["features"])[1] == {
        "name": "a",
        "type": "tensor",
        "tensor-spec": {"dtype": "bool", "shape": [-1, 1]},
    }


def test_the_digest_follows_the_data(mlflow: ModuleType) -> None:
    digests = {
        mlflow.data.from_dict(data).digest
        for data in ({"x": [1, 2]}, {"x": [1, 3]}, {"y": [1, 2]}, {"x": ["a", None]}, {})
    }
    assert len(digests) == 5
    first, again = (mlflow.data.from_dict({"x": [1, 2]}).digest for _ in range(2))
    assert first == again


def test_columns_in_plain_python(mlflow: ModuleType) -> None:
    dataset = mlflow.data.from_dict({"x": [1, None], "y": ["a", "b"], "z": [1, 2.5]}, name="d")
    assert dataset.schema == {
        "mlflow_colspec": [
            {"type": "long", "name": "x", "required": False},
            {"type": "string", "name": "y", "required": True},
            {"type": "double", "name": "z", "required": True},
        ]
    }
    assert dataset.profile == {"num_rows": 2, "num_elements": 6}
    with pytest.raises(InvalidValueError, match="one length"):
        mlflow.data.from_dict({"x": [1], "y": [1, 2]})


@pytest.mark.parametrize(
    ("source", "kind", "fields"),
    [
        ("https://example.org/a", "http", {"url": "https://example.org/a"}),
        ("s3://bucket/a", "s3", {"uri": "s3://bucket/a"}),
        ("file:///tmp/a", "local", {"uri": "file:///tmp/a"}),
        ("data/a.csv", "local", {"uri": "data/a.csv"}),
    ],
)
def test_a_source_is_told_by_its_scheme(
    mlflow: ModuleType, source: str, kind: str, fields: dict[str, str]
) -> None:
    found = mlflow.data.from_dict({"x": [1]}, source=source).source
    assert (found.source_type, found.to_dict()) == (kind, fields)


def test_targets_must_be_a_column(mlflow: ModuleType) -> None:
    with pytest.raises(InvalidValueError, match="targets column 'nope'"):
        mlflow.data.from_pandas(FRAME, targets="nope")
