"""`eventtrack runs`: list, search, tree, show, compare, plot, delete, restore."""

import math
from contextlib import closing
from pathlib import Path

import pytest

from eventtrack.cli import tables
from eventtrack.store import open_store
from eventtrack.views.queries import run_trees
from tests.cli.harness import START_MS, CommandLine, Sample, peak_bytes


def names(runs: list[dict[str, dict[str, str]]]) -> list[str]:
    return [run["info"]["run_name"] for run in runs]


def test_runs_are_listed_newest_first(read: CommandLine, shared: Sample) -> None:
    lines = read("runs", "list").stdout.splitlines()
    assert lines[0].split() == [
        "run",
        "name",
        "status",
        "started",
        "duration",
        "loss",
        "hidden",
        "lr",
    ]
    assert [line.split()[0] for line in lines[1:]] == [
        run_id[:8] for run_id in (shared.second, shared.first, shared.parent)
    ]
    [newest, *_] = read("runs", "list", "-e", "flowers", "--json").json
    assert newest["info"]["run_id"] == shared.second
    assert newest["data"]["params"] == {"lr": "0.01", "hidden": "8"}


def test_deleted_runs_are_listed_when_asked_for(read: CommandLine) -> None:
    assert names(read("runs", "list", "--deleted", "--json").json) == ["mistake"]
    assert "mistake" in names(read("runs", "list", "--all", "--json").json)


def test_a_limit_says_that_there_are_more(read: CommandLine) -> None:
    answer = read("runs", "list", "-n", "1")
    assert len(answer.stdout.splitlines()) == 2
    assert "--limit shows more" in answer.stderr


def test_runs_are_searched(read: CommandLine) -> None:
    found = read("runs", "search", "params.lr = '0.1'", "--json").json
    assert names(found) == ["child-0"]
    found = read("runs", "search", "params.hidden = '8'", "-o", "metrics.loss ASC", "--json").json
    assert names(found) == ["child-1", "child-0"]
    nothing = read("runs", "search", "metrics.loss > 5")
    assert nothing.stdout == ""
    assert "No runs match" in nothing.stderr


def test_runs_are_sorted_by_a_name_alone(read: CommandLine) -> None:
    listed = read("runs", "list", "--filter", "params.hidden = '8'", "--sort", "loss", "--json")
    assert names(listed.json) == ["child-1", "child-0"]
    listed = read("runs", "list", "--sort", "lr DESC", "-n", "2", "--json")
    assert names(listed.json) == ["child-0", "child-1"]
    listed = read("runs", "list", "--sort", "start_time", "-n", "1", "--json")
    assert names(listed.json) == ["sweep"]
    answer = read("runs", "list", "--sort", "los", code=2)
    assert "did you mean loss?" in answer.stderr


def test_a_search_needs_no_filter(read: CommandLine) -> None:
    assert names(read("runs", "search", "--sort", "metrics.loss", "-n", "1", "--json").json) == [
        "child-1"
    ]


def test_params_are_sorted_and_filtered_as_numbers(run: CommandLine, sample: Sample) -> None:
    for rate in ("0.5", "1e-05", "10", "9"):
        run_id = sample.store.runs.create("0", run_name=rate).info.run_id
        sample.store.runs.log_params(run_id, {"rate": rate})
    asked = ("runs", "list", "--json", "--sort", "rate", "--filter")
    assert names(run(*asked, "params.rate < 100").json) == ["1e-05", "0.5", "9", "10"]
    assert names(run(*asked, "params.rate BETWEEN 0.5 AND 9").json) == ["0.5", "9"]


def test_the_sorted_key_has_a_column_however_many_there_are(
    run: CommandLine, sample: Sample
) -> None:
    for index in range(8):
        for run_id in (sample.first, sample.second, sample.parent):
            sample.store.metrics.log(run_id, f"m{index}", 1.0, step=0)
    assert "loss" not in run("runs", "list").stdout.splitlines()[0]
    assert "loss" in run("runs", "list", "--sort", "loss").stdout.splitlines()[0]


