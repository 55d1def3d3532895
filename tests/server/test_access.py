"""Who may do what, as the clients of MLflow's and browsers find it."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from eventtrack.clock import ManualClock
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.information import STREAMED
from eventtrack.server.routes import Routes, served
from eventtrack.store import Store
from eventtrack.tokens import Role, Tokens
from tests.server.running import API, ROOT, Running, running

PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


@dataclass
class Team:
    """A server with one token of each role."""

    server: Running
    tokens: Tokens
    reader: str
    writer: str
    admin: str


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A server that asks for tokens."""
    path = tmp_path_factory.mktemp("team") / "store"
    with running(path) as server:
        tokens = Tokens(path)
        made = [tokens.create(f"the-{role}", role) for role in ("read", "write", "admin")]
        yield Team(server, tokens, *made)


def bearer(token: str) -> dict[str, str]:
    """A token as MLFLOW_TRACKING_TOKEN is sent."""
    return {"authorization": f"Bearer {token}"}


def basic(token: str, user: str = "anybody") -> dict[str, str]:
    """A token as a browser sends a password."""
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


def example(path: str) -> str:
    """A path of a route with something in each of its blanks."""
    filled = path.replace("<", "").replace(">", "")
    return f"{filled}x" if path.endswith("/") else filled


OPEN = {"/health", "/version"}
# Requests that look at something, though they are no GET.
LOOKS = {
    *("experiments/search", "experiments/search-datasets", "runs/search", "logged-models/search"),
    *("registered-models/get-latest-versions", "datasets/search", "issues/search"),
    *("prompt-optimization/jobs/search", "traces/batchGetInfos", "traces/search"),
    *("traces/calculate-filter-correlation", "traces/metrics", "bands", "groups", "runs", "series"),
    *("sync/known", "sync/present", "sync/read", "gateway-proxy", "ui-telemetry", "/graphql"),
}
ROUTES = sorted({(method, example(path), entry.needs) for method, path, entry in served()})


def test_every_route_has_a_role_and_says_so_where_it_cannot_be_guessed() -> None:
    unsaid = [
        f"{method} {path}: say role=Role.READ where it changes nothing, else writes=True"
        for method, path, entry in served()
        if method != "GET" and entry.role is None and not getattr(entry, "writes", False)
    ]
    assert unsaid == []
    opened = {path for _, path, entry in served() if entry.needs is Role.NOBODY}
    assert opened == OPEN


def test_a_route_that_says_nothing_needs_the_role_to_write() -> None:
    streamed = STREAMED[0].answer
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert Streamed(method, "/x", streamed).needs is Role.WRITE
    assert Streamed("GET", "/x", streamed).needs is Role.READ


def documented(method: str, path: str) -> Role:
    """The role that a request needs by docs/server.md, without a look at the table of routes."""
    if path in OPEN:
        return Role.NOBODY
    tail = re.sub(r"^/(ajax-)?api/([23].0/mlflow|eventtrack/1)/", "", path)
    return Role.READ if method == "GET" or tail in LOOKS else Role.WRITE


def test_every_route_lets_in_whom_the_documents_let_in(team: Team, tmp_path: Path) -> None:
    """Each role, and tokens that do not count, as a header and in the cookie of the pages."""
    Store(tmp_path / "other").close()
    foreign = Tokens(tmp_path / "other").create("foreign", "admin")
    before = Tokens(team.server.store, ManualClock(now_ms=0))
    ended = before.create("ended", "admin", expires_ms=1)
    revoked = team.tokens.create("revoked", "admin")
    team.tokens.revoke("revoked")
    visitors = [(team.reader, Role.READ), (team.writer, Role.WRITE), (team.admin, Role.ADMIN)]
    visitors += [(token, Role.NOBODY) for token in ("", foreign, ended, revoked)]
    port = team.server.client.base_url.port
    ways: list[Callable[[str], dict[str, str]]] = [
        bearer,
        basic,
        lambda token: {"cookie": f"eventtrack_{port}={token}"},
    ]
    wrong = []
    for number, (method, path, _) in enumerate(ROUTES):
        needs = documented(method, path)
        for place, (token, has) in enumerate(visitors):
            headers = ways[(number + place) % len(ways)](token) if token else {}
            # Its head alone: the stream of changes does not end.
            with team.server.client.stream(method, path, headers=headers) as response:
                status = response.status_code
            refusal = 401 if has is Role.NOBODY else 403
            if status != refusal if has < needs else status in (401, 403):
                wrong.append((method, path, has.name, status))
    assert wrong == []


