"""`eventtrack runs tag`, `rename`, `note` and `finish`."""

import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.clock import SystemClock
from tests.cli.harness import CommandLine, Sample, environment


def test_runs_are_tagged(run: CommandLine, sample: Sample) -> None:
    said = run("runs", "tag", "child-0", "child-1", "kept=yes", "a=b=c", "--reason", "the paper")
    assert said.stdout.count("Tagged run") == 2
    for run_id in (sample.first, sample.second):
        tags = sample.store.runs.get(run_id).data.tags
        assert (tags["kept"], tags["a"]) == ("yes", "b=c")
    assert "the paper" in run("blame", "child-0", "tag.kept").stdout


def test_tags_are_removed_where_they_are(run: CommandLine, sample: Sample) -> None:
    sample.store.runs.set_tags(sample.first, {"kept": "yes"})
    answer = run("runs", "tag", "child-0", "child-1", "--remove", "kept")
    assert "kept" not in sample.store.runs.get(sample.first).data.tags
    assert "1 run without a tag 'kept'" in answer.stderr


def test_tags_need_a_run_and_a_value(run: CommandLine) -> None:
    assert "Name a run" in run("runs", "tag", "kept=yes", code=2).stderr
    assert "KEY=VALUE" in run("runs", "tag", "child-0", code=2).stderr
    both = run("runs", "tag", "child-0", "kept=yes", "--remove", "kept", code=2)
    assert "both set and removed" in both.stderr
    assert run("runs", "tag", "child-0", "=yes", code=2).stderr.startswith("error: ")


def test_one_deleted_run_keeps_all_from_being_edited(run: CommandLine, sample: Sample) -> None:
    answer = run("runs", "tag", "child-0", "mistake", "kept=yes", code=5)
    assert "it is deleted" in answer.stderr
    assert f"runs restore {sample.deleted[:8]}" in answer.stderr
    assert "kept" not in sample.store.runs.get(sample.first).data.tags


def test_a_run_is_renamed(run: CommandLine, sample: Sample) -> None:
    said = run("runs", "rename", "child-0", "baseline").stdout
    assert said == f"Renamed run child-0 to baseline ({sample.first})\n"
    assert run("runs", "show", "baseline", "--json").json["info"]["run_id"] == sample.first
    assert "NAME" in run("runs", "rename", "baseline", "", code=2).stderr


def test_a_note_is_written_shown_and_removed(run: CommandLine, sample: Sample) -> None:
    run("runs", "note", "child-0", "diverged\nafter the warm-up", "--reason", "seen in the curve")
    noted = sample.store.runs.get(sample.first).data.tags
    assert noted["mlflow.note.content"] == "diverged\nafter the warm-up"
    shown = run("runs", "show", "child-0").stdout
    assert "note\n" in shown
    assert "diverged\n" in shown
    assert "after the warm-up" in shown
    changed = run("runs", "note", "child-0", "", "--json").json
    assert "mlflow.note.content" not in changed["data"]["tags"]
    assert "note\n" not in run("runs", "show", "child-0").stdout


def test_runs_are_ended(run: CommandLine, sample: Sample) -> None:
    end_ms = sample.store.runs.get(sample.first).info.end_time
    ended = run("runs", "finish", "sweep", "child-0", "--status", "KILLED", "--json").json
    assert [each["info"]["status"] for each in ended] == ["KILLED", "KILLED"]
    assert ended[0]["info"]["end_time"] > 0
    assert ended[1]["info"]["end_time"] == end_ms


def test_a_run_whose_process_is_gone_ended_at_its_last_sign_of_life(
    run: CommandLine, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import sys\n"
        "from eventtrack.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "print(store.runs.create(sys.argv[2], run_name='died').info.run_id)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", script, str(sample.store.path), sample.experiment_id],
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    later = SystemClock().now_ms() + 60_000  # a run that wrote just now counts as alive
    monkeypatch.setattr(SystemClock, "now_ms", lambda clock: later)
    life = sample.store.liveness.of(died)
    assert life is not None
    assert life.state == "gone"
    for shown in (("list",), ("tree",), ("search",), ("show", "died")):
        assert " lost" in run("runs", *shown).stdout, shown
    assert f"pid {life.pid} is gone" in run("runs", "show", "died").stdout
    [ended] = run("runs", "finish", "died", "--json").json
    assert ended["info"]["status"] == "FINISHED"
    assert ended["info"]["end_time"] == max(life.last_ms, ended["info"]["start_time"])
