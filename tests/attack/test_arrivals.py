"""What is not well-formed is refused where it arrives: that feed from there on, and no other."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from eventtrack.clock import RECORDED_MAX
from eventtrack.errors import ChecksumError, CorruptionError, MalformedError
from eventtrack.events.envelope import Draft, Envelope, encode_groups, seal
from eventtrack.events.types import TagsSet
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.sync import Remotes, Ways, apply_bundle, create_bundle
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.service import exchange
from tests.server.running import running
from tests.sync.machines import PULL, PUSH, machine, record_run, sync

RUN = f"run/{32 * 'f'}"
# Two keys come with one value.
LYING = Draft(
    RUN,
    encode_groups([("run.metrics_logged", 1, [msgspec.msgpack.encode([["a", "b"], [1.0], 0, 0])])]),
    1,
)


def write(store: Store, *drafts: Draft) -> None:
    """Put envelopes into a store's own feed, whatever they are."""
    store.replication.log.transact(lambda txn: [txn.append(one, bytes(16)) for one in drafts])


def tags(store: Store) -> dict[str, str]:
    """The tags of the run that the hostile store writes about."""
    with store._engine.read() as reader:
        state = reader.run(RUN.partition("/")[2])
        return {} if state is None else state.live_tags()


def meet(store: Store, other: Store, ways: Ways) -> None:
    """One round between two stores, as by ssh."""
    address = RemoteAddress(name="", url=str(other.path))
    exchange(store, StoreRemote(other), Remotes(store.replication), address, ways)


def by_folder(hostile: Store, store: Store, between: Path) -> None:
    sync(hostile, between, PUSH)
    sync(store, between, PULL)


def by_pull(hostile: Store, store: Store, between: Path) -> None:
    meet(store, hostile, PULL)


def by_push(hostile: Store, store: Store, between: Path) -> None:
    meet(hostile, store, PUSH)


def by_server(hostile: Store, store: Store, between: Path) -> None:
    with running(store.path) as server:
        sync(hostile, server.url, PUSH)


def by_bundle(hostile: Store, store: Store, between: Path) -> None:
    create_bundle(hostile, between)
    apply_bundle(store, between)


@pytest.mark.parametrize("by", [by_folder, by_pull, by_push, by_server, by_bundle])
def test_a_feed_comes_up_to_what_is_malformed_and_other_feeds_come_whole(
    store: Store, hostile: Store, tmp_path: Path, by: Callable[[Store, Store, Path], None]
) -> None:
    friend = machine(tmp_path / "friend")
    run_id = record_run(friend)
    meet(hostile, friend, PULL)
    friend.close()
    write(hostile, Draft.of(RUN, TagsSet({"a": "before"})), LYING)
    write(hostile, Draft.of(RUN, TagsSet({"a": "behind"})))
    feed = hostile.replication.log.replica
    index = hostile.replication.heads()[feed].size - 2
    with pytest.raises(CorruptionError) as caught:
        by(hostile, store, tmp_path / "between")
    assert f"envelope {index} of replica {feed.hex()}" in caught.value.message
    assert "2 keys" in caught.value.message
    assert "eventtrack redact" in caught.value.hint
    assert store.runs.get(run_id).data.params == {"lr": "run"}
    assert tags(store) == {"a": "before"}
    assert store.replication.heads()[feed].size == index
    assert store.stats().skipped_envelopes == {}


def test_the_feed_goes_on_once_the_payload_is_erased_where_it_is(
    store: Store, hostile: Store
) -> None:
    write(hostile, LYING, Draft.of(RUN, TagsSet({"a": "behind"})))
    with pytest.raises(MalformedError):
        meet(store, hostile, PULL)
    [skipped] = hostile.maintenance.skipped()
    hostile.redaction.redact_envelopes([hostile.feeds.at(skipped.position)], "it was malformed")
    meet(store, hostile, Ways())
    assert tags(store) == {"a": "behind"}
    assert store.maintenance.digest() == hostile.maintenance.digest()


