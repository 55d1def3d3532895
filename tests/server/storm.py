"""Requests that no client would send: malformed in every layer, for every route of the table.

Made from a seed, so that a test that fails can be run again. Half of them are nearly right, for
those get furthest: the right route and the right fields, with odd values.
"""

import base64
import gzip
import json
import random
import urllib.parse
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventtrack.compat.messages import Message
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.routes import Served

# Values that somewhere were once not thought of.
_TEXTS = (
    *("", "0", "-1", "1", "a", " ", ".", "..", "/", "\\", "%", "%2e%2e", "null", "NaN", "Infinity"),
    *("-Infinity", "1e999", "9" * 400, "9223372036854775808", "-9223372036854775809", "0x10"),
    *("\0", "a\0b", "\n", "\r\nX: y", "\u202e", "\ufeff", "\U0010ffff", "\ud800", "é" * 300),
    *("x" * 251, "x" * 6001, "'; DROP TABLE runs; --", "name = 'x'", "name = '", "metrics.a > 1"),
    *("metrics.`a", "attributes.", "tags.x LIKE '%'", "((((((", "a.b.c = 1 AND", "ORDER", "a DESC"),
    *("attributes.start_time", "params.x IN ()", "{}", "[]", "e30=", "eyJvZmZzZXQiOiAtMX0="),
    *("file:///etc", "s3://a/b#c", "runs:/x", "eventtrack://x", "mlflow-artifacts:/x", "RUNNING"),
    *("ACTIVE_ONLY", "ALL", "DONE", "FINISHED", "models:/a/1", "../../etc/passwd", "m-1", "tr-1"),
    *(
        "{ a " * 300,
        "{a(b:" + "[" * 400,
        "query q {" + "...f " * 200 + "} fragment f on X { ...f }",
    ),
    *("{ mlflowGetRun { run { info { runId } } } }", "{ a", "query q($a: X!) { a }", "__schema"),
)
_NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 10**3, 50_001, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400),
    *(0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"), -float("inf")),
)
_QUERY_NAMES = ("run_id", "run_uuid", "path", "query", "variables", "experiment_id", "page_token")
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "M-X")
_TYPES = (
    "application/json",
    "application/x-protobuf",
    "text/plain",
    "",
    "application/json; charset=utf-16",
    "x",
    "/",
    "é",
)
_HEADERS = (
    "Accept: \xff",
    "Accept-Encoding: gzip;q=x",
    "Connection: close, upgrade\r\nUpgrade: websocket",
    "Content-Encoding: br",
    "Cookie: " + "a=b; " * 500,
    "Expect: 100-continue",
    "Expect: x",
    "Host: localhost\r\nHost: localhost",
    "Host: [::1",
    "If-Modified-Since: x",
    "If-None-Match: *, W/x",
    "If-Range: \xff",
    "Range: bytes=-",
    "Range: bytes=0-0,1-1,5-2",
    "Range: bytes=" + "0-1," * 300,
    "Range: bytes=99999999999999999999-",
    "Range: bytes=5-1",
    "Range: lines=1-2",
    "Transfer-Encoding: identity",
    "X-Forwarded-For: ::1\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: x",
    "X-HTTP-Method-Override: DELETE",
    "\xff: x",
)


@dataclass
class Asked:
    """One request, and the route that it is for; None where it may be for none."""

    method: str
    data: bytes
    route: tuple[str, str] | None = None
    # Whether what follows on the connection can still be understood.
    whole: bool = True


