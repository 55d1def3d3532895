"""Two copies that wrote under one name: everybody comes to hold what both wrote."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, ConflictError, RemoteError
from eventtrack.events.envelope import Envelope
from eventtrack.store import Store
from eventtrack.sync import Remotes, StoreRemote, SyncReport, apply_bundle, create_bundle
from eventtrack.sync.importing import Importer
from eventtrack.sync.protocol import FeedHead, Remote
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.service import BOTH_WAYS, Ways, clone, exchange, synchronize
from eventtrack.sync.ssh import COMMAND_VARIABLE
from tests.cli.harness import CommandLine
from tests.server.running import running
from tests.sync.machines import (
    PUSH,
    blocks,
    envelopes,
    machine,
    record_run,
    reopened,
    snapshot_of,
    sync,
    told,
)


def meet(one: Store, two: Store, ways: Ways = BOTH_WAYS) -> SyncReport:
    """One round with a store in this process."""
    return exchange_with(one, StoreRemote(two), ways)


def exchange_with(store: Store, remote: Remote, ways: Ways = BOTH_WAYS) -> SyncReport:
    address = RemoteAddress(name="", url=str(id(remote)))
    return exchange(store, remote, Remotes(store.replication), address, ways)


@pytest.fixture
def twins(one: Store, tmp_path: Path) -> Iterator[tuple[bytes, Store, Store]]:
    """A feed, and two stores that wrote different runs at the same place of it."""
    record_run(one, "before")
    again = reopened(snapshot_of(one, tmp_path / "again"), "again")
    replica = one.replication.log.replica
    assert again.replication.log.replica == replica
    record_run(one, "here")
    record_run(again, "there", points=50)
    record_run(again, "there too")
    yield replica, one, again
    again.close()


def names(store: Store) -> set[str]:
    return {run.info.run_name for run in store.runs.search(["0"])}


def assert_same(*stores: Store) -> None:
    first = stores[0]
    for store in stores:
        assert envelopes(store).keys() == envelopes(first).keys()
        assert store.maintenance.digest() == first.maintenance.digest()
        assert told(store) == told(first)
        assert store.maintenance.check().ok
        assert store.maintenance.verify()[0]


def test_both_histories_come_together_on_both_machines(
    twins: tuple[bytes, Store, Store],
) -> None:
    replica, one, two = twins
    shared = one.replication.log.heads()[replica].size - 4
    report = meet(one, two)
    assert report.forks.keys() == {replica.hex()}
    assert f"the first {shared} envelopes" in report.forks[replica.hex()]
    assert names(one) == names(two) == {"before", "here", "there", "there too"}
    assert_same(one, two)
    [fork] = one.feeds.forks()
    assert (fork.replica, fork.index) == (replica.hex(), shared)
    assert sorted(end.envelopes for end in fork.ends) == [4, 9]
    assert not meet(one, two).changed
    assert not meet(two, one).changed


def test_what_they_share_is_stored_once(twins: tuple[bytes, Store, Store]) -> None:
    _, one, two = twins
    before, theirs = one.events.head(), two.events.head()
    meet(one, two)
    assert one.events.head() == before + 9
    assert two.events.head() == theirs + 4


def test_who_wrote_a_feed_that_forked_goes_on_in_another(
    twins: tuple[bytes, Store, Store], two: Store
) -> None:
    replica, one, again = twins
    meet(again, one)
    ids = {one.replication.log.replica, again.replication.log.replica, replica}
    assert len(ids) == 3
    after = record_run(again, "after the fork was seen")
    meet(again, two)
    assert two.runs.get(after).info.run_name == "after the fork was seen"
    assert names(two) >= {"here", "there"}


@pytest.mark.slow
def test_both_come_over_http_also_when_one_only_pushes(
    twins: tuple[bytes, Store, Store],
) -> None:
    replica, one, two = twins
    two.close()
    with running(two.path) as server:
        report = synchronize(one, server.url, PUSH)
        assert report.forks.keys() == {replica.hex()}
        assert names(one) == {"before", "here"}
        after = record_run(one, "after")
        assert not synchronize(one, server.url, PUSH).forks
        found = server.get("runs/get", run_id=after)
        assert found["run"]["info"]["run_name"] == "after"
        synchronize(one, server.url)
    two = reopened(two.path, "once more")
    meet(one, two)
    assert_same(one, two)
    two.close()


@pytest.mark.slow
def test_both_come_over_a_pipe(
    twins: tuple[bytes, Store, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, one, two = twins
    program = tmp_path / "there"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m eventtrack "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "ssh"
    script.write_text('#!/bin/sh\nexec sh -c "exec $3"\n')
    script.chmod(0o755)
    monkeypatch.setenv(COMMAND_VARIABLE, str(script))
    two.close()
    url = f"ssh://host{two.path}?program={program}"
    assert synchronize(one, url).forks
    assert not synchronize(one, url).changed
    two = reopened(two.path, "once more")
    meet(one, two)
    assert_same(one, two)
    two.close()


def test_both_come_in_bundles(twins: tuple[bytes, Store, Store], three: Store) -> None:
    _, one, two = twins
    folder = one.path.parent
    info = create_bundle(one, folder / "whole")
    apply_bundle(two, folder / "whole")
    back = create_bundle(two, folder / "back", StoreRemote(one).heads())
    assert back.needs
    apply_bundle(one, folder / "back")
    assert_same(one, two)
    with pytest.raises(ConflictError, match="envelopes of replica"):
        apply_bundle(three, folder / "back")
    assert info.envelopes
    whole = create_bundle(one, folder / "all")
    assert len(whole.brings) == 2
    apply_bundle(three, folder / "all")
    assert names(three) == names(one)
    assert_same(one, two)


def test_ends_that_come_from_their_beginning_again_are_stored_once(
    twins: tuple[bytes, Store, Store], two: Store, three: Store
) -> None:
    """Which end is the other's stem differs between machines, so blocks go past where they part."""
    _, one, again = twins
    meet(two, one)
    meet(two, again)
    meet(three, again)
    meet(three, one)
    for source, target in itertools.permutations([one, again, two, three], 2):
        record_run(source)  # a bundle that brings nothing new is not read at all
        path = one.path.parent / f"{source.path.name} to {target.path.name}"
        create_bundle(source, path)
        apply_bundle(target, path)
        assert envelopes(target).items() >= envelopes(source).items()
    for target in (one, again, two):
        meet(target, three)
    assert_same(one, again, two, three)


