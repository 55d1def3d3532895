"""Tokens are facts of the shared log: all servers know them, and nobody else can make them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eventtrack.clock import ManualClock
from eventtrack.cluster import member
from eventtrack.cluster.erasing import erase
from eventtrack.cluster.tokens import GivenTokens, TokenOffice, public_key
from eventtrack.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidStateError,
    RemoteUnavailableError,
)
from eventtrack.events.access import STREAM, AccessGranted, AccessRevoked
from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.events.types import PayloadsRedacted
from eventtrack.log.blocks import Block
from eventtrack.server import clustered
from eventtrack.server.access import Access
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from eventtrack.store import Store
from eventtrack.store.grants import AccessEvent
from eventtrack.sync import frames
from eventtrack.sync.http import BASE
from eventtrack.sync.own_feed import OwnFeed
from eventtrack.tokens import Role, Token, Tokens, digest
from tests.cluster.servers import down
from tests.cluster.serving import Served, with_two
from tests.cluster.writers import no_blobs, put_into
from tests.sync.machines import block_of, machine

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
THIEF = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
SECRET = "eventtrack_of-the-thief"


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """The log that the servers of a test share, with a key for tokens."""
    return Shelf(Description(f"log of {request.node.name}", 0, access_key=public_key(KEY)))


@pytest.fixture(autouse=True)
def _soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustered, "_LOOK_S", 0.05)


class Admin:
    """The machine of whoever has the key."""

    def __init__(self, folder: Path, shelf: Shelf, key: Ed25519PrivateKey = KEY) -> None:
        self.store = machine(folder, clock=ManualClock(1_800_000_000_000))
        self._shelf = shelf
        put_into(shelf, self.store)
        self.office = TokenOffice(self.store, key, self.publish, ManualClock(1_800_000_000_000))

    def publish(self) -> None:
        """Bring this machine's feed into the log, as `outbox.publishing.publish` does."""
        try:
            OwnFeed(self.store.replication, MemorySharedLog(self._shelf), no_blobs()).publish()
        except ConflictError:
            put_into(self._shelf, self.store)


def signed(event: AccessEvent, key: Ed25519PrivateKey) -> AccessEvent:
    """An event with the signature of a key."""
    return msgspec.structs.replace(event, signature=key.sign(event.message))


def grant(secret: str = SECRET, role: str = "admin", name: str = "thief") -> AccessGranted:
    """An event that gives a token, unsigned."""
    return AccessGranted(name, role, bytes.fromhex(digest(secret)), 1, None)


def tokens_in(shelf: Shelf, folder: Path, key: Ed25519PrivateKey) -> Sequence[Token]:
    """The tokens of a log for a key, as a new copy of it has them."""
    store = machine(folder)
    put_into(shelf, store)
    tokens = GivenTokens(store, public_key(key))
    tokens.refresh()
    return tokens.list()


