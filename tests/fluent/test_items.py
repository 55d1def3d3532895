"""Histograms and media of the active run: what a script may pass, and what is kept of it."""

import io
import math
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import InvalidValueError
from eventtrack.fluent import media


@pytest.fixture
def run_id(mlflow: ModuleType) -> Iterator[str]:
    with mlflow.start_run() as run:
        yield run.info.run_id


def items(mlflow: ModuleType, run_id: str, key: str) -> list[Any]:
    return list(mlflow.MlflowClient().get_series(run_id, key))


def blob(mlflow: ModuleType, item: Any) -> bytes:
    read: bytes = mlflow.MlflowClient().store.artifacts.blobs.read(bytes.fromhex(item.sha256))
    return read


def test_values_are_counted_into_a_histogram(mlflow: ModuleType, run_id: str) -> None:
    values = np.linspace(-1, 1, 1001)
    mlflow.log_histogram("weights", values, step=3)
    mlflow.log_histogram("weights", edges=[0, 1, 2], counts=[5, 6], step=4)
    first, second = items(mlflow, run_id, "weights")
    counts, edges = np.histogram(values, media.BINS)
    assert (first.edges, first.counts) == (edges.tolist(), counts.tolist())
    assert (second.edges, second.counts, second.step) == ([0, 1, 2], [5, 6], 4)


@pytest.mark.parametrize(
    "values",
    [[1.0, 1.0], [[1, 2], [3, 4]], [[1, 2], [3]], np.ones((2, 2)), range(65), (1, 2), {3, 4}],
    ids=str,
)
def test_any_numbers_are_counted(values: Any) -> None:
    edges, counts = media.counted(values)
    assert sum(counts) in (2, 3, 4, 65)
    assert edges == sorted(edges)


@given(st.lists(st.floats(-100, 100) | st.integers(-9, 9) | st.just(math.inf), min_size=1))
def test_without_numpy_the_counts_are_the_same(values: list[float]) -> None:
    values.append(1.0)
    by_numpy = media.counted(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "numpy")
        assert media.counted(values) == by_numpy


def test_a_value_on_an_edge_counts_above_it() -> None:
    assert media.counted(list(range(media.BINS + 1)))[1] == [1] * (media.BINS - 1) + [2]


def test_values_that_are_not_finite_are_left_out() -> None:
    _, counts = media.counted([1.0, float("nan"), float("inf"), 2.0])
    assert sum(counts) == 2
    with pytest.raises(InvalidValueError, match="no finite value"):
        media.counted([float("nan")])


@pytest.mark.usefixtures("run_id")
def test_a_histogram_needs_values_or_counts(mlflow: ModuleType) -> None:
    with pytest.raises(InvalidValueError, match="needs values"):
        mlflow.log_histogram("weights", edges=[0, 1])


def test_samples_of_a_sound_become_a_wav_file(mlflow: ModuleType, run_id: str) -> None:
    mlflow.log_audio("speech", np.zeros((80, 2)), step=1, caption="silence", sample_rate=8000)
    [item] = items(mlflow, run_id, "speech")
    assert (item.media_type, item.caption, item.step) == ("audio/wav", "silence", 1)
    with wave.open(io.BytesIO(blob(mlflow, item))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 80)
    with pytest.raises(InvalidValueError, match="sample rate"):
        mlflow.log_audio("speech", [0.0])


def test_files_keep_their_names_and_types(mlflow: ModuleType, run_id: str, tmp_path: Path) -> None:
    for name in ("clip.mp4", "scan.ply", "mesh.glb"):
        (tmp_path / name).write_bytes(name.encode())
        mlflow.log_media("files", tmp_path / name)
    mlflow.log_video("files", b"raw", media_type="video/webm")
    mlflow.log_html("files", "<b>bold</b>")
    assert [(one.media_type, one.name) for one in items(mlflow, run_id, "files")] == [
        ("video/mp4", "clip.mp4"),
        ("application/octet-stream", "scan.ply"),
        ("model/gltf-binary", "mesh.glb"),
        ("video/webm", None),
        ("text/html", None),
    ]
    with pytest.raises(InvalidValueError, match="media type"):
        mlflow.log_media("files", b"raw")


def test_an_image_is_a_file_and_an_item_of_a_series_with_the_same_bytes(
    mlflow: ModuleType, run_id: str
) -> None:
    mlflow.log_image(np.zeros((2, 2), "uint8"), key="dog", step=3, timestamp=5)
    [item] = items(mlflow, run_id, "dog")
    assert (item.media_type, item.step, item.timestamp) == ("image/png", 3, 5)
    [file] = [
        one.path
        for one in mlflow.MlflowClient().list_artifacts(run_id, "images")
        if one.path.endswith(".png")
    ]
    with mlflow.MlflowClient().store.artifacts.open(run_id, file) as stream:
        assert stream.read() == blob(mlflow, item)


def test_a_figure_goes_to_a_file_or_to_a_series(mlflow: ModuleType, run_id: str) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure()
    mlflow.log_figure(figure, key="curve", step=2, caption="loss")
    pyplot.close(figure)
    [item] = items(mlflow, run_id, "curve")
    assert (item.media_type, item.step, item.caption) == ("image/png", 2, "loss")
    with pytest.raises(InvalidValueError, match="to a file or to a series"):
        mlflow.log_figure(figure)
