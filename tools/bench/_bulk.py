"""Large stores, made quickly: events go into the log in bulk, past the rules and the journal.

The events are those that scripts leave behind, a run in one envelope, so that views, search and
histories have the same work as with scripts. Nothing here measures logging.
"""

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from _peer_driver import METRICS, PARAMS, STEPS, TAGS
from _work import KINDS, START_MS

from eventtrack.events.envelope import Draft
from eventtrack.events.types import (
    Event,
    MetricsLogged,
    ParamsLogged,
    RunStarted,
    RunUpdated,
    TagsSet,
)
from eventtrack.log.again import run_again
from eventtrack.store import open_store

EXPERIMENT = "bench"
RUNS_A_COMMIT = 5_000
POINTS_AN_EVENT = 10_000
# The number of values that the metric "tied" has over all runs.
TIES = 100


def write_runs(folder: Path, runs: int, experiment_id: str = "") -> None:
    """A store of runs of 10 params, 5 tags, 5 x 10 points and a point of the metric `tied`.

    Args:
        experiment_id: "" for a new experiment.
    """
    with closing(open_store(folder)) as store:
        experiment = experiment_id or store.experiments.create(EXPERIMENT)
        drawn = random.Random(runs)
        drafts = (
            Draft.of(f"run/{drawn.getrandbits(128):032x}", *_run(experiment, place, drawn))
            for place in range(runs)
        )
        _append(store, drafts)


def write_series(folder: Path, points: int) -> None:
    """A store of one run with one series."""
    with closing(open_store(folder)) as store:
        run_id = store.runs.create("0").info.run_id
        drawn = random.Random(points)
        drafts = (
            Draft.of(f"run/{run_id}", _series(drawn, first, min(first + POINTS_AN_EVENT, points)))
            for first in range(0, points, POINTS_AN_EVENT)
        )
        _append(store, drafts, 100)


def write_names(folder: Path, names: int, steps: int = 3) -> None:
    """A store of one run with many metrics."""
    with closing(open_store(folder)) as store:
        run_id = store.runs.create("0").info.run_id
        keys = [f"block-{place // 100}/layer-{place % 100}/norm" for place in range(names)]
        drafts = (
            Draft.of(
                f"run/{run_id}",
                MetricsLogged(
                    keys, [float(step + place) for place in range(names)], step, START_MS
                ),
            )
            for step in range(steps)
        )
        _append(store, drafts)


def write_wide_runs(folder: Path, runs: int) -> None:
    """A store of the shape that G-Research called representative, in FastTrackML's issue 860.

    Each run has 150 params, 50 tags and 1,500 metrics of 20 steps; 50 experiments there have 1,500
    runs each, here one has them all.
    """
    keys = [f"group-{place % 50}/metric-{place}" for place in range(1_500)]
    with closing(open_store(folder)) as store:
        experiment = store.experiments.create(EXPERIMENT)
        drawn = random.Random(runs)

        def events(place: int) -> Iterator[Event]:
            start_ms = START_MS + 1000 * place
            yield RunStarted(experiment, f"run-{place}", "ada", start_ms, {})
            yield ParamsLogged({f"param-{key}": str(drawn.randrange(100)) for key in range(150)})
            yield TagsSet({f"tag-{key}": f"value-{key % 7}" for key in range(50)})
            for step in range(20):
                values = [drawn.random() for _ in keys]
                yield MetricsLogged(keys, values, step, start_ms + step)
            yield RunUpdated("FINISHED", start_ms + 900)

        drafts = (
            Draft.of(f"run/{drawn.getrandbits(128):032x}", *events(place)) for place in range(runs)
        )
        _append(store, drafts, 50)


def write_curves(folder: Path, runs: int, points: int) -> None:
    """A store of runs with one series each."""
    with closing(open_store(folder)) as store:
        experiment = store.experiments.create(EXPERIMENT)
        drawn = random.Random(points)
        drafts = (
            Draft.of(
                f"run/{drawn.getrandbits(128):032x}",
                RunStarted(experiment, f"run-{place}", "ada", START_MS + place, {}),
                _series(drawn, 0, points),
            )
            for place in range(runs)
        )
        _append(store, drafts, 100)


def _append(store: object, drafts: Iterator[Draft], size: int = RUNS_A_COMMIT) -> None:
    engine = store._engine  # type: ignore[attr-defined] # noqa: SLF001 - below the store's rules
    store.events.head()  # type: ignore[attr-defined]
    while batch := list(islice(drafts, size)):
        run_again(partial(_append_once, engine, batch))


def _append_once(engine: Any, batch: list[Draft]) -> None:
    with engine.appending() as (transaction, _):
        for draft in batch:
            transaction.append(draft, engine.session)


def _run(experiment: str, place: int, drawn: random.Random) -> list[Event]:
    start_ms = START_MS + 1000 * place
    params = {key: f"{value}-{drawn.randrange(100)}" for key, value in PARAMS.items()}
    params["param-0"] = str(place % KINDS)
    points: list[Event] = [
        MetricsLogged(list(METRICS), [drawn.random() for _ in METRICS], step, start_ms + step)
        for step in range(STEPS)
    ]
    tied = MetricsLogged(["tied"], [float(drawn.randrange(TIES))], 0, start_ms)
    return [
        RunStarted(experiment, f"run-{place}", "ada", start_ms, {}),
        ParamsLogged(params),
        TagsSet(TAGS),
        *points,
        tied,
        RunUpdated("FINISHED", start_ms + 900),
    ]


def _series(drawn: random.Random, first: int, stop: int) -> MetricsLogged:
    count = stop - first
    return MetricsLogged(
        ["loss"] * count,
        [drawn.random() for _ in range(count)],
        list(range(first, stop)),
        list(range(START_MS + 10 * first, START_MS + 10 * stop, 10)),
    )
