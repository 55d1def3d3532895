"""Databases of Trackio of every schema, resumed runs, odd rows, and rows that wait in files."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.trackio import Databases
from tests.transfer.reading import Read, read
from tests.transfer.theirs import points_of, runs_of

A = "a" * 32
FIRST, LATER = "2024-05-03T10:00:00+00:00", "2024-05-05T10:00:00+00:00"
FIRST_MS, LATER_MS = 1_714_730_400_000, 1_714_903_200_000

TABLES = {
    "metrics": "id INTEGER PRIMARY KEY, run_id, timestamp, run_name, step, metrics, log_id",
    "configs": "id INTEGER PRIMARY KEY, run_id, run_name, config, created_at",
    "system_metrics": "id INTEGER PRIMARY KEY, run_id, timestamp, run_name, metrics, log_id",
}


def database(path: Path, **tables: list[dict[str, Any]]) -> Path:
    """A database with rows; each table has the columns that are in `TABLES`."""
    with closing(sqlite3.connect(path)) as connection:
        for table, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({columns})")
        for table, rows in tables.items():
            for row in rows:
                full = {"run_id": A, "run_name": "one"} | row
                marks = ", ".join("?" * len(full))
                names = ", ".join(full)
                values = tuple(full.values())
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
        connection.commit()
    return path


def logged(step: Any = 0, stamp: Any = FIRST, metrics: Any = None, **more: Any) -> dict[str, Any]:
    """A row of metrics."""
    text = json.dumps({"loss": 0.5} if metrics is None else metrics)
    return {"step": step, "timestamp": stamp, "metrics": text} | more


def show(place: Path) -> tuple[dict[str, Read], Report]:
    """The runs of a place, by their names."""
    runs, report = read(Databases(place))
    return {one.run.name: one for one in runs}, report


def test_a_resumed_run_began_when_it_first_began(tmp_path: Path) -> None:
    config = {"lr": 1, "_Created": "2024-05-05T09:59:00+00:00"}
    path = database(
        tmp_path / "p.db",
        metrics=[logged(1, FIRST), logged(2, LATER)],
        configs=[{"config": json.dumps(config), "created_at": LATER}],
    )
    run = show(path)[0]["one"].run
    assert (run.start_ms, run.end_ms) == (FIRST_MS, LATER_MS)


def test_all_that_a_run_ever_said_of_its_configuration_is_taken(tmp_path: Path) -> None:
    said = [{"lr": 1, "_Created": FIRST}, {"lr": 2, "part": 2, "_Created": LATER, "_Group": "g"}]
    path = database(
        tmp_path / "p.db", configs=[{"config": json.dumps(one)} for one in said], metrics=[]
    )
    run = show(path)[0]["one"].run
    assert run.params == {"lr": "2", "part": "2"}
    assert run.tags == {"trackio.group": "g"}
    assert run.start_ms == FIRST_MS


@pytest.mark.parametrize(
    "columns", ["run_name, step, metrics, timestamp", "run_name, step, metrics"]
)
def test_older_tables_are_read_by_the_columns_that_they_have(tmp_path: Path, columns: str) -> None:
    path = tmp_path / "p.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE metrics ({columns})")
        insert = "INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)"
        connection.executemany(insert, [("r", n, f'{{"loss": {n}}}') for n in range(3)])
        connection.commit()
    os.utime(path, (FIRST_MS / 1000, FIRST_MS / 1000))
    runs, report = show(path)
    assert runs["r"].values("loss") == [0, 1, 2]
    assert runs["r"].run.start_ms == FIRST_MS
    assert report.exit_code == 0


def test_rows_without_an_id_belong_to_the_run_of_their_name(tmp_path: Path) -> None:
    rows = [logged(0), logged(1, run_id=None, run_name="old"), logged(2, run_id="", run_name="old")]
    runs, _ = show(database(tmp_path / "p.db", metrics=rows))
    assert {name: one.steps("loss") for name, one in runs.items()} == {"one": [0], "old": [1, 2]}


def test_an_id_that_is_kept_as_bytes_is_the_same(tmp_path: Path) -> None:
    rows = [logged(0), logged(1, run_id=A.encode()), logged(2, run_id=None, run_name=None)]
    runs, report = show(database(tmp_path / "p.db", metrics=rows))
    assert {name: one.steps("loss") for name, one in runs.items()} == {"one": [0, 1], "": [2]}
    assert report.exit_code == 0


def test_a_table_without_a_column_for_runs_is_named(tmp_path: Path) -> None:
    path = database(tmp_path / "p.db", metrics=[logged(0)], configs=[{"config": '{"lr": 1}'}])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE configs RENAME COLUMN run_name TO x")
        assert show(path)[0]["one"].run.params == {"lr": "1"}
        connection.execute("ALTER TABLE configs RENAME COLUMN run_id TO y")
    runs, report = show(path)
    assert runs["one"].steps("loss") == [0]
    assert [what for what, _ in report.unreadable] == [f"rows of the table configs of {path}"]


def test_a_run_that_was_renamed_has_its_last_name(tmp_path: Path) -> None:
    rows = [logged(0, run_name="z first"), logged(1, run_name="a last")]
    runs, _ = show(database(tmp_path / "p.db", metrics=rows))
    assert [(name, one.steps("loss")) for name, one in runs.items()] == [("a last", [0, 1])]


@pytest.mark.parametrize(
    ("row", "point", "damage"),
    [
        (logged("7"), (7, FIRST_MS, 0.5), 0),
        (logged(7.0), (7, FIRST_MS, 0.5), 0),
        (logged(7.5), (7, FIRST_MS, 0.5), 1),
        (logged(None), (4, FIRST_MS, 0.5), 0),
        (logged("x"), (4, FIRST_MS, 0.5), 1),
        (logged(7, None), (7, FIRST_MS, 0.5), 0),
        (logged(7, "soon"), (7, FIRST_MS, 0.5), 1),
        (logged(7, 5), (7, FIRST_MS, 0.5), 1),
        (logged(7, metrics={"loss": "Infinity"}), (7, FIRST_MS, float("inf")), 0),
        (logged(7, metrics={"loss": float("-inf")}), (7, FIRST_MS, float("-inf")), 0),
        (logged(7, metrics={"loss": True}), (7, FIRST_MS, 1.0), 0),
        (logged(7, metrics=[1]), None, 1),
        ({**logged(7), "metrics": None}, None, 1),
        ({**logged(7), "metrics": '{"loss": 0.'}, None, 1),
        ({**logged(7), "metrics": "[" * 100_000}, None, 1),
        ({**logged(7), "metrics": b'{"loss": 0.5}'}, (7, FIRST_MS, 0.5), 0),
    ],
)
def test_a_row_is_read_or_named_and_the_others_taken(
    tmp_path: Path, row: dict[str, Any], point: Any, damage: int
) -> None:
    path = database(tmp_path / "p.db", metrics=[logged(3), row, logged(9, LATER)])
    runs, report = show(path)
    expected = [(3, FIRST_MS, "0.5"), (9, LATER_MS, "0.5")]
    if point is not None:
        expected.insert(1, (point[0], point[1], repr(point[2])))
    assert runs["one"].points["loss"] == expected
    assert report.damage_count == damage
    assert all(one.place == "row 2 of metrics" for one in report.damage)


def test_nested_and_flat_names_texts_and_media(tmp_path: Path, store: Store) -> None:
    image = {"_type": "trackio.image", "file_path": "x.png"}
    values = {"val": {"loss": 1}, "val.loss": 2, "note": "hi", "img": image, "system/gpu": 3}
    system = {"timestamp": FIRST, "metrics": json.dumps({"gpu": 4, "name": "x"})}
    path = database(
        tmp_path / "p.db",
        metrics=[logged(0, metrics=values), logged(1, metrics={"note": "ho"})],
        system_metrics=[system],
    )
    runs, report = show(path)
    points = runs["one"].points
    assert sorted(runs["one"].values(key)[0] for key in points) == [1, 2, 3, 4]
    assert points["val.loss"] == [(0, FIRST_MS, "1.0")]
    assert report.not_taken == {
        "logged media of the type trackio.image": 1,
        "statistics of the system that are no numbers": 1,
    }
    assert set(report.not_taken_places) == set(report.not_taken)
    import_histories(store, Databases(path), lambda done, total: None)
    [run] = runs_of(store)
    texts = json.loads(store.artifacts.open(run.info.run_id, "imported/texts.json").read())
    assert [entry["text"] for entry in texts["note"]] == ["hi", "ho"]
    assert run.data.tags["trackio.last.note"] == "ho"


def test_of_several_databases_one_that_is_none_spares_the_others(tmp_path: Path) -> None:
    database(tmp_path / "good.db", metrics=[logged()])
    (tmp_path / "bad.db").write_text("no database" * 1000)
    sqlite3.connect(tmp_path / "empty.db").close()
    runs, report = show(tmp_path)
    assert set(runs) == {"one"}
    assert [one.file for one in report.damage] == [str(tmp_path / "bad.db")]
    assert [what for what, _ in report.unreadable] == [str(tmp_path / "empty.db")]
    with pytest.raises(InvalidValueError):
        Databases(tmp_path / "bad.db")


def test_media_of_a_run_come_from_its_own_folder_only(tmp_path: Path) -> None:
    rows = [
        logged(run_id=str(n) * 32, run_name=name) for n, name in enumerate(("one", "../..", ""))
    ]
    database(tmp_path / "p.db", metrics=rows)
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "media/p/one/0").mkdir(parents=True)
    (tmp_path / "media/p/one/0/x.png").write_text("x")
    runs, _ = show(tmp_path / "p.db")
    assert {name: one.files for name, one in runs.items()} == {
        "one": ["0/x.png"],
        "../..": [],
        "": [],
    }


class TestInbox:
    """Rows in files that a dashboard has not put into the databases yet."""

    def write(self, folder: Path, name: str, *rows: dict[str, Any]) -> None:
        """Write a file of a process."""
        path = folder / "inbox/process" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def row(self, step: int, **more: Any) -> dict[str, Any]:
        """A row as it waits."""
        row = {"v": 1, "kind": "metric", "project": "my.p", "run": "one", "run_id": A}
        row |= {"metrics": {"loss": 0.25}, "step": step, "timestamp": LATER, "log_id": f"l{step}"}
        return row | more

    def test_they_are_added_to_their_runs_once(self, tmp_path: Path, store: Store) -> None:
        database(tmp_path / "myp.db", metrics=[logged(0), logged(1, LATER, log_id="l1")])
        self.write(tmp_path, "0.jsonl", self.row(1), self.row(2, config={"lr": 3}))
        self.write(tmp_path, "1.jsonl", self.row(2), self.row(3, run="new", run_id="b" * 32))
        runs, report = show(tmp_path)
        assert runs["one"].steps("loss") == [0, 1, 2]
        assert runs["one"].run.params == {"lr": "3"}
        assert runs["new"].steps("loss") == [3]
        assert report.exit_code == 0
        assert set(show(tmp_path / "myp.db")[0]) == {"one", "new"}
        import_histories(store, Databases(tmp_path), lambda done, total: None)
        again = import_histories(store, Databases(tmp_path), lambda done, total: None)
        assert again.taken.total() == 0

    def test_a_project_may_have_no_database_yet(self, tmp_path: Path) -> None:
        self.write(tmp_path, "0.jsonl", self.row(1))
        source = Databases(tmp_path)
        assert set(source.experiments()) == {"myp"}
        source.close()

    def test_a_bad_line_is_named(self, tmp_path: Path) -> None:
        self.write(tmp_path, "0.jsonl", self.row(1), {"kind": "x"}, {"kind": "alert"}, self.row(2))
        path = tmp_path / "inbox/process/0.jsonl"
        path.write_text(path.read_text() + '{"kind": "met')
        runs, report = show(tmp_path)
        assert runs["one"].steps("loss") == [1, 2]
        assert [(one.file, one.place) for one in report.damage] == [
            (str(path), "line 2"),
            (str(path), "line 5"),
        ]
        assert report.not_taken == {"alerts": 1}


SCRIPT = """
import trackio
quiet = {"auto_log_gpu": False, "auto_log_cpu": False}
for part, resume in ((1, "never"), (2, "must")):
    trackio.init(project="flowers", name="one", config={"part": part}, resume=resume, **quiet)
    for step in range(3):
        trackio.log({"loss": part / (step + 1)})
    trackio.finish()
"""


@pytest.mark.slow
def test_trackio_itself_resumed_it(tmp_path: Path, store: Store) -> None:
    pytest.importorskip("trackio")
    settings = {"TRACKIO_DIR": str(tmp_path / "data"), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env=os.environ | settings,
        check=True,
        timeout=120,
        capture_output=True,
    )
    report = import_histories(store, Databases(tmp_path / "data"), lambda done, total: None)
    assert report.exit_code == 0, report
    [run] = runs_of(store)
    points = points_of(store.metrics.history(run.info.run_id, "loss"))
    assert sorted(step for _, step, _ in points) == [0, 1, 2, 3, 4, 5]
    assert run.info.start_time <= points[0][0]
    assert run.data.params == {"part": "2"}
    assert (
        import_histories(
            store, Databases(tmp_path / "data"), lambda done, total: None
        ).taken.total()
        == 0
    )
