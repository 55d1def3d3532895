"""Imports: points a second from each source, new to the store, and when it has them all."""

import importlib
import itertools
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _harness import Report, Samples, seconds

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_database import SqlStore
from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.source import Source
from eventtrack.transfer.tables import CsvTables
from eventtrack.transfer.tensorboard import EventFolders
from eventtrack.transfer.trackio import Databases

RUNS, METRICS, STEPS = 4, 10, 5_000
POINTS = RUNS * METRICS * STEPS
START_MS = 1_700_000_000_000
KEYS = [f"metric-{number}" for number in range(METRICS)]
IDS = [f"{number:032x}" for number in range(RUNS)]
SCHEMA = """
CREATE TABLE experiments (experiment_id, name, lifecycle_stage);
CREATE TABLE runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id);
CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan,
                      PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE INDEX metrics_run ON metrics (run_uuid);
CREATE TABLE params (key, value, run_uuid);
CREATE TABLE tags (key, value, run_uuid);
INSERT INTO experiments VALUES (1, 'bench', 'active');
"""


def value(step: int, number: int) -> float:
    """A value whose text is as long as those of real losses."""
    return 1 / (step + number + 1)


def mlruns(folder: Path) -> Callable[[], Source]:
    """MLflow's file store."""
    for run_id in IDS:
        run = folder / "1" / run_id
        (run / "metrics").mkdir(parents=True)
        meta = f"run_id: {run_id}\nstatus: 3\nstart_time: {START_MS}\n"
        (run / "meta.yaml").write_text(meta)
        for number, key in enumerate(KEYS):
            lines = (f"{START_MS + n} {value(n, number)} {n}\n" for n in range(STEPS))
            (run / "metrics" / key).write_text("".join(lines))
    (folder / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: bench\n")
    return lambda: FileStore(folder)


def database(folder: Path) -> Callable[[], Source]:
    """MLflow's SQL store, with the columns and keys that matter."""
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        for run_id in IDS:
            run = (run_id, "run", "FINISHED", START_MS, "active", 1)
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)", run)
            connection.executemany(
                "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)",
                (
                    (key, value(step, number), START_MS + step, run_id, step)
                    for step in range(STEPS)
                    for number, key in enumerate(KEYS)
                ),
            )
    connection.close()
    return lambda: SqlStore(f"sqlite:///{path}")


def event_files(folder: Path) -> Callable[[], Source]:
    """TensorBoard's event files."""
    writers: Any = importlib.import_module("tensorboardX")
    for run_id in IDS:
        with writers.SummaryWriter(str(folder / run_id)) as writer:
            for step, (number, key) in itertools.product(range(STEPS), enumerate(KEYS)):
                writer.add_scalar(key, value(step, number), step, walltime=START_MS / 1000 + step)
    return lambda: EventFolders(folder)


def trackio(folder: Path) -> Callable[[], Source]:
    """Trackio's database, with the columns that matter; ten metrics a row."""
    path = folder / "bench.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id, run_name, "
            "timestamp, step, metrics)"
        )
        connection.executemany(
            "INSERT INTO metrics (run_id, run_name, timestamp, step, metrics) "
            "VALUES (?, 'run', ?, ?, ?)",
            (
                (
                    run_id,
                    f"2026-01-01T00:{step // 60 % 60:02}:{step % 60:02}",
                    step,
                    json.dumps({key: value(step, number) for number, key in enumerate(KEYS)}),
                )
                for run_id in IDS
                for step in range(STEPS)
            ),
        )
    connection.close()
    return lambda: Databases(path)


def table(folder: Path) -> Callable[[], Source]:
    """CSV files, one for each run, a row for each step."""
    paths = [folder / f"{run_id}.csv" for run_id in IDS]
    for path in paths:
        with path.open("w") as file:
            file.write(",".join(["step", "timestamp", *KEYS]) + "\n")
            for step in range(STEPS):
                values = (repr(value(step, number)) for number in range(METRICS))
                file.write(f"{step},{START_MS + step},{','.join(values)}\n")
    return lambda: CsvTables(paths, "bench")


SOURCES = {
    "mlruns": mlruns,
    "mlflow.db": database,
    "tensorboard": event_files,
    "trackio": trackio,
    "csv": table,
}


def main() -> None:
    """Write each source once, then import it into new stores, and once more."""
    report = Report("Imports")
    with report.folder() as folder:
        for name, write in SOURCES.items():
            (folder / name).mkdir()
            source = write(folder / name)
            first, again = [], []
            for number in range(3):
                store = Store(folder / f"{name}-{number}", source="import")
                first.append(POINTS / seconds(lambda: take(store, source)) / 1e3)  # noqa: B023
                again.append(POINTS / seconds(lambda: take(store, source)) / 1e3)  # noqa: B023
                store.close()
            report.figure(f"{name}, {POINTS:,} points", Samples(first), "1,000 points/s")
            report.figure(f"{name}, nothing new", Samples(again), "1,000 points/s")
    report.finish()


def take(store: Store, source: Callable[[], Source]) -> None:
    """One import."""
    report = import_histories(store, source(), lambda done, total: None)
    assert report.taken.points in (0, POINTS), report


if __name__ == "__main__":
    main()
