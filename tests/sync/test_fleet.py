"""Any history of machines that record, meet, are copied, restored and cut off ends in agreement.

Real stores on disk; what lies between them are folders, bundles and each other. Whatever happened,
when everybody has met everybody at last, all have the same state and nobody has lost anything.
"""

import contextlib
import itertools
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eventtrack.clock import ManualClock
from eventtrack.errors import ConflictError, InvalidStateError, RemoteUnavailableError
from eventtrack.events.envelope import Draft, Envelope, encode_groups
from eventtrack.ids import SeededIds
from eventtrack.server.access import Access
from eventtrack.server.application import Application
from eventtrack.server.routes import Routes
from eventtrack.spaces.bucket import BucketSpace
from eventtrack.spaces.folder import FolderSpace
from eventtrack.spaces.space import Space
from eventtrack.store import Store
from eventtrack.sync import Remotes, Selection, SyncReport, Ways, apply_bundle, create_bundle
from eventtrack.sync.http import open_http
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.protocol import FeedHead, Remote
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.segments import SegmentRemote
from eventtrack.sync.service import clone, exchange
from eventtrack.tokens import Tokens
from tests.properties.replicas import DRAFT
from tests.sync.flaky import Flaky, FlakySpace
from tests.sync.machines import envelopes, memory, restore, snapshot_of, told
from tools.golden_histories import HISTORIES

MACHINES = 3
WHICH = st.integers(0, MACHINES - 1)
SAMPLES = [draft for history in HISTORIES.values() for draft in history()]
FUTURE = Draft(
    "dataset/1",
    encode_groups([("dataset.versioned", 1, [msgspec.msgpack.encode(["from", "later"])])]),
    1,
)
SAMPLE = st.sampled_from([*SAMPLES, FUTURE])
Vector = dict[bytes, int]