def test_the_load_of_the_machine_stands_behind_other_metrics(
    run: CommandLine, sample: Sample
) -> None:
    for key in ("system/cpu", "worth"):
        sample.store.metrics.log(sample.first, key, 1.0, step=0)
    assert "system/cpu" not in run("runs", "list").stdout
    assert "system/cpu" in run("runs", "list", "--sort", "system/cpu").stdout
    shown = run("runs", "show", sample.first).stdout
    assert shown.index("worth") < shown.index("system/cpu")


def test_the_best_runs_have_the_metric(read: CommandLine) -> None:
    least = read("runs", "best", "loss")
    assert [line.split()[1] for line in least.stdout.splitlines()[1:]] == ["child-1", "child-0"]
    assert "The least loss stands first; --max turns that round." in least.stderr
    greatest = read("runs", "best", "metrics.loss", "--max", "-n", "1", "--json").json
    assert names(greatest) == ["child-0"]
    filtered = ("--filter", "params.lr = '0.1' OR params.lr = '7'")
    assert names(read("runs", "best", "loss", *filtered, "--json").json) == ["child-0"]
    assert "did you mean loss?" in read("runs", "best", "los", code=2).stderr


@pytest.mark.parametrize(
    ("metric", "order"),
    [
        ("val_loss", "least"),
        ("valLoss", "least"),
        ("eval/rmse", "least"),
        ("test error", "least"),
        ("accuracy", "greatest"),
        ("lossless", "greatest"),
        ("errors/none", "greatest"),
    ],
)
def test_the_best_of_losses_and_errors_is_the_least(
    metric: str, order: str, run: CommandLine, sample: Sample
) -> None:
    sample.store.metrics.log(sample.first, metric, 1.0, step=0)
    assert f"The {order} {metric} stands first" in run("runs", "best", metric).stderr


def test_a_filter_that_cannot_be_read_is_an_error_with_a_hint(read: CommandLine) -> None:
    answer = read("runs", "search", "loss ==== 3", code=2)
    assert answer.stderr.startswith("error: ")


def test_an_experiment_without_runs_says_how_to_log_one(read: CommandLine) -> None:
    assert "No runs in empty yet" in read("runs", "list", "-e", "empty").stderr
    assert "No runs in empty yet" in read("runs", "tree", "empty").stderr


def test_runs_stand_under_their_parents(read: CommandLine, shared: Sample) -> None:
    shown = read("runs", "tree", "flowers").stdout
    assert "├─ child-" in shown
    assert "└─ child-" in shown
    [root, first, second] = read("runs", "tree", "--json").json
    assert [root["depth"], first["depth"], second["depth"]] == [0, 1, 1]
    assert first["parent_run_id"] == shared.parent
    assert root["parent_run_id"] is None


def test_a_fork_hangs_on_a_broken_line(run: CommandLine, sample: Sample) -> None:
    assert "leads to a fork" not in run("runs", "tree", "flowers").stdout
    run("runs", "fork", sample.first, "--step", "1", "--name", "branch")
    answer = run("runs", "tree", "flowers")
    assert "└╌ branch" in answer.stdout
    assert "─ child-0" in answer.stdout
    assert "╌ leads to a fork" in answer.stderr


def test_a_run_is_shown_by_id_prefix_and_name(read: CommandLine, shared: Sample) -> None:
    for name in (shared.first, shared.first[:12], "child-0", f"run/{shared.first[:12]}"):
        assert read("runs", "show", name, "--json").json["info"]["run_id"] == shared.first


def test_a_run_is_shown_on_one_page(read: CommandLine, shared: Sample) -> None:
    shown = read("runs", "show", "child-0").stdout
    for part in (
        shared.first,
        "FINISHED",
        "flowers",
        "lr",
        "0.1",
        "loss",
        "20",
        "█",
        "stage",
        "raw.bin",
    ):
        assert part in shown
    assert "mlflow." not in shown
    parent = read("runs", "show", "sweep").stdout
    assert "2 child runs" in parent
    assert "child-1" in parent


