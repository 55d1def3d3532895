"""Folders `mlruns` as people have them: torn, copied, moved, linked, and from every version."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlruns import FileStore
from eventtrack.transfer.report import Report
from tests.transfer.mlruns_folder import A, B, experiment, run, show, two_runs
from tests.transfer.reading import Read
from tests.transfer.theirs import START_MS, mlflow_client, runs_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with an experiment of two runs."""
    return two_runs(tmp_path / "mlruns")


class TestMeta:
    """Files of facts that are not there, or not whole."""

    @pytest.mark.parametrize(
        "content",
        [
            None,
            b"",
            b"\0" * 300,
            b"{",
            b"[1, 2]\n",
            b"\xff\xfe\x00",
            b"text\n",
            b"a: &x [1]\nb: *x\n",
            b"[" * 5000 + b"\n",
            b"start_time: 2021-13-45\n",
            b"status: !!python/object:os.system {}\n",
        ],
    )
    def test_a_run_whose_facts_are_lost_keeps_all_else(
        self, root: Path, content: bytes | None
    ) -> None:
        path = root / "1" / A / "meta.yaml"
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        runs, report = show(root)
        lost = runs[A]
        assert lost.steps("loss") == [0, 1, 2, 3]
        assert lost.run.params == {"lr": "0.1"}
        assert lost.run.tags == {"stage": "x"}
        assert lost.run.start_ms == START_MS  # of its first point
        assert {one.file for one in report.damage} == {str(path)}
        assert report.exit_code == 8
        assert runs[B].run.status == "FINISHED"

    def test_the_lines_of_a_broken_file_that_are_whole_are_read(self, root: Path) -> None:
        path = root / "1" / A / "meta.yaml"
        path.write_text(path.read_text() + "tags: [\n")
        runs, report = show(root)
        assert (runs[A].run.status, runs[A].run.user) == ("FINISHED", "ada")
        assert report.damage_count == 1

    def test_cut_at_every_byte_nothing_is_wrong_in_silence(self, root: Path) -> None:
        path = root / "1" / A / "meta.yaml"
        whole, expected = path.read_bytes(), show(root)[0][A].run
        for size in range(len(whole)):
            path.write_bytes(whole[:size])
            runs, report = show(root)
            found = runs[A].run
            if report.exit_code == 0:
                # Only at the end of a line, and nothing behind it is needed.
                assert whole[:size].endswith(b"\n")
                assert (found.status, found.start_ms) == (expected.status, expected.start_ms)
            assert found.status in (expected.status, "RUNNING")
            assert found.start_ms == START_MS
            assert found.end_ms in (None, expected.end_ms)

    @pytest.mark.parametrize("content", [None, "", "{", "name: x\n"])
    def test_an_experiment_whose_facts_are_lost_keeps_its_runs(
        self, root: Path, content: str | None, store: Store
    ) -> None:
        path = root / "1" / "meta.yaml"
        path.unlink()
        if content is not None:
            path.write_text(content)
        report = import_histories(store, FileStore(root), lambda done, total: None)
        assert report.exit_code == 8
        assert len(runs_of(store)) == 2
        name = "x" if content and "name" in content else "1"
        assert store.experiments.get_by_name(name) is not None

    def test_of_several_nothing_is_lost_for_one(self, root: Path) -> None:
        (root / "1/meta.yaml").unlink()
        run(experiment(root, "2", "other"), "c" * 32)
        assert set(show(root)[0]) == {A, B, "c" * 32}

    @pytest.mark.parametrize(
        ("facts", "expected", "code"),
        [
            ({"status": "KILLED"}, {"status": "KILLED"}, 0),
            ({"status": "'4'"}, {"status": "FAILED"}, 0),
            ({"status": 99}, {"status": "RUNNING"}, 8),
            ({"start_time": f"'{START_MS}'"}, {"start_ms": START_MS}, 0),
            ({"start_time": f"{START_MS}.75"}, {"start_ms": START_MS}, 0),
            ({"start_time": "null"}, {"start_ms": START_MS}, 0),
            ({"start_time": ".nan"}, {"start_ms": START_MS}, 8),
            ({"start_time": "soon"}, {"start_ms": START_MS}, 8),
            ({"start_time": 10**30}, {"start_ms": START_MS}, 8),
            ({"end_time": ".inf"}, {"end_ms": None}, 8),
            ({"end_time": "null"}, {"end_ms": None}, 0),
            ({"run_name": "yes"}, {"name": "True"}, 0),
            ({"run_id": None, "run_uuid": A}, {"run_id": A}, 0),
            ({"run_id": B}, {"run_id": A}, 8),
        ],
    )
    def test_facts_of_odd_types_are_read_or_named(
        self, root: Path, facts: dict[str, Any], expected: dict[str, Any], code: int
    ) -> None:
        shutil.rmtree(root / "1" / A)
        run(root / "1", A, **facts)
        runs, report = show(root)
        found = runs[A].run
        assert {key: getattr(found, key) for key in expected} == expected
        assert report.exit_code == code

    def test_a_run_without_any_time_begins_with_its_experiment(self, root: Path) -> None:
        experiment(root, creation_time=START_MS - 7)
        place = run(root / "1", "c" * 32, start_time="null", end_time="null")
        (place / "metrics/loss").unlink()
        assert show(root)[0]["c" * 32].run.start_ms == START_MS - 7
        experiment(root)
        os.utime(place, (START_MS / 1000, START_MS / 1000))
        assert show(root)[0]["c" * 32].run.start_ms == START_MS

    def test_what_versions_before_tags_said_of_the_program_is_a_tag(self, root: Path) -> None:
        facts = {"source_name": "train.py", "source_version": "abc", "source_type": 3}
        run(root / "1", "c" * 32, entry_point_name="main", **facts)
        tags = show(root)[0]["c" * 32].run.tags
        assert tags == {
            "stage": "x",
            "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": "abc",
            "mlflow.source.type": "PROJECT",
            "mlflow.project.entryPoint": "main",
        }


