"""Whom a server without accounts answers: this machine, and pages of its own.

A page from elsewhere, open in a browser on this machine, can send requests here. Two checks keep
it out: the Host header has to name this machine (else a foreign name was made to point here), and a
request that changes something must not come from another origin.
"""

import ipaddress
import urllib.parse

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from eventtrack.compat.errors import refuse

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Asked by monitors under whatever name they know.
_OPEN_PATHS = ("/health", "/version")


class Guard:
    """Refuses requests that a foreign page may have sent.

    Args:
        local_only: Whether Host has to name this machine; without it the server was put on a
            network on purpose, under names it cannot know.
    """

    def __init__(self, application: ASGIApp, *, local_only: bool) -> None:
        self._application = application
        self._local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer 403."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._application(scope, receive, send)
            return
        refusal = refuse("PERMISSION_DENIED", problem)
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    def _problem(self, scope: Scope) -> str | None:
        if scope["path"] in _OPEN_PATHS:
            return None
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._local_only and not is_loopback(host_name(host)):
            return (
                f"Invalid Host header {host[:100]!r}: this server answers to localhost only; "
                "start it with --allow-remote to serve other machines"
            )
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
                return "Cross-origin request blocked"
            return None
        place = urllib.parse.urlsplit(origin).netloc
        # Another port of this machine is not ours, but what runs there can write anyway.
        if place == host or (self._local_only and is_loopback(host_name(place))):
            return None
        return "Cross-origin request blocked"


def host_name(place: str) -> str:
    """The host of `host:port`, without the brackets of IPv6."""
    try:
        return urllib.parse.urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
