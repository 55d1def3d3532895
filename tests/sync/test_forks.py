"""Two copies that wrote under one name: everybody notices, and nobody loses anything."""

from pathlib import Path

from eventtrack.store import Store
from eventtrack.sync import Remotes
from tests.cli.harness import CommandLine
from tests.sync.machines import (
    PUSH,
    copy_of,
    envelopes,
    machine,
    record_run,
    reopened,
    restore,
    sync,
)


def fork(store: Store, folder: Path) -> tuple[bytes, Store]:
    """Let a restored backup write on, as its peer did meanwhile; returns the feed and the store."""
    backup = copy_of(store, folder)
    replica = store.replication.log.replica
    record_run(store, "here")
    theirs = machine(folder.with_name("peer"))
    sync(store, folder.with_name("between"))
    sync(theirs, folder.with_name("between"))
    store.close()
    restore(backup, store.path)
    again = reopened(store.path, "again")
    assert again.replication.log.replica == replica
    record_run(again, "there")
    theirs.close()
    return replica, again


def test_a_fork_is_told_and_does_not_keep_other_feeds_out(
    one: Store, two: Store, stick: Path, tmp_path: Path
) -> None:
    other = record_run(two, "other")
    sync(two, stick)
    replica, again = fork(one, tmp_path / "backup")
    before = envelopes(again)
    sync(machine(tmp_path / "third"), tmp_path / "between")
    report = sync(again, tmp_path / "between")
    assert report.forks.keys() == {replica.hex()}
    assert "two histories" in report.forks[replica.hex()]
    assert envelopes(again).items() >= before.items()
    sync(again, stick)
    assert again.runs.get(other).info.run_name == "other"
    again.close()


def test_a_fork_is_seen_by_whoever_pushes_and_nothing_is_written(
    one: Store, tmp_path: Path
) -> None:
    replica, again = fork(one, tmp_path / "backup")
    record_run(again, "longer than what the others have")
    record_run(again, "much longer")
    feed = tmp_path / "between" / "feeds" / replica.hex()
    before = {path: path.read_bytes() for path in feed.iterdir()}
    report = sync(again, tmp_path / "between", PUSH)
    assert report.forks.keys() == {replica.hex()}
    assert {path: path.read_bytes() for path in feed.iterdir()} == before
    again.close()


def test_who_wrote_a_feed_that_forked_goes_on_in_another(
    one: Store, tmp_path: Path, two: Store
) -> None:
    replica, again = fork(one, tmp_path / "backup")
    sync(again, tmp_path / "between")
    assert again.replication.log.replica != replica
    after = record_run(again, "after the fork was seen")
    sync(again, tmp_path / "between")
    sync(two, tmp_path / "between")
    assert two.runs.get(after).info.run_name == "after the fork was seen"
    assert Remotes(again.replication).forks().keys() == {replica.hex()}
    again.close()
    [conflict] = CommandLine(again.path)("conflicts", "--json").json
    assert conflict["subject"] == f"feed/{replica.hex()}"