async def asked(server: Served, token: str | None, path: str = "experiments/get") -> int:
    """The status of a read with a token."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = await server.client.get(
        f"/api/2.0/mlflow/{path}", params={"experiment_id": "0"}, headers=headers
    )
    return answer.status_code


def test_a_token_that_was_given_or_revoked_counts_so_on_every_server_from_the_next_request_on(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = Admin(tmp_path / "admin", shelf)

    async def work(ada: Served, ben: Served) -> None:
        monkeypatch.setattr(clustered, "_LOOK_S", 5)
        assert await asked(ada, None) == 200  # no token was ever given
        for turn in range(3):
            text = admin.office.create(f"alice-{turn}", "read")
            assert [await asked(server, text) for server in (ben, ada)] == [200, 200]
            assert [await asked(server, None) for server in (ada, ben)] == [401, 401]
            path = "/api/2.0/mlflow/experiments/create"
            headers = {"authorization": f"Bearer {text}"}
            refused = await ben.client.post(path, json={"name": "x"}, headers=headers)
            assert refused.status_code == 403
            admin.office.revoke(f"alice-{turn}")
            assert [await asked(server, text) for server in (ada, ben)] == [401, 401]
        assert await asked(ada, None) == 401  # for ever

    with_two(tmp_path, shelf, work)


def forgeries(text: str) -> list[AccessEvent]:
    """Everything that somebody without the key may try, who knows all of the log and a token."""
    told = AccessGranted("alice", "read", bytes.fromhex(digest(text)), 1_800_000_000_000, None)
    true = signed(told, KEY)
    assert isinstance(true, AccessGranted)
    return [
        grant(),
        signed(grant(), THIEF),
        msgspec.structs.replace(true, role="admin"),
        msgspec.structs.replace(true, sha256=bytes.fromhex(digest(SECRET))),
        msgspec.structs.replace(true, name="bob"),
        signed(AccessRevoked(true.sha256, 1), THIEF),
        AccessRevoked(true.sha256, 1, true.signature),
        AccessRevoked(true.sha256, 1),
    ]


@pytest.mark.parametrize("way", ["the engine", "a server"])
def test_nobody_gives_or_takes_a_token_without_the_key(
    tmp_path: Path, shelf: Shelf, way: str
) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    text = admin.office.create("alice", "read")
    writer = admin.office.create("bob", "write")
    thief = machine(tmp_path / "thief")
    for event in forgeries(text):
        thief.grants.record([event])

    async def work(ada: Served, ben: Served) -> None:
        if way == "the engine":
            await asyncio.to_thread(put_into, shelf, thief)
        else:
            await push(ada, thief, writer)
        for server in (ada, ben):
            assert await asked(server, SECRET) == 401
            assert await asked(server, text) == 200
            headers = {"authorization": f"Bearer {text}"}
            path = "/api/2.0/mlflow/experiments/create"
            refused = await server.client.post(path, json={"name": "x"}, headers=headers)
            assert refused.status_code == 403
        for server in (ada, ben):
            events, _ = server.cache.store.grants.events()
            assert len(events) == 2 + len(forgeries(text))

    with_two(tmp_path, shelf, work)


async def push(server: Served, store: Store, token: str) -> None:
    """Send all of a store's feed over HTTP."""
    size = store.replication.heads()[store.replication.log.replica].size
    block = block_of(store, 0, size)
    body = frames.frame(frames.BLOCK, block.data) + frames.frame(frames.END)
    headers = {"authorization": f"Bearer {token}"}
    answer = await server.client.post(f"{BASE}append", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.content == frames.frame(frames.DONE)


def test_revocation_is_final_whatever_is_said_again_and_in_whatever_order(
    tmp_path: Path, shelf: Shelf
) -> None:
    given = signed(grant("eventtrack_x", "read", "alice"), KEY)
    taken = signed(AccessRevoked(bytes.fromhex(digest("eventtrack_x")), 9), KEY)
    more = signed(grant("eventtrack_x", "admin", "alice"), KEY)
    orders: list[Sequence[AccessEvent]] = [
        (given, taken, given),
        (taken, given, more),
        (more, given, taken),
    ]
    for number, order in enumerate(orders):
        store = machine(tmp_path / f"store{number}")
        tokens = GivenTokens(store, public_key(KEY))
        for event in order:
            store.grants.record([event])
            tokens.refresh()
        assert tokens.any
        assert tokens.find(digest("eventtrack_x")) is None
        assert tokens.list() == []


def test_of_two_grants_of_one_token_the_least_rights_count(tmp_path: Path) -> None:
    events = [signed(grant("eventtrack_x", role, "alice"), KEY) for role in ("admin", "read")]
    for number, order in enumerate((events, events[::-1])):
        store = machine(tmp_path / f"store{number}")
        for event in order:
            store.grants.record([event])
        tokens = GivenTokens(store, public_key(KEY))
        tokens.refresh()
        [token] = tokens.list()
        assert token.role == "read"


def test_no_redaction_takes_a_revocation_away(tmp_path: Path, shelf: Shelf) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    text = admin.office.create("alice", "admin")
    admin.office.revoke("alice")
    store = machine(tmp_path / "eraser")
    put_into(shelf, store)
    log = store.replication.log
    records = [envelope for envelope in log.read(0, 1000) if envelope.header.stream == STREAM]
    assert len(records) == 2
    with pytest.raises(InvalidStateError, match="of a token"):
        store.redaction.redact_envelopes(records, "to get in again")
    # Without the check of one's own program, and before a further one comes.
    names = [
        (envelope.header.replica, envelope.header.index + ahead)
        for envelope in records
        for ahead in range(5)
    ]
    erasing = PayloadsRedacted(names, [], "to get in again", 1)
    log.transact(lambda txn: txn.append(Draft.of("run/x", erasing), bytes(16)))
    put_into(shelf, store)
    erase(MemorySharedLog(shelf))
    late = admin.office.create("late", "read")
    admin.office.revoke("late")

    async def work(ada: Served, ben: Served) -> None:
        for server in (ada, ben):
            assert [await asked(server, token) for token in (text, late)] == [401, 401]
        assert len(ben.cache.store.grants.events()[0]) == 4

    with_two(tmp_path, shelf, work)


def test_a_feed_that_somebody_continued_stops_no_revocation(tmp_path: Path, shelf: Shelf) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    text = admin.office.create("alice", "admin")
    feed = admin.store.replication.log
    head = admin.store.replication.heads()[feed.replica]
    data, _ = seal(
        Draft.of(STREAM, grant()),
        replica=feed.replica,
        index=head.size,
        recorded=head.recorded + 1,
        session=bytes(16),
        salt=bytes(16),
    )
    forged = Block.make(
        feed.replica, head.size, feed.frontier(feed.replica, head.size), [Envelope(data)]
    )
    log = MemorySharedLog(shelf)
    log.append(forged, last=log.end())
    admin.office.revoke("alice")

    async def work(ada: Served, ben: Served) -> None:
        for server in (ada, ben):
            assert [await asked(server, token) for token in (text, SECRET)] == [401, 401]

    with_two(tmp_path, shelf, work)


def test_tokens_of_a_folder_count_there_and_once_shared_everywhere(
    tmp_path: Path, shelf: Shelf
) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    (tmp_path / "ada").mkdir()
    own = Tokens(tmp_path / "ada")

    async def work(ada: Served, ben: Served) -> None:
        text = own.create("carol", "read")
        assert await asked(ada, text) == 200
        admin.office.create("alice", "read")
        assert await asked(ben, text) == 401
        assert [token.name for token in admin.office.share(own.list())] == ["carol"]
        assert admin.office.share(own.list()) == []
        assert [await asked(server, text) for server in (ada, ben)] == [200, 200]
        admin.office.revoke("carol")
        # Also where the file still has it.
        assert [await asked(server, text) for server in (ada, ben)] == [401, 401]

    with_two(tmp_path, shelf, work)


def test_a_server_that_is_no_part_of_the_cluster_knows_nothing_of_its_tokens(
    tmp_path: Path, shelf: Shelf
) -> None:
    text = Admin(tmp_path / "admin", shelf).office.create("alice", "admin")
    store = machine(tmp_path / "copy")
    put_into(shelf, store)
    Tokens(store.path).create("owner", "admin")
    access = Access(Tokens(store.path))
    with pytest.raises(Exception, match="not known"):
        access.admit(Role.READ, {"authorization": f"Bearer {text}"})


@pytest.mark.parametrize("key", [KEY, THIEF])
def test_tokens_come_along_to_a_log_with_the_same_key(
    tmp_path: Path, shelf: Shelf, key: Ed25519PrivateKey
) -> None:
    Admin(tmp_path / "admin", shelf).office.create("alice", "read")
    names = [token.name for token in tokens_in(shelf, tmp_path / "mover", key)]
    assert names == (["alice"] if key is KEY else [])


def test_a_name_is_given_once_and_a_call_that_failed_may_be_repeated(
    tmp_path: Path, shelf: Shelf
) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    admin.office.create("alice", "read")
    with pytest.raises(AlreadyExistsError):
        admin.office.create("alice", "write")
    is_down = True

    def publish() -> None:
        if is_down:
            raise RemoteUnavailableError("no answer")
        admin.publish()

    office = TokenOffice(admin.store, KEY, publish)
    with pytest.raises(RemoteUnavailableError):
        office.revoke("alice")
    is_down = False
    again = TokenOffice(admin.store, KEY, publish)
    assert [token.name for token in again.revoke("alice")] == ["alice"]
    assert tokens_in(shelf, tmp_path / "other", KEY) == []
    again.create("alice", "write")


def test_tokens_hold_while_the_log_does_not_answer(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member, "PATIENCE_S", 0.05)
    admin = Admin(tmp_path / "admin", shelf)
    text = admin.office.create("alice", "read")

    async def work(ada: Served, _: Served) -> None:
        assert await asked(ada, text) == 200
        ada.log.before_end = ada.log.before_append = down
        assert await asked(ada, text) == 200
        assert await asked(ada, "eventtrack_wrong") == 401
        assert await asked(ada, None) == 401

    with_two(tmp_path, shelf, work, stale_reads=True)
