"""`remote`, `sync`, `push`, `pull`, `clone` and `bundle`, as one types them."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.harness import CommandLine, Sample, command, environment


@pytest.fixture
def stick(tmp_path: Path) -> str:
    return str(tmp_path / "stick")


def test_a_remote_is_added_listed_and_removed(run: CommandLine, stick: str) -> None:
    assert "No remotes" in run("remote", "list").stderr
    added = run("remote", "add", "origin", stick, "--json").json
    assert (added["name"], added["url"]) == ("origin", stick)
    assert run("remote", "list", "--json").json == [added]
    assert stick in run("remote", "list").stdout
    run("remote", "add", "origin", "elsewhere", code=4)
    run("remote", "remove", "origin")
    run("remote", "remove", "origin", code=3)


def test_two_stores_meet_in_a_folder(
    run: CommandLine, sample: Sample, stick: str, tmp_path: Path
) -> None:
    run("remote", "add", "origin", stick)
    assert run("sync").stdout.startswith("pushed ")
    assert run("sync").stdout == "Both sides hold the same: nothing to exchange.\n"
    twin = CommandLine(tmp_path / "twin")
    assert "is a clone of" in twin("clone", stick).stdout
    assert twin("runs", "show", sample.first, "--json").json["info"]["run_name"] == "child-0"
    twin("experiments", "create", "of-the-twin")
    assert twin("push", "--json").json["pushed"]["envelopes"] > 0
    report = run("pull", "--json").json
    assert report["pulled"]["envelopes"] > 0
    assert report["forks"] == {}
    assert "of-the-twin" in run("experiments", "list").stdout
    digests = {one("replay", "--verify", "--json").json["live"] for one in (run, twin)}
    assert len(digests) == 1
    twin("clone", stick, code=4)


def test_a_store_is_no_folder_between_stores(run: CommandLine, tmp_path: Path) -> None:
    other = CommandLine(tmp_path / "other")
    other("experiments", "create", "e")
    assert "it is a store of its own" in run("sync", str(tmp_path / "other"), code=9).stderr
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "log").touch()
    assert "choose an empty place" in run("sync", str(tmp_path / "photos"), code=9).stderr


def test_a_sync_with_nothing_named_says_what_to_do(run: CommandLine) -> None:
    assert "remote add origin" in run("sync", code=3).stderr
    assert "no remote 'cluster'" in run("sync", "cluster", code=3).stderr
    assert "no way to gopher" in run("pull", "gopher://x/y", code=2).stderr
    run("pull", "./nowhere", code=9)


def test_one_experiment_is_cloned_and_the_rest_comes_later(
    run: CommandLine, sample: Sample, stick: str, tmp_path: Path
) -> None:
    run("experiments", "create", "elsewhere")
    other = sample.store.runs.create(
        run("experiments", "show", "elsewhere", "--json").json["experiment_id"]
    )
    run("push", stick)
    twin = CommandLine(tmp_path / "twin")
    twin("clone", stick, "--experiment", "flowers")
    twin("runs", "show", sample.first)
    twin("runs", "show", other.info.run_id, code=3)
    assert twin("remote", "list", "--json").json[0]["wanted"]["experiments"] == ["flowers"]
    twin("pull", "--run", other.info.run_id)
    twin("runs", "show", other.info.run_id)
    twin("pull", "--all")
    digests = {one("replay", "--verify", "--json").json["live"] for one in (run, twin)}
    assert len(digests) == 1


def test_a_bundle_is_made_inspected_and_applied(run: CommandLine, tmp_path: Path) -> None:
    file = str(tmp_path / "all.bundle")
    made = run("bundle", "create", file, "--json").json
    assert made == run("bundle", "inspect", file, "--json").json
    assert "up to" in run("bundle", "inspect", file).stdout
    assert (
        run("bundle", "create", str(tmp_path / "n"), "--since", file, "--json").json["needs"] == {}
    )
    other = CommandLine(tmp_path / "other")
    assert other("bundle", "apply", file).stdout.startswith("pulled ")
    assert "nothing to exchange" in other("bundle", "apply", file).stdout
    run("bundle", "create", file, code=4)
    run("bundle", "inspect", str(tmp_path / "nothing"), code=3)
    Path(file).chmod(0o644)
    Path(file).write_bytes(Path(file).read_bytes()[:-1])
    other("bundle", "apply", file, code=8)


def test_following_brings_what_is_recorded_meanwhile(
    run: CommandLine, stick: str, tmp_path: Path
) -> None:
    run("push", stick)
    twin = CommandLine(tmp_path / "twin")
    twin("clone", stick)
    words = command("--store", str(twin.path), "sync", "--follow", "--json")
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2])),
    ) as follower:
        assert follower.stdout is not None
        assert "pulled" in json.loads(follower.stdout.readline())
        run("experiments", "create", "news")
        run("push", stick)
        assert json.loads(follower.stdout.readline())["pulled"]["envelopes"] > 0
        follower.terminate()
    until = time.monotonic() + 10
    while "news" not in twin("experiments", "list").stdout:
        assert time.monotonic() < until
