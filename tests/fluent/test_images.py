"""Images as files and as series."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import pytest

from eventtrack.errors import InvalidValueError


def pixels(mlflow: ModuleType, run_id: str, path: str) -> Any:
    """The image's array, read back."""
    return np.array(mlflow.artifacts.load_image(f"runs:/{run_id}/{path}"))


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4)])
def test_an_array_becomes_an_image(mlflow: ModuleType, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    with mlflow.start_run() as run:
        mlflow.log_image(array, "image.png")
    expected = array[:, :, 0] if shape[2:] == (1,) else array
    assert np.array_equal(pixels(mlflow, run.info.run_id, "image.png"), expected)


def test_numbers_from_zero_to_one_are_scaled(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_image(np.array([[0.0, 1.0]]), "image.png")
    assert pixels(mlflow, run.info.run_id, "image.png").tolist() == [[0, 255]]


def test_numbers_beyond_are_scaled_with_a_warning(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run, pytest.warns(UserWarning, match="Rescaling"):
        mlflow.log_image(np.array([[-1.0, 1.0]]), "image.png")
    assert pixels(mlflow, run.info.run_id, "image.png").tolist() == [[0, 255]]


def test_a_pillow_image_and_our_own_are_taken(mlflow: ModuleType, tmp_path: Path) -> None:
    image = PIL.Image.new("RGB", (3, 2), "red")
    image.save(tmp_path / "red.png")
    with mlflow.start_run() as run:
        mlflow.log_image(image, "pillow.png")
        mlflow.log_image(mlflow.Image(image), "ours.png")
        mlflow.log_image(mlflow.Image(str(tmp_path / "red.png")), "file.png")
        mlflow.log_image(mlflow.Image([[0, 255]]), "list.png")
    for name in ("pillow", "ours", "file"):
        assert pixels(mlflow, run.info.run_id, f"{name}.png")[0, 0].tolist() == [255, 0, 0]
    assert pixels(mlflow, run.info.run_id, "list.png").tolist() == [[0, 255]]


def test_an_image_can_be_turned_over_and_resized(mlflow: ModuleType, tmp_path: Path) -> None:
    image = mlflow.Image(np.zeros((2, 3, 3), dtype=np.uint8))
    assert image.size == (3, 2)
    assert image.to_array().shape == (2, 3, 3)
    assert image.to_list() == [(0, 0, 0)] * 6
    assert image.resize((6, 4)).size == (6, 4)
    image.save(str(tmp_path / "saved.png"))
    assert (tmp_path / "saved.png").is_file()


def test_a_series_keeps_each_step_with_a_small_copy(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        for step in (0, 5):
            mlflow.log_image(np.zeros((600, 300), np.uint8), key="val/dog", step=step, timestamp=9)
    client = mlflow.MlflowClient()
    listed = sorted(entry.path for entry in client.list_artifacts(run.info.run_id, "images"))
    assert len(listed) == 4
    stems = sorted({name.split("+timestamp+")[0] for name in listed})
    assert stems == ["images/val~dog+step+0", "images/val~dog+step+5"]
    assert all("+timestamp+9+" in name for name in listed)
    small = next(name for name in listed if name.endswith("+compressed.webp"))
    image = mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/{small}")
    assert image.size == (128, 256)
    assert client.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


@pytest.mark.parametrize(
    ("image", "arguments", "message"),
    [
        (np.zeros((2, 2)), {}, "exactly one of"),
        (np.zeros((2, 2)), {"artifact_file": "a.png", "key": "a"}, "cannot be used"),
        (np.zeros((2, 2)), {"artifact_file": "a.png", "step": 0}, "cannot be used"),
        (np.zeros((2, 2)), {"key": "a?b"}, "may only contain"),
        (np.zeros((2, 2)), {"artifact_file": "a.xyz"}, "unknown file extension"),
        (np.zeros((2, 2)), {"artifact_file": "a"}, "unknown file extension"),
        (np.zeros(2), {"artifact_file": "a.png"}, "2D or 3D"),
        (np.zeros((2, 2, 2)), {"artifact_file": "a.png"}, "channel length"),
        (np.array([["a"]]), {"artifact_file": "a.png"}, "Invalid array data type"),
        (np.array([[256]]), {"artifact_file": "a.png"}, "out of acceptable range"),
        ("image", {"artifact_file": "a.png"}, "Unsupported image"),
    ],
)
def test_a_bad_image_is_refused_and_nothing_is_written(
    mlflow: ModuleType, image: object, arguments: dict[str, Any], message: str
) -> None:
    with mlflow.start_run() as run, pytest.raises(InvalidValueError, match=message):
        mlflow.log_image(image, **arguments)
    assert mlflow.MlflowClient().list_artifacts(run.info.run_id) == []