def test_signing_in_and_out_needs_no_token_and_gives_none(team: Team) -> None:
    client, path = team.server.client, "/api/eventtrack/1/"
    assert client.get(f"{path}me").json()["role"] is None
    assert client.post(f"{path}sign-out").status_code == 200
    for pasted in ("", "eventtrack_guess"):
        refused = client.post(f"{path}sign-in", json={"token": pasted})
        assert refused.status_code == 401
        assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Basic",
        "Basic =",
        "Basic Og==",
        "Basic \xff",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"nobody").decode(),
        "Digest x",
        "eventtrack_x",
        "Bearer eventtrack_" + "x" * 5000,
    ],
)
def test_what_is_no_token_is_refused_and_browsers_ask_for_one(team: Team, sent: str) -> None:
    response = team.server.client.get(
        f"{API}experiments/get?experiment_id=0",
        headers=httpx.Headers({"authorization": sent}, encoding="latin-1"),
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Basic realm="eventtrack"')
    body = response.json()
    assert body["error_code"] == "UNAUTHENTICATED"
    assert body["message"]


def test_a_token_counts_as_bearer_and_as_the_password_of_any_user(team: Team) -> None:
    for headers in (bearer(team.reader), basic(team.reader), basic(team.reader, "")):
        for scheme in (str.lower, str.title):
            kind, _, rest = headers["authorization"].partition(" ")
            found = team.server.client.get(
                f"{API}experiments/get?experiment_id=0",
                headers={"authorization": f"{scheme(kind)} {rest}"},
            )
            assert found.status_code == 200, found.text


def test_a_role_that_is_not_enough_is_named(team: Team) -> None:
    body = {"experiment_id": "0", "key": "a", "value": "b"}
    path = f"{API}experiments/set-experiment-tag"
    response = team.server.client.post(path, json=body, headers=bearer(team.reader))
    assert response.status_code == 403
    assert response.json()["error_code"] == "PERMISSION_DENIED"
    assert "may read" in response.json()["message"]


def test_a_token_that_is_revoked_or_expired_counts_no_more_at_once(team: Team) -> None:
    path, client = f"{API}experiments/get?experiment_id=0", team.server.client
    text = team.tokens.create("brief", "read")
    for _ in range(20):
        assert client.get(path, headers=bearer(text)).status_code == 200
        team.tokens.revoke("brief")
        assert client.get(path, headers=bearer(text)).status_code == 401
        text = team.tokens.create("brief", "read")
    team.tokens.revoke("brief")
    ends = int(time.time() * 1000) + 1000
    text = team.tokens.create("brief", "read", expires_ms=ends)
    assert client.get(path, headers=bearer(text)).status_code == 200
    time.sleep(max(ends / 1000 - time.time(), 0) + 0.01)
    response = client.get(path, headers=bearer(text))
    assert response.status_code == 401
    assert "expired" in response.json()["message"]


def test_changes_stand_in_the_log_under_the_names_of_their_tokens(team: Team) -> None:
    """Also those of several tokens that share a commit."""
    client, names = team.server.client, [f"author-{number}" for number in range(4)]
    texts = {name: team.tokens.create(name, "write") for name in names}
    body = {"experiment_id": "0"}
    created = client.post(f"{API}runs/create", json=body, headers=bearer(texts[names[0]]))
    run_id = created.json()["run"]["info"]["run_id"]

    def set_tag(number: int) -> None:
        body = {"run_id": run_id, "key": f"t{number}", "value": names[number % 4]}
        headers = bearer(texts[names[number % 4]])
        assert client.post(f"{API}runs/set-tag", json=body, headers=headers).status_code == 200
        body = {"run_id": run_id, "key": f"m{number}", "value": number, "timestamp": 1}
        assert client.post(f"{API}runs/log-metric", json=body, headers=headers).status_code == 200

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(set_tag, range(200)))
    file = f"{PROXY}0/{run_id}/artifacts/a.txt"
    assert client.put(file, content=b"x", headers=bearer(texts[names[1]])).status_code == 200
    store = Store(team.server.store, create=False)
    try:
        lines = {line.fact: line for line in store.history.blame(run_id)}
        for number in range(200):
            line = lines[f"tag.t{number}"]
            assert line.session is not None
            assert (line.session.user, line.session.source) == (line.after, "server")
            point = lines[f"metric.m{number}"].session
            assert point is not None
            assert point.user == line.after
        for fact, name in (("status", names[0]), ("artifact.a.txt", names[1])):
            session = lines[fact].session
            assert session is not None
            assert session.user == name
        users = [one.user for one in store.sessions.list()]
        assert [users.count(name) for name in names] == [1, 1, 1, 1]
        assert "the-read" not in users
    finally:
        store.close()