def test_three_ends_in_any_order_of_meeting(one: Store, tmp_path: Path) -> None:
    """A copy of a copy parts from both at places of their own."""
    for order in itertools.permutations(range(3)):
        name = "".join(map(str, order))
        first = machine(tmp_path / f"first{name}")
        record_run(first, "shared")
        second = reopened(snapshot_of(first, tmp_path / f"second{name}"), f"second{name}")
        record_run(first, "of the first")
        record_run(second, "of the second")
        third = reopened(snapshot_of(second, tmp_path / f"third{name}"), f"third{name}")
        record_run(second, "of the second alone", points=20)
        record_run(third, "of the third")
        stores = [first, second, third]
        relay = machine(tmp_path / f"relay{name}")
        for which in (*order, *order):
            meet(stores[which], relay)
        for which in order:
            meet(relay, stores[which])
            meet(stores[which], stores[which - 1])
        for which in (*order, *order):
            meet(stores[which], relay)
        assert_same(relay, *stores)
        assert len(relay.feeds.forks()) == 2
        for store in (relay, *stores):
            store.close()


def test_one_that_holds_either_end_takes_only_what_follows(
    twins: tuple[bytes, Store, Store], two: Store, three: Store
) -> None:
    replica, one, again = twins
    meet(two, one)
    meet(three, again)
    meet(one, again)
    shared = one.feeds.forks()[0].index
    for store, brings in ((two, 9), (three, 4)):
        had = envelopes(store)
        report = meet(store, one)
        new = envelopes(store).keys() - had.keys()
        assert report.pulled.envelopes == len(new)
        assert len([name for name in new if name[0] == replica]) == brings
        assert min(name[1] for name in new if name[0] == replica) == shared
    assert_same(two, three)


def test_a_long_feed_is_not_sent_again_from_its_beginning(one: Store, tmp_path: Path) -> None:
    for place in range(100):
        record_run(one, f"run {place}")
    again = reopened(snapshot_of(one, tmp_path / "again"), "again")
    record_run(one, "here")
    record_run(again, "there")

    class Counting(StoreRemote):
        sent = 0

        def append(self, block: object) -> None:
            Counting.sent += block.header.count  # type: ignore[attr-defined]
            super().append(block)  # type: ignore[arg-type]

    exchange_with(one, Counting(again), PUSH)
    assert 4 <= Counting.sent < 16
    exchange_with(one, Counting(again))
    assert_same(one, again)
    again.close()