class Fleet(RuleBasedStateMachine):
    """Machines with a clock each, and two sticks that are carried between them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=memory()))
        self.names = (f"m{number}" for number in itertools.count())
        self.clocks = [ManualClock() for _ in range(MACHINES)]
        self.stores = [self.opened(next(self.names), which) for which in range(MACHINES)]
        self.backups: dict[int, Path] = {}
        self.vectors: list[Vector] = [{} for _ in range(MACHINES)]
        self.erased: dict[Any, bytes] = {}

    def opened(self, name: str, which: int) -> Store:
        seed = SeededIds(f"{name} {next(self.names)}")
        return Store(self.folder / name, clock=self.clocks[which], ids=seed)

    def meet(self, which: int, remote: Remote, ways: Ways = Ways()) -> SyncReport:  # noqa: B008
        store = self.stores[which]
        address = RemoteAddress(name="", url=str(id(remote)))
        return exchange(store, remote, Remotes(store.replication), address, ways)

    def url(self, number: int) -> str:
        return str(self.folder / f"stick{number}")

    def space(self, number: int) -> Space:
        return FolderSpace(Path(self.url(number)))

    def stick(self, number: int) -> Remote:
        return SegmentRemote(self.space(number), create=True)

    def flaky_stick(self, number: int, calls: int) -> Remote:
        return SegmentRemote(FlakySpace(self.space(number), calls), create=True)

    @initialize()
    def begin(self) -> None:
        for which in range(MACHINES):
            self.record(which, SAMPLES[which::MACHINES])

    @rule(which=WHICH, drafts=st.lists(st.one_of(DRAFT, SAMPLE), min_size=1, max_size=4))
    def record(self, which: int, drafts: list[Draft]) -> None:
        log = self.stores[which].replication.log
        log.transact(lambda txn: [txn.append(draft, bytes(16)) for draft in drafts])

    @rule(which=WHICH, milliseconds=st.sampled_from([-100_000, -1, 1, 100_000]))
    def set_clock(self, which: int, milliseconds: int) -> None:
        self.clocks[which].advance(milliseconds)

    @rule(which=WHICH, number=st.integers(0, 1), calls=st.none() | st.integers(0, 6))
    def sync_with_a_stick(self, which: int, number: int, calls: int | None) -> None:
        with contextlib.suppress(RemoteUnavailableError):
            remote = self.stick(number) if calls is None else self.flaky_stick(number, calls)
            self.meet(which, remote)

    @rule(which=WHICH, number=st.integers(0, 1), calls=st.integers(0, 6))
    def die_within_a_sync(self, which: int, number: int, calls: int) -> None:
        """The power goes; what is on the disk at that instant is what the machine begins with."""
        with contextlib.suppress(RemoteUnavailableError):
            self.meet(which, self.flaky_stick(number, calls))
        store, image = self.stores[which], self.folder / next(self.names)
        shutil.copytree(store.path, image)
        store.close()
        restore(image, store.path)
        self.stores[which] = self.opened(store.path.name, which)

    @rule(which=WHICH, pick=st.integers(0, 1000))
    def redact(self, which: int, pick: int) -> None:
        store = self.stores[which]
        found = [
            one
            for one in store.replication.log.read(0, 10**6)
            if one.payload and one.header.stream.startswith(("run/", "model/", "trace/"))
        ]
        if found:
            target = found[pick % len(found)]
            with contextlib.suppress(InvalidStateError):  # the record of a redaction
                store.redaction.redact_envelopes([target], "asked for")
                header = target.header
                self.erased[header.replica, header.index, target.mark] = target.payload

    @rule(which=WHICH, other=WHICH, calls=st.none() | st.integers(0, 6))
    def sync_with_each_other(self, which: int, other: int, calls: int | None) -> None:
        remote = StoreRemote(self.stores[other])
        with contextlib.suppress(RemoteUnavailableError):
            self.meet(which, remote if calls is None else Flaky(remote, calls))

    @rule(which=WHICH, number=st.integers(0, 1), experiment=st.sampled_from(["1", "12", "no"]))
    def pull_a_part(self, which: int, number: int, experiment: str) -> None:
        wanted = Selection(experiments=[experiment])
        self.meet(which, self.stick(number), Ways(push=False, wanted=wanted))

    @rule(which=WHICH, other=WHICH)
    def carry_a_bundle(self, which: int, other: int) -> None:
        since = StoreRemote(self.stores[other]).heads() if which < other else []
        path = self.folder / f"{next(self.names)}.bundle"
        create_bundle(self.stores[which], path, since)
        with contextlib.suppress(ConflictError):
            apply_bundle(self.stores[other], path)

    @rule(which=WHICH)
    def copy(self, which: int) -> None:
        """The machine goes on with a copy of its folder: `cp -r`, then the old one is deleted."""
        store, name = self.stores[which], next(self.names)
        replica = store.replication.log.replica
        store.close()
        shutil.copytree(store.path, self.folder / name)
        self.stores[which] = self.opened(name, which)
        assert self.stores[which].replication.log.replica != replica

    @rule(which=WHICH, other=WHICH)
    def replace_by_a_clone(self, which: int, other: int) -> None:
        """A machine dies and begins anew with all that another has; its own was synced before."""
        if which == other:
            return
        self.meet(which, StoreRemote(self.stores[other]))
        stick = self.stick(9)
        self.meet(other, stick)
        self.stores[which].close()
        store, _ = clone(self.url(9), self.folder / next(self.names))
        store.close()
        self.stores[which] = self.opened(store.path.name, which)
        self.vectors[which] = {}
        self.backups.pop(which, None)

    @rule(which=WHICH)
    def back_up(self, which: int) -> None:
        self.stores[which].flush()
        self.backups[which] = self.folder / next(self.names)
        shutil.copytree(self.stores[which].path, self.backups[which])

    @rule(which=WHICH)
    def restore_and_sync(self, which: int) -> None:
        """A backup comes back in place; what was written after it is on a stick."""
        backup = self.backups.pop(which, None)
        if backup is None:
            return
        self.meet(which, self.stick(0))
        store = self.stores[which]
        # What came without its payloads is handed on to nobody, so the backup is without it.
        for feed in store.replication.log.unfilled():
            self.vectors[which].pop(feed, None)
        store.close()
        restore(backup, store.path)
        self.stores[which] = self.opened(store.path.name, which)
        self.meet(which, self.stick(0), Ways(push=False))

    @rule(which=WHICH, draft=SAMPLE)
    def restore_and_go_on(self, which: int, draft: Draft) -> None:
        """A backup comes back in place, and is written to before it hears of anybody: a fork."""
        backup = self.backups.pop(which, None)
        if backup is None:
            return
        self.meet(which, self.stick(0))
        store = self.stores[which]
        store.close()
        restore(backup, store.path)
        self.stores[which] = self.opened(store.path.name, which)
        self.vectors[which] = {}
        self.record(which, [draft])

    @rule(which=WHICH, other=WHICH, drafts=st.tuples(SAMPLE, SAMPLE))
    def replace_by_a_snapshot(self, which: int, other: int, drafts: tuple[Draft, Draft]) -> None:
        """A machine goes on as another one that does not know that it was copied: a fork."""
        if which == other:
            return
        self.meet(which, StoreRemote(self.stores[other]))
        self.stores[which].close()
        name = next(self.names)
        snapshot_of(self.stores[other], self.folder / name)
        self.stores[which] = self.opened(name, which)
        self.vectors[which] = {}
        self.backups.pop(which, None)
        self.record(which, [drafts[0]])
        self.record(other, [drafts[1]])

    @invariant()
    def vectors_only_grow(self) -> None:
        for which, store in enumerate(self.stores):
            sizes: Vector = {}
            for one in store.feeds.list():
                replica = bytes.fromhex(one.replica)
                sizes[replica] = max(one.size, sizes.get(replica, 0))
            for feed, size in self.vectors[which].items():
                assert sizes[feed] >= size
            self.vectors[which] = sizes

    def teardown(self) -> None:
        try:
            known: dict[Any, bytes] = {}
            for store in self.everybody():
                for name, data in envelopes(store).items():
                    # Where a part was pulled, or what was erased, some lack their payloads.
                    short, long = sorted((data, known.get(name, data)), key=len)
                    assert long.startswith(short)
                    known[name] = long
            for name in self.erased.keys() & known.keys():
                known[name] = Envelope(known[name]).without_payload
            for which in (*range(MACHINES), *range(MACHINES), *range(MACHINES)):
                self.meet(which, self.stick(0))
            for store in self.everybody():
                assert envelopes(store).items() >= known.items()
            assert len({store.maintenance.digest() for store in self.everybody()}) == 1
            first = self.stores[0]
            assert all(ends(store) == ends(first) for store in self.everybody())
            assert all(told(store) == told(first) for store in self.everybody())
            for which in range(MACHINES):
                assert not self.meet(which, self.stick(0)).changed
            held = b"".join(self.held_between())
            assert not any(payload in held for payload in self.erased.values())
        finally:
            for store in self.stores:
                store.close()
            self.let_go()
            shutil.rmtree(self.folder)

    def everybody(self) -> list[Store]:
        """Whoever agrees in the end."""
        return self.stores

    def held_between(self) -> Iterator[bytes]:
        """What the first stick, where all met in the end, keeps of events."""
        space = self.space(0)
        return (space.read(one.name) for one in space.list("feeds"))

    def let_go(self) -> None:
        """End what else was begun."""


def ends(store: Store) -> set[FeedHead]:
    """The heads of a store: which of two ends bears which id is a matter of each machine."""
    return {head._replace(whole=None) for head in StoreRemote(store).heads()}


class BucketFleet(Fleet):
    """The same with two prefixes of a bucket; the environment says where its server is."""

    def url(self, number: int) -> str:
        return f"s3://bucket/fleet{self.folder}/{number}"

    def space(self, number: int) -> Space:
        return BucketSpace(self.url(number))


class ServedFleet(Fleet):
    """The same, where the first of the two sticks is a server: requests over a real socket."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Store(self.folder / "hub", clock=ManualClock(), ids=SeededIds("hub"))
        self.served = contextlib.ExitStack()
        self.hub_url = self.served.enter_context(serving(self.hub))

    def stick(self, number: int) -> Remote:
        if number:
            return super().stick(number)
        return self.served.enter_context(contextlib.closing(open_http(self.hub_url, create=True)))

    def flaky_stick(self, number: int, calls: int) -> Remote:
        return super().flaky_stick(number, calls) if number else Flaky(self.stick(0), calls)

    @rule(drafts=st.lists(DRAFT, min_size=1, max_size=3))
    def record_at_the_server(self, drafts: list[Draft]) -> None:
        log = self.hub.replication.log
        log.transact(lambda txn: [txn.append(draft, bytes(16)) for draft in drafts])

    def everybody(self) -> list[Store]:
        return [*self.stores, self.hub]

    def held_between(self) -> Iterator[bytes]:
        return iter(envelopes(self.hub).values())

    def let_go(self) -> None:
        self.served.close()
        self.hub.close()


@contextlib.contextmanager
def serving(store: Store) -> Iterator[str]:
    """A server of a store in a thread of this process; gives its URL."""
    application = Application(store, Routes(), Access(Tokens(store.path)))
    server = uvicorn.Server(
        uvicorn.Config(application, lifespan="on", log_level="error", access_log=False)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.001)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


FLEET_SETTINGS = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking whole fleets takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
TestFleet = Fleet.TestCase
TestFleet.settings = FLEET_SETTINGS

TestBucketFleet = pytest.mark.usefixtures("s3_server")(BucketFleet.TestCase)
TestBucketFleet.settings = settings(FLEET_SETTINGS, max_examples=8)

TestServedFleet = ServedFleet.TestCase
TestServedFleet.settings = settings(FLEET_SETTINGS, max_examples=10)
