"""Another key for the tokens of a log, and floods of events that no key signed."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from eventtrack.cluster import tokens
from eventtrack.cluster.tokens import GivenTokens, change_key, public_key
from eventtrack.events.access import AccessRevoked
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from eventtrack.store.grants import AccessEvent
from eventtrack.tokens import digest
from tests.cluster.serving import Served, with_two
from tests.cluster.test_tokens import (
    KEY,
    SECRET,
    THIEF,
    Admin,
    asked,
    grant,
    signed,
    tokens_in,
)
from tests.cluster.writers import put_into
from tests.sync.machines import machine

NEW = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """A log with a key for tokens."""
    return Shelf(Description(f"log of {request.node.name}", 0, access_key=public_key(KEY)))


def change(admin: Admin, shelf: Shelf, key: Ed25519PrivateKey) -> int:
    """Let another key give the tokens of a log."""
    return change_key(MemorySharedLog(shelf), admin.store, key, admin.publish)


def test_another_key_takes_over_what_the_old_one_gave_and_the_old_one_counts_no_more(
    tmp_path: Path, shelf: Shelf
) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    alice, gone = admin.office.create("alice", "read"), admin.office.create("gone", "admin")
    admin.office.revoke("gone")
    thief = machine(tmp_path / "thief")

    async def work(ada: Served, ben: Served) -> None:
        assert await asked(ada, alice) == 200
        assert change(admin, shelf, NEW) == 3
        assert [await asked(server, alice) for server in (ada, ben)] == [200, 200]
        thief.grants.record([signed(grant(), KEY)])  # with the key that was stolen
        put_into(shelf, thief)
        for server in (ada, ben):
            assert [await asked(server, text) for text in (SECRET, gone, None)] == [401] * 3
        bob = Admin(tmp_path / "admin2", shelf, NEW).office.create("bob", "read")
        assert [await asked(server, bob) for server in (ben, ada)] == [200, 200]

    with_two(tmp_path, shelf, work)
    assert [token.name for token in tokens_in(shelf, tmp_path / "new", NEW)] == ["alice", "bob"]


def test_a_change_of_the_key_that_was_stopped_may_be_repeated(tmp_path: Path, shelf: Shelf) -> None:
    admin = Admin(tmp_path / "admin", shelf)
    admin.office.create("alice", "read")
    assert change(admin, shelf, NEW) == 1
    assert change(admin, shelf, NEW) == 0
    assert MemorySharedLog(shelf).description.access_key == public_key(NEW)
    assert [token.name for token in tokens_in(shelf, tmp_path / "new", NEW)] == ["alice"]


def test_a_log_without_a_key_gets_its_first_while_servers_run(tmp_path: Path, shelf: Shelf) -> None:
    shelf.description = Description("log without a key", 0)
    admin = Admin(tmp_path / "admin", shelf, NEW)

    async def work(ada: Served, ben: Served) -> None:
        assert await asked(ada, None) == 200
        assert change(admin, shelf, NEW) == 0
        text = admin.office.create("alice", "read")
        assert [await asked(server, text) for server in (ada, ben)] == [200, 200]
        assert [await asked(server, None) for server in (ada, ben)] == [401, 401]

    with_two(tmp_path, shelf, work)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[AccessEvent]:
    """The events whose signature was checked."""
    checked: list[AccessEvent] = []
    check = tokens._Said._is_signed

    def noted(said: tokens._Said, event: AccessEvent) -> bool:
        checked.append(event)
        return check(said, event)

    monkeypatch.setattr(tokens._Said, "_is_signed", noted)
    return checked


def test_forged_events_cost_no_check_until_somebody_shows_the_token(
    tmp_path: Path, checks: list[AccessEvent]
) -> None:
    store = machine(tmp_path / "store")
    store.grants.record([signed(grant("eventtrack_x", "read", "alice"), KEY)])
    given = GivenTokens(store, public_key(KEY))
    given.refresh()
    checks.clear()
    flood = [signed(grant(f"eventtrack_{number}"), THIEF) for number in range(200)]
    store.grants.record(flood)
    store.grants.record([AccessRevoked(event.sha256, 1) for event in flood])
    given.refresh()
    assert given.find(digest("eventtrack_x")) is not None
    assert given.find(digest("eventtrack_7")) is None
    assert {event.sha256 for event in checks} == {
        bytes.fromhex(digest(text)) for text in ("eventtrack_7",)
    }
    assert len(checks) == 2


def test_an_envelope_that_says_a_thing_of_a_token_twice_counts_for_nothing(
    tmp_path: Path, checks: list[AccessEvent]
) -> None:
    store = machine(tmp_path / "store")
    true = signed(grant("eventtrack_x", "read", "alice"), KEY)
    store.grants.record([true, *(signed(grant("eventtrack_x"), THIEF) for _ in range(99))])
    given = GivenTokens(store, public_key(KEY))
    given.refresh()
    assert given.find(digest("eventtrack_x")) is None
    assert checks == []
    store.grants.record([true])
    given.refresh()
    assert given.find(digest("eventtrack_x")) is not None
