"""Tokens that all servers of a shared log know: facts of the log, signed with the log's key.

The log's description has the public key. Whoever has the private key gives tokens and takes them
back. Nobody else can, also not with the engine's credentials or through a feed that others relay:
an event whose signature is wrong has no effect (docs/format.md, "Access").

    given tokens = granted, by a signature of the key - revoked, by a signature of the key

Both sets only grow, so all servers that have read the same events agree, in whatever order they
came.
"""

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Self, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import AlreadyExistsError, NotFoundError, RemoteError
from eventtrack.events.access import AccessGranted, AccessRevoked
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import Store
from eventtrack.store.grants import AccessEvent
from eventtrack.tokens import Role, RoleName, Token, made, role_of

Signed = TypeVar("Signed", AccessGranted, AccessRevoked)


class GivenTokens:
    """The tokens that the facts in a store give. Safe from any thread.

    An event's signature is checked when somebody asks for the token that the event names, and not
    before: forged events about other tokens cost nobody a check.

    Args:
        store: Holds the shared log, or a part of it.
        key: The public key of the log, in hex; None if the log has none, and gives no tokens.
        ask_key: Asks the log for its key, which an administrator may have replaced. Called when
            events came, so that the new key counts before the first event that it signed.

    Raises:
        RemoteError: It is no key.
    """

    def __init__(
        self, store: Store, key: str | None, ask_key: Callable[[], str | None] | None = None
    ) -> None:
        self._store = store
        self._ask_key = ask_key
        self._reading = threading.Lock()
        self._position = 0  # guarded by the lock: everything up to there was read
        self._key = key
        self._said = _Said(key)

    def refresh(self) -> None:
        """Read the events that came since the last call.

        Raises:
            RemoteError: Events came, and the log does not answer which key counts.
        """
        with self._reading:
            events, position = self._store.grants.events(self._position)
            if events and self._ask_key is not None and (key := self._ask_key()) != self._key:
                said = _Said(key)
                events, position = self._store.grants.events()
            else:
                key, said = self._key, self._said
            said.add(events)
            self._key, self._said, self._position = key, said, position

    @property
    def position(self) -> int:
        """The position of the store's log up to which its events were read."""
        return self._position

    @property
    def any(self) -> bool:
        """Whether a token was ever given: from then on requests need one, for ever."""
        return bool(self._said.granted)

    def find(self, sha256: str) -> Token | None:
        """The token with a hash, also an expired one; None if it was not given, or revoked."""
        said = self._said.judged(sha256)
        return None if sha256 in said.revoked else said.granted.get(sha256)

    def is_revoked(self, sha256: str) -> bool:
        """Whether a token with that hash was taken back."""
        return sha256 in self._said.judged(sha256).revoked

    def all(self) -> list[Token]:
        """All tokens that were ever given, oldest first, with those that were revoked."""
        granted = self._said.all_judged().granted.values()
        return sorted(granted, key=lambda token: (token.created_ms, token.name))

    def list(self) -> Sequence[Token]:
        """The tokens that were not revoked, also expired ones, oldest first."""
        return [token for token in self.all() if not self.is_revoked(token.sha256)]

    def revoked(self) -> Sequence[str]:
        """The hashes of all tokens that were taken back."""
        return sorted(self._said.all_judged().revoked)


class _Said:
    """Events by the token that they name, and what those say whose signature was checked."""

    def __init__(self, key: str | None) -> None:
        self._key = key_of(key) if key is not None else None
        self._lock = threading.Lock()
        self._unread: dict[str, list[AccessEvent]] = {}  # guarded by the lock
        self.granted: dict[str, Token] = {}
        self.revoked: set[str] = set()

    def add(self, events: Iterable[AccessEvent]) -> None:
        """Keep events for later; until a first token is known, look for one among them."""
        with self._lock:
            for event in events:
                self._unread.setdefault(event.sha256.hex(), []).append(event)
        if not self.granted:
            self.all_judged()

    def judged(self, sha256: str) -> Self:
        """This, once the events about a token are checked."""
        with self._lock:
            for event in self._unread.pop(sha256, ()):
                self._take(event)
        return self

    def all_judged(self) -> Self:
        """This, once all events are checked."""
        for sha256 in tuple(self._unread):
            self.judged(sha256)
        return self

    def _is_signed(self, event: AccessEvent) -> bool:
        if self._key is None:
            return False
        try:
            self._key.verify(event.signature, event.message)
        except InvalidSignature:
            return False
        return True

    def _take(self, event: AccessEvent) -> None:
        if not self._is_signed(event):
            return
        if isinstance(event, AccessRevoked):
            self.revoked.add(event.sha256.hex())
        elif (token := _token_of(event)) is not None:
            known = self.granted.get(token.sha256, token)
            self.granted[token.sha256] = min(known, token, key=_rights)


