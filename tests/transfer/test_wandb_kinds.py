"""Runs of Weights & Biases in all the ways in which they lie beside programs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.wandb import RunFolders
from tests.transfer.reading import flip
from tests.transfer.theirs import points_of, runs_of
from tests.transfer.wandb_records import (
    FIRST,
    SECOND,
    START,
    begin,
    branch,
    end,
    field,
    only,
    pairs,
    row,
    show,
    summary,
    write,
)


class TestSegments:
    """A run that was resumed lies in several folders."""

    def write(self, root: Path, *, resumed: bool = True) -> None:
        """Two segments: the first was preempted, the second finished."""
        write(
            root / FIRST,
            begin(config={"lr": 0.1, "part": 1}, name="first try"),
            *(row(step, START + step, loss=1 / (step + 1)) for step in range(5)),
            summary(best=0.5, note="early"),
            field(23, b""),
            end(255, 10),
        )
        if resumed:
            write(
                root / SECOND,
                begin(start=START + 1000, config={"part": 2}, name="second try"),
                *(row(step, START + 1000 + step, loss=1 / (step + 1)) for step in range(5, 8)),
                summary(best=0.25),
                end(0, 20),
            )

    def test_they_are_one_run_and_the_last_says_how_it_ended(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        run = only(tmp_path)
        assert run.steps("loss") == list(range(8))
        assert run.values("best") == [0.5, 0.25]
        assert (run.run.status, run.run.name) == ("FINISHED", "second try")
        assert run.run.start_ms == START * 1000
        assert run.run.end_ms == (START + 1020) * 1000
        assert run.run.params == {"lr": "0.1", "part": "2"}
        assert run.run.tags["wandb.summary.note"] == "early"
        assert "wandb.exit_code" not in run.run.tags

    def test_a_run_that_was_resumed_since_adds_what_is_new(
        self, tmp_path: Path, store: Store
    ) -> None:
        logs, whole = tmp_path / "wandb", Store(tmp_path / "whole", source="import")
        self.write(logs, resumed=False)
        import_histories(store, RunFolders(logs), lambda done, total: None)
        [run] = runs_of(store)
        assert (run.info.status, run.data.tags["wandb.exit_code"]) == ("FAILED", "255")
        self.write(logs)
        report = import_histories(store, RunFolders(logs), lambda done, total: None)
        assert (report.exit_code, report.taken.points, report.taken.runs) == (0, 4, 0)
        import_histories(whole, RunFolders(logs), lambda done, total: None)
        [grown], [fresh] = runs_of(store), runs_of(whole)
        assert grown.info.status == fresh.info.status == "FINISHED"
        assert grown.info.end_time == fresh.info.end_time
        for key in ("loss", "best"):
            run_id = run.info.run_id
            assert points_of(store.metrics.history(run_id, key)) == points_of(
                whole.metrics.history(run_id, key)
            )
        again = import_histories(store, RunFolders(logs), lambda done, total: None)
        assert again.taken.total() == 0
        whole.close()

    def test_the_last_that_has_no_end_is_still_running(self, tmp_path: Path) -> None:
        self.write(tmp_path, resumed=False)
        write(tmp_path / SECOND, begin(start=START + 1000), row(5, START + 1000.0, loss=0.1))
        run = only(tmp_path).run
        assert (run.status, run.end_ms) == ("RUNNING", None)

    def test_files_of_one_path_are_all_kept(self, tmp_path: Path, store: Store) -> None:
        self.write(tmp_path / "wandb")
        for name in (FIRST, SECOND):
            files = tmp_path / "wandb" / name / "files"
            files.mkdir()
            (files / "output.log").write_text(name)
            (files / f"{name}.txt").write_text(name)
        import_histories(store, RunFolders(tmp_path / "wandb"), lambda done, total: None)
        [run] = runs_of(store)
        run_id = run.info.run_id
        assert store.artifacts.open(run_id, "output.log").read() == SECOND.encode()
        assert store.artifacts.open(run_id, f"earlier/{FIRST}/output.log").read() == FIRST.encode()
        assert {one.path for one in store.artifacts.entries(run_id)} >= {
            f"{FIRST}.txt",
            f"{SECOND}.txt",
        }
        head = store.events.head()
        import_histories(store, RunFolders(tmp_path / "wandb"), lambda done, total: None)
        assert store.events.head() == head

    def test_a_segment_whose_head_is_damaged_stays_with_its_run(self, tmp_path: Path) -> None:
        self.write(tmp_path)
        path = tmp_path / SECOND / "run-abc.wandb"
        flip(path.read_bytes(), path, 30)
        runs, report = show(tmp_path)
        assert [(one.run.experiment_id, one.steps("loss")) for one in runs.values()] == [
            ("flowers", list(range(8)))
        ]
        assert report.damage_count == 1

    def test_links_and_copies_add_nothing(self, tmp_path: Path, store: Store) -> None:
        self.write(tmp_path)
        (tmp_path / "latest-run").symlink_to(FIRST)
        assert only(tmp_path).steps("loss") == list(range(8))
        shutil.copytree(tmp_path / FIRST, tmp_path / "copy" / FIRST)
        report = import_histories(store, RunFolders(tmp_path), lambda done, total: None)
        assert report.taken.points == 10
        assert report.taken.runs == 1

    def test_runs_of_one_id_in_two_projects_or_teams_are_two(self, tmp_path: Path) -> None:
        places = [("a", "a"), ("a", "b"), ("b", "a")]
        for place, (entity, project) in enumerate(places):
            head = begin(name=f"run {place}", entity=entity, project=project)
            write(tmp_path / str(place), head, row(0, START + 1.0, x=place))
        runs, _ = show(tmp_path)
        assert {name: one.values("x") for name, one in runs.items()} == {
            "run 0": [0],
            "run 1": [1],
            "run 2": [2],
        }


class TestBranches:
    """Runs that go on from a step: of another run, or their own."""

    def test_a_rewind_voids_what_is_behind_its_step(self, tmp_path: Path) -> None:
        write(
            tmp_path / FIRST, begin(), *(row(n, START + n, a=n, t=f"{n}") for n in range(6)), end()
        )
        write(
            tmp_path / SECOND,
            begin(start=START + 100, more=branch("abc", 2)),
            row(3, START + 103.0, a=30),
            end(),
        )
        runs, report = show(tmp_path)
        assert runs["abc"].values("a") == [0, 1, 2, 30]
        assert runs["abc"].run.tags["wandb.summary.t"] == "2"
        [note] = report.notes
        assert "6 points that a rewind made void" in note
        assert report.exit_code == 0

    def test_a_fork_begins_with_the_history_of_its_parent(self, tmp_path: Path) -> None:
        write(
            tmp_path / "1", begin("one"), *(row(n, START + n, a=n) for n in range(6)), run_id="one"
        )
        write(
            tmp_path / "2",
            begin("two", more=branch("one", 3)),
            *(row(n, START + 100 + n, a=10 * n) for n in (4, 5)),
            run_id="two",
        )
        write(
            tmp_path / "3",
            begin("three", more=branch("two", 4)),
            row(5, START + 200.0, a=500),
            run_id="three",
        )
        runs, report = show(tmp_path)
        assert runs["one"].values("a") == [0, 1, 2, 3, 4, 5]
        assert sorted(runs["two"].values("a")) == [0, 1, 2, 3, 40, 50]
        assert sorted(runs["three"].values("a")) == [0, 1, 2, 3, 40, 500]
        assert runs["two"].run.tags["wandb.forked_from"] == "one?_step=3"
        assert report.exit_code == 0

    def test_a_fork_of_a_run_that_is_not_there_says_so(self, tmp_path: Path) -> None:
        write(tmp_path / "2", begin("two", more=branch("one", 3)), row(4, START + 1.0, a=1))
        runs, report = show(tmp_path)
        assert runs["two"].values("a") == [1]
        [(what, why)] = report.unreadable
        assert "up to step 3" in what
        assert "run one" in why
        assert report.exit_code == 3

    def test_forks_of_each_other_end(self, tmp_path: Path) -> None:
        for name, other in (("one", "two"), ("two", "one")):
            write(tmp_path / name, begin(name, more=branch(other, 3)), row(1, START + 1.0, a=1))
        assert show(tmp_path)[1].unreadable_count == 2

    def test_wandb_itself_wrote_them(self, tmp_path: Path) -> None:
        pytest.importorskip("wandb")
        settings = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(tmp_path)}
        settings |= {"HOME": str(tmp_path), "WANDB_X_DISABLE_STATS": "true"}
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            env=os.environ | settings,
            check=True,
            timeout=120,
            capture_output=True,
        )
        runs, report = show(tmp_path / "wandb")
        by_id = {one.run.tags.get("wandb.forked_from", "own"): one for one in runs.values()}
        own, forked = by_id["own"], by_id["one?_step=2"]
        assert own.values("loss") == [0, 1, 2, 20, 21, 6]
        assert own.run.params == {"opt.lr": "0.1", "opt.lr-3": "0.5", "part": "2"}
        assert own.run.status == "FINISHED"
        assert sorted(forked.values("loss")) == [0, 1, 2, 5]
        assert own.run.tags["wandb.step_metric.val/*"] == "epoch"
        assert report.damage_count == report.unreadable_count == 0


class TestNames:
    """Nested names and names with dots."""

    def test_a_nested_name_and_a_flat_one_are_two(self, tmp_path: Path) -> None:
        config = {"a": {"b": 1, "b.c": 2}, "a.b": 3, "a.b.c": 4}
        rows = [row(0, START + 1.0, **config), row(1, START + 2.0, **config)]
        write(tmp_path / FIRST, begin(config=config), *rows, end())
        run = only(tmp_path)
        assert sorted(run.run.params.values()) == ["1", "2", "3", "4"]
        assert run.run.params["a.b"] == "1"
        assert sorted(run.values(key)[0] for key in run.points) == [1, 2, 3, 4]
        assert all(run.steps(key) == [0, 1] for key in run.points)

    def test_names_in_parts_are_nested(self, tmp_path: Path) -> None:
        data = pairs(
            {("val", "acc"): 0.5, ("val.acc",): 0.25, ("_step",): 3, ("_timestamp",): START}
        )
        write(tmp_path / FIRST, begin(), field(2, data))
        run = only(tmp_path)
        assert sorted(run.values(key)[0] for key in run.points) == [0.25, 0.5]
        assert {time for points in run.points.values() for _, time, _ in points} == {START * 1000}

    def test_what_the_config_takes_back_is_gone(self, tmp_path: Path) -> None:
        later = field(5, pairs({"net": {"depth": 4}}) + field(2, field(1, "lr")))
        nested = field(5, field(2, field(2, "opt") + field(2, "lr")))
        config = {"lr": 1, "net": {"depth": 3, "width": 5}, "opt": {"lr": 1, "eps": 2}}
        write(tmp_path / FIRST, begin(config=config), later, nested)
        assert only(tmp_path).run.params == {"net.depth": "4", "opt.eps": "2"}

    def test_a_metric_of_the_system_and_one_of_that_name_are_two(self, tmp_path: Path) -> None:
        stats = field(7, field(2, field(1, START)) + pairs({"gpu": 1.5}, 3))
        write(tmp_path / FIRST, begin(), row(0, START + 1.0, **{"system/gpu": 2.5}), stats)
        run = only(tmp_path)
        assert sorted(run.values(key)[0] for key in run.points) == [1.5, 2.5]


class TestValues:
    """Values, steps and times of every form."""

    def test_values_of_every_form(self, tmp_path: Path, store: Store) -> None:
        config = {"none": None, "list": [1, [2]], "on": True, "text": "x", "nan": float("nan")}
        items = b"".join(
            field(1, field(1, name) + content)
            for name, content in {
                "boolean": field(4, 1),
                "integer": field(5, 5),  # zigzag: -3
                "number": field(6, 0.5),
                "word": field(7, "hello"),
                "json": field(8, "[1]"),
            }.items()
        )
        texts = [row(n, START + n, text=f"text {n}", list=[n], odd="NaN") for n in range(2)]
        write(tmp_path / "w" / FIRST, begin(config=config), field(2, items), *texts, end())
        run = only(tmp_path / "w")
        assert run.run.params == {
            "none": "None",
            "list": "[1, [2]]",
            "on": "True",
            "text": "x",
            "nan": "nan",
        }
        assert [run.values(name) for name in ("boolean", "integer", "number")] == [[1], [-3], [0.5]]
        import_histories(store, RunFolders(tmp_path / "w"), lambda done, total: None)
        [taken] = runs_of(store)
        kept = json.loads(store.artifacts.open(taken.info.run_id, "imported/texts.json").read())
        assert [entry["text"] for entry in kept["text"]] == ["text 0", "text 1"]
        assert [entry["step"] for entry in kept["list"]] == [0, 1]
        assert taken.data.tags["wandb.summary.word"] == "hello"
        assert set(kept) == {"text", "list", "word", "json"}

    @pytest.mark.parametrize("code", [0, 1])
    def test_the_summary_says_what_the_rows_do_not(self, tmp_path: Path, code: int) -> None:
        told = summary(loss=0.1, best=0.2, same=3, _step=5, note="hi", plot={"_type": "x", "y": 1})
        write(tmp_path / FIRST, begin(), row(4, START + 4.0, loss=1, same=3), told, end(code, 9))
        run = only(tmp_path)
        assert {key: run.values(key) for key in run.points} == {
            "loss": [1],
            "same": [3],
            "best": [0.2],
            "summary/loss": [0.1],
        }
        assert run.run.tags["wandb.summary.note"] == "hi"
        assert run.run.status == ("FAILED" if code else "FINISHED")
        assert run.run.end_ms == (START + 9) * 1000

    @pytest.mark.parametrize(
        ("step", "expected", "damage"),
        [
            (3, 3, 0),
            (3.0, 3, 0),
            (-2, -2, 0),
            ("x", 8, 1),
            (1.5, 8, 1),
            (2**64, 8, 1),
            (None, 8, 0),
        ],
    )
    def test_a_row_has_its_step_or_the_next(
        self, tmp_path: Path, step: Any, expected: int, damage: int
    ) -> None:
        write(tmp_path / FIRST, begin(), row(7, START + 1.0, a=1), row(step, START + 2.0, a=2))
        runs, report = show(tmp_path)
        assert runs["abc"].steps("a") == [7, expected]
        assert report.damage_count == damage

    def test_a_step_beside_the_items_is_read(self, tmp_path: Path) -> None:
        data = pairs({"a": 1, "_timestamp": START}) + field(2, field(1, 12))
        write(tmp_path / FIRST, begin(), field(2, data))
        assert only(tmp_path).steps("a") == [12]

    @pytest.mark.parametrize("seconds", [None, float("nan"), 1e300, "soon"])
    def test_a_row_without_a_time_has_the_one_before(self, tmp_path: Path, seconds: Any) -> None:
        rows = [row(0, seconds, a=1), row(1, START + 5.5, a=2), row(2, seconds, a=3)]
        write(tmp_path / FIRST, begin(), *rows)
        runs, report = show(tmp_path)
        times = [time for _, time, _ in runs["abc"].points["a"]]
        assert times == [START * 1000, START * 1000 + 5500, START * 1000 + 5500]
        assert report.damage_count == (2 if isinstance(seconds, float) else 0)

    def test_a_run_without_a_start_begins_with_its_first_row(self, tmp_path: Path) -> None:
        write(tmp_path / FIRST, begin(start=0), row(0, START + 5.0, a=1))
        assert only(tmp_path).run.start_ms == (START + 5) * 1000
        path = write(tmp_path / "b" / SECOND, begin("b", start=0), run_id="b")
        os.utime(path, (START, START))
        assert only(tmp_path / "b").run.start_ms == START * 1000

    def test_what_older_versions_wrote_beside_the_records_is_read(self, tmp_path: Path) -> None:
        write(tmp_path / FIRST, begin())
        files = tmp_path / FIRST / "files"
        files.mkdir()
        git = {"remote": "git@host:repo", "commit": "abc123"}
        told = {"host": "box", "username": "ada", "program": "train.py", "git": git, "gpu": None}
        (files / "wandb-metadata.json").write_text(json.dumps(told))
        tags = only(tmp_path).run.tags
        assert (tags["wandb.host"], tags["mlflow.user"]) == ("box", "ada")
        assert tags["mlflow.source.name"] == "train.py"
        assert tags["mlflow.source.git.commit"] == "abc123"
        (files / "wandb-metadata.json").write_text("{")
        assert show(tmp_path)[1].damage_count == 1

    def test_all_that_has_no_place_is_counted(self, tmp_path: Path) -> None:
        media = {"_type": "image-file", "path": "media/x.png", "deep": {"size": 1}}
        others = [field(number, b"") for number in (8, 9, 10, 13, 25)]
        write(tmp_path / FIRST, begin(), row(0, START + 1.0, a=1, img=media), *others)
        runs, report = show(tmp_path)
        assert set(runs["abc"].points) == {"a"}
        assert sum(report.not_taken.values()) == 6
        assert report.not_taken["logged media of the type image-file"] == 1


SCRIPT = """
import wandb
with wandb.init(project="flowers", id="one", config={"opt": {"lr": 0.1}, "opt.lr": 0.5}) as run:
    run.define_metric("val/*", step_metric="epoch")
    for step in range(4):
        run.log({"loss": step, "val/x": step, "epoch": step // 2})
with wandb.init(project="flowers", fork_from="one?_step=2") as run:
    run.log({"loss": 5})
with wandb.init(project="flowers", resume_from="one?_step=2", config={"part": 2}) as run:
    run.log({"loss": 20})
    run.log({"loss": 21})
with wandb.init(project="flowers", id="one", resume="allow") as run:
    run.log({"loss": 6}, step=5)
"""
