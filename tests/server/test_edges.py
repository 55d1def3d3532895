"""Numbers and times at their edges: refused, or answered; never a failure of the server."""

from typing import Any

import pytest

from tests.server.running import Running

WEB = "/api/eventtrack/1/"
DIGITS = "9" * 5000  # more than Python turns into a number
TIMES = (
    *("9999-12-31T23:59", "9999-12-31T23:59:59.999999", "9999-12-31T23:59-23:59", "0001-01-01"),
    *("0001-01-01T00:00+23:59", "99999 years ago", f"{DIGITS}d", DIGITS, "²", "\u0661\u0662"),
)
OFFSETS = (2**31 - 1, 2**31, 2**63 - 1, -(2**63))


@pytest.fixture(scope="module")
def upload(server: Running) -> str:
    """The place of the parts of an upload."""
    run_id = server.new_run()["run_id"]
    made = server.client.post(
        f"/api/2.0/mlflow-artifacts/mpu/create/0/{run_id}/artifacts",
        json={"path": "a", "num_parts": 2},
    ).json()
    return f"/eventtrack/artifact-parts/{made['upload_id']}/"


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize("text", TIMES)
def test_moments(server: Running, text: str, zone: str) -> None:
    found = server.client.get(f"{WEB}moment", params={"text": text, "zone": zone})
    assert found.status_code in (200, 400), found.text
    for path, name in (("home", "at"), ("log", "at"), ("diff", "older")):
        assert server.client.get(WEB + path, params={name: text}).status_code in (200, 400)
        if found.status_code == 200:
            asked = server.client.get(WEB + path, params={name: found.json()["at"]})
            assert asked.status_code == 200, asked.text


@pytest.mark.parametrize("offset", OFFSETS)
def test_offsets(server: Running, offset: int) -> None:
    for path in ("traces", "logged-models", "conflicts"):
        found = server.client.get(WEB + path, params={"offset": offset})
        assert found.status_code in (200, 400), (path, found.text)
    found = server.client.post(f"{WEB}runs", json={"experiment_ids": ["0"], "offset": offset})
    assert found.status_code in (200, 400), found.text


@pytest.mark.parametrize("number", ["0", "0" * 300 + "1", DIGITS, "10001", "\u0661", "-1", "1.5"])
def test_numbers_of_parts(server: Running, upload: str, number: str) -> None:
    assert server.client.put(upload + number, content=b"x").status_code == 400


@pytest.mark.parametrize("address", ["\u0661\u0662", "1.²", DIGITS, "1.", ".1"])
def test_addresses_of_events(server: Running, address: str) -> None:
    undone = server.client.post(f"{WEB}undo", json={"address": address})
    assert undone.status_code == 400
    assert "is no address" in undone.json()["message"]


@pytest.mark.parametrize(
    "duration", [f"{DIGITS}s", f"-{DIGITS}.5s", "\u0661s", "9999999999999999999s"]
)
def test_durations_of_traces(server: Running, duration: str) -> None:
    info: dict[str, Any] = {
        "trace_id": "tr-edge",
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": "0"},
        },
        "request_time": "2026-01-01T00:00:00Z",
        "execution_duration": duration,
    }
    begun = server.client.post("/api/3.0/mlflow/traces", json={"trace": {"trace_info": info}})
    assert begun.status_code == 400, begun.text