def test_an_unknown_run_is_answered_with_the_nearest(read: CommandLine, shared: Sample) -> None:
    wrong = shared.first[:7] + ("0" if shared.first[7] != "0" else "1")
    answer = read("runs", "show", wrong, code=3)
    assert f"Run with id={wrong} not found" in answer.stderr
    assert f"did you mean {shared.first[:8]}" in answer.stderr
    assert "did you mean child-" in read("runs", "show", "chld-0", code=3).stderr


def test_an_ambiguous_name_lists_the_candidates(run: CommandLine, sample: Sample) -> None:
    sample.store.runs.create(sample.experiment_id, run_name="child-0")
    answer = run("runs", "show", "child-0", code=2)
    assert "More than one run" in answer.stderr
    assert sample.first in answer.stderr


@pytest.mark.parametrize("name", ["", "'", '"', "%", "x' OR '1' = '1", "\\", "\x1b[31m", "a/b"])
def test_odd_names_are_not_found_and_nothing_worse(read: CommandLine, name: str) -> None:
    answer = read("runs", "show", "--", name, code=3)
    assert "\x1b" not in answer.stderr


def test_runs_are_compared(read: CommandLine, shared: Sample) -> None:
    shown = read("runs", "compare", "child-0", "child-1").stdout
    assert "lr" in shown
    assert "hidden" not in shown
    assert "▲ largest, ▼ smallest" in read("runs", "compare", "child-0", "child-1").stderr
    assert "largest" not in read("runs", "compare", "child-0", "sweep").stderr
    assert "hidden" in read("runs", "compare", "child-0", "child-1", "--all").stdout
    compared = read("runs", "compare", "child-0", "child-1", "sweep", "--json").json
    assert compared["runs"] == [shared.first, shared.second, shared.parent]
    assert {"kind": "param", "key": "lr", "values": ["0.1", "0.01", None], "differs": True} in (
        compared["rows"]
    )
    assert "two or more" in read("runs", "compare", "child-0", code=2).stderr


def test_a_metric_is_plotted(read: CommandLine, shared: Sample) -> None:
    shown = read("runs", "plot", "child-0", "--metric", "loss").stdout
    assert "⠀" not in shown
    assert "┤" in shown
    assert "last 0.05, 20 points" in shown
    [series] = read("runs", "plot", "child-0", "--json").json
    assert series["run_id"] == shared.first
    assert series["points"][:2] == [[0, START_MS, 1.0], [1, START_MS + 100, 0.5]]


def test_a_parent_stands_for_its_children(read: CommandLine) -> None:
    assert len(read("runs", "plot", "sweep", "--json").json) == 2
    shown = read("runs", "plot", "sweep", "-m", "loss", "--log", "--x", "time").stdout
    assert "A" in shown
    assert "B" in shown
    assert "1.9 s" in shown


def test_an_unknown_metric_names_those_there_are(read: CommandLine) -> None:
    answer = read("runs", "plot", "child-0", "-m", "los", code=3)
    assert "there are: loss" in answer.stderr


def test_runs_are_deleted_and_restored(run: CommandLine) -> None:
    assert "Deleted run child-0" in run("runs", "delete", "child-0").stdout
    assert names(run("runs", "list", "--deleted", "--json").json) == ["child-0", "mistake"]
    [restored] = run("runs", "restore", "child-0", "--json").json
    assert restored["info"]["lifecycle_stage"] == "active"


def test_values_that_json_lacks_are_strings(run: CommandLine, sample: Sample) -> None:
    for key, value in (("a", math.nan), ("b", math.inf), ("c", -math.inf)):
        sample.store.metrics.log(sample.parent, key, value, step=0)
    shown = run("runs", "show", "sweep", "--json").json
    assert shown["data"]["metrics"] == {"a": "NaN", "b": "Infinity", "c": "-Infinity"}
    assert "Nothing to draw" in run("runs", "plot", "sweep", "-m", "a").stderr
    assert "NaN" in run("runs", "show", "sweep").stdout


