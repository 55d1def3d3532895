"""Figures as files."""

from types import ModuleType

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from eventtrack.errors import InvalidValueError

mpl.use("agg")

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def figure() -> Figure:
    drawn = Figure()
    drawn.subplots().plot([0, 1], [2, 3])
    return drawn


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_the_name_decides_on_the_format(mlflow: ModuleType, figure: Figure, suffix: str) -> None:
    with mlflow.start_run() as run:
        mlflow.log_figure(figure, f"plots/loss.{suffix}")
    client = mlflow.EventtrackClient()
    with client.store.artifacts.open(run.info.run_id, f"plots/loss.{suffix}") as stream:
        assert stream.read().startswith(SIGNATURES[suffix])


def test_options_go_to_the_library(mlflow: ModuleType, figure: Figure) -> None:
    with mlflow.start_run() as run:
        mlflow.log_figure(figure, "small.png", save_kwargs={"dpi": 10})
        mlflow.log_figure(figure, "large.png", save_kwargs={"dpi": 100})
    sizes = [
        mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/{name}.png").size
        for name in ("small", "large")
    ]
    assert sizes == [(64, 48), (640, 480)]


def test_an_unknown_format_is_refused(mlflow: ModuleType, figure: Figure) -> None:
    with mlflow.start_run(), pytest.raises(InvalidValueError, match=r"loss\.xyz"):
        mlflow.log_figure(figure, "loss.xyz")


def test_what_is_no_figure_is_refused(mlflow: ModuleType) -> None:
    with mlflow.start_run(), pytest.raises(InvalidValueError, match="Unsupported figure"):
        mlflow.log_figure("a plot", "loss.png")
