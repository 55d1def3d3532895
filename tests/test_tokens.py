"""Tokens are shown once, kept as hashes, and changed in one step."""

import os
import threading
from pathlib import Path

import msgspec
import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import (
    AlreadyExistsError,
    CorruptionError,
    FormatTooNewError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.tokens import Role, Tokens, digest


@pytest.fixture
def tokens(tmp_path: Path, clock: ManualClock) -> Tokens:
    """The tokens of a store that has none."""
    return Tokens(tmp_path, clock)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock(1_790_000_000_000)


def test_only_the_hash_of_a_token_is_kept(tokens: Tokens) -> None:
    text = tokens.create("alice-laptop", "write")
    (kept,) = tokens.list()
    assert (kept.name, kept.role, kept.sha256) == ("alice-laptop", "write", digest(text))
    stored = tokens.path.read_text()
    assert text not in stored
    assert text.removeprefix("eventtrack_") not in stored


def test_no_two_tokens_are_alike_and_all_are_long(tokens: Tokens) -> None:
    made = {tokens.create(f"t{number}", "read") for number in range(50)}
    assert len(made) == 50
    assert all(len(text) == len("eventtrack_") + 43 for text in made)


def test_only_the_owner_can_read_the_file_from_its_first_byte_on(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    rename = Path.replace

    def note(draft: Path, target: Path) -> Path:
        modes.append(draft.stat().st_mode & 0o777)
        return rename(draft, target)

    monkeypatch.setattr(Path, "replace", note)
    before = os.umask(0)
    try:
        tokens.create("a", "read")
        tokens.create("b", "read")
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    assert tokens.path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tokens.path.parent.iterdir()] == ["tokens.json"]


def test_a_name_is_taken_until_it_is_revoked_or_has_expired(
    tokens: Tokens, clock: ManualClock
) -> None:
    tokens.create("a", "read", expires_ms=clock.now_ms() + 1000)
    with pytest.raises(AlreadyExistsError, match="called a"):
        tokens.create("a", "write")
    clock.advance(1000)
    assert tokens.list()[0].expired(clock.now_ms())
    tokens.create("a", "write")
    assert [one.role for one in tokens.list()] == ["write"]
    assert tokens.revoke("a").role == "write"
    assert tokens.list() == []
    with pytest.raises(NotFoundError):
        tokens.revoke("a")


@pytest.mark.parametrize("name", ["", "-a", "a b", "../a", "a" * 65, "a\n", "ä", "a:b"])
def test_odd_names_are_refused(tokens: Tokens, name: str) -> None:
    with pytest.raises(InvalidValueError):
        tokens.create(name, "read")
    assert not tokens.path.exists()


def test_a_token_that_has_expired_already_is_refused(tokens: Tokens, clock: ManualClock) -> None:
    with pytest.raises(InvalidValueError, match="expired"):
        tokens.create("a", "read", expires_ms=clock.now_ms())


def test_makers_at_once_lose_nothing(tokens: Tokens) -> None:
    threads = [
        threading.Thread(target=Tokens(tokens.path.parent).create, args=(f"t{number}", "read"))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.name for one in tokens.list()} == {f"t{number}" for number in range(12)}


def test_a_file_that_cannot_be_understood_is_said_so_and_left_alone(tokens: Tokens) -> None:
    for text, error in (
        ("{", CorruptionError),
        ('{"version": 1, "tokens": [{"name": "a", "role": "king"}]}', CorruptionError),
        ('{"version": 2, "tokens": []}', FormatTooNewError),
    ):
        tokens.path.write_text(text)
        for call in (tokens.list, lambda: tokens.create("b", "read"), lambda: tokens.revoke("a")):
            with pytest.raises(error):
                call()
        assert tokens.path.read_text() == text


def test_the_file_may_gain_fields(tokens: Tokens) -> None:
    tokens.create("a", "read")
    found = msgspec.json.decode(tokens.path.read_bytes())
    found["tokens"][0]["scope"] = "later"
    tokens.path.write_bytes(msgspec.json.encode(found))
    assert tokens.list()[0].name == "a"


def test_each_role_may_do_what_the_ones_before_may() -> None:
    assert sorted(Role) == [Role.NOBODY, Role.READ, Role.WRITE, Role.ADMIN]
