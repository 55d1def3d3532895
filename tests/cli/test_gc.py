"""`eventtrack gc`."""

from tests.cli.harness import CommandLine, Sample


def ids(run: CommandLine) -> set[str]:
    return {one["info"]["run_id"] for one in run("runs", "list", "--all", "--json").json}


def test_it_says_what_goes_asks_and_says_what_was_freed(run: CommandLine, sample: Sample) -> None:
    kept = ids(run) - {sample.deleted}
    assert kept
    shown = run("gc", "--dry-run").stdout
    assert sample.deleted[:7] in shown
    assert sample.first[:7] not in shown
    refused = run("gc", code=1, stdin="n\n")
    assert "Erase 1 run for good?" in refused.stderr
    assert run("runs", "show", sample.deleted, "--json").json
    answer = run("gc", "--yes").stdout
    assert "Erased 1 run" in answer
    run("runs", "show", sample.deleted, code=3)
    assert ids(run) == kept
    run("check")
    run("verify")
    again = run("gc", "--yes", "--json").json
    assert (again["garbage"], again["erased"], again["envelopes"]) == ([], False, 0)
    assert "Nothing" in run("gc", "--yes").stderr + run("gc", "--yes").stdout


def test_only_what_is_named_and_old_goes(run: CommandLine, sample: Sample) -> None:
    for words in (("--older-than", "1d"), ("--run", sample.first), ("--experiment", "empty")):
        assert run("gc", *words, "--yes", "--json").json["erased"] is False
    assert "30d" in run("gc", "--older-than", "soon", code=2).stderr
    erased = run("gc", "--experiment", "flowers", "--older-than", "0s", "--yes", "--json").json
    assert [one["id"] for one in erased["garbage"]] == [sample.deleted]
    assert erased["erased"] is True
    assert erased["envelopes"] > 0


def test_children_of_an_erased_parent_stay(run: CommandLine, sample: Sample) -> None:
    run("runs", "delete", sample.parent)
    shown = run("gc", "--run", sample.parent, "--yes")
    assert "is the parent of 2 runs" in shown.stderr + shown.stdout
    run("runs", "show", sample.parent, code=3)
    assert run("runs", "show", sample.first, "--json").json
    assert sample.first[:7] in run("runs", "list").stdout
