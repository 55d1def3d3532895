"""The file of a database of MLflow, and the folders of artifacts that it names."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.transfer.mlflow_database import SqlStore
from tests.transfer.mlflow_tables import A, B, change, show, two_runs
from tests.transfer.theirs import START_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small database with two runs, whose columns take anything."""
    return two_runs(tmp_path)


class TestFiles:
    """The file of the database, beside others or not writable."""

    def test_what_is_in_the_log_beside_it_is_read(self, path: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA wal_autocheckpoint = 0")
            writer.execute("INSERT INTO metrics VALUES ('late', 1, ?, ?, 0, 0)", (START_MS, A))
            writer.commit()
            assert show(path)[0][A].values("late") == [1]
            # Copied as it is, without the file that SQLite shares between processes.
            copy = tmp_path / "copy"
            copy.mkdir()
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{path}{suffix}", copy / f"mlflow.db{suffix}")
        before = sorted(copy.iterdir())
        assert show(copy / "mlflow.db")[0][A].values("late") == [1]
        assert set(before) <= set(copy.iterdir())

    def test_a_log_beside_it_is_read_where_nothing_may_be_written(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect: Any = sqlite3.connect

        def refuse(target: Any, **options: Any) -> Any:
            if options.get("uri"):
                # As SQLite says it of a log in a folder that it may not write to.
                raise sqlite3.OperationalError("unable to open database file")
            return connect(target, **options)

        with closing(connect(path)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("PRAGMA wal_autocheckpoint = 0")
            writer.execute("INSERT INTO metrics VALUES ('late', 1, ?, ?, 0, 0)", (START_MS, A))
            writer.commit()
            monkeypatch.setattr(sqlite3, "connect", refuse)
            runs, report = show(path)
        assert runs[A].values("late") == [1]
        assert report.exit_code == 0

    def test_a_locked_database_is_refused_with_a_way_out(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect: Any = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, timeout=0))
        with closing(connect(path)) as writer:
            writer.execute("PRAGMA locking_mode = EXCLUSIVE")
            writer.execute("BEGIN EXCLUSIVE")
            with pytest.raises(InvalidValueError, match="locked") as caught:
                SqlStore(str(path))
        assert "copy" in caught.value.hint

    def test_a_page_that_is_lost_is_named_and_the_rest_taken(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            rows = [("filled", n / 7, START_MS + n, A, n, 0) for n in range(2000)]
            connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.commit()
            [(size,)] = connection.execute("PRAGMA page_size")
        data = bytearray(path.read_bytes())
        place = len(data) // size // 2 * size
        data[place : place + 100] = bytes(100)
        path.write_bytes(data)
        runs, report = show(path)
        assert report.exit_code == 8
        assert {one.file for one in report.damage} == {str(path)}
        assert len(runs) == 2


class TestArtifacts:
    """Folders of artifacts that are here, were moved, or are not."""

    @pytest.fixture(autouse=True)
    def written(self, path: Path) -> None:
        """A file of a run below `mlruns`, and one below `mlartifacts`."""
        for name in ("mlruns", "mlartifacts"):
            folder = path.parent / name / "0" / A / "artifacts"
            folder.mkdir(parents=True)
            (folder / f"{name}.txt").write_text("x")

    @pytest.mark.parametrize(
        ("uri", "files"),
        [
            ("./mlruns/0/{run}/artifacts", ["mlruns.txt"]),
            ("mlruns/0/{run}/artifacts", ["mlruns.txt"]),
            ("file://{here}/mlruns/0/{run}/artifacts", ["mlruns.txt"]),
            ("mlflow-artifacts:/0/{run}/artifacts", ["mlartifacts.txt"]),
            ("mlflow-artifacts://host:5000/0/{run}/artifacts", ["mlartifacts.txt"]),
            ("/home/bob/project/mlruns/0/{run}/artifacts", ["mlruns.txt"]),
            ("file:///C:/Users/bob/mlruns/0/{run}/artifacts", ["mlruns.txt"]),
        ],
    )
    def test_they_are_found(self, path: Path, uri: str, files: list[str]) -> None:
        text = uri.format(run=A, here=path.parent)
        change(path, f"UPDATE runs SET artifact_uri = ? WHERE run_uuid = '{A}'", text)
        runs, report = show(path)
        assert (runs[A].files, report.exit_code) == (files, 0)

    @pytest.mark.parametrize(
        "uri",
        [
            "/home/bob/elsewhere/0/{run}/artifacts",
            "{here}/gone/0/{run}/artifacts",
            "file:///nowhere/{run}/artifacts",
            "s3://bucket/0/{run}/artifacts",
            "dbfs:/x",
            "wasbs://a@b/c",
            "gone/0/{run}/artifacts",
        ],
    )
    def test_those_that_are_not_here_are_named(self, path: Path, uri: str) -> None:
        text = uri.format(run=B, here=path.parent)
        change(path, f"UPDATE runs SET artifact_uri = ? WHERE run_uuid = '{B}'", text)
        _, report = show(path)
        [(what, why)] = report.unreadable
        assert what == f"artifacts of run {B}"
        assert text in why
        assert report.exit_code == 3

    def test_a_run_that_logged_no_file_lacks_none(self, path: Path) -> None:
        for uri in (f"{path.parent}/mlruns/0/{B}/artifacts", f"mlflow-artifacts:/0/{B}/artifacts"):
            change(path, f"UPDATE runs SET artifact_uri = ? WHERE run_uuid = '{B}'", uri)
            assert show(path)[1].exit_code == 0
