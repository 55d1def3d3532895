"""Databases of MLflow of every schema, and with what SQLite lets into them."""

import importlib
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_database import SqlStore
from tests.transfer.mlflow_tables import A, B, change, initial, show, two_runs
from tests.transfer.theirs import START_MS, assert_same, mlflow_client

# Revisions of MLflow's schema at which a table that is imported changed, with the release.
REVISIONS = {
    "": "0.9",
    "451aebb31d03": "1.0: steps",
    "90e64c465722": "1.0: keys of constraints",
    "181f10493468": "1.2: NaN",
    "df50e92ffc5e": "1.4: tags of experiments",
    "89d4b8295536": "1.7: latest metrics",
    "cfd24bdc0731": "1.11: killed runs",
    "0c779009ac13": "2.1: when runs were deleted",
    "97727af70f4d": "2.2: times of experiments",
    "7f2a7d5fae7d": "2.4: datasets",
    "400f98739977": "3.0: logged models",
    "6953534de441": "3.0: steps of outputs",
    "1b5f0d9ad7c1": "3.10: workspaces",
}


@pytest.fixture(scope="module")
def every_schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A database that MLflow's own migrations bring to each revision in turn, and to the last."""
    utils = importlib.import_module("mlflow.store.db.utils")
    command = importlib.import_module("alembic.command")
    sqlalchemy = importlib.import_module("sqlalchemy")
    path = tmp_path_factory.mktemp("schemas") / "mlflow.db"
    initial(path).close()
    url, found = f"sqlite:///{path}", {}
    for revision in (*REVISIONS, "head"):
        if revision:
            engine, config = sqlalchemy.create_engine(url), utils._get_alembic_config(url)
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
            engine.dispose()
        folder = path.parent / (revision or "initial")
        (folder / "mlruns").mkdir(parents=True)
        found[revision] = folder / "mlflow.db"
        shutil.copyfile(path, found[revision])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("revision", [*REVISIONS, "head"])
def test_every_schema_from_0_9_to_today_gives_the_same(
    every_schema: dict[str, Path], revision: str
) -> None:
    runs, report = show(every_schema[revision])
    assert report.exit_code == 0, report
    assert set(runs) == {A, B}
    run = runs[A].run
    assert (run.name, run.user, run.status, run.start_ms) == ("n", "ada", "FINISHED", START_MS)
    assert run.params == {"lr": "0.1"}
    # MLflow 1.0 made a tag of the user.
    assert run.tags == {
        **({} if revision in ("", "451aebb31d03") else {"mlflow.user": "ada"}),
        "stage": "x",
        "mlflow.source.name": "train.py",
        "mlflow.source.git.commit": "abc",
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": "main",
    }
    assert runs[A].values("loss") == [0.5, 0.25]
    assert runs[A].steps("loss") == [0, 0]
    assert runs[B].run.experiment_id == "3"
    # Before there were steps, times were seconds.
    [(_, time, _)] = runs[A].points["old"]
    assert time == (1_551_234_567 if revision else 1_551_234_567_000)


