"""Every route, with each of its fields holding what no honest client sends, by each role."""

import http.client
import json
import urllib.parse
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from eventtrack.compat.messages import Field, Message
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.routes import Served, served
from eventtrack.store import Store
from eventtrack.tokens import Role, RoleName, Tokens
from tests.server.running import Running, running

# In text, for JSON could not hold them all. Deep JSON stands also within texts, which some routes
# read as JSON again.
HOSTILE = (
    "[" * 20_000 + "]" * 20_000,
    json.dumps("[" * 100_000),
    json.dumps('{"a":' * 5000 + "1" + "}" * 5000),
    json.dumps("(" * 5000 + "metrics.a > 1" + ")" * 5000),
    json.dumps("params.a LIKE '" + "%a" * 20_000 + "'"),
    json.dumps("name RLIKE '(a|a)*$'"),
    json.dumps("run_id IN (" + ",".join(["'a'"] * 60_000) + ")"),
    json.dumps("../../../etc/passwd"),
    json.dumps("eventtrack:///etc"),
    json.dumps("%2e%2e%2f%2e%2e%2fetc"),
    json.dumps("a\\..\\..\\b"),
    json.dumps("a\u0000b\u001b]0;x\u0007"),
    r'"\ud800"',
    json.dumps([f"metrics.m{number}" for number in range(3000)]),
    json.dumps(["x"] * 100_000),
    json.dumps([{"key": "a", "value": "b", "field_name": "name"}] * 3000),
    "NaN",
    "-Infinity",
    "1e400",
    "9" * 5000,
    "-9223372036854775809",
    "true",
    "null",
    "{}",
)
VALUES_A_FIELD = 5
KNOWN_500 = b'"INVALID_STATE"'  # MLflow's own answer to a change of what is deleted


@pytest.mark.slow
@pytest.mark.parametrize("role", ["read", "write", "admin"])
def test_hostile_values_are_refused_by_every_route(tmp_path: Path, role: RoleName) -> None:
    """No 500, no traceback, no hang; and a reader has changed nothing."""
    log = tmp_path / "log"
    with running(tmp_path / "store", log=log) as server:
        run_id = server.new_run()["run_id"]
        token = Tokens(server.store).create("mallory", role)
        before = events_of(server.store)
        for method, path, entry in served():
            if entry.needs < Role[role.upper()]:
                continue  # asked by whoever may do less
            for sent in islice(requests(entry, run_id), None if may(role, entry) else 1):
                status, body = ask(server, token, method, path, sent)
                failed = status >= 500 and status != 501 and KNOWN_500 not in body
                assert not failed, (method, path, sent[:300], status, body[:300])
                if not may(role, entry):
                    assert status == 403, (method, path, status)
        if role == "read":
            assert events_of(server.store) == before
    assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace")


def test_who_brings_no_token_gets_nowhere(tmp_path: Path) -> None:
    """But to the few pages that say who may enter."""
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        Tokens(server.store).create("somebody", "admin")
        before = events_of(server.store)
        for method, path, entry in served():
            sent = next(iter(requests(entry, run_id)))
            status, body = ask(server, "", method, path, sent)
            if entry.needs > Role.NOBODY:
                assert status == 401, (method, path, status, body[:300])
        assert events_of(server.store) == before


def may(role: RoleName, entry: Served) -> bool:
    """Whether a role opens a route."""
    return entry.needs <= Role[role.upper()]


def events_of(path: Path) -> int:
    """How many envelopes a store holds."""
    store = Store(path, create=False)
    try:
        return store.events.head()
    finally:
        store.close()


def requests(entry: Served, run_id: str) -> Iterator[str]:
    """Bodies in which one field after the other is hostile, and the others are right."""
    if isinstance(entry, Streamed):
        yield from HOSTILE[:3]
        return
    fields = list(fields_of(entry.request.message))
    right = {"run_id": run_id, "experiment_id": "0", "experiment_ids": ["0"], "key": "a"}
    for place, name in enumerate(fields or ["x"]):
        # Not all of them in each field: where one begins moves on from field to field.
        for value in islice(cycle(HOSTILE), 5 * place, 5 * place + VALUES_A_FIELD):
            known = {one: text for one, text in right.items() if one in fields and one != name}
            others = json.dumps(known)[1:-1]
            yield "{" + (f"{others}, " if others else "") + f"{json.dumps(name)}: {value}" + "}"


def fields_of(message: Message) -> Iterator[str]:
    """The names of a message's fields."""
    found: Field
    for found in message.fields:
        yield found.name


def ask(server: Running, token: str, method: str, path: str, sent: str) -> tuple[int, bytes]:
    """Ask as a client without manners; fails when there is no answer within 30 seconds."""
    url = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=30)
    headers: dict[str, Any] = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    target = path.replace("<", "").replace(">", "") + ("x" if path.endswith("/") else "")
    body: bytes | None = sent.encode()
    if method == "GET":
        try:
            pairs = json.loads(sent)
        except (ValueError, RecursionError):
            pairs = {"a": sent}
        query = pairs if isinstance(pairs, dict) else {"a": pairs}
        coded = urllib.parse.urlencode(query, doseq=True, errors="surrogatepass")
        target, body = f"{target}?{coded[:20_000]}", None
    try:
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        if response.getheader("content-type", "").startswith("text/event-stream"):
            return response.status, b""
        return response.status, response.read()
    finally:
        connection.close()


def test_the_table_has_routes_of_every_kind() -> None:
    kinds = {(type(entry), entry.needs) for _, _, entry in served()}
    assert (Endpoint, Role.READ) in kinds
    assert (Endpoint, Role.WRITE) in kinds
    assert (Streamed, Role.READ) in kinds
