"""No request makes the server fail: what cannot be understood is refused."""

import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtrack.server.endpoint import Endpoint
from eventtrack.server.routes import served
from tests.server.running import Running, running

JSON_ENDPOINTS = [
    (method, path, entry) for method, path, entry in served() if isinstance(entry, Endpoint)
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", "{run}", "name = 'x'", "metrics.a > 1", "DESC", "..", "/", "%2e%2e"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
SETTINGS = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that nobody else needs: its experiments may be gone at any time."""
    with running(tmp_path_factory.mktemp("fuzzed") / "store") as found:
        yield found


def fits(fuzzed: Running, value: Any, run_id: str) -> Any:
    """A drawn value with the id of a run in it."""
    if value == "{run}":
        return run_id
    if isinstance(value, list):
        return [fits(fuzzed, item, run_id) for item in value]
    return value


@SETTINGS
@given(data=st.data())
def test_no_fields_make_it_fail(fuzzed: Running, data: st.DataObject) -> None:
    method, path, entry = data.draw(st.sampled_from(JSON_ENDPOINTS))
    names = [one.name for one in entry.request.message.fields] or ["x"]
    drawn = data.draw(st.dictionaries(st.sampled_from(names), VALUES, max_size=len(names)))
    run_id = known_run(fuzzed)
    body = {name: fits(fuzzed, value, run_id) for name, value in drawn.items()}
    if method == "GET":
        query = {name: str(value) for name, value in body.items()}
        response = fuzzed.client.get(path, params=query)
    else:
        content = encode(body)
        headers = {"content-type": "application/json"}
        response = fuzzed.client.request(method, path, content=content, headers=headers)
    # Renaming a deleted experiment is 500 in MLflow.
    assert response.status_code < 500 or "INVALID_STATE" in response.text, (path, body)


@SETTINGS
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]),
    path=st.sampled_from([path for _, path, _ in served()]) | st.text(max_size=40),
    rest=st.text(max_size=30) | st.sampled_from(["../../x", "%2e%2e/%2e%2e", "a\0b", "\ud800"]),
    content=st.binary(max_size=60),
)
def test_no_bytes_make_it_fail(
    fuzzed: Running, method: str, path: str, rest: str, content: bytes
) -> None:
    try:
        url = httpx.URL(fuzzed.url).copy_with(path="/" + (path + rest).lstrip("/"))
    except (httpx.InvalidURL, UnicodeEncodeError):
        return
    headers = {"content-type": random.choice(["application/json", "text/plain", ""])}
    response = fuzzed.client.request(method, url, content=content, headers=headers)
    assert response.status_code < 500 or response.status_code == 501, (method, url, response.text)


def test_the_server_still_answers(fuzzed: Running) -> None:
    assert fuzzed.get("experiments/get", experiment_id="0")["experiment"]["name"]


_runs: dict[str, str] = {}


def known_run(fuzzed: Running) -> str:
    """One run that exists, the same for all examples."""
    if fuzzed.url not in _runs:
        _runs[fuzzed.url] = fuzzed.new_run()["run_id"]
    return _runs[fuzzed.url]


def encode(body: Any) -> bytes:
    """JSON as anybody may send it, literals that are none included."""
    return json.dumps(body).encode("utf-8", "surrogatepass")
