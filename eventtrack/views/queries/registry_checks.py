"""Checks and look-ups of the model registry; refusals are in MLflow's words."""

import posixpath
import re
from typing import NoReturn

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.projections.registered_state import RegisteredState, VersionState
from eventtrack.projections.tables import Reader
from eventtrack.views.registered import STAGES, find_by_name, living_versions

ACTIVE_STAGES = ("Staging", "Production")
_ALIAS = re.compile(r"^[\w\-]*$")
_VERSION_ALIAS = re.compile(r"^[vV]\d+$")
_STAGES = {stage.lower(): stage for stage in STAGES}


def model_name(name: object, field: str = "name") -> str:
    """The name of a registered model."""
    if name is None or not str(name).strip():
        _refuse(f"Missing value for required parameter '{field}'.", "give the model a name")
    text = validate.text("model name", name)
    if "/" in text or ":" in text:
        _refuse(
            f"Invalid model name '{text}'. Names cannot contain '/' or ':'.",
            "replace them, for example by '-'",
        )
    normal = posixpath.normpath(text)
    if normal != text or normal == "." or normal.startswith(".."):
        _refuse(
            f"Invalid value \"{text}\" for parameter 'name' supplied: Names may be treated as "
            "files in certain cases, and must not resolve to other names when treated as such. "
            f"This name would resolve to {normal!r}",
            "choose a name without dots at its ends",
        )
    _no_longer("name", limits.REGISTERED_NAME_LENGTH_MAX, text)
    return text


def alias(name: object) -> str:
    """An alias of a version, for a question."""
    if name is None or name == "":
        _refuse("Registered model alias name cannot be empty.", "give the alias a name")
    text = validate.text("alias", name)
    if not _ALIAS.match(text):
        _refuse(
            f"Invalid alias name: '{text}'. Names may only contain alphanumerics, underscores (_), "
            "and dashes (-).",
            "replace the other characters, for example by '-'",
        )
    _no_longer("Registered model alias name", limits.REGISTERED_ALIAS_LENGTH_MAX, text)
    return text


def new_alias(name: object) -> str:
    """An alias that is about to be given to a version."""
    text = alias(name)
    if text.lower() == "latest":
        _refuse("'latest' alias name (case insensitive) is reserved.", "choose another name")
    if _VERSION_ALIAS.match(text):
        _refuse(f"Version alias name '{text}' is reserved.", "choose another name")
    return text


def tag(key: str, value: object) -> tuple[str, str]:
    """A tag of a registered model or a version."""
    text = validate.text(f"tag {key!r}", "" if value is None else str(value))
    _no_longer("value", limits.REGISTERED_TAG_VALUE_LENGTH_MAX, text)
    return validate.tag_key(key), text


def stage(name: str) -> str:
    """A stage in its canonical spelling.

    Raises:
        InvalidValueError: There is no such stage.
    """
    known = _STAGES.get(str(name).lower())
    if known is None:
        _refuse(
            f"Invalid Model Version stage: {name}. Value must be one of {', '.join(STAGES)}.",
            "aliases are more flexible than stages: set_registered_model_alias()",
        )
    return known


def version_number(version: object) -> int:
    """The number of a version, as a number or a text."""
    try:
        return int(version)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        _refuse(
            f"Parameter 'version' must be an integer, got '{version}'.",
            "versions are numbers: 1, 2, 3",
        )


def existing(reader: Reader, name: object) -> RegisteredState:
    """The registered model of a name.

    Raises:
        NotFoundError: There is no such model.
    """
    text = model_name(name)
    state = find_by_name(reader, text)
    if state is None:
        raise NotFoundError(
            f"Registered Model with name={text} not found",
            hint="`eventtrack models list` shows those of this store; is it the right store?",
        )
    return state


def existing_version(
    reader: Reader, name: object, version: object
) -> tuple[RegisteredState, int, VersionState]:
    """A version of a registered model with its number.

    Raises:
        NotFoundError: There is no such model or version.
    """
    text, number = model_name(name), version_number(version)
    model = find_by_name(reader, text)
    state = None if model is None else living_versions(reader, model).get(number)
    if model is None or state is None:
        raise NotFoundError(
            f"Model Version (name={text}, version={version}) not found",
            hint=f"`eventtrack models show {text}` lists its versions",
        )
    return model, number, state


def _no_longer(what: str, longest: int, text: str) -> None:
    if len(text) > longest:
        _refuse(f"'{what}' exceeds the maximum length of {longest} characters", "shorten it")


def _refuse(message: str, hint: str) -> NoReturn:
    raise InvalidValueError(message, hint=hint)
