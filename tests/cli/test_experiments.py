"""`eventtrack experiments`."""

from pathlib import Path

from eventtrack.store import open_store
from tests.cli.harness import CommandLine, Sample


def test_experiments_are_listed(read: CommandLine, shared: Sample) -> None:
    lines = read("experiments", "list").stdout.splitlines()
    assert lines[0].split() == [
        *("id", "name", "state", "runs", "running", "created", "last", "activity", "tags"),
    ]
    cells = [line.split()[:5] for line in lines]
    assert [shared.experiment_id, "flowers", "active", "3", "1"] in cells
    [flowers] = [e for e in read("experiments", "list", "--json").json if e["name"] == "flowers"]
    assert list(flowers) == [
        "experiment_id",
        "name",
        "artifact_location",
        "lifecycle_stage",
        "tags",
        "creation_time",
        "last_update_time",
        "runs",
        "running",
        "last_activity",
    ]
    assert (flowers["runs"], flowers["running"]) == (3, 1)
    assert flowers["last_activity"] >= flowers["creation_time"]
    assert flowers["tags"] == {"owner": "ada"}


def test_an_experiment_is_shown_by_name_id_and_prefix(read: CommandLine, shared: Sample) -> None:
    for name in ("flowers", shared.experiment_id, shared.experiment_id[:9]):
        assert read("experiments", "show", name, "--json").json["name"] == "flowers"
    shown = read("experiments", "show", "flowers").stdout
    assert "sweep" in shown
    assert "owner=ada" in shown
    assert "mistake" not in shown


def test_an_unknown_experiment_is_answered_with_the_nearest(read: CommandLine) -> None:
    answer = read("experiments", "show", "flowrs", code=3)
    assert "did you mean flowers?" in answer.stderr
    assert answer.stdout == ""


def test_an_experiment_is_created_in_a_new_store(tmp_path: Path) -> None:
    run = CommandLine(tmp_path / "new")
    created = run("experiments", "create", "digits", "--tag", "owner=ada", "--json").json
    assert created["name"] == "digits"
    assert created["tags"] == {"owner": "ada"}
    assert open_store(tmp_path / "new").experiments.get_by_name("digits") is not None
    assert "Created experiment letters" in run("experiments", "create", "letters").stdout
    assert run("experiments", "create", "digits", code=4).stderr.startswith("error: ")
    assert "KEY=VALUE" in run("experiments", "create", "x", "--tag", "oops", code=2).stderr


def test_an_experiment_is_renamed_deleted_and_restored(run: CommandLine) -> None:
    assert "Renamed experiment roses" in run("experiments", "rename", "flowers", "roses").stdout
    deleted = run("experiments", "delete", "roses", "--json").json
    assert (deleted["name"], deleted["lifecycle_stage"]) == ("roses", "deleted")
    assert "roses" not in run("experiments", "list").stdout
    assert "roses" in run("experiments", "list", "--deleted").stdout
    assert "roses" in run("experiments", "list", "--all").stdout
    assert run("experiments", "restore", "roses", "--json").json["lifecycle_stage"] == "active"


def test_no_deleted_experiments_is_said(read: CommandLine) -> None:
    answer = read("experiments", "list", "--deleted")
    assert answer.stdout == ""
    assert "No such experiments" in answer.stderr
    assert read("experiments", "list", "--deleted", "--json").json == []
