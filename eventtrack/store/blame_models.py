"""The facts that events of models set: of logged ones, of registered ones and their versions."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

Fact = tuple[str, str | None]
NO_NUMBERS: Mapping[str, int] = MappingProxyType({})


def set_of_model(kind: str, body: dict[str, Any]) -> Iterator[Fact]:
    """The facts that an event of a logged model sets; None for one that it removes."""
    if kind == "model.created":
        yield "experiment", body["experiment_id"]
        yield "name", body["name"]
        yield "status", "PENDING"
        if body["source_run_id"] is not None:
            yield "run", body["source_run_id"]
        if body["model_type"] is not None:
            yield "type", body["model_type"]
    elif kind == "model.finalized":
        yield "status", body["status"]
    elif kind in ("model.deleted", "model.restored"):
        yield "lifecycle", "deleted" if kind == "model.deleted" else "active"
    elif kind == "model.metrics_logged":
        for one in body["points"]:
            yield f"metric.{one['key']}", f"{one['value']:.12g} (step {one['step']})"
    elif kind == "model.artifacts_logged":
        for one in body["files"]:
            yield f"artifact.{one['path']}", f"{one['size']} bytes, sha256 {one['sha256'][:12]}"
    elif kind == "model.artifacts_deleted":
        yield from ((f"artifact.{path}", None) for path in body["paths"])
    yield from ((f"param.{key}", value) for key, value in body.get("params", {}).items())
    yield from _tags(kind, body)


def set_of_registered(
    kind: str, body: dict[str, Any], numbers: Mapping[str, int]
) -> Iterator[Fact]:
    """The facts that an event of a registered model sets, those of its versions behind a prefix.

    Args:
        numbers: The number that each version shows, by version id.
    """
    if "version_id" in body:
        number = numbers.get(body["version_id"], body["version_id"])
        if kind == "registered.alias_set":
            yield f"alias.{body['alias']}", f"version {number}"
            return
        for fact, value in _set_of_version(kind, body):
            yield f"version.{number}.{fact}", value
        return
    if kind in ("registered.created", "registered.renamed"):
        yield "name", body["name"]
    if kind == "registered.described" or body.get("description") is not None:
        yield "description", body["description"]
    elif kind in ("registered.deleted", "registered.restored"):
        yield "lifecycle", "deleted" if kind == "registered.deleted" else "active"
    elif kind == "registered.alias_deleted":
        yield f"alias.{body['alias']}", None
    yield from _tags(kind, body)


def _set_of_version(kind: str, body: dict[str, Any]) -> Iterator[Fact]:
    if kind == "registered.version_created":
        yield "source", body["source"]
        yield "stage", "None"
        named = {"run": "run_id", "model": "model_id", "user": "user"}
        for fact, field in named.items():
            if body[field] is not None:
                yield fact, body[field]
    elif kind == "registered.version_staged":
        yield "stage", body["stage"]
    elif kind in ("registered.version_deleted", "registered.version_restored"):
        yield "lifecycle", "deleted" if kind == "registered.version_deleted" else "active"
    if kind == "registered.version_described" or body.get("description") is not None:
        yield "description", body["description"]
    yield from _tags(kind, body)


def _tags(kind: str, body: dict[str, Any]) -> Iterator[Fact]:
    yield from ((f"tag.{key}", value) for key, value in body.get("tags", {}).items())
    if kind.endswith("tag_deleted"):
        yield f"tag.{body['key']}", None
