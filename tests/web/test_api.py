"""What the pages ask for: each request with good, bad and hostile values, and what guards it."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from eventtrack.client import MlflowClient
from tests.server.running import Running, running

API = "/api/eventtrack/1/"
HOSTILE = "</script><script>attacked()</script>\"'\\ ${x} %00"
RUNS = 25


class Api:
    """A server of a store with runs of hostile names, and a client of it."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.client = server.client
        self.experiment = server.post("experiments/create", name=HOSTILE)["experiment_id"]
        local = MlflowClient(str(server.store))
        self.runs = []
        for number in range(RUNS):
            run_id = local.create_run(self.experiment, run_name=f"{HOSTILE} {number}").info.run_id
            local.log_metric(run_id, "broken: loss", float("nan"), step=0)
            local.log_metric(run_id, "loss", number, step=1)
            local.log_param(run_id, "lr", HOSTILE * 100)
            local.set_terminated(run_id)
            self.runs.append(run_id)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a query, which has to be 200."""
        return self._good(self.client.get(API + path, params=query))

    def post(self, path: str, **body: Any) -> Any:
        """The answer to a request in JSON, which has to be 200."""
        return self._good(self.client.post(API + path, json=body))

    @staticmethod
    def _good(answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The server of all tests of this module: none changes what the others see."""
    with running(tmp_path_factory.mktemp("web-api") / "store") as server:
        yield Api(server)


def test_experiments_and_columns(api: Api) -> None:
    about = api.get("about")
    assert about["store"] == str(api.server.store)
    [found] = [one for one in api.get("experiments")["experiments"] if one["name"] == HOSTILE]
    assert (found["runs"], found["running"]) == (RUNS, 0)
    columns = api.get("columns", experiment_ids=[api.experiment])
    assert columns["metrics"] == ["broken: loss", "loss"]
    assert api.get("columns")["metrics"] == []


def test_tables_are_given_by_the_page_without_gap_or_repeat(api: Api) -> None:
    asked = {"experiment_ids": [api.experiment], "order_by": ["metrics.loss ASC"]}
    found: list[str] = []
    for offset in range(0, RUNS + 10, 7):
        page = api.post("runs", **asked, columns=["metrics.loss"], offset=offset, limit=7)
        assert page["total"] == RUNS
        found += page["runs"].get("run_id", [])
    assert found == api.runs
    cell = api.post("runs", **asked, columns=["params.lr", "nonsense"], limit=1)["values"]
    assert list(cell) == ["params.lr"]
    assert len(cell["params.lr"][0]) == 2001
    assert api.post("runs", **asked, offset=-5, limit=10**6)["total"] == RUNS
    assert api.post("runs", experiment_ids=["404"])["total"] == 0


def test_a_run_is_told_whole(api: Api) -> None:
    run = api.get("run", run_id=api.runs[3])
    assert run["params"] == {"lr": HOSTILE * 100}
    assert run["info"]["run_name"] == f"{HOSTILE} 3"
    assert run["info"]["life"] is None
    assert {one["key"]: one["value"] for one in run["metrics"]} == {
        "loss": 3.0,
        "broken: loss": "NaN",
    }
    running_run = api.server.new_run()
    life = api.get("run", run_id=running_run["run_id"])["info"]["life"]
    assert life["state"] == "alive"


def test_curves_come_as_numbers(api: Api) -> None:
    body = {"run_ids": api.runs[:3], "keys": ["loss"], "x": "step"}
    answer = api.client.post(f"{API}series", json=body)
    assert answer.headers["content-type"] == "application/octet-stream"
    [length] = struct.unpack("<I", answer.content[:4])
    header = msgspec.json.decode(answer.content[4 : 4 + length])
    assert [one["points"] for one in header["series"]] == [1, 1, 1]