@pytest.mark.slow
def test_mlflow_shows_the_same_of_an_old_database_that_was_upgraded(
    every_schema: dict[str, Path], store: Store, tmp_path: Path
) -> None:
    uri = f"sqlite:///{every_schema['head']}"
    import_histories(store, SqlStore(uri), lambda done, total: None)
    client = mlflow_client(uri)
    for run_id in (A, B):
        theirs, ours = client.get_run(run_id), store.runs.get(run_id)
        assert theirs.data.tags.items() <= ours.data.tags.items()
        assert theirs.data.params == ours.data.params
        assert theirs.info.start_time == ours.info.start_time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small database with two runs, whose columns take anything."""
    return two_runs(tmp_path)


class TestOddValues:
    """SQLite keeps what it is given, whatever a column's type says."""

    @pytest.mark.parametrize(
        ("row", "point", "damage"),
        [
            ((0.25, START_MS, 4, 0), (4, START_MS, 0.25), 0),
            ((1, START_MS, 4, 0), (4, START_MS, 1.0), 0),
            ((0.25, START_MS + 0.5, 4, 0), (4, START_MS, 0.25), 1),
            ((0.25, float(START_MS), 4.0, 0), (4, START_MS, 0.25), 0),
            ((0.25, START_MS, 1.5, 0), (1, START_MS, 0.25), 1),
            ((0.25, str(START_MS), "4", 0), (4, START_MS, 0.25), 0),
            (("0.25", START_MS, b"4", 0), (4, START_MS, 0.25), 0),
            ((b"0.25", START_MS, 4, 0), (4, START_MS, 0.25), 0),
            (("nan", START_MS, 4, 0), (4, START_MS, math.nan), 0),
            ((0, START_MS, 4, 1), (4, START_MS, math.nan), 0),
            ((0, START_MS, 4, "1"), (4, START_MS, math.nan), 0),
            ((None, START_MS, 4, 0), (4, START_MS, math.nan), 1),
            ((math.inf, START_MS, 4, 0), (4, START_MS, math.inf), 0),
            ((0.25, None, 4, 0), (4, START_MS, 0.25), 1),
            ((0.25, START_MS, 4, None), (4, START_MS, 0.25), 0),
            ((0.25, START_MS, None, 0), None, 1),
            (("what", START_MS, 4, 0), None, 1),
            ((b"\xff", START_MS, 4, 0), None, 1),
            ((0.25, "soon", 4, 0), None, 1),
            ((0.25, 1e300, 4, 0), None, 1),
            ((0.25, START_MS, "x", 0), None, 1),
        ],
    )
    def test_a_point_is_read_or_named_and_the_others_taken(
        self, path: Path, row: tuple[Any, ...], point: Any, damage: int
    ) -> None:
        value, time, step, nan = row
        insert = "INSERT INTO metrics VALUES ('loss', ?, ?, ?, ?, ?)"
        change(path, insert, value, time, A, step, nan)
        runs, report = show(path)
        expected = [(3, START_MS, "0.5")]
        if point is not None:
            expected.append((point[0], point[1], repr(point[2])))
        assert sorted(runs[A].points["loss"]) == sorted(expected)
        assert report.damage_count == damage
        assert all(A in one.place and "loss" in one.problem for one in report.damage)
        assert runs[B].points["loss"] == [(3, START_MS, "0.5")]

    @pytest.mark.parametrize(
        ("facts", "expected", "code"),
        [
            ({"name": None}, {"name": ""}, 0),
            ({"name": b"bytes"}, {"name": "bytes"}, 0),
            ({"user_id": None}, {"user": ""}, 0),
            ({"user_id": 7}, {"user": "7"}, 0),
            ({"status": None}, {"status": "RUNNING"}, 0),
            ({"status": "done"}, {"status": "RUNNING"}, 8),
            ({"status": "4"}, {"status": "FAILED"}, 0),
            ({"start_time": float(START_MS)}, {"start_ms": START_MS}, 0),
            ({"start_time": START_MS + 0.25}, {"start_ms": START_MS}, 0),
            ({"start_time": str(START_MS)}, {"start_ms": START_MS}, 0),
            ({"start_time": None}, {"start_ms": START_MS}, 0),
            ({"start_time": 0}, {"start_ms": START_MS}, 0),
            ({"start_time": "soon"}, {"start_ms": START_MS}, 8),
            ({"end_time": math.inf}, {"end_ms": None}, 8),
            ({"lifecycle_stage": None}, {"deleted_ms": None}, 0),
            ({"lifecycle_stage": b"deleted"}, {"deleted_ms": START_MS + 9}, 0),
            ({"artifact_uri": None}, {"run_id": A}, 0),
            ({"experiment_id": "0"}, {"experiment_id": "0"}, 0),
            ({"experiment_id": 0.0}, {"experiment_id": "0"}, 0),
            ({"experiment_id": 77}, {"experiment_id": "77"}, 8),
            ({"experiment_id": None}, {"experiment_id": ""}, 8),
        ],
    )
    def test_facts_of_a_run_are_read_or_named(
        self, path: Path, facts: dict[str, Any], expected: dict[str, Any], code: int
    ) -> None:
        [(column, value)] = facts.items()
        change(path, f"UPDATE runs SET {column} = ? WHERE run_uuid = '{A}'", value)
        runs, report = show(path)
        assert {key: getattr(runs[A].run, key) for key in expected} == expected
        assert report.exit_code == code
        assert runs[B].values("loss") == [0.5]

    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            ("k", None, {"k": ""}),
            ("k", 1.5, {"k": "1.5"}),
            (7, b"bytes", {"7": "bytes"}),
            (None, "x", {"": "x"}),
        ],
    )
    def test_params_and_tags_are_texts(
        self, path: Path, key: Any, value: Any, expected: dict[str, str]
    ) -> None:
        for table in ("params", "tags"):
            change(path, f"INSERT INTO {table} VALUES (?, ?, ?)", key, value, A)
        run = show(path)[0][A].run
        assert (run.params, run.tags) == (expected, expected)

    def test_experiments_without_a_name_or_with_one_that_is_taken(
        self, path: Path, store: Store
    ) -> None:
        for number, name in ((1, None), (2, "Default"), (3, b"bytes")):
            change(path, "INSERT INTO experiments VALUES (?, ?, 'x', NULL)", number, name)
            insert = "INSERT INTO runs VALUES (?, 'n', 'u', 'FINISHED', 1, 2, 'active', NULL, ?)"
            change(path, insert, str(number) * 32, number)
        report = import_histories(store, SqlStore(str(path)), lambda done, total: None)
        assert {one.source_id: one.name for one in report.experiments} == {
            "0": "Default",
            "1": "1",
            "2": "Default (2)",
            "3": "bytes",
        }
        assert len({one.experiment_id for one in report.experiments}) == 4

    def test_texts_that_are_no_utf_8_are_replaced_and_named(self, path: Path) -> None:
        change(path, "INSERT INTO tags VALUES ('k', CAST(X'61FF' AS TEXT), ?)", A)
        runs, report = show(path)
        assert runs[A].run.tags == {"k": "a�"}
        assert report.exit_code == 8

    def test_rows_that_belong_to_no_run_are_named(self, path: Path) -> None:
        for owner in (None, b"a" * 32, "c" * 32):
            for table in ("params", "tags"):
                change(path, f"INSERT INTO {table} VALUES ('k', 'v', ?)", owner)
            row = ("loss", 0.5, START_MS, owner, 3, 0)
            change(path, "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", *row)
        runs, report = show(path)
        assert runs[A].values("loss") == runs[B].values("loss") == [0.5]
        assert report.damage_count == 9
        assert {one.place for one in report.damage} == {"params", "tags", "metrics"}

    def test_tables_that_nobody_reads_are_counted(self, path: Path) -> None:
        change(path, "CREATE TABLE registered_models (name TEXT)")
        change(path, "INSERT INTO registered_models VALUES ('net')")
        change(path, "CREATE TABLE notebooks (name TEXT)")
        change(path, "INSERT INTO notebooks VALUES ('a'), ('b')")
        change(path, "CREATE TABLE webhooks (name TEXT)")
        assert show(path)[1].not_taken == {
            "registered models": 1,
            "rows of the table notebooks": 2,
        }

    def test_views_stand_for_tables(self, path: Path) -> None:
        change(path, "ALTER TABLE params RENAME TO hidden")
        change(path, "INSERT INTO hidden VALUES ('lr', '1', ?)", A)
        change(path, "CREATE VIEW params AS SELECT * FROM hidden")
        runs, report = show(path)
        assert runs[A].run.params == {"lr": "1"}
        assert report.not_taken == {"rows of the table hidden": 1}


def test_runs_and_models_of_today_are_shown_as_mlflow_shows_them(
    theirs: str, store: Store, tmp_path: Path
) -> None:
    if theirs.startswith("file:"):
        pytest.skip("no database")
    copy = tmp_path / "mlflow.db"
    shutil.copyfile(theirs.removeprefix("sqlite:///"), copy)
    change(copy, "UPDATE metrics SET step = CAST(step AS REAL), timestamp = timestamp + 0.0")
    shutil.copytree(Path(theirs.removeprefix("sqlite:///")).parent / "mlruns", tmp_path / "mlruns")
    report = import_histories(store, SqlStore(str(copy)), lambda done, total: None)
    assert report.exit_code == 0, report
    assert_same(mlflow_client(theirs), store, tmp_path)