def test_a_refused_change_of_one_leaves_the_others_and_their_authors(team: Team) -> None:
    client = team.server.client
    texts = [team.tokens.create(f"mixed-{number}", "write") for number in range(2)]
    body = {"experiment_id": "0"}
    created = client.post(f"{API}runs/create", json=body, headers=bearer(team.writer))
    run_id = created.json()["run"]["info"]["run_id"]

    def log(number: int) -> int:
        body = {"run_id": run_id, "key": "p", "value": str(number % 2)}
        headers = bearer(texts[number % 2])
        return client.post(f"{API}runs/log-parameter", json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(log, range(40)))
    kept = codes.index(200) % 2
    assert [code == 200 for code in codes] == [number % 2 == kept for number in range(40)]
    store = Store(team.server.store, create=False)
    try:
        (line,) = store.history.blame(run_id, "param.p")
        assert line.session is not None
        assert line.session.user == f"mixed-{kept}"
    finally:
        store.close()


def test_mlflow_sends_tokens_as_its_documents_say(team: Team, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    script = (
        "import mlflow\n"
        "with mlflow.start_run() as run:\n"
        "    mlflow.log_metric('m', 1.5)\n"
        "    mlflow.log_text('hello', 'a.txt')\n"
        "assert mlflow.artifacts.load_text(f'{run.info.artifact_uri}/a.txt') == 'hello'\n"
        "print(run.info.run_id)\n"
    )
    ways = (
        {"MLFLOW_TRACKING_TOKEN": team.writer},
        {"MLFLOW_TRACKING_USERNAME": "alice", "MLFLOW_TRACKING_PASSWORD": team.writer},
    )
    for way in ways:
        done = mlflow_script(script, team.server.url, tmp_path, **way)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.strip()[-32:]) == 32
    for way, said in (({"MLFLOW_TRACKING_TOKEN": team.reader}, "PERMISSION_DENIED"), ({}, "token")):
        done = mlflow_script(script, team.server.url, tmp_path, **way)
        assert done.returncode != 0
        assert said in done.stderr


def mlflow_script(
    script: str, url: str, folder: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a script with mlflow on a server, as its users do."""
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "MLFLOW_TRACKING_URI": url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_tokens_this_machine_is_let_in_and_with_the_first_one_nobody(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        command = [sys.executable, "-m", "eventtrack", "--store", str(server.store), "--json"]
        done = subprocess.run(
            [*command, "token", "create", "ada"], cwd=ROOT, capture_output=True, check=True
        )
        token = json.loads(done.stdout)["token"]
        path = f"{API}runs/get?run_id={run_id}"
        assert server.client.get(path).status_code == 401
        assert server.client.get(path, headers=bearer(token)).status_code == 200
        tokens = Tokens(server.store)
        tokens.revoke("ada")
        assert server.client.get(path).status_code == 401
        tokens.path.unlink()
        assert server.client.get(path).status_code == 401
        tokens.path.write_text("{")
        refused = server.client.get(path, headers=bearer(token))
        assert (refused.status_code, refused.json()["error_code"]) == (500, "DATA_LOSS")


def test_with_tokens_other_machines_need_no_flag(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.close()
    text = Tokens(store.path).create("ada", "read")
    with running(store.path, "--host", "0.0.0.0") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        path = f"{url}{API}experiments/get?experiment_id=0"
        assert httpx.get(path, trust_env=False).status_code == 401
        assert httpx.get(path, headers=bearer(text), trust_env=False).status_code == 200
        with running(store.path, "--allow-remote") as other:
            assert other.client.get(f"{API}experiments/get?experiment_id=0").status_code == 401


def test_routes_find_what_the_table_names() -> None:
    routes = Routes()
    for method, path, _ in ROUTES:
        assert isinstance(routes.find(method, path).entry, Endpoint | Streamed), path