def test_names_cannot_steer_the_terminal(run: CommandLine, sample: Sample) -> None:
    evil = "evil\x1b[2J\nname"
    sample.store.runs.create(sample.experiment_id, run_name=evil, tags={"k": "\x1b]0;x\x07"})
    for words in (["runs", "list"], ["runs", "tree"], ["log"], ["experiments", "show", "flowers"]):
        assert "\x1b" not in run(*words).stdout
        assert "evil\\x1b[2J\\nname" in run(*words).stdout


def test_runs_are_moved(run: CommandLine, sample: Sample) -> None:
    moved = run("runs", "move", "sweep", "--to", "empty", "--children", "--json").json
    assert {one["info"]["run_name"] for one in moved} == {"sweep", "child-0", "child-1"}
    assert {one["info"]["run_id"] for one in run("runs", "list", "-e", "empty", "--json").json} == {
        sample.parent,
        sample.first,
        sample.second,
    }
    again = run("runs", "move", "sweep", "child-0", "--to", "empty")
    assert "2 runs in empty already" in again.stderr
    back = run("runs", "move", "child-0", "--to", "flowers", "--reason", "a mistake")
    assert f"Moved run child-0 ({sample.first})" in back.stdout
    assert "a mistake" in run("blame", "child-0", "experiment").stdout
    assert run("runs", "move", "mistake", "--to", "empty", code=2).stderr.startswith("error: ")


def test_params_are_corrected(run: CommandLine, sample: Sample) -> None:
    shown = run("runs", "correct", "child-0", "lr", "0.2", "--reason", "the old default").stdout
    assert "0.1 → 0.2" in shown
    found = run("runs", "correct", "child-0", "lr", "0.2", "--reason", "again")
    assert "already" in found.stderr
    assert sample.store.runs.get(sample.first).data.params["lr"] == "0.2"
    assert "--reason" in run("runs", "correct", "child-0", "lr", "0.3", code=2).stderr
    missing = run("runs", "correct", "child-0", "depth", "3", "--reason", "a test", code=3)
    assert "no param 'depth'" in missing.stderr


def test_runs_are_signed_and_say_when_they_changed_since(run: CommandLine, sample: Sample) -> None:
    signed = run(
        "runs", "sign", "child-0", "--as", "reviewed", "--reason", "checked", "--json"
    ).json
    assert list(signed) == ["meaning", "by", "reason", "signed_ms", "digest", "holds"]
    assert signed["digest"] == sample.store.runs.digest(sample.first)
    assert (
        f"digest {signed['digest']}"
        in run("runs", "sign", "child-0", "--as", "approved", "--reason", "as planned").stdout
    )
    assert run("runs", "show", "child-0").stdout.count("holds") == 2
    sample.store.runs.set_tags(sample.first, {"stage": "draft"})
    shown = run("runs", "show", "child-0")
    assert shown.stdout.count("changed since") == 2
    assert "changed since: tag.stage" in shown.stderr
    assert "reviewed by" in run("log", "--type", "run.signed").stdout
    assert "--reason" in run("runs", "sign", "child-0", "--as", "reviewed", code=2).stderr


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_tree_of_many_runs_takes_the_memory_of_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """A tree of 30,000 runs took 0.3 GB."""
    monkeypatch.setattr(tables, "LAYOUT_ROWS", 20)
    monkeypatch.setattr(run_trees, "_PAGE", 20)
    with closing(open_store(tmp_path / "store")) as store:
        experiments = [store.experiments.create(name) for name in ("few", "many")]
        with store.batch():
            for place in range(250):
                tags = {f"note-{key}": "x" * 5_000 for key in range(3)}
                store.runs.create(experiments[place > 50], tags=tags, start_time=place)
    few, many = (
        peak_bytes(tmp_path / "store", "runs", "tree", name, *words) for name in ("few", "many")
    )
    assert many < few + 500_000
