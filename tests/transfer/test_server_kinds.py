"""Servers that speak MLflow's REST API more or less: odd values, pages, refusals."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.mlflow_server import ServerStore
from eventtrack.transfer.report import Report
from tests.transfer.reading import Read, read
from tests.transfer.theirs import START_MS, runs_of

A, B, C = "a" * 32, "b" * 32, "c" * 32
REFUSED = object()


class Served:
    """What a server says: by path, or by path and metric; lists are pages."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, Any] = {
            "experiments/search": {"experiments": [{"experiment_id": "1", "name": "flowers"}]},
            "artifacts/list": {"files": []},
        }

    def runs(self, *runs: dict[str, Any]) -> None:
        """Serve these runs, each on a page of its own."""
        self.answers["runs/search"] = [{"runs": [run]} for run in runs] or {}

    def history(self, key: str, *points: dict[str, Any]) -> None:
        """Serve the points of a metric, each on a page of its own."""
        self.answers[f"metrics/get-history {key}"] = [{"metrics": [one]} for one in points]

    def answer(self, path: str, query: dict[str, Any]) -> Any:
        """The answer to a request; None where there is none."""
        name = path.removeprefix("/api/2.0/mlflow/")
        if "metric_key" in query:
            name = f"{name} {query['metric_key']}"
        found = self.answers.get(name)
        if isinstance(found, list):
            number = int(query.get("page_token") or 0)
            last = number + 1 >= len(found)
            return found[number] | ({} if last else {"next_page_token": str(number + 1)})
        return found


@pytest.fixture
def served() -> Iterator[Served]:
    """A server on this machine that answers as it is told."""
    told = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._send(told.answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(told.answer(self.path, json.loads(body)))

        def _send(self, answer: Any) -> None:
            code = 404 if answer is None else 400 if answer is REFUSED else 200
            wrong = {"error_code": "INVALID_PARAMETER_VALUE", "message": "it refuses"}
            missing = {"error_code": "ENDPOINT_NOT_FOUND", "message": "no such endpoint"}
            data = json.dumps({404: missing, 400: wrong}.get(code, answer)).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Nothing is said of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def run(run_id: str = A, /, *metrics: str, **info: Any) -> dict[str, Any]:
    """A run as a server writes it."""
    facts: dict[str, Any] = {
        "run_id": run_id,
        "experiment_id": "1",
        "run_name": "n",
        "status": "FINISHED",
    }
    facts |= {"start_time": START_MS, "end_time": START_MS + 9, "lifecycle_stage": "active"}
    return {"info": facts | info, "data": {"metrics": [{"key": key} for key in metrics]}}


def show(served: Served) -> tuple[dict[str, Read], Report]:
    """The runs that an import sees, by their ids."""
    runs, report = read(ServerStore(served.url))
    return {one.run.run_id: one for one in runs}, report


def test_all_pages_of_everything_are_read(served: Served) -> None:
    served.runs(run(A, "loss"), run(B), run(A, "loss"), run(C, lifecycle_stage="deleted"))
    served.history("loss", *({"value": n / 4, "step": n, "timestamp": START_MS} for n in range(5)))
    runs, report = show(served)
    assert set(runs) == {A, B, C}
    assert runs[A].values("loss") == [0, 0.25, 0.5, 0.75, 1]
    assert (runs[C].run.deleted_ms, runs[B].run.deleted_ms) == (START_MS + 9, None)
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("point", "expected", "damage"),
    [
        ({"value": 0.5, "step": 7, "timestamp": START_MS}, (7, START_MS, 0.5), 0),
        ({"value": "NaN", "step": 7, "timestamp": START_MS}, (7, START_MS, float("nan")), 0),
        ({"value": "-Infinity", "step": 7, "timestamp": START_MS}, (7, START_MS, -float("inf")), 0),
        ({"value": 1, "step": "7", "timestamp": str(START_MS)}, (7, START_MS, 1.0), 0),
        ({"value": 0.5, "step": 7.0, "timestamp": START_MS + 0.0}, (7, START_MS, 0.5), 0),
        ({"value": 0.5, "step": 7.5, "timestamp": START_MS}, (7, START_MS, 0.5), 1),
        ({"timestamp": START_MS}, (0, START_MS, 0.0), 0),
        ({"value": None, "step": 7, "timestamp": START_MS}, (7, START_MS, float("nan")), 1),
        ({"value": "what", "step": 7, "timestamp": START_MS}, None, 1),
        ({"value": [1], "step": 7, "timestamp": START_MS}, None, 1),
        ({"value": 0.5, "step": "x", "timestamp": START_MS}, None, 1),
        ({"value": 0.5, "step": 7, "timestamp": 10**30}, None, 1),
    ],
)
def test_a_point_is_read_or_named_and_the_others_taken(
    served: Served, point: dict[str, Any], expected: Any, damage: int
) -> None:
    served.runs(run(A, "loss"))
    served.history("loss", {"value": 1, "step": 1, "timestamp": START_MS}, point)
    runs, report = show(served)
    rows = [(1, START_MS, "1.0")]
    if expected is not None:
        rows.append((expected[0], expected[1], repr(expected[2])))
    assert runs[A].points["loss"] == rows
    assert report.damage_count == damage
    assert all(A in one.place for one in report.damage)