class TokenOffice:
    """Gives tokens of a shared log, and takes them back.

    Args:
        store: This machine's store for the log, as new as the log.
        key: The private key of the log.
        publish: Returns once the log has everything that the store recorded.
    """

    def __init__(
        self,
        store: Store,
        key: Ed25519PrivateKey,
        publish: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._publish = publish
        self._clock = clock or SystemClock()
        self._given = GivenTokens(store, public_key(key))
        self._given.refresh()

    def list(self) -> Sequence[Token]:
        """The tokens that were not revoked, also expired ones, oldest first."""
        return self._given.list()

    def create(self, name: str, role: RoleName, expires_ms: int | None = None) -> str:
        """Give a token; returns its text, which is stored nowhere. In the log on return.

        Raises:
            InvalidValueError: The name is not allowed, or the token would have expired already.
            AlreadyExistsError: Another token has the name.
            RemoteError: The log does not answer, and nobody has the token.
        """
        now_ms = self._clock.now_ms()
        text, token = made(name, role, now_ms, expires_ms)
        self._refuse_taken(name, now_ms)
        self._record([self._grant(token)])
        return text

    def share(self, tokens: Iterable[Token]) -> Sequence[Token]:
        """Give tokens that a store has of its own to all servers; returns those that are new.

        Their texts stay as they are, so whoever has them need not change anything.

        Raises:
            AlreadyExistsError: Another token has one of the names; none was given.
            RemoteError: The log does not answer. Call it again.
        """
        now_ms = self._clock.now_ms()
        known = {token.sha256 for token in self._given.all()}
        news = [
            token for token in tokens if token.sha256 not in known and not token.expired(now_ms)
        ]
        for token in news:
            self._refuse_taken(token.name, now_ms)
        self._record([self._grant(token) for token in news])
        return news

    def revoke(self, name: str) -> Sequence[Token]:
        """Take back the tokens of that name. In the log on return, so each server knows it.

        May be repeated until the log has it.

        Raises:
            NotFoundError: No token has that name.
            RemoteError: The log does not answer: the token still counts.
        """
        named = [token for token in self._given.all() if token.name == name]
        if not named:
            raise NotFoundError(
                f"there is no token called {name}", hint="`eventtrack token list` names them"
            )
        fresh = [token for token in named if not self._given.is_revoked(token.sha256)]
        self._record([self._revocation(token.sha256) for token in fresh])
        return named

    def adopt(self, given: GivenTokens, *, again: bool = False) -> int:
        """Sign anew what another key gave and took back; returns the number of new facts.

        Args:
            again: Record a fact also if all are known, so that servers hear of the log's new key.

        Raises:
            RemoteError: The log does not answer. Call it again.
        """
        known, gone = {token.sha256 for token in self._given.all()}, set(self._given.revoked())
        facts: list[AccessEvent] = [
            self._grant(token) for token in given.all() if token.sha256 not in known
        ]
        facts += [self._revocation(sha256) for sha256 in given.revoked() if sha256 not in gone]
        count = len(facts)
        if again and not facts:
            facts = [self._grant(token) for token in self._given.all()[:1]]
        self._record(facts)
        return count

    def _record(self, events: Sequence[AccessEvent]) -> None:
        if events:
            self._store.grants.record(events)
        self._publish()  # also what an earlier call recorded, when the log did not answer
        self._given.refresh()

    def _refuse_taken(self, name: str, now_ms: int) -> None:
        if any(token.name == name and not token.expired(now_ms) for token in self.list()):
            raise AlreadyExistsError(
                f"there is a token called {name} already",
                hint=f"choose another name, or revoke it with `eventtrack token revoke {name}`",
            )

    def _grant(self, token: Token) -> AccessGranted:
        digest = bytes.fromhex(token.sha256)
        event = AccessGranted(token.name, token.role, digest, token.created_ms, token.expires_ms)
        return _signed(event, self._key)

    def _revocation(self, sha256: str) -> AccessRevoked:
        return _signed(AccessRevoked(bytes.fromhex(sha256), self._clock.now_ms()), self._key)


def change_key(
    log: SharedLog, store: Store, key: Ed25519PrivateKey, publish: Callable[[], None]
) -> int:
    """Let another key give the tokens of a log; returns the number of facts that it signed anew.

    What the old key gave and took back stays so. It gives and takes nothing from then on. May be
    repeated with the same key until it succeeds.

    Args:
        store: This machine's store for the log, as new as the log.
        publish: Returns once the log has everything that the store recorded.

    Raises:
        RemoteDeniedError: These credentials may not change the log's description.
        RemoteError: The log does not answer.
    """
    old = GivenTokens(store, log.describe().access_key)
    old.refresh()
    office = TokenOffice(store, key, publish)
    count = office.adopt(old)  # first, so that no moment is without tokens
    log.change_key(public_key(key))
    old.refresh()
    return count + office.adopt(old, again=True)


def key_of(text: str) -> Ed25519PublicKey:
    """The public key that a log's description has in hex.

    Raises:
        RemoteError: It is no key.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise RemoteError(
            f"the log's key for tokens is no key: {text[:80]!r}",
            hint="somebody changed the description of the log; compare it with the key's file",
        ) from error


def public_key(key: Ed25519PrivateKey) -> str:
    """The public part of a key, in hex."""
    return key.public_key().public_bytes_raw().hex()


def _signed(event: Signed, key: Ed25519PrivateKey) -> Signed:

    return msgspec.structs.replace(event, signature=key.sign(event.message))


def _token_of(event: AccessGranted) -> Token | None:
    """The token that an event gives; None for a role of a later eventtrack, which gives nothing."""
    role = role_of(event.role)
    if role is None:
        return None
    return Token(
        name=event.name,
        role=role,
        sha256=event.sha256.hex(),
        created_ms=event.created_ms,
        expires_ms=event.expires_ms,
    )


def _rights(token: Token) -> tuple[Role, float, int, str]:
    """Orders grants of one token by what they allow: the least of them counts."""
    expires = math.inf if token.expires_ms is None else token.expires_ms
    return Role[token.role.upper()], expires, token.created_ms, token.name
