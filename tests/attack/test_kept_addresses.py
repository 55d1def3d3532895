"""No password and no token of a remote's address is kept, shown in the pages or told in errors."""

import pytest

from eventtrack.errors import EventtrackError, InvalidValueError
from eventtrack.store import Store
from eventtrack.sync.remotes import Remotes, without_secrets
from eventtrack.sync.service import Ways, synchronize

SECRET = (
    ("https://ada:secret@host/runs", "https://host/runs"),
    ("https://secret@host/runs", "https://host/runs"),
    ("https://host/runs?token=secret", "https://host/runs"),
    ("ssh://ada:secret@127.0.0.1:1/runs", "ssh://ada@127.0.0.1:1/runs"),
    ("postgresql://ada:secret@db/lab", "postgresql://ada@db/lab"),
    ("postgresql://ada@db/lab?password=secret", "postgresql://ada@db/lab"),
    ("nats://ada:secret@host:4222", "nats://ada@host:4222"),
)
PLAIN = ("ssh://ada@host/r?program=et", "https://host/runs", "s3://lab/runs", "/mnt/a:b@c")


@pytest.mark.parametrize(("url", "shown"), SECRET)
def test_an_address_with_a_secret_is_refused(store: Store, url: str, shown: str) -> None:
    with pytest.raises(InvalidValueError, match="must not hold a password") as refused:
        Remotes(store.replication).add("origin", url)
    assert "secret" not in str(refused.value)
    assert without_secrets(url) == shown


@pytest.mark.parametrize("url", PLAIN)
def test_an_address_without_a_secret_is_kept_as_it_is(store: Store, url: str) -> None:
    assert Remotes(store.replication).add("origin", url).url == url


def test_a_password_for_ssh_stands_in_no_note(store: Store) -> None:
    with pytest.raises(EventtrackError) as refused:
        synchronize(store, SECRET[3][0], Ways())
    assert "secret" not in str(refused.value)
    notes = [path for path in (store.path / "remotes").rglob("*") if path.is_file()]
    assert [path for path in notes if b"secret" in path.read_bytes()] == []
