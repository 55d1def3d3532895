"""Signing in at the pages, as a browser's requests find it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from eventtrack.tokens import Tokens
from tests.server.running import API, Running, running

OWN = "/api/eventtrack/1/"


@dataclass
class Guarded:
    """A server with tokens, and a reader's and a writer's."""

    server: Running
    tokens: Tokens
    reader: str
    writer: str

    def sign_in(self, token: str, **sent: Any) -> httpx.Response:
        """What the page sends, without keeping the cookie."""
        headers = {"origin": self.server.url, **sent.pop("headers", {})}
        body = {"token": token, **sent}
        return httpx.post(
            f"{self.server.url}{OWN}sign-in", json=body, headers=headers, trust_env=False
        )

    def get(self, path: str, **headers: str) -> httpx.Response:
        """The answer to a request without a cookie but what is given."""
        return httpx.get(f"{self.server.url}{path}", headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server that asks for tokens."""
    path = tmp_path_factory.mktemp("guarded") / "store"
    with running(path) as server:
        tokens = Tokens(path)
        made = [tokens.create(f"the-{role}", role) for role in ("read", "write")]
        yield Guarded(server, tokens, *made)


def cookie(response: httpx.Response) -> tuple[str, set[str]]:
    """The pair that a browser sends back, and the cookie's attributes."""
    pair, *attributes = response.headers["set-cookie"].split("; ")
    return pair, set(attributes)


def test_the_pages_hold_nothing_of_the_store_and_need_no_token(guarded: Guarded) -> None:
    page = guarded.get("/")
    assert page.status_code == 200
    assert "the-read" not in page.text
    found = guarded.get(f"{OWN}me").json()
    assert found == {"required": True, "name": None, "role": None, "problem": None}
    assert guarded.get(f"{OWN}about").status_code == 401


def test_a_cookie_does_for_everything_and_holds_no_more_than_its_role(guarded: Guarded) -> None:
    answer = guarded.sign_in(guarded.reader)
    assert answer.json() == {
        "required": True,
        "name": "the-read",
        "role": "read",
        "problem": None,
    }
    pair, attributes = cookie(answer)
    assert attributes == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert guarded.get(f"{OWN}me", cookie=f"other=1; {pair}").json()["name"] == "the-read"
    assert guarded.get(f"{OWN}experiments", cookie=pair).status_code == 200
    refused = httpx.post(
        f"{guarded.server.url}{API}experiments/create",
        json={"name": "x"},
        headers={"cookie": pair, "origin": guarded.server.url},
        trust_env=False,
    )
    assert refused.status_code == 403


def test_a_cookie_that_is_remembered_has_an_end_and_tls_keeps_it_to_itself(
    guarded: Guarded,
) -> None:
    _, attributes = cookie(guarded.sign_in(guarded.reader, remember=True))
    assert "Max-Age=7776000" in attributes
    host = guarded.server.url.removeprefix("http://")
    behind = {"host": host, "origin": f"https://{host}"}  # as a proxy that speaks TLS passes it on
    _, attributes = cookie(guarded.sign_in(guarded.reader, headers=behind))
    assert "Secure" in attributes


@pytest.mark.parametrize("token", ["", "eventtrack_guess", "the-read", "\x00é", "x" * 4000])
def test_what_is_no_token_signs_nobody_in(guarded: Guarded, token: str) -> None:
    answer = guarded.sign_in(token)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 1}', b"x" * 10_000])
def test_what_cannot_be_read_is_refused(guarded: Guarded, body: bytes) -> None:
    url = f"{guarded.server.url}{OWN}sign-in"
    assert httpx.post(url, content=body, trust_env=False).status_code in (400, 413)


def test_a_token_that_is_revoked_or_expired_counts_no_more_in_a_cookie(guarded: Guarded) -> None:
    pair, _ = cookie(guarded.sign_in(guarded.tokens.create("brief", "write")))
    assert guarded.get(f"{OWN}about", cookie=pair).status_code == 200
    guarded.tokens.revoke("brief")
    assert guarded.get(f"{OWN}about", cookie=pair).status_code == 401
    assert "revoked" in guarded.get(f"{OWN}me", cookie=pair).json()["problem"]
    ends = int(time.time() * 1000) + 500
    brief = guarded.tokens.create("brief", "write", expires_ms=ends)
    pair, _ = cookie(guarded.sign_in(brief))
    time.sleep(max(ends / 1000 - time.time(), 0) + 0.01)
    assert "expired" in guarded.get(f"{OWN}me", cookie=pair).json()["problem"]


def test_signing_out_ends_the_cookie(guarded: Guarded) -> None:
    url = f"{guarded.server.url}{OWN}sign-out"
    pair, attributes = cookie(httpx.post(url, trust_env=False))
    assert pair.endswith("=")
    assert "Max-Age=0" in attributes


@pytest.mark.parametrize(
    "foreign",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_from_elsewhere_uses_no_cookie_to_write_and_signs_nobody_in_or_out(
    guarded: Guarded, foreign: dict[str, str]
) -> None:
    """Also one on another port of this machine, to which browsers do send the cookie."""
    pair, _ = cookie(guarded.sign_in(guarded.writer))
    writes: tuple[tuple[str, dict[str, str]], ...] = (
        (f"{API}experiments/create", {"name": "stolen"}),
        (f"{OWN}sign-in", {"token": guarded.writer}),
        (f"{OWN}sign-out", {}),
    )
    for path, body in writes:
        answer = httpx.post(
            f"{guarded.server.url}{path}",
            json=body,
            headers={"cookie": pair, **foreign},
            trust_env=False,
        )
        assert answer.status_code == 403, path
        assert "set-cookie" not in answer.headers


def test_two_servers_of_one_machine_have_cookies_of_their_own(
    guarded: Guarded, tmp_path: Any
) -> None:
    pair, _ = cookie(guarded.sign_in(guarded.writer))
    with running(tmp_path / "store") as other:
        Tokens(other.store).create("ada", "write")
        url = f"{other.url}{OWN}sign-in"
        answer = httpx.post(url, json={"token": guarded.writer}, trust_env=False)
        assert answer.status_code == 401
        port = other.url.rpartition(":")[2]
        assert pair.partition("=")[0] == f"eventtrack_{guarded.server.url.rpartition(':')[2]}"
        assert pair.partition("=")[0] != f"eventtrack_{port}"


def test_scripts_are_not_answered_with_a_dialog_and_visitors_of_a_file_are(
    guarded: Guarded,
) -> None:
    path = f"{OWN}about"
    assert "www-authenticate" in guarded.get(path).headers
    assert "www-authenticate" not in guarded.get(path, **{"x-requested-with": "x"}).headers
    assert "www-authenticate" not in guarded.get(path, accept="text/event-stream").headers


def test_without_tokens_everybody_is_welcome(tmp_path: Any) -> None:
    with running(tmp_path / "store") as server:
        found = server.client.get(f"{OWN}me").json()
        assert found == {"required": False, "name": None, "role": "admin", "problem": None}
        answer = server.client.post(f"{OWN}sign-in", json={"token": "any"})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
