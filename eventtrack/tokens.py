"""Tokens: who may use a store's server, and for what.

A token is 32 random bytes, shown once, at its creation. The store's folder keeps only the SHA-256,
so a reader of the file cannot use the tokens. A slow, salted hash, as for passwords, would add
nothing: nobody can try 2^256 tokens, and each request would pay for the hash.

Once the file `tokens.json` exists, every request needs a token, even after all tokens were revoked
or expired. Without the file the server asks for no token.
"""

import enum
import hashlib
import re
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import msgspec

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import (
    AlreadyExistsError,
    CorruptionError,
    FormatTooNewError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.events.bounds import AUTHOR_NAME
from eventtrack.log.durable import rewrite_file
from eventtrack.log.filesystem import translate_os_error
from eventtrack.log.locking import locked

TOKENS_FILE = "tokens.json"
_VERSION = 1
# Scanners of leaked secrets can look for this prefix.
_PREFIX = "eventtrack_"
_SECRET_BYTES = 32
# The name appears as the author in the log, and in tables.
_NAME = re.compile(AUTHOR_NAME)


class Role(enum.IntEnum):
    """The rights of a user; each role includes the rights of the roles before it."""

    NOBODY = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


RoleName = Literal["read", "write", "admin"]
ROLE_NAMES: tuple[RoleName, ...] = ("read", "write", "admin")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """The stored part of a token. `sha256` is in hex; `expires_ms` is None for never."""

    name: str
    role: RoleName
    sha256: str
    created_ms: int
    expires_ms: int | None = None

    def expired(self, now_ms: int) -> bool:
        """Whether the token has expired."""
        return self.expires_ms is not None and now_ms >= self.expires_ms


class _File(msgspec.Struct):
    version: int
    tokens: list[Token]
    # SHA-256 of the tokens as JSON; "" in files of older versions.
    sha256: str = ""


class Tokens:
    """The tokens of one store. Several processes may change them at once."""

    def __init__(self, store: Path, clock: Clock | None = None) -> None:
        self.path = store / TOKENS_FILE
        self._clock = clock or SystemClock()

    def list(self) -> list[Token]:
        """All tokens that were not revoked, also expired tokens, oldest first.

        Raises:
            CorruptionError: The file is damaged, or no file of eventtrack.
            FormatTooNewError: A newer eventtrack wrote it.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise translate_os_error(error, f"read {self.path}") from error
        try:
            file = msgspec.json.decode(text, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptionError(
                f"cannot read the tokens in {self.path}: {error}",
                hint="restore it from a backup; or delete it and make new tokens with "
                "`eventtrack token create`",
            ) from error
        if file.sha256 not in ("", _checksum(file.tokens)):
            raise CorruptionError(
                f"cannot read the tokens in {self.path}: they are not what was written",
                hint="restore it from a backup; or delete it and make new tokens with "
                "`eventtrack token create`",
            )
        if file.version > _VERSION:
            raise FormatTooNewError(
                f"{self.path} has version {file.version}, this eventtrack reads {_VERSION}",
                hint="upgrade with `pip install -U eventtrack`; the file has not been touched",
            )
        return file.tokens

    def create(self, name: str, role: RoleName, expires_ms: int | None = None) -> str:
        """Make a token; returns its text, which is stored nowhere. Durable on return.

        Args:
            name: The author that the log names for writes with this token. The name of an expired
                token may be used again.
            expires_ms: Milliseconds since 1970; None for never.

        Raises:
            InvalidValueError: The name is not allowed, or the token would have expired already.
            AlreadyExistsError: Another token has the name.
        """
        now_ms = self._clock.now_ms()
        text, new = made(name, role, now_ms, expires_ms)
        with self._locked():
            others = self.list()
            if any(token.name == name and not token.expired(now_ms) for token in others):
                raise AlreadyExistsError(
                    f"there is a token called {name} already",
                    hint=f"choose another name, or revoke it with `eventtrack token revoke {name}`",
                )
            self._write([*(token for token in others if token.name != name), new])
        return text

    def revoke(self, name: str) -> Token:
        """Take a token back; running servers refuse it from now on.

        Raises:
            NotFoundError: No token has that name.
        """
        with self._locked():
            tokens = self.list()
            revoked = next((token for token in tokens if token.name == name), None)
            if revoked is None:
                raise NotFoundError(
                    f"there is no token called {name}", hint="`eventtrack token list` names them"
                )
            self._write([token for token in tokens if token is not revoked])
        return revoked

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.path.parent, f"write {self.path}")

    def _write(self, tokens: Sequence[Token]) -> None:
        """Replace the file in one step: a reader sees the old file or the new file."""
        text = (
            msgspec.json.format(msgspec.json.encode(_File(_VERSION, [*tokens], _checksum(tokens))))
            + b"\n"
        )
        try:
            rewrite_file(self.path, text, 0o600)
        except OSError as error:
            raise translate_os_error(error, f"write {self.path}") from error


def made(name: str, role: RoleName, now_ms: int, expires_ms: int | None) -> tuple[str, Token]:
    """The text of a new token, and the part of it that is stored.

    Raises:
        InvalidValueError: The name is not allowed, or the token would have expired already.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            f"a token cannot be called {name[:80]!r}",
            hint="use 1 to 64 letters, digits, '-', '_', '.' and '@', for example alice-laptop",
        )
    if expires_ms is not None and expires_ms <= now_ms:
        raise InvalidValueError(
            f"the token {name} would have expired already", hint="name a time to come"
        )
    text = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    return text, Token(
        name=name, role=role, sha256=digest(text), created_ms=now_ms, expires_ms=expires_ms
    )


def role_of(text: str) -> RoleName | None:
    """The role of that name; None if this eventtrack does not know it."""
    return next((name for name in ROLE_NAMES if name == text), None)


def _checksum(tokens: Sequence[Token]) -> str:
    return hashlib.sha256(msgspec.json.encode(tokens)).hexdigest()


def digest(text: str) -> str:
    """The SHA-256 of a token's text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
