"""Databases of MLflow of any content, and what an import shows of them."""

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from eventtrack.transfer.mlflow_database import SqlStore
from eventtrack.transfer.report import Report
from tests.transfer.reading import Read, read
from tests.transfer.theirs import START_MS

A, B = "a" * 32, "b" * 32


def initial(path: Path) -> sqlite3.Connection:
    """A database of MLflow 0.9, as MLflow itself makes it, with an experiment and two runs."""
    sqlalchemy = importlib.import_module("sqlalchemy")
    models = importlib.import_module("mlflow.store.tracking.dbmodels.initial_models")
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    models.Base.metadata.create_all(engine)
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active')")
    connection.execute("INSERT INTO experiments VALUES (3, 'gone', './mlruns/3', 'deleted')")
    for run_id, number, status in ((A, 0, "FINISHED"), (B, 3, "FAILED")):
        connection.execute(
            "INSERT INTO runs VALUES "
            "(?, 'n', 'PROJECT', 'train.py', 'main', 'ada', ?, ?, ?, 'abc', 'active', ?, ?)",
            (
                run_id,
                status,
                START_MS,
                START_MS + 9,
                f"./mlruns/{number}/{run_id}/artifacts",
                number,
            ),
        )
    connection.execute("INSERT INTO params VALUES ('lr', '0.1', ?)", (A,))
    connection.execute("INSERT INTO tags VALUES ('stage', 'x', ?)", (A,))
    connection.execute("INSERT INTO metrics VALUES ('loss', 0.5, ?, ?)", (START_MS, A))
    connection.execute("INSERT INTO metrics VALUES ('loss', 0.25, ?, ?)", (START_MS + 1, A))
    connection.execute("INSERT INTO metrics VALUES ('old', 1.0, ?, ?)", (1_551_234_567, A))
    connection.commit()
    (path.parent / "mlruns").mkdir(exist_ok=True)
    return connection


def show(path: Path | str) -> tuple[dict[str, Read], Report]:
    """The runs of a database, by their ids."""
    runs, report = read(SqlStore(str(path)))
    return {one.run.run_id: one for one in runs}, report


def two_runs(folder: Path) -> Path:
    """Write a small database of MLflow 1.2, whose columns take anything, with two runs."""
    file = folder / "mlflow.db"
    (folder / "mlruns").mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(LOOSE)
        connection.execute("INSERT INTO experiments VALUES (0, 'Default', 'x', 'active')")
        for run_id in (A, B):
            uri = f"{folder}/mlruns/0/{run_id}/artifacts"
            connection.execute(
                "INSERT INTO runs VALUES (?, 'n', 'u', 'FINISHED', ?, ?, 'active', ?, 0)",
                (run_id, START_MS, START_MS + 9, uri),
            )
            row = ("loss", 0.5, START_MS, run_id, 3, 0)
            connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    return file


def change(path: Path, statement: str, *values: Any) -> None:
    """Change a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


LOOSE = """
CREATE TABLE experiments (experiment_id INTEGER, name, artifact_location, lifecycle_stage);
CREATE TABLE runs (run_uuid, name, user_id, status, start_time BIGINT, end_time BIGINT,
  lifecycle_stage, artifact_uri, experiment_id);
CREATE TABLE metrics (key, value FLOAT, timestamp BIGINT, run_uuid, step BIGINT, is_nan BOOLEAN);
CREATE TABLE params (key, value, run_uuid);
CREATE TABLE tags (key, value, run_uuid);
"""
