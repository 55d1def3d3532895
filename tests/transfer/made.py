"""Small sources of other trackers, made by hand: every byte of them is known."""

import json
import sqlite3
import struct
import zlib
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from eventtrack.transfer import crc

START_MS = 1_700_000_000_000


def varint(number: int) -> bytes:
    """A number in protobuf's form."""
    number &= 2**64 - 1
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def field(number: int, value: float | int | str | bytes) -> bytes:  # noqa: PYI041 - they differ
    """A field of a protobuf message: a double, an integer, or bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def event_file(*events: bytes) -> bytes:
    """An event file of TensorBoard's."""
    data = b""
    for event in (field(1, START_MS / 1000) + field(3, "brain.Event:2"), *events):
        head = struct.pack("<Q", len(event))
        data += head + struct.pack("<I", crc.masked(head))
        data += event + struct.pack("<I", crc.masked(event))
    return data


def scalar_event(seconds: float, step: int, tag: str, value: float) -> bytes:
    """An event with one scalar, which is a 32-bit float."""
    inside = field(1, tag) + b"\x15" + struct.pack("<f", value)
    return field(1, seconds) + field(2, step) + field(5, field(1, inside))


def wandb_file(*records: bytes) -> bytes:
    """A file of W&B's with fewer than 32 KiB of records."""
    data = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        data += struct.pack("<IHB", zlib.crc32(b"\x01" + record), len(record), 1) + record
    return data


def wandb_items(pairs: Mapping[str, object]) -> bytes:
    """Items of a history or a configuration."""
    return b"".join(
        field(1, field(1, key) + field(16, json.dumps(value))) for key, value in pairs.items()
    )


def wandb_run(run_id: str, config: Mapping[str, object], start_s: int) -> bytes:
    """The record of a run."""
    inside = field(1, run_id) + field(3, "flowers") + field(4, wandb_items(config))
    return field(17, inside + field(8, run_id) + field(17, field(1, start_s)))


def wandb_row(step: int, seconds: float, values: Mapping[str, object]) -> bytes:
    """The record of a logged row."""
    return field(2, wandb_items({**values, "_step": step, "_timestamp": seconds}))


def wandb_exit(seconds: int) -> bytes:
    """The record of a good end."""
    return field(18, field(2, seconds))


def mlruns_run(folder: Path, name: str, lines: str, params: Mapping[str, str]) -> None:
    """A run of MLflow's file store with the metric `loss`."""
    (folder / "metrics").mkdir(parents=True)
    (folder / "params").mkdir()
    (folder / "meta.yaml").write_text(
        f"run_id: {folder.name}\nexperiment_id: '1'\nstatus: 3\nstart_time: {START_MS}\n"
        f"end_time: {START_MS + 9}\nlifecycle_stage: active\nrun_name: {name}\nuser_id: ada\n"
    )
    (folder / "metrics" / "loss").write_text(lines)
    for key, text in params.items():
        (folder / "params" / key).write_text(text)


def trackio_database(path: Path, runs: Mapping[str, str]) -> None:
    """A database of Trackio's: by a run's id, its name; two rows and a configuration each."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, "
            "run_name TEXT, step INTEGER, metrics TEXT);"
            "CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, "
            "config TEXT, created_at TEXT);"
        )
        for run_id, name in runs.items():
            config = '{"lr": 0.5, "_Created": "2023-11-14T22:13:20+00:00"}'
            database.execute(
                "INSERT INTO configs (run_id, run_name, config) VALUES (?, ?, ?)",
                (run_id, name, config),
            )
            for step in (1, 2):
                row = (run_id, f"2023-11-14T22:13:2{step}+00:00", name, step, '{"loss": 0.25}')
                database.execute(
                    "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
                    "VALUES (?, ?, ?, ?, ?)",
                    row,
                )
        database.commit()


def mlflow_database(path: Path, runs: Mapping[str, str]) -> None:
    """A database of MLflow's, of its newer versions: by a run's id, its name; two points each."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT);"
            "CREATE TABLE runs (run_uuid TEXT, name TEXT, experiment_id INTEGER, user_id TEXT, "
            "status TEXT, start_time INTEGER, end_time INTEGER, lifecycle_stage TEXT);"
            "CREATE TABLE metrics (key TEXT, value REAL, timestamp INTEGER, run_uuid TEXT, "
            "step INTEGER, is_nan INTEGER);"
            "CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);"
            "CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);"
            "INSERT INTO experiments VALUES (1, 'flowers', 'active');"
        )
        for run_id, name in runs.items():
            facts = (run_id, name, 1, "ada", "FINISHED", START_MS, START_MS + 9, "active")
            database.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", facts)
            database.execute("INSERT INTO params VALUES ('lr', '0.5', ?)", (run_id,))
            for step in (1, 2):
                point = ("loss", 0.25, START_MS + step, run_id, step, 0)
                database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", point)
        database.commit()