class Old:
    """A remote from before branches: it does not know which heads it knows."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def __getattr__(self, name: str) -> object:
        return getattr(self._remote, name)

    def known(self, heads: list[FeedHead]) -> list[FeedHead]:
        raise RemoteError("a message b'k' is not known here")


def test_an_old_peer_is_told_and_not_given_what_it_cannot_take(
    twins: tuple[bytes, Store, Store], two: Store
) -> None:
    replica, one, again = twins
    other = record_run(two, "other")
    meet(two, again)
    before = envelopes(again)
    report = exchange_with(one, Old(StoreRemote(again)))  # type: ignore[arg-type]
    assert "cannot take both" in report.forks[replica.hex()]
    assert {name: data for name, data in envelopes(again).items() if name in before} == before
    assert one.runs.get(other).info.run_name == "other"
    one.close()
    [conflict] = CommandLine(one.path)("conflicts", "--json").json
    assert (conflict["subject"], conflict["kept"]) == (f"feed/{replica.hex()}", "the one here")


def test_what_is_erased_in_one_end_stays_in_the_other(
    twins: tuple[bytes, Store, Store], two: Store
) -> None:
    replica, one, again = twins
    index = one.replication.log.heads()[replica].size - 1
    [target] = one.replication.log.read_feed(replica, index, 1)
    one.redaction.redact_envelopes([target], "it held a name")
    meet(two, one)
    meet(two, again)
    meet(one, again)
    meet(two, one)
    for store in (one, again, two):
        found = [store.replication.log.get(place) for place in places(store, replica, index)]
        assert sorted(bool(envelope and envelope.payload) for envelope in found) == [False, True]
    assert_same(one, again, two)


def places(store: Store, replica: bytes, index: int) -> list[int]:
    return store.replication.log.locate_all(replica, index)


def test_undo_names_the_event_that_it_answers_in_either_end(
    twins: tuple[bytes, Store, Store],
) -> None:
    _, one, again = twins
    meet(one, again)
    for run_id in [run.info.run_id for run in one.runs.search(["0"])]:
        [tagged] = [event for event in one.history.timeline(run_id) if event.type == "run.tags_set"]
        [undone] = one.history.undo(tagged.address)
        assert undone.cause == tagged.address
    meet(one, again)
    assert one.maintenance.digest() == again.maintenance.digest()


def test_damage_here_is_not_taken_for_a_fork(one: Store, two: Store) -> None:
    record_run(one, "before")
    meet(two, one)
    log, replica = two.replication.log, one.replication.log.replica
    [victim] = log.read_feed(replica, 2, 1)
    header = victim.header_bytes
    decayed = victim.data.replace(header[-8:], bytes(8), 1)
    assert Envelope(decayed).header.index == 2
    with log.environment.write() as txn:  # type: ignore[attr-defined]
        tables = log.environment.tables  # type: ignore[attr-defined]
        txn.put(victim.position.to_bytes(8, "big"), decayed, db=tables["events"])
    importer = Importer(two.replication)
    for block in blocks(one):
        importer.add(block)
    importer.flush()
    assert isinstance(importer.refused[replica], ChecksumError)
    assert not log.branches()


def test_the_command_line_shows_who_wrote_which_end(
    twins: tuple[bytes, Store, Store], tmp_path: Path
) -> None:
    replica, one, again = twins
    meet(one, again)
    [fork] = one.feeds.forks()
    one.close()
    call = CommandLine(one.path)
    [conflict] = call("conflicts", "--json").json
    assert conflict["subject"] == f"feed/{replica.hex()}"
    assert conflict["fact"] == f"history.{fork.index}"
    for end in fork.ends:
        assert f"{end.envelopes} envelopes by " in conflict["kept"]
        assert f"({end.mark[:8]}, from position {end.position})" in conflict["kept"]
    found = call("inspect", f"feed/{replica.hex()[:8]}", "--json").json
    assert found["kind"] == "feed"
    assert [one["index"] for one in found["feed"]["forks"]] == [fork.index]
    assert str(fork.index) in call("inspect", f"feed/{replica.hex()}").stdout
    event = call("inspect", str(fork.ends[0].position)).stdout
    assert f"as position {fork.ends[1].position}: it forked" in " ".join(event.split())
    assert "two copies" in call("replay", "--verify").stdout
    assert (one.path / "FORMAT").read_text() == "2\n"


def test_an_archive_of_both_is_verified(twins: tuple[bytes, Store, Store], tmp_path: Path) -> None:
    _, one, again = twins
    record_run(again, "of another")
    meet(one, again)
    record_run(one, "after")
    one.close()
    call, folder = CommandLine(one.path), str(tmp_path / "cold")
    [own] = [feed for feed in call("audit", "key", "--json").json if feed["own"]]
    call("archive", "write", folder)
    call("archive", "verify", folder, "--key", own["keys"][0])
    assert len({path.parent for path in Path(folder).glob("feeds/*/*.segment")}) == 3
    next(Path(folder).glob("feeds/*-*/*.segment")).unlink()
    call("archive", "write", folder)
    call("archive", "verify", folder, "--key", own["keys"][0])


def test_a_clone_of_both_holds_both(twins: tuple[bytes, Store, Store], tmp_path: Path) -> None:
    _, one, again = twins
    meet(one, again)
    sync(one, tmp_path / "stick")
    twin, _ = clone(str(tmp_path / "stick"), tmp_path / "twin")
    assert_same(one, twin)
    twin.close()


def test_a_folder_holds_both(twins: tuple[bytes, Store, Store], stick: Path, two: Store) -> None:
    _, one, again = twins
    for store in (one, again, two, again, one):
        sync(store, stick)
    assert_same(one, again, two)
    for store in (one, again, two):
        assert not sync(store, stick).changed
