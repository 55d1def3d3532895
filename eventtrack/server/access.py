"""The one place that enforces roles: tells who sends a request, and whether they may."""

import base64
import binascii
from typing import NamedTuple, Protocol

from eventtrack.clock import Clock, SystemClock
from eventtrack.cluster.tokens import GivenTokens
from eventtrack.compat.errors import PermissionDeniedError, UnauthenticatedError
from eventtrack.tokens import Role, Token, Tokens, digest

# Browsers ask for a name and a password. The token is the password.
CHALLENGE = 'Basic realm="eventtrack", charset="UTF-8"'


class Asked(Protocol):
    """The headers of a request."""

    def get(self, key: str) -> str | None:
        """A header's value, None when it was not sent."""
        ...


class Visitor(NamedTuple):
    """The sender of a request: the name of the token, None without a token, and its role."""

    name: str | None
    role: Role


class Access:
    """Lets requests through by their token, and says for whom they are recorded.

    Not thread-safe: it belongs to a server's loop. A check costs some microseconds: one `stat` of
    the file of tokens and two look-ups. The file is read again when it has changed.

    Args:
        tokens: The tokens of this server's own folder.
        given: The tokens of the shared log, for a server of a cluster. A token that was revoked
            there does not count here either.
        always: Whether requests need a token even before the first was made.
    """

    def __init__(
        self,
        tokens: Tokens,
        clock: Clock | None = None,
        *,
        given: GivenTokens | None = None,
        always: bool = False,
    ) -> None:
        self._given = given
        self._always = always
        self._tokens = tokens
        self._clock = clock or SystemClock()
        self._seen: tuple[int, int, int] | None = None
        # By digest. A client cannot choose a digest, so the time of a look-up reveals nothing about
        # other tokens. None: there are no accounts, and never were while this server ran.
        self._known: dict[str, Token] | None = None

    @property
    def required(self) -> bool:
        """Whether requests need a token: always, once the first token was made."""
        is_given = self._given is not None and self._given.any
        return self._always or is_given or self._current() is not None

    def admit(self, role: Role, headers: Asked) -> Visitor:
        """The sender of a request; without accounts, a visitor who may do everything.

        Args:
            role: The role that the request needs. `Role.NOBODY` lets everybody through, unnamed.

        Raises:
            UnauthenticatedError: The request brought no token, or an unknown or expired token.
            PermissionDeniedError: The token's role is not enough.
        """
        if role is Role.NOBODY:
            return Visitor(None, Role.NOBODY)
        if not self.required:
            return Visitor(None, Role.ADMIN)
        self.refuse_unnamed(role, headers)
        token = self._find(digest(self.sent(headers)))
        if token is None:
            raise UnauthenticatedError("this token is not known to the server, or was revoked")
        if token.expired(self._clock.now_ms()):
            raise UnauthenticatedError(f"the token {token.name} has expired")
        has = Role[token.role.upper()]
        if has < role:
            raise PermissionDeniedError(
                f"Permission denied: the token {token.name} may {token.role}, and this needs "
                f"the role {role.name.lower()}",
                hint="ask whoever runs the server for a token with `eventtrack token create`",
            )
        return Visitor(token.name, has)

    def refuse_unnamed(self, role: Role, headers: Asked) -> None:
        """Refuse a request that needs a token and brings none.

        Raises:
            UnauthenticatedError: It brought none.
        """
        if role is not Role.NOBODY and self.required and not self.sent(headers):
            raise UnauthenticatedError(
                "You are not authenticated: this server asks for a token",
                hint="set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_PASSWORD beside any "
                "MLFLOW_TRACKING_USERNAME; `eventtrack token create NAME` makes one",
            )

    @staticmethod
    def sent(headers: Asked) -> str:
        """The token of a request: from `Authorization`, else from a cookie; "" without a token."""
        return _authorized(headers.get("authorization")) or _in_cookie(headers)

    def _find(self, sha256: str) -> Token | None:
        token = (self._current() or {}).get(sha256)
        if self._given is None:
            return token
        return None if self._given.is_revoked(sha256) else token or self._given.find(sha256)

    def _current(self) -> dict[str, Token] | None:
        try:
            status = self._tokens.path.stat()
        except FileNotFoundError:
            # Deleted under a running server: no token is to count any more.
            if self._known is not None:
                self._known, self._seen = {}, None
            return self._known
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        if seen != self._seen:
            self._known = {token.sha256: token for token in self._tokens.list()}
            self._seen = seen
        return self._known


def cookie_name(headers: Asked) -> str:
    """The cookie in which the pages of this server keep a token.

    Browsers share cookies between all ports of a host, so the cookie names the port. Otherwise two
    servers on one machine would sign each other's visitors out.
    """
    port = (headers.get("host") or "").rpartition(":")[2]
    return f"eventtrack_{port}" if port.isascii() and port.isdigit() else "eventtrack"


def _in_cookie(headers: Asked) -> str:
    wanted = cookie_name(headers)
    for pair in (headers.get("cookie") or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value
    return ""


def _authorized(authorization: str | None) -> str:
    """The token in an `Authorization` header, as bearer or as the password of any user."""
    scheme, _, value = (authorization or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return ""
    return ""