class TestFolders:
    """Copies, the trash, links, and folders that are none of MLflow's."""

    def test_an_experiment_and_its_copy_in_the_trash_are_both_taken(self, root: Path) -> None:
        run(experiment(root, ".trash/1", "old", lifecycle_stage="deleted"), "c" * 32)
        runs, report = show(root)
        assert {one.run.experiment_id for one in runs.values()} == {"1", ".trash/1"}
        assert set(runs) == {A, B, "c" * 32}
        assert report.exit_code == 0

    def test_runs_of_copies_are_taken_once_and_named(self, root: Path, store: Store) -> None:
        shutil.copytree(root / "1", root / "1 (copy)")
        run(root / "1 (copy)", "c" * 32)
        report = import_histories(store, FileStore(root), lambda done, total: None)
        assert len(runs_of(store)) == 3
        assert [one.file for one in report.damage] == [
            str(root / "1 (copy)" / A),
            str(root / "1 (copy)" / B),
        ]
        again = import_histories(store, FileStore(root), lambda done, total: None)
        assert (again.taken.total(), again.kept) == (0, [])

    def test_two_experiments_of_one_name_are_two(self, root: Path) -> None:
        run(experiment(root, "2"), "c" * 32)
        source = FileStore(root)
        names = [one.name for one in source.experiments().values()]
        assert names == ["flowers", "flowers (2)"]

    def test_links_are_followed(self, root: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        run(outside, "c" * 32)
        (root / "1" / ("c" * 32)).symlink_to(outside / ("c" * 32))
        artifacts = root / "1" / A / "artifacts"
        artifacts.mkdir()
        (outside / "model").mkdir()
        (outside / "model/weights").write_text("w")
        (artifacts / "model").symlink_to(outside / "model")
        (artifacts / "gone").symlink_to(outside / "gone")
        (artifacts / "loop").symlink_to(artifacts)
        (root / "1" / A / "params/linked").symlink_to(root / "1" / A / "params/lr")
        runs, report = show(root)
        assert runs["c" * 32].steps("loss") == [0, 1, 2, 3]
        assert runs[A].files == ["model/weights"]
        assert runs[A].run.params == {"lr": "0.1", "linked": "0.1"}
        assert [what for what, _ in report.unreadable] == [str(artifacts / "gone")]

    def test_folders_that_are_no_runs_are_named(self, root: Path) -> None:
        (root / "1/notes").mkdir()
        (root / "stuff").mkdir()
        _, report = show(root)
        assert [what for what, _ in report.unreadable] == [
            str(root / "1/notes"),
            str(root / "stuff"),
        ]

    def test_the_folder_of_an_experiment_or_a_run_is_refused(self, root: Path) -> None:
        for folder in (root / "1", root / "1" / A):
            with pytest.raises(InvalidValueError, match="one experiment or run"):
                FileStore(folder)
        with pytest.raises(NotFoundError):
            FileStore(root / "nowhere")

    def test_names_with_slashes_are_folders(self, root: Path) -> None:
        for kind, text in (("params", "1"), ("tags", "2"), ("metrics", f"{START_MS} 3 0\n")):
            path = root / "1" / A / kind / "deep/er/x"
            path.parent.mkdir(parents=True)
            path.write_text(text)
        found = show(root)[0][A]
        assert found.run.params["deep/er/x"] == "1"
        assert found.run.tags["deep/er/x"] == "2"
        assert found.values("deep/er/x") == [3]

    def test_what_has_no_place_is_counted(self, root: Path) -> None:
        for name in ("models/net/meta.yaml", "models/net/version-1/meta.yaml"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("name: net\n")
        trace = root / "1/traces/tr-1/trace_info.yaml"
        trace.parent.mkdir(parents=True)
        trace.write_text("x: 1\n")
        assert show(root)[1].not_taken == {
            "registered models": 1,
            "versions of registered models": 1,
            "traces": 1,
        }


class TestArtifacts:
    """Files beside the run, elsewhere, or nowhere."""

    def files(self, root: Path, uri: str) -> tuple[list[str], list[str]]:
        """The files of a run with this URI, and what is missing."""
        runs, report = show_with(root, uri)
        return runs[A].files, [what for what, _ in report.unreadable]

    def test_where_the_facts_say(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "data ü" / A / "artifacts").mkdir(parents=True)
        (tmp_path / "data ü" / A / "artifacts/x.txt").write_text("x")
        (root / "1" / A / "artifacts").mkdir()  # MLflow makes it, and leaves it empty
        for uri in (
            str(tmp_path / "data ü" / A / "artifacts"),
            (tmp_path / "data ü" / A / "artifacts").as_uri(),
            f"data ü/{A}/artifacts",
        ):
            assert self.files(root, uri) == (["x.txt"], [])

    def test_beside_a_run_that_was_moved(self, root: Path) -> None:
        (root / "1" / A / "artifacts").mkdir()
        (root / "1" / A / "artifacts/x.txt").write_text("x")
        for uri in (f"/home/bob/mlruns/1/{A}/artifacts", f"C:\\bob\\mlruns\\1\\{A}\\artifacts"):
            assert self.files(root, uri) == (["x.txt"], [])

    @pytest.mark.parametrize(
        "uri",
        [
            "s3://bucket/a",
            "/nowhere/at/all",
            "file:///nowhere/at/all",
            "file://host/share/a",
            "hdfs://[broken/a",
            "mlflow-artifacts:/1/x/artifacts",
        ],
    )
    def test_what_is_not_here_is_named(self, root: Path, uri: str) -> None:
        assert self.files(root, uri) == ([], [f"artifacts of run {A}"])

    def test_a_run_that_logged_no_file_lacks_none(self, root: Path) -> None:
        assert self.files(root, f"{root.as_uri()}/1/{A}/artifacts") == ([], [])


def show_with(root: Path, uri: str) -> tuple[dict[str, Read], Report]:
    """The runs, the first with this artifact URI."""
    path = root / "1" / A / "meta.yaml"
    text = "".join(line for line in path.read_text().splitlines(True) if "artifact_uri" not in line)
    path.write_text(text + f"artifact_uri: '{uri}'\n")
    return show(root)


def test_mlflow_reads_the_same_of_a_store_with_gaps(root: Path, store: Store) -> None:
    (root / "1" / A / "metrics/old").write_text(f"{START_MS} 0.5\n{START_MS + 1} nan\n")
    (root / "1" / A / "params/empty").write_text("")
    (root / "1" / A / "tags/ü").write_text("ä\n")
    for run_id in (A, B):
        (root / "1" / run_id / "artifacts").mkdir()  # without it MLflow takes it for no run
    client = mlflow_client(f"file:{root}")
    import_histories(store, FileStore(root), lambda done, total: None)
    for run_id in (A, B):
        theirs, ours = client.get_run(run_id), store.runs.get(run_id)
        assert ours.data.params == theirs.data.params
        assert ours.info.start_time == theirs.info.start_time
        for key in theirs.data.metrics:
            points = client.get_metric_history(run_id, key)
            mine = store.metrics.history(run_id, key)
            assert [(p.step, p.timestamp, repr(p.value)) for p in mine] == [
                (p.step, p.timestamp, repr(p.value)) for p in points
            ]