def test_a_payload_that_was_left_out_and_comes_malformed_is_refused(
    store: Store, hostile: Store
) -> None:
    """Partial sync took the header first."""
    write(hostile, LYING)
    feed, log = hostile.replication.log.replica, hostile.replication.log
    envelopes = log.read_feed(feed, 0, 10)
    whole = Block.make(feed, 0, [], envelopes)
    remote = StoreRemote(store)
    remote.append(whole.without(lambda one: True))
    remote.flush()
    remote.append(whole)
    with pytest.raises(MalformedError):
        remote.flush()
    assert store.stats().skipped_envelopes == {}


@pytest.mark.parametrize(
    "fields",
    [
        {2: 2**63},
        {3: RECORDED_MAX + 1},
        {3: 2**64 - 1},
        {5: "run/"},
        {5: "run/../../x"},
        {5: "session/not hex"},
        {5: "x" * 600},
        {6: 0},
        {6: -1},
        {6: 2**16},
        {7: [b"short", 0, 0]},
        {7: [bytes(16), -1, 0]},
        {9: -1},
    ],
    ids=repr,
)
def test_a_header_that_is_out_of_range_is_refused_with_or_without_its_payload(
    store: Store, fields: dict[int, object]
) -> None:
    before = store.events.head()
    draft = Draft.of(RUN, TagsSet({"a": "b"}))
    data, _ = seal(draft, replica=bytes(16), index=0, recorded=5, session=bytes(16), salt=bytes(16))
    header = msgspec.msgpack.decode(Envelope(data).header_bytes)
    for place, value in fields.items():
        header[place] = value
    encoded = msgspec.msgpack.encode(header)
    changed = Envelope(len(encoded).to_bytes(2, "big") + encoded + Envelope(data).payload)
    for data in (changed.data, changed.without_payload):
        remote = StoreRemote(store)
        remote.append(Block.make(bytes(16), 0, [], [Envelope(data)]))
        with pytest.raises((MalformedError, ChecksumError)):
            remote.flush()
    assert store.events.head() == before
    record_run(store)


def test_no_recorded_time_stops_writes(store: Store) -> None:
    """Also not of the store's own feed, nor the greatest that there is."""
    record_run(store)
    log = store.replication.log
    own, head = log.replica, log.heads()[log.replica]
    data, _ = seal(
        Draft.of(RUN, TagsSet({"a": "b"})),
        replica=own,
        index=head.size,
        recorded=RECORDED_MAX,
        session=bytes(16),
        salt=bytes(16),
    )
    remote = StoreRemote(store)
    remote.append(Block.make(own, head.size, list(head.frontier), [Envelope(data)]))
    remote.flush()
    run_id = record_run(store)
    assert store.runs.get(run_id).data.tags["machine"] == "run"
    newest = store.events.get(str(store.events.head()))[0]
    assert newest.recorded_ms < 2 * 1_700_000_000_000
    assert store.maintenance.check().problems == []


def test_a_log_whose_clock_or_feed_was_ended_by_an_older_eventtrack_goes_on(
    store: Store, hostile: Store
) -> None:
    record_run(store)
    log = store._engine.log
    with log.environment.write() as txn:
        txn.put(b"clock", (2**64 - 1).to_bytes(8), db=log.environment.tables["meta"])
        head = log.heads()[log.replica]
        ended = msgspec.msgpack.encode((head.size, 2**64 - 1, head.frontier))
        txn.put(log.replica, ended, db=log.environment.tables["heads"])
    before = log.replica
    record_run(store)
    assert log.replica != before
    assert log.heads()[log.replica].recorded <= RECORDED_MAX


def test_one_feed_that_is_refused_keeps_no_later_request_from_the_others(
    store: Store, hostile: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push over HTTP is several requests, of which the first holds the feed that is refused."""
    monkeypatch.setattr("eventtrack.sync.http.SYNC_SENT_BYTES", 1)
    write(hostile, LYING)
    friends = [machine(tmp_path / f"friend {number}") for number in range(3)]
    for friend in friends:
        record_run(friend)
        meet(hostile, friend, PULL)
        friend.close()
    with running(store.path) as server, contextlib.suppress(CorruptionError):
        sync(hostile, server.url, PUSH)
    assert store.stats().runs == len(friends)
