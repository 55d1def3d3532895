"""Signing in at the pages: somebody pastes a token once, and a cookie keeps it.

Why a cookie: streams of events and links to files cannot send headers of ours. No script can read
the cookie (`HttpOnly`), and no foreign page makes the browser send it (`SameSite=Strict`). It holds
the token itself, so the server keeps no sessions, and a token that expires or is revoked stops
counting in cookies too.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat.errors import UnauthenticatedError
from eventtrack.errors import InvalidValueError
from eventtrack.log.checked import UNREADABLE
from eventtrack.server import bodies
from eventtrack.server.access import Access, Asked, cookie_name
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.tokens import Role

# Duration of "remember on this computer". Without it, the cookie ends with the browser.
_REMEMBERED_S = 90 * 24 * 3600
_BODY_BYTES_MAX = 4096
_PRIVATE = {"cache-control": "no-store"}


class Pasted(msgspec.Struct):
    """The message that the page sends."""

    token: str
    remember: bool = False


def endpoints(access: Access) -> tuple[Streamed, ...]:
    """The endpoints with which the pages ask who is signed in, sign in, and sign out."""

    async def me(services: Services, request: Request, _: str) -> Response:
        return Response(_described(access, request.headers), 200, _PRIVATE, "application/json")

    async def sign_in(services: Services, request: Request, _: str) -> Response:
        pasted = _read(await bodies.read(request, _BODY_BYTES_MAX))
        token = pasted.token.strip()
        sent = {"authorization": f"Bearer {token}"}
        await services.current(reads=True)  # the token may be new to this server
        access.admit(Role.READ, sent)
        answer = Response(_described(access, sent), 200, _PRIVATE, "application/json")
        if access.required:
            answer.headers["set-cookie"] = _cookie(
                request, token, _REMEMBERED_S if pasted.remember else None
            )
        return answer

    async def sign_out(services: Services, request: Request, _: str) -> Response:
        answer = Response(b"{}", 200, _PRIVATE, "application/json")
        answer.headers["set-cookie"] = _cookie(request, "", 0)
        return answer

    return (
        Streamed("GET", f"{PREFIX}me", me, role=Role.NOBODY),
        Streamed("POST", f"{PREFIX}sign-in", sign_in, role=Role.NOBODY),
        Streamed("POST", f"{PREFIX}sign-out", sign_out, role=Role.NOBODY),
    )


def _described(access: Access, headers: Asked) -> bytes:
    """Whether a token is required, and whose token was sent; `problem` says why it is refused."""
    name, role, problem = None, None, None
    try:
        visitor = access.admit(Role.READ, headers)
        name, role = visitor.name, visitor.role.name.lower()
    except UnauthenticatedError as error:
        problem = error.message if access.sent(headers) else None
    answer = {"required": access.required, "name": name, "role": role, "problem": problem}
    return msgspec.json.encode(answer)


def _read(body: bytes) -> Pasted:
    try:
        return msgspec.json.decode(body, type=Pasted)
    except UNREADABLE as error:
        raise InvalidValueError(f"cannot read what was pasted: {error}") from error


def _cookie(request: Request, token: str, age_s: int | None) -> str:
    """A cookie with a token.

    Args:
        age_s: None for a cookie that ends with the browser, 0 to end it now.
    """
    # A proxy may speak TLS in front of the server: the browser's own scheme counts.
    is_secure = request.headers.get("origin", request.url.scheme).startswith("https")
    attributes = ["Path=/", "HttpOnly", "SameSite=Strict"]
    if age_s is not None:
        attributes.append(f"Max-Age={age_s}")
    if is_secure:
        attributes.append("Secure")
    return "; ".join((f"{cookie_name(request.headers)}={token}", *attributes))