def test_histories_and_the_log_are_told_backwards(api: Api) -> None:
    entries = api.get("history", run_id=api.runs[0])["entries"]
    assert entries[-1]["type"] == "run.started"
    assert entries[0]["author"]["source"] == "python"
    seen: list[str] = []
    before: int | None = None
    while True:
        asked = {} if before is None else {"before": before}
        page = api.get("log", limit=40, **asked)
        seen += [one["address"] for one in page["events"]]
        before = page["before"]
        if before is None:
            break
    places = [tuple(map(int, address.split("."))) for address in seen]
    assert places == sorted(set(places), reverse=True)
    assert places[-1][0] == 1
    stream = f"run/{api.runs[1]}"
    events = api.get("log", stream=stream, type="run.param")["events"]
    assert [(one["stream"], one["type"]) for one in events] == [(stream, "run.params_logged")]
    assert api.get("log", type=HOSTILE)["events"] == []


def test_what_was_done_is_undone_by_whoever_asks(api: Api) -> None:
    run_id = api.server.new_run()["run_id"]
    api.server.post("runs/set-tag", run_id=run_id, key="stage", value="draft")
    [event] = api.get("log", stream=f"run/{run_id}", type="run.tags_set")["events"]
    [made] = api.post("undo", address=event["address"])["addresses"]
    assert "stage" not in api.get("run", run_id=run_id)["tags"]
    [entry] = [
        one for one in api.get("history", run_id=run_id)["entries"] if one["address"] == made
    ]
    assert entry["author"]["source"] == "server"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("run", {}),
        ("run", {"run_id": HOSTILE}),
        ("run", {"run_id": "0" * 32}),
        ("history", {"run_id": "../../etc/passwd"}),
        ("log", {"before": "soon"}),
        ("columns", {"experiment_ids": HOSTILE}),
        ("experiments", {"at": HOSTILE}),
        ("density", {"by": HOSTILE}),
        ("nothing", {}),
    ],
)
def test_queries_that_cannot_be_answered_say_why(
    api: Api, path: str, query: dict[str, str]
) -> None:
    refused(api.client.get(API + path, params=query))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs", b"{"),
        ("runs", b"[]"),
        ("runs", b'{"experiment_ids": ["0"], "filter": "metrics.loss <"}'),
        ("runs", b'{"experiment_ids": ["0"], "order_by": ["DROP TABLE"]}'),
        ("series", b'{"run_ids": 5}'),
        ("series", b"\xff"),
        ("undo", b"{}"),
        ("undo", b'{"address": "1e9"}'),
        ("undo", b'{"address": "999999.0"}'),
    ],
)
def test_requests_that_cannot_be_answered_say_why(api: Api, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    refused(api.client.post(API + path, content=body, headers=headers))


def refused(answer: httpx.Response) -> None:
    """It is the caller's mistake, and said in JSON: nothing of it can become a page."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["error_code"]
    assert said["message"]


@pytest.mark.parametrize("path", ["/", "/?x=1"])
def test_pages_run_nothing_but_their_files(api: Api, path: str) -> None:
    policy = api.client.get(path).headers["content-security-policy"]
    directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert directives["script-src"].startswith("'self' 'sha256-")


@pytest.mark.parametrize(
    "path", ["/static/nothing.js", "/nothing", f"{API}run", f"{API}log?before=x"]
)
def test_errors_are_no_pages(api: Api, path: str) -> None:
    answer = api.client.get(path, headers={"accept": "text/html"})
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "script.js", "data.xml", "x.xhtml"])
def test_what_was_logged_is_given_as_a_file(api: Api, name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg' onload='attacked()'/>")
    run_id = api.runs[0]
    MlflowClient(str(api.server.store)).log_artifact(run_id, str(file))
    answer = api.client.get("/get-artifact", params={"run_id": run_id, "path": name})
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [f"{API}undo", "/api/2.0/mlflow/runs/delete"])
def test_pages_from_elsewhere_change_nothing(api: Api, path: str) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        answer = api.client.post(
            path, json={"run_id": api.runs[0], "address": "1.0"}, headers=headers
        )
        assert answer.status_code == 403, headers
    plain = {"content-type": "text/plain"}  # what a form of another page can send without asking
    answer = api.client.post(path, content=b'{"address": "1.0"}', headers=plain)
    assert answer.status_code == 400
