"""A machine passes on what it got, understood or not."""

from pathlib import Path

import msgspec

from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.store import Store
from tests.sync.machines import envelopes, record_run, sync


def record_from_the_future(store: Store) -> None:
    """An event of a type that nobody knows yet, beside one that everybody knows."""
    body = msgspec.msgpack.encode({"any": ["thing", 1.5, None]})
    draft = Draft("dataset/1", encode_groups([("dataset.versioned", 3, [body, body])]), 2)
    store.replication.log.transact(lambda txn: txn.append(draft, bytes(16)))


def test_an_old_peer_forwards_events_that_it_does_not_know(
    one: Store, two: Store, three: Store, stick: Path, tmp_path: Path
) -> None:
    record_run(one)
    record_from_the_future(one)
    record_run(one, "later")
    sync(one, stick)
    sync(two, stick)
    sync(two, tmp_path / "further")
    sync(three, tmp_path / "further")
    assert envelopes(three).items() >= envelopes(one).items()
    assert three.stats().unknown_events == {"dataset.versioned": 2}
    sync(three, tmp_path / "further")
    sync(two, tmp_path / "further")
    assert two.maintenance.digest() == three.maintenance.digest()
