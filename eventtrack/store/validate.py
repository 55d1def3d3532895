"""What MLflow's validation refuses, in MLflow's words, with what to do instead.

Every check raises `InvalidValueError` and is made before anything is written.
"""

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from eventtrack import limits
from eventtrack.errors import InvalidValueError
from eventtrack.views.locations import is_folder, is_local

_KEY = re.compile(r"^[/\w.\- :]*$")
_ID = re.compile(r"^[a-zA-Z0-9][\w\-]{0,255}$")


def metric_key(key: object) -> str:
    """A metric's name."""
    return _key(key, "Metric", "metrics")


def param_key(key: object) -> str:
    """A param's name."""
    return _key(key, "Param", "params")


def tag_key(key: object) -> str:
    """A run tag's name."""
    return _key(key, "Tag", "tags")


def metric_value(key: str, value: object) -> float:
    """A metric's value as a float; numbers of numpy, torch and the like are taken too."""
    if type(value) is float:
        return value
    if isinstance(value, bool):
        return float(value)
    try:
        return float(_scalar(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidValueError(
            f"Got invalid value {_excerpt(value)} for metric '{key}' (timestamp=None). "
            "Please specify value as a valid double (64-bit floating point)",
            hint="pass a number, for example float(loss)",
        ) from None


def int64(name: str, value: object) -> int:
    """A step or a timestamp: a 64-bit integer; whole floats and numpy's integers are taken."""
    number = value if type(value) is int else _scalar(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidValueError(
            f"Got invalid {name} {_excerpt(value)}. Please specify {name} as a valid int64",
            hint=f"pass a whole number as {name}, for example the epoch",
        )
    if not limits.INT64_MIN <= number <= limits.INT64_MAX:
        raise InvalidValueError(
            f"Got invalid {name} {number}: it does not fit into 64 bits",
            hint=f"pass a smaller number as {name}",
        )
    return int(number)


def timestamp_ms(value: object) -> int:
    """A metric's time in milliseconds since 1970."""
    number = int64("timestamp", value)
    if number < 0:
        raise InvalidValueError(
            f"Got invalid timestamp {number}. Timestamp must be a nonnegative long (int64)",
            hint="pass milliseconds since 1970, for example int(time.time() * 1000)",
        )
    return number


def param_value(key: str, value: object) -> str:
    """A param's value as text."""
    text = str(value)
    _length(f"Param value for key '{key}'", text, limits.PARAM_VALUE_LENGTH_MAX, "log_text()")
    return _unicode(f"Param value for key '{key}'", text)


def tag_value(key: str, value: object) -> str:
    """A run tag's value as text."""
    text = str(value)
    _length(f"Tag value for key '{key}'", text, limits.TAG_VALUE_LENGTH_MAX, "log_text()")
    return _unicode(f"Tag value for key '{key}'", text)


def mapping(name: str, value: object) -> Mapping[Any, Any]:
    """A dictionary of params, tags or metrics."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(
            f"{name} must be a dictionary, but it is {_excerpt(value)}",
            hint=f"pass {name} as a dictionary of names and values",
        )
    return value


def text(name: str, value: object) -> str:
    """Any other text: a user, an id of a model, a part of a dataset."""
    if not isinstance(value, str):
        raise InvalidValueError(
            f"{name} must be a text, but it is {_excerpt(value)}", hint=f"pass a text as the {name}"
        )
    return _unicode(name, value)


def experiment_name(name: object) -> str:
    """An experiment's name."""
    if name is None or name == "":
        raise InvalidValueError(
            f"Invalid experiment name: {name!r}", hint="pass a text that is not empty"
        )
    if not isinstance(name, str):
        raise InvalidValueError(
            f"Invalid experiment name: {_excerpt(name)}. Expects a string.",
            hint=f"pass {str(name)!r} instead",
        )
    _length("Experiment name", name, limits.EXPERIMENT_NAME_LENGTH_MAX, "a tag")
    return _unicode("Experiment name", name)


def experiment_tag(key: object, value: object) -> tuple[str, str]:
    """An experiment's tag, both sides."""
    name = _key(key, "Tag", "tags")
    text = str(value)
    _length(f"Tag value for key '{name}'", text, limits.EXPERIMENT_TAG_VALUE_LENGTH_MAX, "a file")
    return name, _unicode(f"Tag value for key '{name}'", text)


def artifact_location(location: str | None) -> str | None:
    """Where an experiment's files go: a folder or a `file:` URI; None for the store itself."""
    if location is None or location == "":
        return None
    location = text("Artifact location", location)
    _length("Artifact location", location, limits.ARTIFACT_LOCATION_LENGTH_MAX, "a shorter path")
    if "#" in location or location.startswith("runs:"):
        raise InvalidValueError(
            f"Artifact location cannot be a runs:/ URI or have a fragment: {location!r}",
            hint="pass a folder, or leave it out to keep files in the store",
        )
    if is_local(location) and not is_folder(location):
        raise InvalidValueError(
            f"Artifact location cannot be inside of a store: {location!r}",
            hint="leave it out to keep files in this store, or name a folder of plain files",
        )
    if ":" in location.partition("/")[0] or Path(location).is_absolute():
        return location
    return str(Path(location).absolute())  # later calls may come from another folder


def run_id(value: object) -> str:
    """A run id as a caller names it."""
    if not isinstance(value, str) or not _ID.match(value):
        raise InvalidValueError(
            f"Invalid run ID: {_excerpt(value)}", hint="run ids are 32 hex digits: run.info.run_id"
        )
    return value


def status(value: object, allowed: tuple[str, ...], what: str = "run status") -> str:
    """A run's status, or another word of a few."""
    if not isinstance(value, str) or value not in allowed:
        raise InvalidValueError(
            f"Invalid {what} {_excerpt(value)}", hint=f"use one of {', '.join(allowed)}"
        )
    return value


def max_results(value: object, largest: int = limits.SEARCH_RESULTS_MAX) -> int:
    """The size of a page of search results."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= largest:
        raise InvalidValueError(
            f"Invalid value {_excerpt(value)} for parameter 'max_results' supplied. "
            f"It must be a positive integer and at most {largest}",
            hint="ask for less and go on with the page's token",
        )
    return value


def artifact_path(path: str) -> str:
    """A path inside a run's artifacts: relative, with forward slashes, and without `..`."""
    clean = posixpath.normpath(str(path).replace(os.sep, "/"))
    outside = clean.startswith(("/", "../")) or clean in ("..", ".") or "\0" in clean
    if outside or not path:
        raise InvalidValueError(
            f"Invalid artifact path: {_excerpt(path)}",
            hint="use a relative path below the run's artifacts, for example 'plots/loss.png'",
        )
    return _unicode("Artifact path", clean)


def _key(key: object, what: str, plural: str) -> str:
    if not isinstance(key, str) or key == "":
        raise InvalidValueError(
            f"{what} name cannot be {'empty' if key == '' else _excerpt(key)}. "
            "A key name must be provided.",
            hint="pass a text as the name",
        )
    _length(f"{what} key", key, limits.KEY_LENGTH_MAX, "a shorter name")
    if not _KEY.match(key):
        raise InvalidValueError(
            f"Invalid {what.lower()} name: {_excerpt(key)}. Names may only contain alphanumerics, "
            "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
            hint="replace the other characters, for example by '_'",
        )
    if posixpath.normpath(key) != key or key == "." or key.startswith(("..", "/")):
        raise InvalidValueError(
            f"Invalid {what.lower()} name: {_excerpt(key)}. Names may be treated as files in "
            f"certain cases, and must not resolve to other names when treated as such.",
            hint=f"try {posixpath.normpath(key).lstrip('./') or plural!r}",
        )
    return _plain(key)


def _scalar(value: Any) -> Any:
    """The number in a zero-dimensional array or tensor; everything else as it is."""
    try:
        return value.item() if hasattr(value, "item") else value
    except Exception:  # numpy and torch each have an error of their own for more than one number
        return value


def _plain(text: str) -> str:
    """The same text without a subclass's type (numpy's, say), which msgpack does not know."""
    return text if type(text) is str else str.__str__(text)


def _length(what: str, text: str, longest: int, instead: str) -> None:
    if len(text) > longest:
        raise InvalidValueError(
            f"{what} had length {len(text)}, which exceeded length limit of {longest}",
            hint=f"shorten it, or keep the long text elsewhere: {instead}",
        )


def _unicode(what: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(
            f"{what} holds characters that UTF-8 cannot encode ({error.reason})",
            hint="decode it with errors='replace' first",
        ) from None
    return _plain(text)


def refuse(message: str, hint: str) -> NoReturn:
    """Raise `InvalidValueError`."""
    raise InvalidValueError(message, hint=hint)


def _excerpt(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
