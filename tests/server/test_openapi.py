"""The server's description of itself is valid, whole, and true."""

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from eventtrack.server.endpoint import Endpoint
from eventtrack.server.openapi import Error, document
from eventtrack.server.routes import served
from eventtrack.tokens import Role
from tests.server.running import API, Running

BLANK = re.compile(r"{\w+}")


@pytest.fixture(scope="module")
def described(server: Running) -> dict[str, Any]:
    """What the server says."""
    found: dict[str, Any] = server.client.get("/openapi.json").json()
    return found


def test_it_is_valid(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described == document(served())


def test_every_route_is_in_it_with_its_role_and_its_fields(described: dict[str, Any]) -> None:
    operations = {
        (method.upper(), BLANK.sub("<>", path)): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    for method, path, entry in served():
        below = "<>" if path != "/" and path.endswith("/") else ""
        operation = operations.pop((method, re.sub("<[a-z_]+>", "<>", path) + below))
        assert ("security" in operation) is (entry.needs is not Role.NOBODY)
        if isinstance(entry, Endpoint):
            named = {one["name"] for one in operation.get("parameters", ())}
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                named |= set(content["schema"]["properties"])
            assert {one.name for one in entry.request.message.fields} <= named
    assert operations == {}


def test_kinds_of_fields_are_told(described: dict[str, Any]) -> None:
    post = described["paths"][f"{API}runs/search"]["post"]["requestBody"]
    fields = post["content"]["application/json"]["schema"]["properties"]
    assert fields["experiment_ids"] == {"type": "array", "items": {"type": "string"}}
    assert fields["run_view_type"]["enum"] == ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]
    assert fields["max_results"] == {"type": ["integer", "string"], "format": "int32"}
    post = described["paths"][f"{API}runs/log-metric"]["post"]["requestBody"]
    schema = post["content"]["application/json"]["schema"]
    assert schema["properties"]["value"]["type"] == ["number", "string"]
    assert {"key", "value"} <= set(schema["required"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", f"{API}runs/get"), ("PUT", f"{API}runs/create")],
)
def test_refusals_look_as_described(server: Running, method: str, path: str) -> None:
    body = server.client.request(method, path).content
    assert msgspec.json.decode(body, type=Error, strict=True).message
