"""The server's description in OpenAPI 3.1, made from the table of its routes, so it is never stale.

Requests are described field by field. Answers are MLflow's and described by its documentation; here
they are objects.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from eventtrack._version import __version__
from eventtrack.compat.messages import Field, Kind, Message
from eventtrack.compat.requests import Request
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.tokens import Role

Schema = dict[str, Any]

_PIECE = re.compile("<([a-z_]+)>")
# protobuf's JSON takes numbers as texts too, and has words for the numbers that JSON lacks.
_SCHEMAS: dict[Kind, Schema] = {
    "text": {"type": "string"},
    "truth": {"type": "boolean"},
    "int32": {"type": ["integer", "string"], "format": "int32"},
    "int64": {"type": ["integer", "string"], "format": "int64"},
    "double": {"type": ["number", "string"], "format": "double"},
}
_DESCRIPTION = """MLflow's REST API over an eventtrack store. Fields may be spelled in camelCase as
well, unknown fields are ignored, and unset fields are left out of answers. A path that ends in
`{below}` may have slashes there. MLflow's documentation describes the answers."""


class Error(msgspec.Struct, forbid_unknown_fields=True):
    """The body of every refusal."""

    error_code: str
    message: str
    sqlstate: str | None = None
    error_class: str | None = None
    hint: str | None = None


def document(served: Iterable[tuple[str, str, Endpoint | Streamed]]) -> Schema:
    """The description of a server that serves these methods, paths and entries."""
    paths: dict[str, Schema] = {}
    for method, path, entry in served:
        paths.setdefault(_template(path), {})[method.lower()] = _operation(method, path, entry)
    _, schemas = msgspec.json.schema_components([Error], ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "eventtrack", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(method: str, path: str, entry: Endpoint | Streamed) -> Schema:
    parameters = [_parameter("path", name, {"type": "string"}) for name in _blanks(path)]
    operation: Schema = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()} {_template(path)}").strip("_"),
        "responses": {
            "200": {"description": "Done."},
            "default": {
                "description": "Refused.",
                "content": _json_content({"$ref": "#/components/schemas/Error"}),
            },
        },
    }
    if entry.needs is not Role.NOBODY:
        operation["description"] = f"Needs the role {entry.needs.name.lower()}."
        operation["security"] = [{"token": []}, {"password": []}]
    if isinstance(entry, Streamed):
        if method in ("POST", "PUT"):
            operation["requestBody"] = {"content": {"*/*": {}}}
    else:
        operation["responses"]["200"]["content"] = _json_content({"type": "object"})
        pieces = set(_blanks(path))
        if method == "GET":
            parameters += _query(entry.request, pieces)
        else:
            body = _object(entry.request.message, _required(entry.request), pieces)
            operation["requestBody"] = {"content": _json_content(body)}
    if parameters:
        operation["parameters"] = parameters
    return operation


def _json_content(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _query(request: Request, pieces: set[str]) -> list[Schema]:
    required = _required(request)
    return [
        _parameter("query", field.name, _field(field), required=field.name in required)
        for field in request.message.fields
        if field.name not in pieces
    ]


def _parameter(place: str, name: str, schema: Schema, *, required: bool = True) -> Schema:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _required(request: Request) -> set[str]:
    return {name for name, rules in request.rules.items() if any(rule.required for rule in rules)}


def _object(message: Message, required: set[str], without: set[str]) -> Schema:
    fields = [field for field in message.fields if field.name not in without]
    schema: Schema = {
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
    }
    needed = sorted(required & {field.name for field in fields})
    return {**schema, "required": needed} if needed else schema


def _field(field: Field) -> Schema:
    if field.message is not None:
        schema = _object(field.message, set(), set())
    elif field.kind == "one_of":
        schema = {"type": "string", "enum": list(field.names)}
    else:
        schema = _SCHEMAS[field.kind]
    return {"type": "array", "items": schema} if field.repeated else schema


def _template(path: str) -> str:
    """`/a/<b>` as `/a/{b}`, and `/a/` as `/a/{below}`."""
    return _PIECE.sub(r"{\1}", path) + ("{below}" if path != "/" and path.endswith("/") else "")


def _blanks(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", _template(path))
