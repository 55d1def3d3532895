"""The tokens of a shared log for the commands: its key, a file, and an office that gives tokens."""

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from eventtrack.errors import InvalidValueError, NotFoundError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from eventtrack.cluster.tokens import TokenOffice
    from eventtrack.sharedlog.protocol import SharedLog
    from eventtrack.store import Store
    from eventtrack.tokens import Token


def office_of(url: str, key_file: Path | None) -> "TokenOffice":
    """The office of a shared log, on this machine's store for it, which is brought up to date.

    Args:
        key_file: The log's private key; None for the file that `cluster init` wrote here.

    Raises:
        InvalidValueError: The log has no key, or the file holds another.
        NotFoundError: The key is not on this machine.
        RemoteError: The log does not answer.
    """
    from eventtrack.audit.keys import read_key
    from eventtrack.cluster.tokens import TokenOffice, public_key
    from eventtrack.outbox.publishing import publish

    shown, public = _key_of(url)
    path = key_file or key_path(public)
    if not path.exists():
        raise NotFoundError(
            f"the key that gives tokens for {shown} is not here: {path}",
            hint="`eventtrack cluster init` wrote it where it ran; name a copy with --key",
        )
    private = read_key(path)
    if public_key(private) != public:
        raise InvalidValueError(
            f"{path} is not the key of {shown}",
            hint=f"the file that `eventtrack cluster init` wrote was called {key_path(public)}",
        )
    store = _current_store(url)
    return TokenOffice(store, private, partial(publish, store, url))


def tokens_of(url: str) -> "Sequence[Token]":
    """The tokens of a shared log that were not revoked, oldest first. Needs no private key.

    Raises:
        InvalidValueError: The log has no key.
        RemoteError: The log does not answer.
    """
    from eventtrack.cluster.tokens import GivenTokens

    given = GivenTokens(_current_store(url), _key_of(url)[1])
    given.refresh()
    return given.list()


def replace_key(log: "SharedLog", url: str, private: "Ed25519PrivateKey") -> "tuple[int, str]":
    """Let another key give a log's tokens: the facts that it signed anew, and its public part.

    Raises:
        RemoteDeniedError: These credentials may not change the log's description.
        RemoteError: The log does not answer. Call it again with the same key.
    """
    from eventtrack.cluster.tokens import change_key, public_key
    from eventtrack.outbox.publishing import publish

    store = _current_store(url)
    signed = change_key(log, store, private, partial(publish, store, url))
    return signed, public_key(private)


def _key_of(url: str) -> tuple[str, str]:
    """The address of a log for messages, and its public key."""
    from eventtrack.cluster.tokens import key_of
    from eventtrack.sharedlog.making import open_shared_log

    with contextlib.closing(open_shared_log(url)) as log:
        shown, public = log.url, log.description.access_key
    if public is None:
        raise InvalidValueError(
            f"{shown} was made without a key for tokens",
            hint=f"give it one: eventtrack cluster key {shown}",
        )
    key_of(public)  # a file is named after it
    return shown, public


def _current_store(url: str) -> "Store":
    from eventtrack.outbox.publishing import store_of, take_facts

    store = store_of(url, "cli")
    take_facts(store, url)
    return store


def key_for_log(key_file: Path | None) -> "tuple[Ed25519PrivateKey, Path]":
    """The private key for a log and its file, which is made if it is missing."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from eventtrack.audit.keys import keep_key, read_key
    from eventtrack.cluster.tokens import public_key

    if key_file is not None and key_file.exists():
        return read_key(key_file), key_file
    private = Ed25519PrivateKey.generate()
    path = key_file or key_path(public_key(private))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keep_key(path, private)
    return private, path


def key_path(public: str) -> Path:
    """The file of a log's private key below the user's state folder."""
    from eventtrack.outbox.folder import state_folder

    return state_folder() / "access" / f"{public[:32]}.pem"
