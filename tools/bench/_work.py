"""The stores that benchmarks measure: how they are made."""

import math
import random
from pathlib import Path

from _peer_driver import METRICS, PARAMS, STEPS, TAGS
from PIL import Image

from eventtrack.client import MlflowClient
from eventtrack.store import Store, open_store
from eventtrack.views.records import Metric, Param, RunTag

START_MS = 1_700_000_000_000
# Of the values of "param-0": a filter for one of them finds a seventh of the runs.
KINDS = 7


def new_store(folder: Path, name: str) -> Store:
    """A new store, opened, in a folder of its own."""
    return open_store(folder / name)


def append_runs(store: Store, experiment_id: str, first: int, stop: int) -> None:
    """Runs of 10 params, 5 tags and 5 x 10 points, in one durable commit."""
    drawn = random.Random(first)
    tags = [RunTag(key, value) for key, value in TAGS.items()]
    with store.batch():
        for place in range(first, stop):
            start_ms = START_MS + 1000 * place
            run = store.runs.create(experiment_id, start_time=start_ms, run_name=f"run-{place}")
            run_id = run.info.run_id
            params = [
                Param(key, f"{value}-{drawn.randrange(100)}") for key, value in PARAMS.items()
            ]
            params[0] = Param("param-0", str(place % KINDS))
            points = [
                Metric(key=key, value=drawn.random(), timestamp=start_ms + step, step=step)
                for key in METRICS
                for step in range(STEPS)
            ]
            store.runs.log_batch(run_id, points, params, tags)
            store.runs.update(run_id, status="FINISHED", end_time=start_ms + 900)


def store_of_runs(folder: Path, runs: int, name: str = "runs") -> tuple[Store, str]:
    """A store with that many runs in one experiment, and the experiment's id."""
    store = new_store(folder, name)
    experiment_id = store.experiments.create("bench")
    for first in range(0, runs, 1000):
        append_runs(store, experiment_id, first, min(runs, first + 1000))
    return store, experiment_id


def store_of_one_series(folder: Path, points: int, name: str = "series") -> tuple[Store, str]:
    """A store with one run with one metric, logged point by point, and the run's id."""
    store = new_store(folder, name)
    run_id = store.runs.create("0").info.run_id
    log = store.metrics.sink(run_id).log
    for step in range(points):
        log("loss", 1 / (step + 1), step, START_MS + step)
    store.flush()
    return store, run_id


def store_of_training(folder: Path, runs: int, steps: int) -> Store:
    """A store of runs as training scripts log them: params and tags, then metrics step by step."""
    store = new_store(folder, "training")
    for place in range(runs):
        run_id = store.runs.create("0", start_time=START_MS + place).info.run_id
        store.runs.log_params(run_id, PARAMS)
        store.runs.set_tags(run_id, TAGS)
        sink = store.metrics.sink(run_id)
        for step in range(steps):
            sink.log_many(dict.fromkeys(METRICS, 1 / (step + 1)), step, START_MS + step)
        store.flush()
    return store


def store_of_curves(
    folder: Path, runs: int, points: int, name: str = "curves"
) -> tuple[Store, str]:
    """Runs of one noisy metric, logged point by point, and their experiment's id."""
    store = new_store(folder, name)
    experiment_id = store.experiments.create("curves")
    drawn = random.Random(1)
    for place in range(runs):
        start_ms = START_MS + 1000 * place
        run = store.runs.create(experiment_id, start_time=start_ms, run_name=f"run-{place}")
        log = store.metrics.sink(run.info.run_id).log
        noise = [drawn.gauss(0, 0.05) for _ in range(997)]
        rate = 3 * drawn.random() / points
        for step in range(points):
            log("loss", math.exp(-rate * step) + noise[step % 997], step, start_ms + 10 * step)
        store.runs.update(run.info.run_id, status="FINISHED", end_time=start_ms + 10 * points)
    store.flush()
    return store, experiment_id


def store_of_keys(folder: Path, keys: int, name: str = "keys") -> tuple[Store, str]:
    """Three runs with many metrics of 20 points each, in groups of a hundred."""
    store = new_store(folder, name)
    experiment_id = store.experiments.create("keys")
    names = [f"block-{place // 100}/layer-{place % 100}/norm" for place in range(keys)]
    for place in range(3):
        run = store.runs.create(experiment_id, run_name=f"run-{place}")
        sink = store.metrics.sink(run.info.run_id)
        for step in range(20):
            sink.log_many({key: math.sin(step + at) for at, key in enumerate(names)}, step)
    store.flush()
    return store, experiment_id


def store_of_charts(folder: Path, count: int, name: str = "charts") -> tuple[Store, str]:
    """Ten runs of that many metrics of 500 points each, none of which share a chart."""
    store = new_store(folder, name)
    experiment_id = store.experiments.create("charts")
    names = [f"metric-{place}" for place in range(count)]
    for place in range(10):
        run = store.runs.create(experiment_id, run_name=f"run-{place}")
        sink = store.metrics.sink(run.info.run_id)
        for step in range(500):
            sink.log_many(
                {key: math.sin(step / 50 + at + place) for at, key in enumerate(names)}, step
            )
    store.flush()
    return store, experiment_id


def store_of_images(folder: Path, count: int, name: str = "images") -> str:
    """A run with an image of 64 x 64 pixels at each of that many steps; its id."""
    client = MlflowClient(str(folder / name))
    run_id: str = client.create_run("0").info.run_id
    for step in range(count):
        drawn = Image.new("RGB", (64, 64), (step % 256, step * 7 % 256, step * 31 % 256))
        client.log_image(run_id, drawn, key="samples", step=step)
    return run_id