@dataclass
class Storm:
    """Makes requests, one after the other.

    Args:
        routes: The table: method, whole path, entry.
        tokens: Headers that say who asks; one is chosen for each request.
        known: Values that fit, by the end of their field's name.
    """

    dice: random.Random
    routes: Sequence[tuple[str, str, Served]]
    tokens: Sequence[str]
    known: Mapping[str, Sequence[Any]]
    _kinds: list[Callable[[], Asked]] = field(init=False)

    def __post_init__(self) -> None:
        kinds = (self.nearly_right, self.bad_json, self.bad_head, self.bad_bytes)
        self._kinds = random.Random(0).sample(kinds, counts=(10, 4, 5, 1), k=20)

    def request(self) -> Asked:
        """The next request."""
        return self.dice.choice(self._kinds)()

    def nearly_right(self) -> Asked:
        """The right method, path and fields, with odd values."""
        method, path, entry = self._route()
        sent = self._fields(entry)
        target = self._fill(path)
        in_query = method in ("GET", "DELETE") or isinstance(entry, Streamed)
        body = b"" if method == "GET" else _json(sent)
        if in_query and self.dice.random() < 0.9:
            pairs = [(name, one) for name, value in sent.items() for one in _listed(value)]
            query = urllib.parse.urlencode(
                [(name, one if isinstance(one, str) else json.dumps(one)) for name, one in pairs],
                errors="surrogatepass",
            )
            return self._asked(method, path, f"{target}?{query}" if query else target, body)
        return self._asked(method, path, target, _json(sent))

    def bad_json(self) -> Asked:
        """The right path, and a body that is no JSON, or too much of it."""
        method, path, entry = self._route()
        good = bytearray(_json(self._fields(entry)))
        dice = self.dice
        for _ in range(dice.randint(1, 4)):
            good[dice.randrange(len(good))] = dice.randrange(256)
        first = next(iter(self._fields(entry)), "a")
        bodies = (
            bytes(good),
            bytes(good[: dice.randrange(len(good))]),
            b"[" * 50_000,
            b'{"a":' * 50_000,
            _json(first)[:-1] + b"\xff" + b'"',
            b"\xef\xbb\xbf{}",
            '{"a": 1}'.encode("utf-16"),
            b"{" + _json(first) + b": 1" + b"0" * 5000 + b"}",
            b"{" + _json(first) + b": 1, " + _json(first) + b": [1]}",
            _json(json.dumps({first: 1})),
            _json({first: [[[{first: {first: None}}]]]}),
            b"null",
            b"",
            b"\0" * 100,
        )
        return self._asked(method, path, self._fill(path), dice.choice(bodies))

    def bad_head(self) -> Asked:
        """A path, a method or headers that are wrong; the body may be packed, or be no gzip."""
        dice = self.dice
        method, path, entry = self._route()
        body = _json(self._fields(entry))
        more = dice.sample(_HEADERS, k=dice.randint(0, 3))
        packed = dice.choice((None, None, gzip.compress, zlib.compress))
        if packed is not None:
            body = packed(body)
            more.append(f"Content-Encoding: {dice.choice(('gzip', 'deflate', 'zstd', 'GZIP'))}")
        target = self._fill(path)
        if dice.random() < 0.5:
            target += dice.choice(("/", "//", "?", "?&&=&", "?a=%ff&a", "%00", "%2f..%2f", "#x"))
        if dice.random() < 0.1:
            target = dice.choice(("*", "http://localhost/health", "//x", "x", "/" * 3000, "/%zz"))
        method = dice.choice(_METHODS) if dice.random() < 0.3 else method
        return self._asked(method, path, target, body, more, dice.choice(_TYPES), whole=False)

    def bad_bytes(self) -> Asked:
        """What is hardly HTTP."""
        dice = self.dice
        good = bytearray(self.nearly_right().data)
        for _ in range(dice.randint(1, 20)):
            good[dice.randrange(min(len(good), 300))] = dice.randrange(256)
        noise = (bytes(good), bytes(good[: dice.randrange(len(good))]), dice.randbytes(200))
        return Asked("GET", dice.choice(noise), whole=False)

    def _route(self) -> tuple[str, str, Served]:
        return self.dice.choice(self.routes)

    def _fill(self, path: str) -> str:
        """A path with something in its blanks, and something below it."""
        pieces = [self._name() if piece[:1] == "<" else piece for piece in path.split("/")]
        below = ""
        if path.endswith("/"):
            file = f"0/{self.dice.choice(self.known['run_id'])}/artifacts/a.txt"
            odd = f"0/{self._name()}/artifacts/{self._name()}"
            below = self.dice.choice((file, file, odd, self._name(), "x/y"))
        return "/".join(pieces) + below

    def _name(self) -> str:
        known = self.dice.choice([value for values in self.known.values() for value in values])
        chosen = str(known) if self.dice.random() < 0.8 else self.dice.choice(_TEXTS)
        return urllib.parse.quote(chosen, safe="", errors="surrogatepass") or "x"

    def _fields(self, entry: Served) -> dict[str, Any]:
        if isinstance(entry, Endpoint):
            return self._message(entry.request.message)
        names = self.dice.sample(_QUERY_NAMES, k=self.dice.randint(1, 4))
        return {
            name: self._likely(name) if self.dice.random() < 0.7 else self._value()
            for name in names
        }

    def _message(self, message: Message) -> dict[str, Any]:
        """The fields of a message, most with a value of their kind."""
        found: dict[str, Any] = {}
        for one in message.fields:
            if self.dice.random() < 0.2:
                continue
            odd = self.dice.random() < 0.1
            if odd or one.message is None:
                value = self._value() if odd else self._likely(one.name)
            else:
                value = self._message(one.message)
            repeated = one.repeated and not odd
            found[one.name] = [value] * self.dice.randint(0, 3) if repeated else value
        return found or {"x": self._value()}

    def _likely(self, name: str) -> Any:
        """A value that fits a field of this name, if one is known; mostly."""
        for end, values in self.known.items():
            if name.endswith(end) and self.dice.random() < 0.85:
                return self.dice.choice(values)
        return self._scalar()

    def _scalar(self) -> Any:
        return self.dice.choice((self.dice.choice(_TEXTS), self.dice.choice(_NUMBERS)))

    def _value(self, depth: int = 0) -> Any:
        kind = self.dice.randrange(6 if depth < 3 else 4)
        if kind == 4:
            return [self._value(depth + 1) for _ in range(self.dice.randint(0, 3))]
        if kind == 5:
            return {self.dice.choice(_TEXTS): self._value(depth + 1)}
        return (None, self.dice.choice((True, False)), self._scalar(), self._scalar())[kind]

    def _asked(
        self,
        method: str,
        path: str,
        target: str,
        body: bytes,
        more: Sequence[str] = (),
        kind: str = "application/json",
        *,
        whole: bool = True,
    ) -> Asked:
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: localhost",
            self.dice.choice(self.tokens),
            f"Content-Type: {kind}",
            "X-MLflow-Experiment-Id: 0",  # spans go there
            *more,
        ]
        if whole or self.dice.random() < 0.8:
            lines.append(f"Content-Length: {len(body)}")
        else:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        head = "\r\n".join(line for line in lines if line) + "\r\n\r\n"
        data = head.encode("latin-1", "replace") + body
        return Asked(method, data, (method, path), whole)


def token_headers(texts: Sequence[str]) -> list[str]:
    """Ways to bring tokens, and some that bring none."""
    found = ["", "Authorization: Bearer x", "Authorization: Basic \xff", "Authorization: Basic ="]
    for text in texts:
        password = base64.b64encode(f"u:{text}".encode()).decode()
        found += [f"Authorization: Bearer {text}"] * 5
        found += [f"Authorization: Basic {password}"] * 2
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")
