"""The guard against foreign pages: in a browser, only the server's own pages may ask it.

A foreign page, open in a browser that reaches the server, can send requests to the server, and the
browser adds the password that it remembers. Two checks keep the page out. The Host header has to be
a name of the server; otherwise somebody made a foreign name point here. And a request that changes
something must not come from another origin. Programs that are no browsers send no Origin.
"""

import ipaddress
import urllib.parse
from collections.abc import Collection
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from eventtrack.compat.errors import refuse
from eventtrack.server.access import Access, Asked

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Monitors may ask for these paths under any name.
_OPEN_PATHS = ("/health", "/version")


class Guard:
    """Refuses requests that a foreign page may have sent.

    Args:
        allowed_hosts: Names under which clients may ask the server, beside the names of this
            machine; each with its port where browsers show a port. None allows all names: the
            server was put on a network on purpose, under names that it cannot know.
    """

    def __init__(
        self, application: ASGIApp, access: Access, allowed_hosts: Collection[str] | None
    ) -> None:
        self._application = application
        self._access = access
        self._places = {place.lower() for place in allowed_hosts or ()}
        self._names = None if allowed_hosts is None else set(map(host_name, self._places))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer 403."""
        problem = None
        if scope["type"] == "http":
            problem = self.problem(scope["method"], scope["path"], Headers(scope=scope))
        if problem is None:
            await self._application(scope, receive, send)
            return
        refusal = refuse("PERMISSION_DENIED", problem)
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    def problem(self, method: str, path: str, headers: Asked) -> str | None:
        """The reason why a request is refused; None if it may go on."""
        if path in _OPEN_PATHS:
            return None
        host = (headers.get("host") or "").lower()
        if self._names is not None:
            name = host_name(host)
            if name not in self._names and not is_loopback(name):
                return (
                    f"Invalid Host header {host[:100]!r}: this server does not go by that name; "
                    "start it with --allowed-host NAME to add one"
                )
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
                return "Cross-origin request blocked"
            return None
        place = _place(origin.lower())
        if place and (place == host or place in self._places):
            return None
        # Another port of this machine is not ours; but without tokens, the program there can write
        # to the server anyway.
        is_local = self._names is not None and is_loopback(host_name(place))
        if is_local and not self._access.required:
            return None
        return "Cross-origin request blocked"


def _place(origin: str) -> str:
    """`host:port` of an origin; "" for an origin without a host."""
    try:
        return urllib.parse.urlsplit(origin).netloc
    except ValueError:
        return ""


def host_name(place: str) -> str:
    """The host of `host:port`, without the brackets of IPv6."""
    try:
        return urllib.parse.urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return ""


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