@pytest.mark.parametrize(
    ("info", "expected", "code"),
    [
        ({"run_id": None, "run_uuid": A}, {"run_id": A}, 0),
        ({"run_name": None}, {"name": ""}, 0),
        ({"status": "RESTING"}, {"status": "RUNNING"}, 8),
        ({"start_time": str(START_MS)}, {"start_ms": START_MS}, 0),
        ({"start_time": None}, {"start_ms": START_MS + 3}, 0),
        ({"start_time": 0}, {"start_ms": START_MS + 3}, 0),
        ({"start_time": "soon"}, {"start_ms": START_MS + 3}, 8),
        ({"end_time": "0"}, {"end_ms": None}, 0),
        ({"experiment_id": 1}, {"experiment_id": "1"}, 0),
    ],
)
def test_facts_of_a_run_are_read_or_named(
    served: Served, info: dict[str, Any], expected: dict[str, Any], code: int
) -> None:
    served.runs(run(A, "loss", **info))
    served.history("loss", {"value": 1, "step": 1, "timestamp": START_MS + 3})
    runs, report = show(served)
    assert {key: getattr(runs[A].run, key) for key in expected} == expected
    assert report.exit_code == code


def test_what_the_server_refuses_is_named_and_the_rest_taken(served: Served, store: Store) -> None:
    served.runs(run(A, "gone", "loss"), run(B, "loss"), {"info": None, "data": []})
    served.history("loss", {"value": 1, "step": 1, "timestamp": START_MS})
    served.answers["metrics/get-history gone"] = REFUSED
    served.answers["artifacts/list"] = REFUSED
    served.answers["logged-models/search"] = {"models": [{"info": {}}, "no model"]}
    report = import_histories(store, ServerStore(served.url), lambda done, total: None)
    assert {A, B} <= {one.info.run_id for one in runs_of(store)}
    assert list(store.metrics.arrays(A, "loss").values) == [1]
    missing = [what for what, _ in report.unreadable]
    assert f"metrics of metric gone of run {A}" in missing
    assert f"artifacts of run {A}" in missing
    assert report.exit_code == 8  # the model


def test_runs_are_listed_as_they_are_taken(served: Served) -> None:
    """All pages were in memory before the first run was taken."""
    served.runs(run(A), run(B))
    runs = ServerStore(served.url).runs()
    assert next(runs).source_id == A
    served.runs(run(A), run(C))
    assert [source_run.source_id for source_run in runs] == [C]


def test_a_run_that_moved_to_the_next_page_meanwhile_is_one_run(served: Served) -> None:
    served.runs(run(A), run(A), run(B))
    runs, report = show(served)
    assert set(runs) == {A, B}
    assert report.exit_code == 0


def test_an_experiment_whose_runs_are_refused_spares_the_others(served: Served) -> None:
    both = [{"experiment_id": number, "name": f"e{number}"} for number in ("1", "2")]
    served.answers["experiments/search"] = {"experiments": both}
    served.answers["runs/search"] = REFUSED
    runs, report = show(served)
    assert runs == {}
    assert [what for what, _ in report.unreadable] == [
        "runs of experiment 1",
        "runs of experiment 2",
    ]


def test_what_is_no_server_of_mlflow_is_refused(served: Served) -> None:
    served.answers["experiments/search"] = REFUSED
    with pytest.raises(EventtrackError, match="it refuses"):
        ServerStore(served.url)
