"""`eventtrack runs rewind` and `withdraw`: points that no longer count."""

from tests.cli.harness import CommandLine, Sample


def test_a_run_is_rewound_and_undone(run: CommandLine, sample: Sample) -> None:
    store, run_id = sample.store, sample.first
    said = run("runs", "rewind", run_id[:8], "--step", "4", "--reason", "resumed there").stdout
    assert said.startswith("Rewound to step 4: run child-0 (")
    assert list(store.metrics.arrays(run_id, "loss").steps) == [0, 1, 2, 3, 4]
    [event] = run("log", "--run", run_id, "--type", "run.points*", "--json").json_lines
    assert event["reason"] == "resumed there"
    run("undo", event["address"], "--yes")
    assert len(store.metrics.arrays(run_id, "loss")) == 20


def test_steps_of_a_metric_are_withdrawn(run: CommandLine, sample: Sample) -> None:
    words = ("runs", "withdraw", "child-0", "-m", "loss", "--from", "3", "--to", "18")
    assert run(*words, "--json").json["data"]["metrics"]["loss"] == 0.05
    assert list(sample.store.metrics.arrays(sample.first, "loss").steps) == [0, 1, 2, 19]


def test_nothing_to_rewind_says_so(run: CommandLine, sample: Sample) -> None:
    said = run("runs", "rewind", sample.first, "--step", "19").stdout
    assert said.startswith("No such points in run child-0")


def test_an_unknown_metric_is_an_error_that_lists_the_metrics(run: CommandLine) -> None:
    answer = run("runs", "withdraw", "child-0", "--metric", "losss", code=3)
    assert "no metric 'losss'" in answer.stderr
    assert "loss" in answer.stderr.splitlines()[-1]


def test_a_run_is_forked(run: CommandLine, sample: Sample) -> None:
    said = run("runs", "fork", "child-0", "--step", "4", "--name", "again", "--no-params").stdout
    assert said.startswith("Forked run child-0: again (")
    [fork] = run("runs", "search", "attributes.run_name = 'again'", "--json").json
    run_id = fork["info"]["run_id"]
    assert fork["data"]["params"] == {}
    assert list(sample.store.metrics.arrays(run_id, "loss").steps) == [0, 1, 2, 3, 4]
    assert "again" in run("runs", "tree", "flowers").stdout


def test_runs_are_merged(run: CommandLine, sample: Sample) -> None:
    said = run("runs", "merge", "child-0", "child-1", "--reason", "a crash").stdout
    assert said == "Merged run child-1 into run child-0\n"
    assert len(sample.store.metrics.arrays(sample.first, "loss")) == 40
    assert run("runs", "merge", "child-0", "child-1").stdout.startswith("Merged already")
