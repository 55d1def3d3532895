"""Sources of versions of registered models: those that a client may name, and their locations.

A server that took any source would read any file of its machine for any client. So a source must
lie within the run or model that the request names, as MLflow demands.
"""

import re
import urllib.parse
from typing import NamedTuple, NoReturn

from eventtrack.compat import responses
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.locations import is_local
from eventtrack.store import Store
from eventtrack.views.records import LoggedModel

# MLflow (prompt/constants.py): words that clients send as the source of a prompt, which has none.
_PROMPT_SOURCES = ("dummy-source", "prompt-template")
_OWN_FILES = re.compile(r"/(runs|models)/([^/]+)/artifacts(?=/|$)")


class Origin(NamedTuple):
    """The source of a version, the location of its files, and the run and model that made it."""

    source: str
    location: str
    run_id: str
    model_id: str


def prompt_origin(source: str) -> Origin:
    """The origin of a prompt's version: none.

    Raises:
        InvalidValueError: The source is none of the words that stand for no source.
    """
    if source not in _PROMPT_SOURCES:
        raise InvalidValueError(
            f"Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
        )
    return Origin(source, source, "", "")


def origin(store: Store, source: str, run_id: str | None, model_id: str | None) -> Origin:
    """The origin of a version that a request describes; its unknown fields are None.

    Raises:
        InvalidValueError: The source is not within the named run or model.
        NotFoundError: The source is a version that does not exist.
    """
    parts = urllib.parse.urlsplit(source)
    pieces = [piece for piece in parts.path.split("/") if piece]
    if parts.scheme == "models" and not parts.netloc:
        name, _, alias = pieces[0].partition("@") if pieces else ("", "", "")
        if alias or len(pieces) == 2:
            return _of_version(store, source, name, alias or pieces[1], (run_id, model_id))
        model = _model(store, source, name)
        if not model_id or model_id != name:
            _not_within(source, "model_id")
        location = responses.model_location(model)
        return Origin(source, location, run_id or model.source_run_id or "", model_id)
    if is_local(source):
        kind = "model_id" if model_id else "run_id"
        raise InvalidValueError(
            f"Invalid model version source: '{source}'. To use a local path as a model version "
            f"source, the {kind} request parameter has to be specified and the local path has to "
            f"be contained within the artifact directory of the run specified by the {kind}."
        )
    _refuse_relative(source)
    if parts.scheme == "runs" and (model_id or parts.netloc or pieces[:1] != [run_id]):
        _not_within(source, "model_id" if model_id else "run_id")
    run = run_id or ""
    if parts.scheme == "mlflow-artifacts" or "/api/2.0/mlflow-artifacts/artifacts" in source:
        _check_within(store, source, run, model_id or "")
    if model_id:
        run = run or _model(store, source, model_id).source_run_id or ""
    return Origin(source, source, run, model_id or "")


def shown(store: Store, location: str) -> str:
    """A location as clients of the server can read it: files of the store go through its proxy."""
    match = _OWN_FILES.search(location) if responses.served_by_us(location) else None
    if match is None:
        return location
    try:
        root = (
            responses.run_location(store.runs.get(match[2]).info)
            if match[1] == "runs"
            else responses.model_location(store.models.get(match[2]))
        )
    except NotFoundError:
        return location
    return root + location[match.end() :]


def _of_version(
    store: Store, source: str, name: str, version: str, asked: tuple[str | None, str | None]
) -> Origin:
    """The origin of a copy of another version: the origin of that version."""
    store.registry.get(name)
    if "@" in source:
        known = store.registry.version_by_alias(name, version)
    elif version.isdecimal():
        known = store.registry.get_version(name, version)
    else:
        stages = [] if version.lower() == "latest" else [version]
        versions = store.registry.latest_versions(name, stages)
        if not versions:
            raise NotFoundError(f"No versions of model with name '{name}' and stage '{version}'")
        known = max(versions, key=lambda candidate: candidate.version)
    given = (known.run_id or "", known.model_id or "")
    pairs = zip(asked, given, strict=True)
    if any(wanted is not None and wanted != actual for wanted, actual in pairs):
        raise InvalidValueError(
            f"Invalid model version source: '{source}'. The run_id and model_id request parameters "
            "must match the referenced model version."
        )
    return Origin(f"models:/{name}/{known.version}", known.location, *given)


def _check_within(store: Store, source: str, run_id: str, model_id: str) -> None:
    kind = "model_id" if model_id else "run_id"
    try:
        if model_id:
            roots = [responses.model_location(store.models.get(model_id))]
        else:
            roots = _run_locations(store, run_id) if run_id else []
    except (NotFoundError, InvalidValueError):
        roots = []
    if not any(f"{source.rstrip('/')}/".startswith(f"{root}/") for root in roots):
        _not_within(source, kind)


def _run_locations(store: Store, run_id: str) -> list[str]:
    """The locations of a run's files, also those from before it was moved."""
    uri = store.runs.get(run_id).info.artifact_uri
    names = store.runs.experiments_of(run_id)
    return [responses.location_of(name, run_id, uri) for name in names]


def _model(store: Store, source: str, model_id: str) -> LoggedModel:
    try:
        return store.models.get(model_id)
    except (NotFoundError, InvalidValueError):
        _not_within(source, "model_id")


def _refuse_relative(source: str) -> None:
    plain = source
    while (unquoted := urllib.parse.unquote_plus(plain)) != plain:
        plain = unquoted
    if "\0" in plain or ".." in plain.split("/"):
        raise InvalidValueError(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, "
            "local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be "
            "provided without relative path references present. Please provide an absolute path."
        )


def _not_within(source: str, name: str) -> NoReturn:
    raise InvalidValueError(
        f"Invalid model version source: '{source}'. The {name} request parameter must identify the "
        "resource that contains the source."
    )
