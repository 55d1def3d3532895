"""Stores that MLflow itself wrote come in whole."""

import sqlite3
from pathlib import Path

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_database import SqlStore
from eventtrack.transfer.mlruns import FileStore
from tests.transfer.theirs import START_MS, assert_same, mlflow_client, runs_of, state, take


def test_all_that_mlflow_shows_is_here(theirs: str, store: Store, tmp_path: Path) -> None:
    report = take(store, theirs)
    assert report.exit_code == 0
    assert report.taken.runs == 5
    assert_same(mlflow_client(theirs), store, tmp_path)


def test_nested_runs_stay_nested(theirs: str, store: Store) -> None:
    take(store, theirs)
    experiment = store.experiments.get_by_name("flowers: ü")
    assert experiment is not None
    depths = {run.info.run_name: depth for run, depth in store.runs.tree(experiment.experiment_id)}
    assert depths == {"par: ent": 0, "child-0": 1, "child-1": 1}


def test_who_imported_from_where_is_on_record(theirs: str, store: Store) -> None:
    take(store, theirs)
    [session] = store.sessions.list()
    assert session.source == "import"
    for run in runs_of(store):
        assert Path(theirs.split(":", 1)[1]).name in run.data.tags["eventtrack.import.source"]
        assert run.data.tags["eventtrack.import.id"] == run.info.run_id


def test_a_database_comes_in_through_sqlalchemy_as_well(
    tmp_path: Path, theirs: str, store: Store
) -> None:
    pytest.importorskip("sqlalchemy")
    if theirs.startswith("file:"):
        pytest.skip("no database")
    take(store, theirs)
    with_driver = SqlStore(theirs.replace("sqlite:", "sqlite+pysqlite:"))
    other = Store(tmp_path / "other", source="import")
    report = import_histories(other, with_driver, lambda done, total: None)
    assert report.taken.runs == 5
    mine, found = state(store), state(other)
    for facts, *_ in (*mine.values(), *found.values()):
        del facts["data"]["tags"]["eventtrack.import.source"]
    assert mine == found
    other.close()


def test_passwords_are_not_recorded() -> None:
    from eventtrack.transfer.database import without_password

    shown = without_password("postgresql://ada:secret@host:5/db?sslpassword=secret")
    assert shown == "postgresql://host:5/db"


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no folder in it has a meta\.yaml"):
        FileStore(tmp_path)
    with pytest.raises(NotFoundError, match="no such file"):
        SqlStore(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(NotFoundError, match="no such file"):
        SqlStore(str(tmp_path / "none.db"))
    (tmp_path / "text.db").write_text("no database" * 1000)
    with pytest.raises(InvalidValueError, match="as a SQLite database"):
        SqlStore(f"sqlite:///{tmp_path}/text.db")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(InvalidValueError, match="no tables of MLflow"):
        SqlStore(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(InvalidValueError, match="cannot open nosuch"):
        SqlStore("nosuch://host/db")


def test_a_damaged_database_gives_what_it_has(theirs: str, store: Store, tmp_path: Path) -> None:
    if theirs.startswith("file:"):
        pytest.skip("no database")
    path = tmp_path / "mlflow.db"
    whole = Path(theirs.removeprefix("sqlite:///")).read_bytes()
    with sqlite3.connect(theirs.removeprefix("sqlite:///")) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'metrics'"
        [(page,)] = connection.execute(query)
        [(size,)] = connection.execute("PRAGMA page_size")
    connection.close()
    path.write_bytes(whole[: (page - 1) * size] + b"\xff" * size + whole[page * size :])
    report = take(store, f"sqlite:///{path}")
    assert report.exit_code == 8
    assert {one.file for one in report.damage} == {str(path)}
    assert report.taken.runs == 5
    assert report.taken.params


class TestDamage:
    """A damaged file store: what is broken is named, the rest is taken."""

    @pytest.fixture
    def mlruns(self, tmp_path: Path) -> Path:
        """A file store with two runs, as MLflow 1 wrote them."""
        root = tmp_path / "mlruns"
        for run_id in ("a" * 32, "b" * 32):
            run = root / "7" / run_id
            (run / "metrics").mkdir(parents=True)
            meta = f"run_id: {run_id}\nexperiment_id: '7'\nstatus: 3\nstart_time: {START_MS}\n"
            (run / "meta.yaml").write_text(meta)
            (run / "metrics" / "loss").write_text(
                "".join(f"{START_MS} 0.5 {n}\n" for n in range(9))
            )
        (root / "7" / "meta.yaml").write_text("experiment_id: '7'\nname: old\n")
        return root

    def test_a_torn_line_and_a_bad_one_are_named_by_their_offsets(
        self, mlruns: Path, store: Store
    ) -> None:
        path = mlruns / "7" / ("a" * 32) / "metrics" / "loss"
        path.write_text(f"{START_MS} 0.5 1\n{START_MS} what 2\n{START_MS} 0.25 3\n{START_MS} 0.1")
        report = import_histories(store, FileStore(mlruns), lambda done, total: None)
        assert [(one.file, one.offset) for one in report.damage] == [
            (str(path), 20),
            (str(path), 62),
        ]
        assert report.exit_code == 8
        assert list(store.metrics.arrays("a" * 32, "loss").steps) == [1, 3]
        assert len(store.metrics.arrays("b" * 32, "loss")) == 9

    def test_a_broken_meta_file_costs_what_is_broken_in_it_only(
        self, mlruns: Path, store: Store
    ) -> None:
        path = mlruns / "7" / ("a" * 32) / "meta.yaml"
        path.write_text("status: 4\nrun_id: [broken\n")
        report = import_histories(store, FileStore(mlruns), lambda done, total: None)
        assert [one.file for one in report.damage] == [str(path)]
        assert report.damage[0].offset is not None
        assert {run.info.run_id for run in runs_of(store)} == {"a" * 32, "b" * 32}
        broken = store.runs.get("a" * 32)
        assert (broken.info.status, broken.info.start_time) == ("FAILED", START_MS)
        assert len(store.metrics.arrays("a" * 32, "loss")) == 9

    def test_a_broken_experiment_keeps_its_runs(self, mlruns: Path, store: Store) -> None:
        (mlruns / "7" / "meta.yaml").write_text("{")
        report = import_histories(store, FileStore(mlruns), lambda done, total: None)
        assert report.exit_code == 8
        assert len(runs_of(store)) == 2
        assert store.experiments.get_by_name("7") is not None

    def test_points_of_mlflow_before_steps_are_read(self, mlruns: Path, store: Store) -> None:
        path = mlruns / "7" / ("a" * 32) / "metrics" / "loss"
        path.write_text(f"{START_MS} 0.5\n{START_MS + 1} 0.25\n")
        report = import_histories(store, FileStore(mlruns), lambda done, total: None)
        assert report.exit_code == 0
        assert list(store.metrics.arrays("a" * 32, "loss").values) == [0.5, 0.25]

    def test_artifacts_elsewhere_are_named(self, mlruns: Path, store: Store) -> None:
        path = mlruns / "7" / ("a" * 32) / "meta.yaml"
        path.write_text(path.read_text() + "artifact_uri: s3://bucket/a\n")
        report = import_histories(store, FileStore(mlruns), lambda done, total: None)
        [(what, why)] = report.unreadable
        assert what == f"artifacts of run {'a' * 32}"
        assert "s3://bucket/a" in why
        assert report.exit_code == 3
